"""A platform of posts with planted truth, for measuring a mining run against what is there.

Every post has a subject: an action or a topic. Tags are planted in kinds:

    action          head of a group of posts that show one action; a share of them is usable
    synonym         another tag of the same group, found by co-occurrence only
    regional        the same in one region, where the group has further posts
    decoy           co-occurs with an action and stands on its unusable posts
    single_creator  used by one creator only, on good posts
    generic         on any post, on nearly half of them at most
    spam            attached by spamming creators, who attach action tags to anything, too
    topic           what is no action

A third of the groups are impure (few usable posts), a fifth are rare (few views). Which tags pass
is computed from the posts that came out, not from what was planted. All numbers here are chosen;
they make a platform on which tags differ in views, purity, reach and repetition. A million posts
take seconds; the same seed gives the same platform.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt

TagKind = Literal[
    "action", "synonym", "regional", "decoy", "single_creator", "generic", "spam", "topic"
]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

REGIONS = ("US", "BR", "ID", "MX", "VN", "PH", "GB", "FR", "DE", "JP", "TR", "EG")
REGION_SHARES = (0.2, 0.13, 0.12, 0.1, 0.09, 0.08, 0.07, 0.06, 0.05, 0.04, 0.03, 0.03)
_HEADS = (
    "archery armwrestling backflip badminton ballet balancebeam barbell baseball basketball "
    "beatboxing bellydance benchpress biking billiards bouldering bowling boxing breakdance "
    "breaststroke bungeejump burpee calligraphy canoeing capoeira cartwheel cheerleading chess "
    "climbing cooking cricket crossfit curling cycling deadlift discus diving drawing dribbling "
    "drumming dunking fencing fishing flute frisbee golf guitar gymnastics haircut hammerthrow "
    "handball handstand highjump hiking hockey horseriding hulahoop hurdling iceskating ironing "
    "javelin jogging juggling jumprope karate kayaking kickboxing kitesurfing knitting lacrosse "
    "longjump lunges makeup marching massage mopping motocross nunchucks paragliding parkour "
    "piano pilates plank polevault poledance pottery pullups pushups rafting rockclimbing rowing "
    "rugby running sailing salsa shotput situps skateboarding skiing skydiving slackline "
    "sledding snorkeling snowboarding soccer squats stretching surfing swimming swordfight "
    "tabletennis taichi tango tapdance tennis trampoline trapeze tumbling unicycle violin "
    "volleyball waltz waterskiing weaving weightlifting welding wrestling yoga yoyo zumba"
)
HEADS = tuple(_HEADS.split())
"""Heads of the planted groups unless others are given."""
_UNUSED = (
    "abseiling applauding arrangingflowers bandaging bendingmetal blastingsand bookbinding "
    "brushpainting brushingteeth busking cartoning changingoil changingwheel chiselingstone "
    "clearingtable countingmoney crackingneck crossingriver curlinghair decoratingtree "
    "drinkingshots dyinghair eatingcake eatingwatermelon extinguishingfire feedinggoats "
    "fillingeyebrows flyingkite foldingnapkins gargling grindingmeat headbutting hurling jetskiing "
    "layingbricks lightingfire milkingcow mowinglawn openingbottle openingpresent peelingapples "
    "petting plantingtrees plastering pouringbeer pumpingfist raisinghand readingbook "
    "recordingmusic rippingpaper sanding settingtable sharpeningpencil shavinghead shiningshoes "
    "shreddingpaper signinglanguage sneezing sniffing stompinggrapes tappingpen tastingfood "
    "tossingcoin tyingtie waxingback"
)
UNUSED = tuple(_UNUSED.split())
"""Names of actions that nobody on the platform tags: a vocabulary is written before it is known
which of its names are used. Chosen: a third of the names. On the real platform more are idle: of
the 286 class groups in the part of the paper's list that can be seen, 38 have a tag in it."""

MIN_VIEWS = 5_000_000
"""Views a tag needs. Source: the paper's threshold on hashtags."""
MIN_PURITY = 0.5
"""Share of a tag's posts that must be usable (chosen: more hit than miss)."""
MIN_CREATORS = 20
"""Creators a tag needs (chosen: a circle of friends is smaller)."""


@dataclass(frozen=True)
class TagTruth:
    """What is true of one planted tag."""

    hashtag: str
    kind: TagKind
    head: str | None
    """Head of its group; None: it belongs to no action."""
    num_posts: int
    num_views: int
    num_creators: int
    purity: float
    """Share of its posts that are usable."""
    passes: bool
    """An action, a synonym or a regional tag with enough views, purity and creators."""


@dataclass(frozen=True)
class Posts:
    """Posts as columns, in the order of their times."""

    created_unix_s: Ints
    region: Ints
    """Index in REGIONS."""
    creator: Ints
    duration_s: Ints
    num_views: Ints
    is_usable: Flags
    """Would survive curation but for repetition: it shows its action, done by a person."""
    content: Ints
    """Equal for posts that show the same clip."""
    group: Ints
    """Index of the action group; -1: a topic."""

    def ids(self, indices: Ints) -> Ints:
        """Return the platform's ids of posts: time in the high bits, index in the low ones."""
        return (self.created_unix_s[indices] << 32) | indices


@dataclass(frozen=True)
class SimulatedPlatform:
    """Posts, tags and who carries what."""

    posts: Posts
    tags: tuple[str, ...]
    kinds: tuple[TagKind, ...]
    heads: tuple[str | None, ...]
    tag_offsets: Ints
    """Post p carries post_tags[tag_offsets[p]:tag_offsets[p + 1]]."""
    post_tags: Ints
    post_offsets: Ints
    """Tag t stands on tag_posts[post_offsets[t]:post_offsets[t + 1]], in the order of time."""
    tag_posts: Ints
    start_day: date
    num_days: int

    def posts_of(self, tag: int) -> Ints:
        """Return the indices of the posts that carry a tag."""
        return self.tag_posts[self.post_offsets[tag] : self.post_offsets[tag + 1]]

    def tags_of(self, post: int) -> list[str]:
        """Return the tags of a post."""
        found = self.post_tags[self.tag_offsets[post] : self.tag_offsets[post + 1]]
        return [self.tags[tag] for tag in found]

    def truth(self) -> list[TagTruth]:
        """Return what is true of every tag; a mining run must not see this."""
        return [self._truth(tag) for tag in range(len(self.tags))]

    def is_usable(self, post_ids: Sequence[str]) -> Flags:
        """Say of posts whether they would survive curation but for repetition; not by the API."""
        return self.posts.is_usable[_indices(post_ids)]

    def num_unique_usable(self, post_ids: Sequence[str]) -> int:
        """Count the different usable clips among posts; a mining run must not see this."""
        indices = _indices(post_ids)
        usable = indices[self.posts.is_usable[indices]]
        return len(np.unique(self.posts.content[usable]))

    def _truth(self, tag: int) -> TagTruth:
        found = self.posts_of(tag)
        num_views = int(self.posts.num_views[found].sum())
        num_creators = len(np.unique(self.posts.creator[found]))
        purity = float(self.posts.is_usable[found].mean()) if len(found) else 0.0
        kind = self.kinds[tag]
        passes = (
            kind in {"action", "synonym", "regional"}
            and num_views >= MIN_VIEWS
            and num_creators >= MIN_CREATORS
            and purity >= MIN_PURITY
        )
        return TagTruth(
            self.tags[tag],
            kind,
            self.heads[tag],
            len(found),
            num_views,
            num_creators,
            purity,
            passes,
        )


def _indices(post_ids: Sequence[str]) -> Ints:
    return np.array([int(post_id) & 0xFFFFFFFF for post_id in post_ids], np.int64)


@dataclass(frozen=True)
class PlannedTag:
    """A tag before there are posts."""

    name: str
    kind: TagKind
    group: int = -1
    share: float = 0.0
    """Of the posts it may stand on, how many carry it."""
    region: int = -1


def plan_tags(
    rng: np.random.Generator, heads: Sequence[str], num_tags: int
) -> tuple[PlannedTag, ...]:
    """Plan the tags of all kinds, in a random order; topics fill up to `num_tags`."""
    names = _invented(rng, set(heads))
    tags = [PlannedTag(head, "action", group, 0.75) for group, head in enumerate(heads)]
    for group, head in enumerate(heads):
        for number in range(rng.integers(0, 4)):
            # One synonym in three can be guessed from its head, the others cannot.
            name = f"{head}{('challenge', 'tok', 'love')[number]}" if rng.random() < 1 / 3 else ""
            share = rng.uniform(0.15, 0.5)
            tags.append(PlannedTag(name or next(names), "synonym", group, share))
        if rng.random() < 0.4:
            region = int(rng.integers(1, len(REGIONS)))
            tags.append(PlannedTag(next(names), "regional", group, 0.7, region))
        if rng.random() < 0.3:
            tags.append(PlannedTag(f"{head}fail", "decoy", group, 0.5))
        if rng.random() < 0.15:
            tags.append(PlannedTag(f"{head}by{next(names)}", "single_creator", group))
    tags += [PlannedTag(next(names), "generic", share=0.45 * 0.85**n) for n in range(20)]
    tags += [PlannedTag(next(names), "spam") for _ in range(30)]
    if len(tags) > num_tags:
        raise ValueError(f"{len(heads)} groups need {len(tags)} tags, more than {num_tags}")
    tags += [PlannedTag(next(names), "topic") for _ in range(num_tags - len(tags))]
    return tuple(tags[place] for place in rng.permutation(len(tags)))


def _invented(rng: np.random.Generator, taken: set[str]) -> Iterator[str]:
    """Yield words of two to four syllables that are no action."""
    while True:
        syllables = rng.integers(0, (14, 5), (int(rng.integers(2, 5)), 2))
        word = "".join("bdfgklmnprstvz"[first] + "aeiou"[second] for first, second in syllables)
        if word not in taken:
            taken.add(word)
            yield word
