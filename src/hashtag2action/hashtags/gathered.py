"""The posts a run has gathered, and what they say about tags that nobody asked for yet."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hashtag2action.sources.languages import language_of


@dataclass
class Beside:
    """A tag as it stands in posts that were asked for under other tags."""

    num_posts: int = 0
    num_views: int = 0
    creators: set[str] = field(default_factory=set)
    groups: Counter[str] = field(default_factory=Counter)
    """Posts by the action group they were asked for, one creator counted once in a group."""
    regions: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Company:
    """The action groups a tag stands beside, in posts that were asked for under other tags."""

    group: str = ""
    """The group with the largest NPMI."""
    npmi: float = -1.0
    """That NPMI, -1 to 1."""
    specificity: float = 0.0
    """Information the tag gives about the group, as a share of the most it could give: near 0 for
    a tag that stands beside every group as often as chance has it."""
    num_posts: int = 0
    """Posts of that group with the tag, each creator counted once."""


class Gathered:
    """Unique posts, in the order they came, and running counts of their tags."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        """Post id -> POST row with `asked_hashtag`, `action_group`, `language`, `page_hash`."""
        self.rejected: list[dict[str, Any]] = []
        self.beside: defaultdict[str, Beside] = defaultdict(Beside)
        self.num_by_group: Counter[str] = Counter()
        self.num_by_region: Counter[str] = Counter()
        self.num_by_language: Counter[str] = Counter()
        self._counted: set[tuple[str, str, str]] = set()
        self._listed: set[tuple[str, str]] = set()
        self.num_lists_by_group: Counter[str] = Counter()

    def add(
        self, rows: Iterable[dict[str, Any]], hashtag: str, group: str, page_hash: str
    ) -> list[str]:
        """Add the posts of a page; returns the ids not gathered before, in order."""
        new = []
        for row in rows:
            if row.get("reject_reason") is not None:
                self.rejected.append(row)
                continue
            if row["post_id"] in self.rows:
                continue
            language = language_of(row.get("description") or "")
            extra = {
                "asked_hashtag": hashtag,
                "action_group": group,
                "language": language,
                "page_hash": page_hash,
            }
            kept = {**row, **extra}
            self.rows[row["post_id"]] = kept
            new.append(row["post_id"])
            self._count(kept, hashtag, group)
        return new

    def _count(self, row: dict[str, Any], hashtag: str, group: str) -> None:
        creator, region = row.get("creator") or row["post_id"], row.get("region") or ""
        self.num_by_group[group] += 1
        self.num_by_region[region] += 1
        self.num_by_language[row["language"] or ""] += 1
        if (creator, group) not in self._listed:
            self._listed.add((creator, group))
            self.num_lists_by_group[group] += 1
        for tag in dict.fromkeys(row.get("hashtags") or ()):
            if tag == hashtag:
                continue
            beside = self.beside[tag]
            beside.num_posts += 1
            beside.num_views += row.get("num_views") or 0
            beside.creators.add(creator)
            beside.regions[region] += 1
            if (tag, creator, group) not in self._counted:
                self._counted.add((tag, creator, group))
                beside.groups[group] += 1

    def lift_of(self, tag: str) -> Company:
        """Return the group a tag stands beside most, the NPMI with it, and how specific that is.

        The information is corrected for small counts (Miller and Madow, 1955).
        """
        beside = self.beside.get(tag)
        total = sum(self.num_lists_by_group.values())
        if beside is None or not beside.groups or not total:
            return Company()
        num = sum(beside.groups.values())
        best, best_npmi, information = "", -1.0, 0.0
        for group, count in sorted(beside.groups.items()):
            expected = num * self.num_lists_by_group[group] / total
            # One less than was seen: a single meeting is no company.
            less = max(count - 1, 1e-3)
            npmi = math.log(less / expected) / max(-math.log(less / total), 1e-9)
            information += count / num * math.log(count / expected)
            if npmi > best_npmi:
                best, best_npmi = group, npmi
        bias = (len(beside.groups) - 1) / (2 * num)
        most = math.log(max(len(self.num_lists_by_group), 2))
        specificity = min(max(information - bias, 0.0) / most, 1.0)
        return Company(best, best_npmi, specificity, beside.groups[best])


def entropy(counts: Iterable[int]) -> float:
    """Return the Shannon entropy of counts, bits; 0 for none."""
    values = [count for count in counts if count > 0]
    total = sum(values)
    return sum(-value / total * math.log2(value / total) for value in values) if total else 0.0
