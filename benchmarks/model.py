"""Every figure claimed for the networks and their weights, part by part.

    python -m benchmarks.model --out runs/bench-model [--shared ../shared] [--only NAME]

What is measured stays in the folder and is not measured again. Ends in a table of figure, value,
bar and `ok` or `short`; exits 1 if a figure falls short.
"""

import sys
from functools import partial
from pathlib import Path

from benchmarks import model_weights, step
from benchmarks.figures import Part, run


def main() -> int:
    """Measure and print."""
    rooms = ("models", "evaluate", "train")
    return run(__doc__, "runs/bench-model", parts, rooms, "benchmarks.model")


def parts(shared: Path) -> list[Part]:
    """Return the parts, in the order they are measured."""
    return [
        ("weights-formats", partial(model_weights.formats, shared)),
        ("weights-hostile", model_weights.hostile),
        ("weights-memory", model_weights.memory),
        ("weights-sizes", partial(model_weights.sizes, shared)),
        *step.parts(),
    ]


if __name__ == "__main__":
    sys.exit(main())
