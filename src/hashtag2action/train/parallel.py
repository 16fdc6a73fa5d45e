"""One process or many: the only file that knows DDP and FSDP2.

`torchrun` starts the processes; without it there is one. A network is written for one device;
here it is spread over processes in place, and its parameters keep their names.
"""

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from hashtag2action.errors import ConfigError
from hashtag2action.models.layers import Block

Kind = Literal["ddp", "fsdp2"]


@dataclass(frozen=True)
class World:
    """The processes of a training."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and talks."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """Add values of all processes, in place."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def gather(self, value: Any) -> list[Any]:
        """Return what every process gives, in their order."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.barrier()

    def passes(
        self, clips_per_step: int, clips_per_pass: int | None, indivisible: int
    ) -> list[tuple[int, int]]:
        """Share out the clips of a step.

        Args:
            clips_per_step: Clips of a step, of all processes together.
            clips_per_pass: Clips of one forward and backward pass at most; None is all at once.
            indivisible: Neighbors that must stay in one pass.

        Returns:
            First and end of the clips of each pass of this process; as many for each process.

        Raises:
            ConfigError: The clips cannot be shared out evenly.
        """
        share = clips_per_step // self.size
        size = min(clips_per_pass or share, share)
        if share * self.size != clips_per_step or share % indivisible or size % indivisible:
            raise ConfigError(
                f"clips_per_step={clips_per_step} over {self.size} processes in passes of "
                f"{size}: every pass must have a whole number of {indivisible} clips (those that "
                "are mixed with each other), and every process as many"
            )
        first = self.rank * share
        starts = range(first, first + share, size)
        return [(start, min(start + size, first + share)) for start in starts]


@contextmanager
def open_world(device: str) -> Iterator[World]:
    """Join the processes that torchrun started, if it did; leave them at the end."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    if device == "cuda":
        own = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(own)
        dist.init_process_group("nccl", device_id=own)
    else:
        dist.init_process_group("gloo")
    try:
        yield World(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()


class Spread:
    """A network spread over processes.

    Args:
        network: On its device; FSDP2 changes it in place.
        world: The processes.
        kind: How it is spread, if there is more than one.
        device: Where it runs.
    """

    def __init__(self, network: nn.Module, world: World, kind: Kind, device: str) -> None:
        self.network = network
        self.forward: nn.Module = network
        self.world = world
        if world.size == 1:
            return
        if kind == "ddp":
            self.forward = DistributedDataParallel(
                network, broadcast_buffers=False, gradient_as_bucket_view=True
            )
            return
        mesh = init_device_mesh(device, (world.size,))
        for block in blocks_of(network):
            fully_shard(block, mesh=mesh)
        fully_shard(network, mesh=mesh)

    def one_of_several(self, *, is_last: bool) -> AbstractContextManager[object]:
        """Return the context of one of several passes: only the last one exchanges gradients."""
        if isinstance(self.forward, DistributedDataParallel) and not is_last:
            return self.forward.no_sync()
        if isinstance(self.network, FSDPModule):
            self.network.set_requires_gradient_sync(is_last)
        return nullcontext()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Have the parameters outside blocks whole, for calls of parts of the network."""
        if not isinstance(self.network, FSDPModule):
            yield
            return
        self.network.unshard()
        try:
            yield
        finally:
            self.network.reshard()


def blocks_of(network: nn.Module) -> list[Block]:
    """List the transformer blocks: the units of sharding, recomputing and compiling."""
    return [module for module in network.modules() if isinstance(module, Block)]


def recompute_blocks(network: nn.Module) -> None:
    """Keep only the inputs of blocks for the backward pass, and compute the rest again."""
    for block in blocks_of(network):
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)


def compile_blocks(network: nn.Module) -> None:
    """Compile every block by itself, in place: names of parameters stay as they are."""
    for block in blocks_of(network):
        block.compile()


def scale_gradients(
    parameters: Iterable[nn.Parameter], factor: Tensor | None, limit: float | None
) -> Tensor:
    """Multiply gradients by a factor, and shorten them if they are longer than a limit after it.

    Args:
        parameters: Whole or sharded.
        factor: A scalar on their device; None is 1.
        limit: Longest norm of all gradients together; None leaves them.

    Returns:
        Norm of all gradients after the factor, before they were shortened.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = _norm(gradients)
    norm = norm if factor is None else norm * factor
    scales = [] if factor is None else [factor]
    if limit is not None:
        scales.append((limit / (norm + 1e-6)).clamp(max=1.0))
    if scales:
        shards = [_local(gradient) for gradient in gradients]
        torch._foreach_mul_(shards, math.prod(scales))  # pyright: ignore[reportPrivateImportUsage]
    return norm


def _norm(gradients: list[Tensor]) -> Tensor:
    if not any(gradient.dtype is torch.bfloat16 for gradient in gradients):
        return whole(nn.utils.get_total_norm(gradients))
    # Some are in bfloat16 (`models.linear_bf16`), their norms must not be.
    norms = [torch.linalg.vector_norm(one, dtype=torch.float32) for one in gradients]
    return torch.linalg.vector_norm(torch.stack(norms))


def whole(tensor: Tensor) -> Tensor:
    """Gather a tensor that may be in shards; all processes must ask for it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def shared_as(tensor: Tensor, like: Tensor) -> Tensor:
    """Cut a whole tensor that every process has into shards, if another one is."""
    if not isinstance(like, DTensor):
        return tensor
    on_device = tensor.to(like.device)
    return distribute_tensor(on_device, like.device_mesh, like.placements, src_data_rank=None)


def whole_state(state: Mapping[str, Any], *, keep: bool) -> dict[str, Any]:
    """Gather all tensors of nested dictionaries and lists on the CPU.

    Args:
        state: A state dictionary.
        keep: Whether this process has a use for it; others only take part.
    """
    return {name: _gathered(value, keep=keep) for name, value in state.items()}


def _gathered(value: Any, *, keep: bool) -> Any:
    if isinstance(value, Tensor):
        found = whole(value.detach())
        return found.cpu() if keep else None
    if isinstance(value, dict):
        return {name: _gathered(item, keep=keep) for name, item in value.items()}
    if isinstance(value, list):
        return [_gathered(item, keep=keep) for item in value]
    return value


def _local(tensor: Tensor) -> Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
