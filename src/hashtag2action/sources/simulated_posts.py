"""Draw the posts of a simulated platform, all at once, as arrays."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time

import numpy as np

from hashtag2action.sources.simulated_platform import (
    HEADS,
    REGION_SHARES,
    REGIONS,
    Flags,
    Ints,
    PlannedTag,
    Posts,
    SimulatedPlatform,
    plan_tags,
)

START_DAY = date(2026, 1, 1)
_DAY_S = 86_400
_ACTION_SHARE = 0.35
_SPAM_SHARE = 0.03
_RARE_POSTS = 45

AddPairs = Callable[[Ints, Ints], None]


def simulate(
    seed: int,
    num_posts: int = 1_000_000,
    num_tags: int = 2_000,
    num_days: int = 180,
    heads: Sequence[str] = HEADS,
) -> SimulatedPlatform:
    """Draw a platform.

    Args:
        seed: The same one gives the same platform.
        num_posts: Posts in all, below 2**32.
        num_tags: Tags in all.
        num_days: Days from 2026-01-01 over which posts are spread.
        heads: Tags of the planted action groups.

    Raises:
        ValueError: `num_tags` is too small for that many groups.
    """
    rng = np.random.default_rng(seed)
    plan = plan_tags(rng, heads, num_tags)
    posts, is_spam = _draw_posts(rng, plan, num_posts, num_days, len(heads))
    pairs = _draw_tags(rng, plan, posts, is_spam, len(heads))
    # One number per pair sorts faster than two; a tag drawn twice for a post stands there once.
    # (np.unique says the same and takes five times as long, because it hashes first.)
    key = np.sort(pairs[0] * len(plan) + pairs[1])
    key = key[np.append(True, key[1:] != key[:-1])]
    post, tag = key // len(plan), key % len(plan)
    by_tag = np.argsort(tag, kind="stable")
    group_heads = {item.group: item.name for item in plan if item.kind == "action"}
    return SimulatedPlatform(
        posts=posts,
        tags=tuple(item.name for item in plan),
        kinds=tuple(item.kind for item in plan),
        heads=tuple(group_heads.get(item.group) for item in plan),
        tag_offsets=np.searchsorted(post, np.arange(num_posts + 1)),
        post_tags=tag,
        post_offsets=np.searchsorted(tag[by_tag], np.arange(len(plan) + 1)),
        tag_posts=post[by_tag],
        start_day=START_DAY,
        num_days=num_days,
    )


def _draw_posts(
    rng: np.random.Generator,
    plan: tuple[PlannedTag, ...],
    num_posts: int,
    num_days: int,
    groups: int,
) -> tuple[Posts, Flags]:
    start = int(datetime.combine(START_DAY, time(), UTC).timestamp())
    created = np.sort(rng.integers(start, start + num_days * _DAY_S, num_posts))
    num_creators = max(50, num_posts // 8)
    num_spammers = max(2, num_creators // 500)
    is_spam = rng.random(num_posts) < _SPAM_SHARE
    creator = num_spammers + ((num_creators - num_spammers) * rng.random(num_posts) ** 2.5)
    creator = np.where(is_spam, rng.integers(0, num_spammers, num_posts), creator.astype(np.int64))
    is_rare = rng.random(groups) < 0.2
    is_impure = ~is_rare & (rng.random(groups) < 1 / 3)
    rate = np.where(is_impure, rng.uniform(0.05, 0.35, groups), rng.uniform(0.62, 0.95, groups))
    group = _draw_groups(rng, num_posts, is_rare, is_spam)
    region = rng.choice(len(REGIONS), num_posts, p=np.array(REGION_SHARES))
    for item in plan:
        if item.kind == "regional":
            # A fifth of the group's posts move to the region in which it has a tag of its own.
            moved = (group == item.group) & (rng.random(num_posts) < 0.2)
            region[moved] = item.region
    views = rng.lognormal(np.log(15_000), 1.6, num_posts)
    views[(group >= 0) & is_rare[group]] = rng.uniform(100, 20_000)
    is_usable = (group >= 0) & (rng.random(num_posts) < rate[group]) & ~is_spam
    posts = Posts(
        created_unix_s=created,
        region=region,
        creator=creator,
        duration_s=rng.integers(5, 61, num_posts),
        num_views=views.astype(np.int64) + 1,
        is_usable=is_usable,
        content=_draw_content(rng, group, groups),
        group=group,
    )
    return posts, is_spam


def _draw_groups(rng: np.random.Generator, num_posts: int, is_rare: Flags, is_spam: Flags) -> Ints:
    """Give posts their action groups, -1 where they show none."""
    weight = np.where(is_rare, 0.0, rng.lognormal(0.0, 0.8, len(is_rare)))
    weight = weight / weight.sum() * _ACTION_SHARE * num_posts
    weight[is_rare] = min(_RARE_POSTS, 0.1 * num_posts / len(is_rare))
    share = np.append(weight / num_posts, 1 - weight.sum() / num_posts)
    group = rng.choice(len(share), num_posts, p=share / share.sum())
    return np.where((group == len(is_rare)) | is_spam, -1, group)


def _draw_content(rng: np.random.Generator, group: Ints, groups: int) -> Ints:
    """Number the clips shown; some posts of a group repeat a clip of another one."""
    content = np.arange(len(group))
    order = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(groups + 1))
    for number in range(groups):
        members = order[bounds[number] : bounds[number + 1]]
        copies = members[rng.random(len(members)) < rng.uniform(0.02, 0.3)]
        if len(copies):
            content[copies] = rng.choice(members, len(copies))
    return content


def _draw_tags(
    rng: np.random.Generator,
    plan: tuple[PlannedTag, ...],
    posts: Posts,
    is_spam: Flags,
    groups: int,
) -> tuple[Ints, Ints]:
    """Return the posts and the tags of all pairs; a pair may come twice."""
    num_posts = len(posts.group)
    order = np.argsort(posts.group, kind="stable")
    bounds = np.searchsorted(posts.group[order], np.arange(groups + 1))
    pairs: list[tuple[Ints, Ints]] = []

    def add(found: Ints, tag: int | Ints) -> None:
        pairs.append((found, np.broadcast_to(np.asarray(tag, np.int64), found.shape)))

    heads = np.zeros(groups, np.int64)
    for tag, item in enumerate(plan):
        members = order[bounds[item.group] : bounds[item.group + 1]] if item.group >= 0 else order
        if item.kind == "action":
            heads[item.group] = tag
        if item.kind in {"action", "synonym", "generic"}:
            add(members[rng.random(len(members)) < item.share], tag)
        elif item.kind == "regional":
            there = members[posts.region[members] == item.region]
            add(there[rng.random(len(there)) < item.share], tag)
        elif item.kind == "decoy":
            bad = members[~posts.is_usable[members]]
            add(bad[rng.random(len(bad)) < item.share], tag)
        elif item.kind == "single_creator" and len(members):
            mine = rng.choice(members, min(len(members), 250), replace=False)
            posts.creator[mine] = posts.creator[mine[0]]
            add(mine, tag)
    _add_topics(rng, plan, posts, add)
    spam = np.flatnonzero(is_spam)
    kinds = np.array([item.kind for item in plan])
    # Spammers take the tags that many use.
    popularity = np.diff(bounds) / max(1, bounds[-1] - bounds[0])
    add(spam, rng.choice(heads, len(spam), p=popularity / popularity.sum()))
    for _ in range(3):
        add(spam, rng.choice(np.flatnonzero(kinds == "spam"), len(spam)))
    strays = np.flatnonzero(rng.random(num_posts) < 0.01)
    add(strays, rng.choice(np.flatnonzero(kinds == "spam"), len(strays)))
    return np.concatenate([post for post, _ in pairs]), np.concatenate([tag for _, tag in pairs])


def _add_topics(
    rng: np.random.Generator, plan: tuple[PlannedTag, ...], posts: Posts, add: AddPairs
) -> None:
    """Give posts without an action one to three topics, and one in five of the others one."""
    topics = np.array([tag for tag, item in enumerate(plan) if item.kind == "topic"])
    weight = 1 / np.arange(3, len(topics) + 3)
    none = np.flatnonzero(posts.group < 0)
    subject = rng.choice(len(topics), len(none), p=weight / weight.sum())
    add(none, topics[subject])
    # Neighbors in the list are topics that go together.
    for step, share in ((1, 0.5), (2, 0.25)):
        also = rng.random(len(none)) < share
        add(none[also], topics[(subject[also] + step) % len(topics)])
    some = np.flatnonzero((posts.group >= 0) & (rng.random(len(posts.group)) < 0.2))
    add(some, rng.choice(topics, len(some), p=weight / weight.sum()))
