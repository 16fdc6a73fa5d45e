"""What happens now and then while a network is trained: lines, states, a word on progress."""

import math
import time
from pathlib import Path

from hashtag2action.data.frames import OnProgress
from hashtag2action.logs import MetricWriter
from hashtag2action.train.checkpoint import TrainingState, save_best, save_checkpoint
from hashtag2action.train.ledger import Ledger
from hashtag2action.train.loggers import Logger

Line = dict[str, float | int]


class LogMetrics:
    """Write means over the steps since the last line, every so many steps and at the end.

    Args:
        ledger: Has the figures of the steps.
        writer: Writes metrics.jsonl; None in all processes but the first.
        others: Also shown the lines.
        every: Steps from line to line.
        total_steps: The last step, which is always logged.
    """

    def __init__(
        self,
        ledger: Ledger,
        writer: MetricWriter | None,
        others: list[Logger],
        every: int,
        total_steps: int,
    ) -> None:
        self.ledger = ledger
        self.writer = writer
        self.others = others
        self.every = every
        self.total_steps = total_steps
        self.last: Line = {}
        self.last_step = 0
        self.extras: Line = {}
        """Figures for the next line, which is written without delay."""

    def __call__(self, num_steps: int) -> None:
        """Write if it is time."""
        is_time = num_steps % self.every == 0 or num_steps == self.total_steps
        if not is_time and not self.extras:
            return
        self.last = summary(self.ledger.settle()) | self.extras
        self.last_step = num_steps
        self.ledger.settled.clear()
        self.extras = {}
        if self.writer is not None:
            self.writer.write(num_steps, self.last)
        for other in self.others:
            other.write(num_steps, self.last)

    def close(self) -> None:
        """Tell the other loggers that there will be no further line."""
        for other in self.others:
            other.close()


def summary(steps: list[dict[str, float]]) -> Line:
    """Sum up the figures of some steps in one line."""
    seconds = sum(step["step_s"] for step in steps)
    means: Line = {
        name: sum(step[name] for step in steps) / len(steps)
        for name in steps[0]
        if name not in ("lr", "num_samples", "num_unreadable", "step_s", "wait_s")
    }
    return means | {
        "lr": steps[-1]["lr"],
        "clips_per_s": sum(step["num_samples"] for step in steps) / seconds,
        "data_wait_fraction": sum(step["wait_s"] for step in steps) / seconds,
        "num_unreadable": int(sum(step["num_unreadable"] for step in steps)),
    }


class SaveCheckpoints:
    """Save the state every so many steps, after its figures were seen to be finite.

    The best state is kept beside the newest ones, if a figure says which it is.

    Args:
        folder: Where states go.
        state: What is saved.
        log: Has the figures, which must reach the disk before the state that follows them.
        every: Steps from state to state.
        keep: Newest states kept.
        judge: Name of the figure that says which state is the best; None keeps none.
    """

    def __init__(
        self,
        folder: Path,
        state: TrainingState,
        log: LogMetrics,
        every: int,
        keep: int,
        judge: str | None,
    ) -> None:
        self.folder = folder
        self.state = state
        self.log = log
        self.every = every
        self.keep = keep
        self.judge = judge

    def __call__(self, num_steps: int) -> None:
        """Save if it is time."""
        is_best = self._is_best(num_steps)
        if not is_best and num_steps % self.every:
            return
        self.log.ledger.settle()
        if self.log.writer is not None:
            self.log.writer.sync()
        if is_best:
            save_best(self.folder, num_steps, self.state)
        if num_steps % self.every == 0:
            save_checkpoint(self.folder, num_steps, self.state, self.keep)

    def _is_best(self, num_steps: int) -> bool:
        """Tell whether the figure was measured after this step, and is better than ever before."""
        if self.judge is None or self.log.last_step != num_steps or self.judge not in self.log.last:
            return False
        value = float(self.log.last[self.judge])
        if not math.isfinite(value):
            return False
        before = self.state.best.get("value")
        falls = self.judge.endswith("loss")
        if before is not None and (value >= before if falls else value <= before):
            return False
        self.state.best |= {"value": value, "step": float(num_steps)}
        return True


class ShowProgress:
    """Tell a progress display how far the training is.

    Args:
        on_progress: Told the label, steps done and all steps, and a note.
        label: Name of the training.
        first_step: Steps done before.
        total_steps: All steps.
        log: Has the last line.
    """

    def __init__(
        self,
        on_progress: OnProgress,
        label: str,
        first_step: int,
        total_steps: int,
        log: LogMetrics,
    ) -> None:
        self.on_progress = on_progress
        self.label = label
        self.first_step = first_step
        self.total_steps = total_steps
        self.log = log
        self.begun = time.monotonic()

    def __call__(self, num_steps: int) -> None:
        """Tell."""
        self.on_progress(self.label, num_steps, self.total_steps, self._note(num_steps))

    def _note(self, num_steps: int) -> str:
        line = self.log.last
        if not line:
            return ""
        per_step = (time.monotonic() - self.begun) / (num_steps - self.first_step)
        left = round(per_step * (self.total_steps - num_steps))
        return (
            f"loss {line['loss']:.4f}, {line['clips_per_s']:.1f} samples/s, "
            f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d} left, "
            f"{line['data_wait_fraction']:.0%} waiting for data"
        )
