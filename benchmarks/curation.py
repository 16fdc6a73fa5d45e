"""Every figure claimed for curation, part by part.

    python -m benchmarks.curation --out runs/bench-curation [--shared ../shared] [--only NAME]

What is measured stays in the folder and is not measured again. Ends in a table of figure, value,
bar and `ok` or `short`; exits 1 if a figure falls short.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import hashtag2action
from benchmarks import (
    curation_copies,
    curation_export,
    curation_measures,
    curation_metadata,
    curation_persons,
    curation_speed,
    curation_survival,
)
from benchmarks.figures import Part, key_of_code, measure, show


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/bench-curation"))
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    return show(measure(given.out / _code_key(), parts(given.shared), given.only))


def parts(shared: Path) -> list[Part]:
    """Return the parts, in the order they are measured."""
    from benchmarks.curation_scenes import scene_figures

    return [
        ("metadata", curation_metadata.measure),
        ("scenes", partial(scene_figures, shared)),
        ("speed", partial(curation_speed.speed_figures, shared)),
        ("export", partial(curation_export.export, shared)),
        ("survival", partial(curation_survival.measure, shared)),
        ("copies", curation_copies.measure_grid),
        ("overlap", curation_copies.measure_overlap(shared)),
        ("copies-at-scale", curation_copies.measure_scale),
        ("select-at-scale", curation_copies.measure_select),
        ("persons", partial(curation_persons.persons, shared)),
        ("measures", partial(curation_measures.measures_figures, shared)),
    ]


def _code_key() -> str:
    package = Path(hashtag2action.__file__).parent
    files = sorted(Path(__file__).parent.glob("*.py"))
    for room in ("curate", "engines", "sources", "video", "vision"):
        files += sorted((package / room).rglob("*.py"))
    return key_of_code(files)


if __name__ == "__main__":
    sys.exit(main())
