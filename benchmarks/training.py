"""Every figure claimed for data, training and evaluation, part by part.

    python -m benchmarks.training --out runs/bench-training [--shared ../shared] [--only NAME]

What is measured stays in the folder and is not measured again. Ends in a table of figure, value,
bar and `ok` or `short`; exits 1 if a figure falls short.
"""

import sys
from functools import partial
from pathlib import Path

from benchmarks import augmentations, loader, resume, training_exactness, training_parallel, ucf101
from benchmarks.figures import Part, run


def main() -> int:
    """Measure and print."""
    rooms = ("data", "models", "evaluate", "train", "video")
    return run(__doc__, "runs/bench-training", parts, rooms)


def parts(shared: Path) -> list[Part]:
    """Return the parts, in the order they are measured."""
    return [
        ("augmentations", partial(augmentations.measure, shared)),
        ("exactness", training_exactness.measure),
        ("loader", partial(loader.measure, shared)),
        ("parallel", training_parallel.measure),
        ("resume", resume.measure),
        ucf101.part(shared, Path("runs/ucf101")),
    ]


if __name__ == "__main__":
    sys.exit(main())
