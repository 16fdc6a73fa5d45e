"""On what a network runs, and in which precision."""

from contextlib import AbstractContextManager
from typing import Annotated, Literal

import torch
from pydantic import Field

from hashtag2action.config import Config


class Compute(Config):
    """Device, precision and threads."""

    device: Literal["cpu", "cuda"] = "cpu"
    """Where the network runs."""
    precision: Literal["fp32", "bf16"] = "bf16"
    """Precision of matrix products and attention; weights stay fp32. bf16 pays on CPUs with
    avx512_bf16 or AMX and on GPUs."""
    num_threads: Annotated[int, Field(gt=0)] | None = None
    """Threads of one process on the CPU; None leaves torch's choice."""

    def start(self) -> None:
        """Set the threads of this process."""
        if self.num_threads is not None:
            torch.set_num_threads(self.num_threads)

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which the network's forward pass runs."""
        return torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.precision == "bf16")
