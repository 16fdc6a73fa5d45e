"""What a person sees while work runs: bars on a terminal, plain lines elsewhere."""

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

_PLAIN_SECONDS = 10.0
"""Seconds between two plain lines of one stage (chosen: a log stays readable)."""

_log = Console(stderr=True)


class ProgressLine:
    """Shows how far each stage is; call it with a stage's name, what is done, and the total."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bars: Progress | None = None
        self._tasks: dict[str, int] = {}
        self._said: dict[str, float] = {}
        self._done: set[str] = set()

    def __enter__(self) -> "ProgressLine":
        if not self._quiet and _log.is_terminal:
            self._bars = Progress(
                TextColumn("{task.description:<18}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=_log,
            )
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Show that `done` of `total` are done, with a short note such as a loss."""
        if self._quiet:
            return
        if self._bars is not None:
            if stage not in self._tasks:
                self._tasks[stage] = int(self._bars.add_task(stage, total=total, note=note))
            self._bars.update(self._tasks[stage], completed=done, total=total, note=note)  # type: ignore[arg-type]
            return
        now = time.monotonic()
        is_last = done >= total
        if is_last and stage in self._done:
            return
        if is_last or now - self._said.get(stage, -_PLAIN_SECONDS) >= _PLAIN_SECONDS:
            self._said[stage] = now
            if is_last:
                self._done.add(stage)
            print(f"{stage}: {done}/{total} {note}".rstrip(), file=sys.stderr, flush=True)  # noqa: T201


def render_table(title: str, header: list[str], rows: list[list[str]]) -> str:
    """Lay rows out as a plain table."""
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(header):
        table.add_column(name, justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(width=max(80, _log.width if _log.is_terminal else 100), file=None)
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip()
