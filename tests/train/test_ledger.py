import pytest
import torch

from hashtag2action.train.events import LogMetrics
from hashtag2action.train.ledger import (
    MOST_OPEN,
    Ledger,
    PassRecord,
    StepRecord,
    TrainingDivergedError,
)
from hashtag2action.train.loggers import Logger
from hashtag2action.train.parallel import World


def record(step: int, *losses: float, norm: float = 1.0) -> StepRecord:
    """A step whose passes have two samples and a loss of each."""
    passes = [
        PassRecord(torch.tensor(loss), {"right": torch.tensor(1)}, [f"{step}-{place}"] * 2, 1)
        for place, loss in enumerate(losses)
    ]
    count = torch.tensor(2 * len(losses))
    return StepRecord(step, 0.1 * step, passes, count, torch.tensor(norm), 2.0, 0.5)


def test_a_step_is_the_mean_over_its_passes() -> None:
    ledger = Ledger(World(), [])
    ledger.add(record(1, 3.0, 5.0))
    (step,) = ledger.settle()
    assert step["loss"] == pytest.approx(8 / 4)
    assert step["right"] == pytest.approx(2 / 4)
    assert (step["num_samples"], step["num_unreadable"]) == (4, 2)


def test_a_line_sums_up_its_steps() -> None:
    ledger, lines, closed = Ledger(World(), []), [], []
    shown = Logger(lambda step, line: lines.append((step, line)), lambda: closed.append(True))
    log = LogMetrics(ledger, None, [shown], 2, 3)
    for step, loss in enumerate((2.0, 4.0, 6.0), start=1):
        ledger.add(record(step, loss))
        log(step)
    assert [step for step, _ in lines] == [2, 3]
    first, last = lines[0][1], lines[1][1]
    assert (first["loss"], last["loss"]) == (1.5, 3.0)
    assert first["clips_per_s"] == pytest.approx(4 / 4)
    assert first["data_wait_fraction"] == pytest.approx(0.25)
    assert first["lr"] == pytest.approx(0.2)
    assert ledger.settle() == []
    log.close()
    assert closed == [True]


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (record(3, 1.0, float("nan")), "3-1. A lower"),
        (record(3, float("inf"), 1.0), "3-0. A lower"),
        (record(3, 1.0, 2.0, norm=float("nan")), "3-0, 3-1. A lower"),
    ],
)
def test_a_loss_that_is_no_number_is_named_with_its_clips(bad: StepRecord, named: str) -> None:
    ledger = Ledger(World(), [])
    ledger.add(record(2, 1.0))
    ledger.add(bad)
    ledger.add(record(4, float("nan")))
    with pytest.raises(TrainingDivergedError, match=f"step 3: .*clips: {named}"):
        ledger.settle()


def test_figures_are_fetched_before_they_pile_up() -> None:
    settled: list[dict[str, float]] = []
    ledger = Ledger(World(), settled)
    for step in range(MOST_OPEN + 1):
        ledger.add(record(step, 1.0))
    assert len(settled) == MOST_OPEN
