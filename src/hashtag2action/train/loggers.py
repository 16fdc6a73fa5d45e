"""Loggers beside metrics.jsonl: TensorBoard and Weights & Biases, by flag."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hashtag2action.config import Config, key_of
from hashtag2action.errors import MissingExtraError
from hashtag2action.train.runtime import Runtime


@dataclass(frozen=True)
class Logger:
    """Something that shows lines."""

    write: Callable[[int, dict[str, float | int]], None]
    """Given the number of steps and a line of figures."""
    close: Callable[[], None]
    """Called when the training is done."""


def open_loggers(runtime: Runtime, out: Path, config: Config, first_step: int) -> list[Logger]:
    """Open the loggers the runtime asks for; lines reach them as they are written.

    Args:
        runtime: Says which.
        out: Folder of the run.
        config: Settings that are shown beside the curves.
        first_step: Steps done before; what was logged after them is logged again.

    Raises:
        MissingExtraError: A logger's package is not installed.
    """
    loggers: list[Logger] = []
    if runtime.tensorboard:
        loggers.append(_tensorboard(out / "tensorboard", first_step))
    if runtime.wandb != "off":
        loggers.append(_wandb(runtime.wandb, runtime.wandb_project, out, config.key_fields()))
    return loggers


def _tensorboard(folder: Path, first_step: int) -> Logger:
    try:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError as error:
        raise MissingExtraError("tensorboard", "tensorboard") from error
    folder.mkdir(parents=True, exist_ok=True)
    writer = EventFileWriter(str(folder))
    # Tells TensorBoard to forget what an interrupted run logged after the state it goes on from.
    started = SessionLog(status=SessionLog.START)
    writer.add_event(Event(wall_time=time.time(), step=first_step + 1, session_log=started))

    def write(step: int, line: dict[str, float | int]) -> None:
        values = [Summary.Value(tag=name, simple_value=value) for name, value in line.items()]
        writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))
        writer.flush()

    return Logger(write, writer.close)


def _wandb(
    mode: Literal["offline", "online"], project: str, out: Path, settings: dict[str, Any]
) -> Logger:
    try:
        import wandb
    except ImportError as error:
        raise MissingExtraError("wandb", "wandb") from error
    run = wandb.init(
        project=project,
        name=out.name,
        # One for one folder: a run that goes on continues its curves.
        id=key_of(out.resolve(), settings),
        resume="allow",
        dir=str(out),
        mode=mode,
        config=settings,
    )

    def write(step: int, line: dict[str, float | int]) -> None:
        run.log(dict(line), step=step)

    return Logger(write, run.finish)
