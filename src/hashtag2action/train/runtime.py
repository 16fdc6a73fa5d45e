"""How a training runs, as far as it does not change what is learned."""

from typing import Annotated

from pydantic import Field

from hashtag2action.evaluate.compute import Compute


class Runtime(Compute):
    """How a training runs, as far as it does not change what is learned."""

    num_workers: Annotated[int, Field(ge=0)] = 0
    """Processes that prepare batches ahead; 0 prepares them in the loop (best with clips kept
    in memory)."""
    log_every_steps: Annotated[int, Field(gt=0)] = 10
    """Steps from one line of metrics.jsonl to the next."""
    checkpoint_every_steps: Annotated[int, Field(gt=0)] = 500
    """Steps from one saved state to the next."""
    num_checkpoints: Annotated[int, Field(gt=0)] = 2
    """Newest states kept."""
