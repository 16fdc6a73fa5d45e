"""Which rows of a table a view is about, in its order: whole columns at a time."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hashtag2action.curate.verdicts import Verdicts
from hashtag2action.explore.listings import Listing
from hashtag2action.explore.view import OPEN, RANDOM, View


def find(listing: Listing, view: View, verdicts: Verdicts) -> np.ndarray:
    """Return the places of the rows of a view, int64 (N,), in its order.

    What names a column that the table has not is passed over; `passed_over` says it.
    """
    if not listing.num_rows:
        return np.zeros(0, np.int64)
    masks = [*_of_texts(listing, view), *_of_bounds(listing, view)]
    masks += _of_verdicts(listing, view, verdicts)
    is_in = np.ones(listing.num_rows, bool)
    for mask in masks:
        is_in &= np.asarray(pc.fill_null(mask, False).to_numpy())
    places = np.flatnonzero(is_in)
    if view.sort == RANDOM:
        # Drawn over the whole table, so that filters leave the order of what is left.
        drawn = np.random.default_rng(0).permutation(listing.num_rows)
        return drawn[is_in[drawn]]
    if view.sort not in listing.sortable:
        return places
    values = listing.column(view.sort)
    values = values if len(places) == listing.num_rows else values.take(pa.array(places))
    order = "descending" if view.is_descending else "ascending"
    # Sorted by place where values are equal, so that pages never show a row twice.
    table = pa.table({"value": values, "place": places})
    keys = [("value", order), ("place", "ascending")]
    return places[pc.sort_indices(table, keys).to_numpy()]


def passed_over(listing: Listing, view: View) -> list[str]:
    """Say which parts of a view mean nothing in a table."""
    said = [
        f"{name} is no column of numbers in this table: its bounds were left aside"
        for name in view.bounds
        if name not in listing.numeric
    ]
    if view.sort and view.sort not in {RANDOM, *listing.sortable}:
        said.append(f"{view.sort} is no column to sort by in this table")
    if view.rule and listing.rules is None:
        said.append("no row of this table has a reason to have left")
    return said


def count_rules(listing: Listing) -> list[tuple[str, int]]:
    """Return the rules that rejected rows, with their numbers, most first."""
    if listing.rules is None or not listing.num_rows:
        return []
    pairs = [(one["values"], one["counts"]) for one in pc.value_counts(listing.rules).to_pylist()]
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _of_texts(listing: Listing, view: View) -> list[pa.ChunkedArray]:
    words = view.words.lower().replace("#", " ").split()
    masks = [pc.match_substring(listing.texts, word) for word in words]
    if view.rule and listing.rules is not None:
        masks.append(pc.equal(listing.rules, view.rule))
    return masks


def _of_bounds(listing: Listing, view: View) -> list[pa.ChunkedArray]:
    masks = []
    for name, (least, most) in view.bounds.items():
        if name in listing.numeric:
            values = listing.column(name)
            if not pa.types.is_floating(values.type):
                values = pc.cast(values, pa.float64(), safe=False)
            for end, compare in ((least, pc.greater_equal), (most, pc.less_equal)):
                masks += [compare(values, _as(end, values.type))] if end is not None else []
    return masks


def _of_verdicts(listing: Listing, view: View, verdicts: Verdicts) -> list[pa.ChunkedArray]:
    if not view.judged:
        return []
    wanted = [
        clip_id
        for (question, clip_id), verdict in verdicts.items()
        if question == view.question and view.judged in {OPEN, verdict.answer}
    ]
    is_judged = pc.is_in(listing.ids, pa.array(wanted, pa.string()))
    return [pc.invert(is_judged) if view.judged == OPEN else is_judged]


def _as(value: float, kind: pa.DataType) -> pa.Scalar:
    """Return a bound in the precision of its column: 0.2 means the float32 shown as 0.2."""
    return pa.scalar(np.dtype(kind.to_pandas_dtype()).type(value), kind)
