"""Compiled blocks against ours: one pre-training step of each, taking turns.

    python -m benchmarks.step_compiled bf16|fp32 [ROUNDS]

Prints, as JSON, the median ratio of CPU times over the rounds, the least and the largest, and the
seconds the first compiled step took. Needs g++.
"""

import json
import statistics
import sys
import time
from functools import partial

import torch

from benchmarks.step import Sides, gradients, train
from hashtag2action.train.parallel import compile_blocks


def main() -> None:
    """Measure and print."""
    precision, rounds = sys.argv[1], int((*sys.argv, "5")[2])
    torch.set_num_threads(1)
    ours, compiled = Sides(), Sides()
    compile_blocks(compiled.ours)
    steps = [partial(train, precision, one.ours, one.our_loss) for one in (compiled, ours)]
    begun = time.perf_counter()
    steps[0]()
    first_s = time.perf_counter() - begun
    ratios = []
    with gradients(precision, ours.ours):
        for number in range(rounds + 1):
            seconds = []
            for step in steps:
                begun = time.process_time()
                step()
                seconds.append(time.process_time() - begun)
            if number:
                ratios.append(seconds[0] / seconds[1])
    found = {"median": statistics.median(ratios), "least": min(ratios), "largest": max(ratios)}
    rounded = {name: round(value, 3) for name, value in found.items()}
    print(json.dumps({"precision": precision, **rounded, "first_step_s": round(first_s)}))


if __name__ == "__main__":
    main()
