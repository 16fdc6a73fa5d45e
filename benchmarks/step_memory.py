"""How much memory a pre-training step takes beside weights and clips.

    python -m benchmarks.step_memory ours|plain bf16|fp32

Prints, as JSON, the largest growth of the process's own memory over three steps.
"""

import json
import sys
from functools import partial

import torch

from benchmarks.step import Sides, gradients, train
from benchmarks.weights_memory import OwnMemory


def main() -> None:
    """Measure and print."""
    side, precision = sys.argv[1:]
    torch.set_num_threads(1)
    sides = Sides()
    plain = sides.plain()
    steps = {
        "ours": partial(train, precision, sides.ours, sides.our_loss),
        "plain": partial(
            train,
            precision,
            plain,
            partial(plain.loss, sides.pixels, sides.hidden, sides.not_decoded),
        ),
    }
    with gradients(precision, sides.ours), OwnMemory() as memory:
        for _ in range(3):
            steps[side]()
    print(json.dumps({"step_bytes": memory.growth}))


if __name__ == "__main__":
    main()
