"""Every figure claimed for the networks and their weights, part by part.

    python -m benchmarks.model --out runs/bench-model [--shared ../shared] [--only NAME]

What is measured stays in the folder and is not measured again. Ends in a table of figure, value,
bar and `ok` or `short`; exits 1 if a figure falls short.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import hashtag2action
from benchmarks import model_weights
from benchmarks.figures import Part, key_of_code, measure, show


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/bench-model"))
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    return show(measure(given.out / _code_key(), parts(given.shared), given.only))


def parts(shared: Path) -> list[Part]:
    """Return the parts, in the order they are measured."""
    return [
        ("weights-formats", partial(model_weights.formats, shared)),
        ("weights-hostile", model_weights.hostile),
        ("weights-memory", model_weights.memory),
        ("weights-sizes", partial(model_weights.sizes, shared)),
    ]


def _code_key() -> str:
    package = Path(hashtag2action.__file__).parent
    files = sorted(Path(__file__).parent.glob("*.py"))
    for room in ("models", "evaluate", "train"):
        files += sorted((package / room).rglob("*.py"))
    return key_of_code(files)


if __name__ == "__main__":
    sys.exit(main())
