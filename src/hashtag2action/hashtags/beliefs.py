"""What the loop believes of tags: how full their pages are, and how many of their posts survive."""

from dataclasses import dataclass, field

from hashtag2action.hashtags.posterior import Share, prior_of

Bin = tuple[str, int]
"""What is known of a tag before it is asked: its principle, and a class of how often it stood
beside others."""

_BASE_YIELD = Share(1.0, 1.0)
_BASE_FULL = Share(1.0, 1.0)
_PRIOR_STRENGTH = 4.0
_MATE_STRENGTH = 8.0
"""Trials that what is known of all tags, and of a tag's own group, counts as (chosen)."""
_MAX_JUDGED = 60
"""Posts of a tag that are judged at most because its verdict is not sure (chosen)."""
_SURE = 0.95
"""Probability of a verdict from which on it is sure (chosen)."""
_MAX_BESIDE = 10.0
"""Trials that verdicts on posts of other tags count as, at most: those posts were not drawn from
the tag's own."""


@dataclass
class Beliefs:
    """Posteriors by tag, by action group and by bin; what is known of few borrows from many."""

    own: dict[str, Share] = field(default_factory=dict)
    """Tag -> yield of the posts it was asked for."""
    beside: dict[str, Share] = field(default_factory=dict)
    """Tag -> yield of the posts on which it stood beside the tag asked for."""
    groups: dict[str, Share] = field(default_factory=dict)
    """Action group -> yield of the posts of its tags."""
    _full: dict[Bin, Share] = field(default_factory=dict)
    _worth: dict[Bin, Share] = field(default_factory=dict)

    def yield_of(self, tag: str) -> Share:
        """Return the trials of a tag's own posts."""
        return self.own.get(tag, Share())

    def yield_beside(self, tag: str) -> Share:
        """Return the trials of posts on which the tag stood beside another."""
        return self.beside.get(tag, Share())

    def yield_of_group(self, group: str) -> Share:
        """Return the trials of a group's posts."""
        return self.groups.get(group, Share())

    def unsure(self, min_yield: float, min_judged: int) -> list[str]:
        """Return the tags that may lie on either side of a yield, and were not judged much yet."""
        return [
            tag
            for tag, own in self.own.items()
            if min_judged <= own.num_trials < _MAX_JUDGED
            and 1 - _SURE < own.above(min_yield, _BASE_YIELD) < _SURE
        ]

    def add_verdicts(self, tag: str, group: str, bin_: Bin, hits: float, misses: float) -> None:
        """Count verdicts on the tag's own posts."""
        self.own.setdefault(tag, Share()).add(hits, misses)
        self.groups.setdefault(group, Share()).add(hits, misses)
        self._worth.setdefault(bin_, Share()).add(hits, misses, 0.99)

    def add_beside(self, tag: str, is_usable: bool) -> None:
        """Count a verdict on a post on which the tag stood beside another."""
        self.beside.setdefault(tag, Share()).add(float(is_usable), 1.0 - is_usable)

    def add_first_page(self, bin_: Bin, filled: float) -> None:
        """Count how full the first page of a tag was, as a share."""
        self._full.setdefault(bin_, Share()).add(filled, 1.0 - filled, 0.98)

    def full_prior(self, bin_: Bin) -> Share:
        """Return what is believed of the first page of a tag that was never asked."""
        return prior_of([self._full.get(bin_, Share())], _PRIOR_STRENGTH / 2, _BASE_FULL)

    def yield_prior(self, tag: str, group: str, bin_: Bin) -> Share:
        """Return what is believed of a tag's yield before its own posts are counted."""
        worth = self._worth.get(bin_, Share())
        beside = self.yield_beside(tag)
        weight = min(1.0, _MAX_BESIDE / max(beside.num_trials, 1.0))
        mates = self.yield_of_group(group)
        prior = prior_of([worth], _PRIOR_STRENGTH / 2, _BASE_YIELD)
        mate = prior_of([mates], min(_MATE_STRENGTH, mates.num_trials / 4), prior)
        return Share(
            prior.hits + mate.hits + weight * beside.hits,
            prior.misses + mate.misses + weight * beside.misses,
        )
