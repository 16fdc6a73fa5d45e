"""What every benchmark ends in: a table of figure, value, bar and `ok` or `short`.

What is measured stays in a folder named by the code that was measured, so a run that was stopped
goes on, and other code is measured anew.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import hashtag2action
from hashtag2action.config import key_of
from hashtag2action.manifest import write_json


@dataclass(frozen=True)
class Figure:
    """One figure of a table."""

    name: str
    value: str
    bar: str
    is_ok: bool


Part = tuple[str, Callable[[Path], list[Figure]]]
"""A name, and what measures it in a folder of its own."""


def run(
    told: str | None,
    out: str,
    parts_of: Callable[[Path], list[Part]],
    rooms: Sequence[str],
    module: str | None = None,
) -> int:
    """Measure what the command line asks for; returns the exit status, 1 if a figure falls short.

    Args:
        told: What the command says of itself.
        out: Folder of the figures, if the command line names none.
        parts_of: Returns the parts, given the folder of real data.
        rooms: Rooms of the package that are measured: where their code changes, so may figures.
        module: Module of the command, to measure each part in a process of its own: what one part
            leaves of the memory slows the next. None measures all in this one.
    """
    parser = argparse.ArgumentParser(
        description=told, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(out))
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--only", default="", help="parts whose names contain this")
    given = parser.parse_args()
    package = Path(hashtag2action.__file__).parent
    files = sorted(Path(__file__).parent.glob("*.py"))
    for room in rooms:
        files += sorted((package / room).rglob("*.py"))
    folder, parts = given.out / key_of_code(files), parts_of(given.shared)
    missing = [name for name, _ in parts if given.only in name and not _path(folder, name).exists()]
    if module and len(missing) > 1:
        same = ["--out", str(given.out), "--shared", str(given.shared)]
        for name in missing:
            # Its exit status tells of figures that fall short; the table below tells which.
            subprocess.run([sys.executable, "-m", module, *same, "--only", name], check=False)
    return show(measure(folder, parts, given.only))


def real_data(shared: Path, name: str) -> Path:
    """Return a folder of real data.

    Raises:
        SystemExit: It is not there.
    """
    folder = shared / "data" / name
    if not folder.is_dir():
        raise SystemExit(f"{folder} is not there: give --shared")
    return folder


def key_of_code(files: Sequence[Path]) -> str:
    """Return a key of the files that are measured."""
    return key_of("benchmark", [file.read_text(encoding="utf-8") for file in sorted(files)])


def measure(out: Path, parts: Sequence[Part], only: str = "") -> list[Figure]:
    """Measure the parts whose name contains `only`, each once in this folder."""
    figures = []
    for name, part in parts:
        if only not in name:
            continue
        path = _path(out, name)
        if not path.exists():
            print(f"measuring {name} ...", flush=True)
            begun_s = time.monotonic()
            write_json(path, [asdict(figure) for figure in part(out / name)])
            print(f"... took {time.monotonic() - begun_s:.0f} s", flush=True)
        found = json.loads(path.read_text(encoding="utf-8"))
        figures += [Figure(**values) for values in found]
    return figures


def _path(out: Path, name: str) -> Path:
    return out / f"{name}.json"


def show(figures: Sequence[Figure]) -> int:
    """Print the table; returns the exit status: 1 if a figure falls short."""
    width = max((len(figure.name) for figure in figures), default=0)
    for figure in figures:
        verdict = "ok" if figure.is_ok else "short"
        print(f"{figure.name:<{width}}  {figure.value:>24}  {figure.bar:>24}  {verdict}")
    return 0 if all(figure.is_ok for figure in figures) else 1
