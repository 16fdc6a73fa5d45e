"""How a training runs, as far as it does not change what is learned."""

from typing import Annotated, Literal

from pydantic import Field

from hashtag2action.evaluate.compute import Compute


class Runtime(Compute):
    """How a training runs, as far as it does not change what is learned."""

    parallel: Literal["ddp", "fsdp2"] = "ddp"
    """How the processes that torchrun starts share the network: whole in each of them, or in
    shards, block by block, for networks that do not fit. One process does without."""
    clips_per_pass: Annotated[int, Field(gt=0)] | None = None
    """Clips of one forward and backward pass of a process; gradients of the passes of a step are
    accumulated. None takes all clips of the process at once."""
    recompute: bool = False
    """Keep only the inputs of blocks for the backward pass and compute the rest again: less
    memory, a third more time."""
    compile: bool = False
    """Compile every block by torch.compile."""
    num_workers: Annotated[int, Field(ge=0)] = 0
    """Processes that prepare batches ahead, of each training process; 0 prepares them in the loop
    (best with clips kept in memory)."""
    log_every_steps: Annotated[int, Field(gt=0)] = 10
    """Steps from one line of metrics.jsonl to the next."""
    checkpoint_every_steps: Annotated[int, Field(gt=0)] = 500
    """Steps from one saved state to the next."""
    num_checkpoints: Annotated[int, Field(gt=0)] = 2
    """Newest states kept."""
    tensorboard: bool = False
    """Also write the lines as TensorBoard events; needs the extra [tensorboard]."""
    wandb: Literal["off", "offline", "online"] = "off"
    """Also log the lines to Weights & Biases; needs the extra [wandb]."""
    wandb_project: str = "hashtag2action"
    """Project they are logged to."""
