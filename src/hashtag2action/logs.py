"""What a run writes about itself: settings, environment, and numbers as JSON lines."""

import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hashtag2action import __version__
from hashtag2action.config import Config, dump, key_of, read_yaml
from hashtag2action.errors import ConfigError, ManifestError

REPORTED_PACKAGES = ("av", "numpy", "opencv-python-headless", "pyarrow", "torch")
"""Packages whose version may change a result."""


def begin_run(out: Path, config: Config, check: Callable[[], object] | None = None) -> None:
    """Open a run's folder: `config.yaml`, resolved, and `environment.json`.

    A folder may be entered again with the same settings, to go on; `runtime` ones may differ.

    Args:
        out: The folder.
        config: The recipe.
        check: Called before a run begins that was not begun yet. What it raises leaves no folder
            behind, which would refuse the settings once they are corrected.

    Raises:
        ConfigError: The folder belongs to a run with other settings, or of another kind.
    """
    path = out / "config.yaml"
    if path.exists():
        try:
            before = type(config).model_validate(read_yaml(path)).key_fields()
        except ValidationError as error:
            raise ConfigError(
                f"{out}: begun by another kind of run or another version. Use another --out folder"
            ) from error
        now = config.key_fields()
        if key_of(before) != key_of(now):
            changed = sorted(name for name in now if key_of(before[name]) != key_of(now[name]))
            raise ConfigError(
                f"{out}: begun with other settings ({', '.join(changed)}). "
                "Use another --out folder, or remove this one"
            )
    elif check is not None:
        check()
    out.mkdir(parents=True, exist_ok=True)
    dump(config, path)
    (out / "environment.json").write_text(json.dumps(environment(), indent=1) + "\n", "utf-8")


FIRST_FILES = frozenset({"config.yaml", "environment.json", "init.json", "precision.json"})
"""What a run writes before it has done anything."""


@contextmanager
def removed_if_bare(out: Path) -> Iterator[None]:
    """Take a run's folder away where the run fails before it has done anything worth keeping.

    So the next try, with the mistake put right, is not refused for the settings of the first. A
    folder that was a run's before stays, as does one that holds anything but a run's first files.
    """
    was_there, was_begun = out.exists(), (out / "config.yaml").exists()
    with ExitStack() as unless_done:
        if not was_begun:
            unless_done.callback(_remove_if_bare, out, keeps_folder=was_there)
        yield
        unless_done.pop_all()


def _remove_if_bare(out: Path, *, keeps_folder: bool) -> None:
    if not (out.is_dir() and {path.name for path in out.iterdir()} <= FIRST_FILES):
        return
    for path in list(out.iterdir()):
        path.unlink()
    if not keeps_folder:
        out.rmdir()


def finished_result(out: Path) -> dict[str, Any] | None:
    """Return what a run that came to its end said last, from result.json; None before its end."""
    path = out / "result.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def environment() -> dict[str, Any]:
    """Describe what a run ran on: versions and hardware."""
    versions: dict[str, str | None] = {}
    for name in REPORTED_PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "hashtag2action": __version__,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "num_cpus": os.cpu_count(),
        "packages": versions,
    }


class MetricWriter:
    """Append numbers to a file of JSON lines, one object per logged step.

    Args:
        path: File to write.
        first_step: Step the run begins with; lines from here on, written before the run was
            interrupted, are dropped, so that every step is there once.
    """

    def __init__(self, path: Path, first_step: int = 0) -> None:
        self.path = path
        kept = [line for line in read_metrics(path) if line["step"] <= first_step]
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_text("".join(f"{json.dumps(line)}\n" for line in kept), "utf-8")
        beside.replace(path)

    def write(self, step: int, values: dict[str, float | int]) -> None:
        """Append one object; the line is on disk when this returns."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")

    def sync(self) -> None:
        """Make sure that all lines outlive a power cut."""
        with self.path.open("a", encoding="utf-8") as file:
            os.fsync(file.fileno())


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines; none if it is not there. A half-written last line is left out.

    Raises:
        ManifestError: A line other than the last is no JSON.
    """
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    values: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        try:
            values.append(json.loads(line))
        except ValueError as error:
            if number < len(lines):
                raise ManifestError(f"{path}:{number}: is no JSON ({error})") from error
    return values
