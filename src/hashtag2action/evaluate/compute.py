"""On what a network runs, and in which precision."""

import json
import logging
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Literal, Self

import torch
from pydantic import Field

from hashtag2action.config import Config
from hashtag2action.errors import ConfigError
from hashtag2action.manifest import write_json
from hashtag2action.models.processor import cpu_name, multiplies_bf16

log = logging.getLogger(__name__)

PRECISIONS = "precision.json"
"""File of a run's folder that says in which precision it began, and in which it went on."""


class Compute(Config):
    """Device, precision and threads."""

    device: Literal["cpu", "cuda"] = "cpu"
    """Where the network runs."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Precision of matrix products and attention; weights stay fp32. auto is bf16 where the device
    multiplies it by instructions of its own (GPUs since Ampere, CPUs with avx512_bf16, AMX or
    Arm's bf16), else fp32. A run that goes on elsewhere keeps the precision it began with."""
    num_threads: Annotated[int, Field(gt=0)] | None = None
    """Threads of one process on the CPU; None leaves torch's choice."""

    @property
    def settled_precision(self) -> Literal["fp32", "bf16"]:
        """The precision, and for `auto` what the device is best at."""
        if self.precision != "auto":
            return self.precision
        return "bf16" if multiplies_bf16(self.device) else "fp32"

    def require_device(self) -> None:
        """Refuse a device that is not here, before a run leaves anything in its folder.

        Raises:
            ConfigError: It is cuda, and torch finds none.
        """
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ConfigError(
                "runtime.device: is cuda, and torch finds no such device here. Take a recipe for "
                "a CPU (recipes/*/cpu_*.yaml), or give runtime.device=cpu for a network this size"
            )

    def start(self) -> None:
        """Set the threads of this process, and warn of a precision that the device emulates."""
        if self.num_threads is not None:
            torch.set_num_threads(self.num_threads)
        precision = self.settled_precision
        log.info("%s, %s", self.device, precision)
        if (self.device, precision) == ("cpu", "bf16") and not multiplies_bf16("cpu"):
            log.warning(
                "precision is bf16, and %s has no instructions that multiply it: every product is "
                "emulated (7 to 22 times the time of fp32 on an AMD Zen 3). Take "
                "runtime.precision=auto or fp32, in another --out folder if this run has begun",
                cpu_name(),
            )

    def held_in(self, out: Path) -> Self:
        """Settle the precision of a run, which may go on in a folder that was begun elsewhere.

        `auto` stands for the precision the run began with, if it has begun. One that is named
        counts, and a change is told, here and in the folder.

        Args:
            out: Folder of the run.

        Returns:
            The same with fp32 or bf16.
        """
        path, here = out / PRECISIONS, self.settled_precision
        before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        if before and before[-1] != here:
            if self.precision == "auto":
                log.warning(
                    "%s: goes on in %s, in which it began; a new run would take %s on this %s",
                    *(out, before[-1], here, self.device),
                )
                here = before[-1]
            else:
                log.warning(
                    "%s: goes on in %s, as it was told to, after %s: numbers differ from here on "
                    "by rounding",
                    *(out, here, before[-1]),
                )
        if not before or before[-1] != here:
            write_json(path, [*before, here])
        return self.model_copy(update={"precision": here})

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which the network's forward pass runs."""
        is_bf16 = self.settled_precision == "bf16"
        return torch.autocast(self.device, dtype=torch.bfloat16, enabled=is_bf16)


def precisions_of(out: Path) -> str:
    """Return in which precision a run computed: one, or several in their order."""
    return ", then ".join(json.loads((out / PRECISIONS).read_text(encoding="utf-8")))
