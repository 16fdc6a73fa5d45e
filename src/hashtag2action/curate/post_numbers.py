"""Numbers that follow from a post's own metadata, made for whole tables at once."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_DAY_S = 86_400


@dataclass(frozen=True)
class TagNumbers:
    """What the tags of posts come to; one number per post."""

    hashtag: pa.Array
    """The tag a post stands for; null where none says anything."""
    num_all: np.ndarray
    num_generic: np.ndarray
    num_wanted: np.ndarray
    is_commercial: np.ndarray
    """Whether a tag marks the post as an advertisement."""

    def spam_score(self, usual_num_hashtags: int) -> np.ndarray:
        """Return the share of tags that are generic, or more than posts usually have, 0 to 1."""
        surplus = np.maximum(self.num_all - self.num_generic - usual_num_hashtags, 0)
        return ((self.num_generic + surplus) / np.maximum(self.num_all, 1)).astype(np.float32)


@dataclass(frozen=True)
class TagLists:
    """Which tags mean what."""

    wanted: tuple[str, ...]
    """Most wanted first; empty wants any."""
    generic: tuple[str, ...]
    generic_prefixes: tuple[str, ...]
    commercial: tuple[str, ...]

    def count(self, hashtags: pa.ChunkedArray) -> TagNumbers:
        """Look at every distinct tag once, and count by post."""
        lists = hashtags.combine_chunks()
        num_posts = len(lists)
        flat, owners = pc.list_flatten(lists), pc.list_parent_indices(lists).to_numpy()
        if flat.null_count:
            owners = owners[pc.is_valid(flat).to_numpy(zero_copy_only=False)]
            flat = flat.drop_null()
        encoded = flat.dictionary_encode()
        codes, names = encoded.indices.to_numpy(), encoded.dictionary

        def of(mask: pa.Array) -> np.ndarray:
            return mask.to_numpy(zero_copy_only=False)[codes]

        generic = pc.is_in(names, pa.array(self.generic, pa.string()))
        for prefix in self.generic_prefixes:
            generic = pc.or_(generic, pc.starts_with(names, prefix))
        is_generic = of(generic)
        wanted = pc.fill_null(pc.index_in(names, pa.array(self.wanted, pa.string())), -1)
        rank = of(wanted)
        is_commercial = of(pc.is_in(names, pa.array(self.commercial, pa.string())))
        if self.wanted:
            # Sorted by post and then by how wanted a tag is; the sort keeps the order of equals.
            candidates = np.flatnonzero(rank >= 0)
            candidates = candidates[np.lexsort((rank[candidates], owners[candidates]))]
        else:
            candidates = np.flatnonzero(~is_generic)
        posts, first = np.unique(owners[candidates], return_index=True)
        taken = np.full(num_posts, -1, np.int64)
        taken[posts] = codes[candidates[first]]
        tags = names.take(pa.array(taken, mask=taken < 0))
        return TagNumbers(
            hashtag=tags.cast(pa.string()),
            num_all=np.bincount(owners, minlength=num_posts),
            num_generic=np.bincount(owners[is_generic], minlength=num_posts),
            num_wanted=np.bincount(owners[rank >= 0], minlength=num_posts),
            is_commercial=np.bincount(owners[is_commercial], minlength=num_posts) > 0,
        )


def likes_per_view(posts: pa.Table) -> pa.ChunkedArray:
    """Return likes divided by views; null where a post has no views or does not say."""
    views = pc.if_else(pc.greater(posts["num_views"], 0), posts["num_views"], None)
    return pc.divide(posts["num_likes"].cast(pa.float64()), views.cast(pa.float64()))


def age_days(posts: pa.Table, reference: date | None) -> pa.ChunkedArray:
    """Return the age of posts at the beginning of a day, UTC; null without a day."""
    if reference is None:
        return pa.chunked_array([pa.nulls(posts.num_rows, pa.float64())])
    moment_s = int(datetime.combine(reference, time(), UTC).timestamp())
    age_s = pc.subtract(moment_s, posts["created_unix_s"])
    return pc.divide(age_s.cast(pa.float64()), float(_DAY_S))


def short_side_px(posts: pa.Table) -> pa.ChunkedArray:
    """Return the shorter of the sides a source states; null where it does not state both."""
    return pc.min_element_wise(
        posts["stated_width_px"], posts["stated_height_px"], skip_nulls=False
    )


def aspect(posts: pa.Table) -> pa.ChunkedArray:
    """Return stated width divided by stated height; null where a source does not state both."""
    height = pc.if_else(pc.greater(posts["stated_height_px"], 0), posts["stated_height_px"], None)
    return pc.divide(posts["stated_width_px"].cast(pa.float64()), height.cast(pa.float64()))
