import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hashtag2action.errors import MissingExtraError
from hashtag2action.logs import read_metrics
from hashtag2action.train.loggers import open_loggers
from hashtag2action.train.pretrain import Pretrain, pretrain
from hashtag2action.train.runtime import Runtime

Settings = Callable[..., dict[str, Any]]


def test_tensorboard_shows_the_lines(settings: Settings, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    values = settings(masking={"mask_ratio": 0.75}, watch={"num_times": 0})
    values["optimization"] |= {"epochs": 2}
    values["runtime"] |= {"tensorboard": True}
    config = Pretrain(**values)

    def stop(stage: str, done: int, total: int, note: str = "", /) -> None:
        if stage == "pretrain" and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(config, tmp_path, stop)
    pretrain(config, tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    shown = [(event.step, event.value) for event in events.Scalars("loss")]
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert shown == [(line["step"], pytest.approx(line["loss"])) for line in lines]


def test_weights_and_biases_logs_without_a_network(tmp_path: Path) -> None:
    runtime = Runtime(wandb="offline")
    (logger,) = open_loggers(runtime, tmp_path, runtime, 0)
    logger.write(1, {"loss": 0.5})
    logger.close()
    (file,) = tmp_path.rglob("*.wandb")
    # A process of its own writes it, and is not waited for.
    until = time.monotonic() + 30
    while b"loss" not in file.read_bytes():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("package", "settings"),
    [("tensorboard", {"tensorboard": True}), ("wandb", {"wandb": "online"})],
)
def test_what_is_not_installed_is_named(
    package: str, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    runtime = Runtime(**settings)
    with pytest.raises(MissingExtraError, match=rf"hashtag2action\[{package}\]"):
        open_loggers(runtime, tmp_path, runtime, 0)
