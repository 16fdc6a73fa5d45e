"""Every figure claimed for curation, part by part.

    python -m benchmarks.curation --out runs/bench-curation [--shared ../shared] [--only NAME]

What is measured stays in the folder and is not measured again. Ends in a table of figure, value,
bar and `ok` or `short`; exits 1 if a figure falls short.
"""

import sys
from functools import partial
from pathlib import Path

from benchmarks import (
    curation_copies,
    curation_detectors,
    curation_export,
    curation_formats,
    curation_measures,
    curation_metadata,
    curation_overlap,
    curation_persons,
    curation_rights,
    curation_safety,
    curation_shorts,
    curation_speed,
    curation_survival,
)
from benchmarks.figures import Part, run


def main() -> int:
    """Measure and print."""
    rooms = ("curate", "engines", "sources", "video", "vision")
    return run(__doc__, "runs/bench-curation", parts, rooms)


def parts(shared: Path) -> list[Part]:
    """Return the parts, in the order they are measured."""
    from benchmarks.curation_scenes import scene_figures

    return [
        ("metadata", curation_metadata.measure),
        ("scenes", partial(scene_figures, shared)),
        ("detectors", partial(curation_detectors.detector_figures, shared)),
        ("shorts", partial(curation_shorts.shorts_figures, shared)),
        ("speed", partial(curation_speed.speed_figures, shared)),
        ("export", partial(curation_export.export, shared)),
        ("rights", curation_rights.rights_figures),
        ("formats", partial(curation_formats.formats_figures, shared)),
        ("survival", partial(curation_survival.measure, shared)),
        ("copies", curation_copies.measure_grid),
        ("overlap", curation_overlap.measure_overlap(shared)),
        ("copies-at-scale", curation_copies.measure_scale),
        ("select-at-scale", curation_copies.measure_select),
        ("persons", partial(curation_persons.persons, shared)),
        ("safety", partial(curation_safety.safety_figures, shared)),
        ("measures", partial(curation_measures.measures_figures, shared)),
    ]


if __name__ == "__main__":
    sys.exit(main())
