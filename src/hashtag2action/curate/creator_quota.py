"""How many posts one creator may have in a group, so that a few do not make the data set."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def over_quota(posts: pa.Table, group: str | None, max_fraction: float) -> np.ndarray:
    """Mark the posts by which creators have more than their share of a group.

    In each group every creator keeps up to the same number of posts, the largest for which nobody
    has more than the share of what stays, and at least one. Who stays: the most viewed, and of
    equally viewed ones the first by id. Posts of unknown creators stay and count for the group.

    Args:
        posts: `post_id`, `creator`, `num_views` and the group's column.
        group: Column whose values are the groups; None takes all posts for one.
        max_fraction: The share, above 0 and up to 1.

    Returns:
        True for the posts that leave.
    """
    over = np.zeros(posts.num_rows, bool)
    if posts.num_rows == 0:
        return over
    groups = _codes(posts[group]) if group else np.zeros(posts.num_rows, np.int64)
    creators = _codes(posts["creator"])
    known = pc.is_valid(posts["creator"]).to_numpy()
    pair = groups * (creators.max() + 1) + creators
    order = pc.sort_indices(
        pa.table(
            {
                "pair": pair,
                "views": pc.negate(pc.fill_null(posts["num_views"], -1)),
                "post_id": posts["post_id"],
            }
        ),
        sort_keys=[("pair", "ascending"), ("views", "ascending"), ("post_id", "ascending")],
    ).to_numpy()
    _, starts, counts = np.unique(pair[order], return_index=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(starts, counts)
    group_of_pair = groups[order][starts]
    is_known = known[order][starts]
    limits = np.zeros(int(groups.max()) + 1, np.int64)
    by_group = np.argsort(group_of_pair, kind="stable")
    edges = np.flatnonzero(np.diff(group_of_pair[by_group])) + 1
    for members in np.split(by_group, edges):
        named = counts[members][is_known[members]]
        num_unknown = int(counts[members][~is_known[members]].sum())
        limits[group_of_pair[members[0]]] = _limit(named, num_unknown, max_fraction)
    over[order] = (place >= limits[groups[order]]) & known[order]
    return over


def _limit(counts: np.ndarray, num_unknown: int, max_fraction: float) -> int:
    """Return the most posts a creator may keep, given how many each has."""
    if not len(counts):
        return 0
    ascending = np.sort(counts)
    before = np.concatenate(([0], np.cumsum(ascending)))

    def fits(limit: int) -> bool:
        below = int(np.searchsorted(ascending, limit))
        kept = int(before[below]) + (len(ascending) - below) * limit + num_unknown
        return limit <= max_fraction * kept

    # kept / limit falls as the limit grows, so what fits is everything up to one number.
    low, high = 1, int(ascending[-1])
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    """Number the values of a column in the order of the values; null is one of them."""
    values = pc.fill_null(column.cast(pa.string()), "\0").combine_chunks()
    encoded = values.dictionary_encode()
    ranks = pc.rank(encoded.dictionary, tiebreaker="first").to_numpy().astype(np.int64) - 1
    return ranks[encoded.indices.to_numpy()]
