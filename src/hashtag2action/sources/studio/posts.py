"""What the rendered platform says and what is true about it: posts, their scenes, their flaws."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from hashtag2action.sources.studio.hard import Trouble
from hashtag2action.sources.studio.look import rng_for
from hashtag2action.sources.studio.props import CAPTIONS
from hashtag2action.sources.studio.scene import FRAME_RATE, Scene

SPAM_TAGS = ("fyp", "viral", "foryou", "foryoupage", "xyzbca", "trending")

# Tags that say something about the subject, but not which action it is.
_BROAD_TAGS = ("fitness", "homeworkout", "challenge", "gymlife")
_REGIONS = ("US", "BR", "MX", "DE", "FR", "VN", "JP", "ID", "EG", "NG")
_WORDS = ("check this", "day 12 of", "so hard", "me every monday", "who can do this", "my new")

# Numbers in each pool; test pools of labelled sets are other pools, so nobody meets (chosen).
NUM_PEOPLE, NUM_OUTFITS, NUM_PLACES = 60, 150, 150


@dataclass(frozen=True)
class Mix:
    """How many posts of each kind there are."""

    bad: int
    duplicate: int
    nobody: int
    people: int
    short: int
    long: int
    withdrawn: int
    total: int

    @property
    def act(self) -> int:
        """Posts that show the action their tag names."""
        rest = self.bad + self.duplicate + self.nobody + self.people + self.short + self.long
        return self.total - rest


@dataclass(frozen=True)
class PostPlan:
    """All there is to know about a post before a frame of it is drawn."""

    id: str
    kind: str
    """`act`, `people`, `nobody`, `dup`, `bad`, `short` or `long`."""
    tags: tuple[str, ...]
    scenes: tuple[Scene, ...] = ()
    dissolves: tuple[int, ...] = ()
    """For each scene, the frames over which it dissolves in; 0 is a hard cut."""
    action: str | None = None
    wrong_tag: bool = False
    how: str = ""
    """What is wrong with the file: `empty`, `truncated` or `html`."""
    caption: str = ""
    duplicate_of: str = ""
    mirrored: bool = False
    crop: float = 1.0
    crf: int = 26
    withdrawn: bool = False
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def num_frames(self) -> int:
        """Frames of the finished video."""
        return sum(scene.num_frames for scene in self.scenes)


def plan_posts(
    seed: int, actions: tuple[str, ...], mix: Mix, *, is_hard: bool = False
) -> list[PostPlan]:
    """Invent all posts; equal arguments give equal posts, hard or not the same stories."""
    rng = rng_for(seed, "platform")
    kinds = ["bad"] * mix.bad + ["nobody"] * mix.nobody + ["people"] * mix.people
    kinds += ["short"] * mix.short + ["long"] * mix.long + ["act"] * mix.act
    # Bad files take turns, so that even a small platform has one of each.
    hows = iter(["truncated", "empty", "html"] * (mix.bad // 3 + 1))
    plans = [
        _plan(seed, number, kind, actions, next(hows) if kind == "bad" else "")
        for number, kind in enumerate(kinds)
    ]
    if is_hard:
        plans = [_hardened(plan) for plan in plans]
    sources = [k for k, plan in enumerate(plans) if plan.kind in {"act", "people"}]
    sources = [sources[k] for k in rng.permutation(len(sources))]
    for k in sources[mix.duplicate : mix.duplicate + mix.withdrawn]:
        plans[k] = replace(plans[k], withdrawn=True)
    plans += [
        _copy(seed, len(kinds) + number, plans[k])
        for number, k in enumerate(sources[: mix.duplicate])
    ]
    return [plans[k] for k in rng.permutation(len(plans))]


def _plan(seed: int, number: int, kind: str, actions: tuple[str, ...], how: str) -> PostPlan:
    rng = rng_for(seed, "post", number)
    tagged = actions[number % len(actions)]
    creator = int(rng.integers(NUM_PEOPLE))
    scenes, dissolves, action = _story(rng, f"{seed}-{number}", kind, tagged, actions, creator)
    return PostPlan(
        id=_id(rng, number),
        kind=kind,
        tags=_tags(rng, tagged),
        scenes=scenes,
        dissolves=dissolves,
        action=action,
        wrong_tag=kind in {"people", "nobody"},
        how=how,
        caption=str(rng.choice(CAPTIONS)) if rng.uniform() < 0.45 else "",
        crf=int(rng.integers(24, 28)),
        said=_said(rng, creator),
    )


def _hardened(plan: PostPlan) -> PostPlan:
    """Dim, shrink or cover what is seen, put dogs and patterns in, and dissolve more often."""
    scenes, dissolves = [], []
    for number, scene in enumerate(plan.scenes):
        rng = rng_for(scene.key, "hard")
        way = rng.uniform(size=4)
        trouble = Trouble(is_dark=bool(way[0] < 0.35))
        kind = scene.kind
        if kind == "person":
            near = scene.action != "pushups"
            is_covered = near and 0.65 < way[1] < 0.9
            trouble = Trouble(bool(way[0] < 0.35), bool(way[1] < 0.35), bool(is_covered))
        elif kind in {"landscape", "product"} and way[1] < 0.75:
            kind = "dog" if way[1] < 0.4 else "pattern"
        elif kind in {"title", "hands"}:
            trouble = Trouble()
        scenes.append(replace(scene, kind=kind, trouble=trouble))
        soft = 2 * int(5 + 6 * way[3]) if number and way[2] < 0.3 else 0
        dissolves.append(max(soft, plan.dissolves[number]))
    return replace(plan, scenes=tuple(scenes), dissolves=tuple(dissolves))


def _copy(seed: int, number: int, plan: PostPlan) -> PostPlan:
    """A near-duplicate: somebody else posts the same video, re-encoded and a little changed."""
    rng = rng_for(seed, "post", number)
    return replace(
        plan,
        id=_id(rng, number),
        kind="dup",
        tags=_tags(rng, plan.tags[0]) if rng.uniform() < 0.5 else plan.tags,
        duplicate_of=plan.id,
        mirrored=bool(rng.uniform() < 0.35),
        crop=float(rng.uniform(0.88, 0.94)) if rng.uniform() < 0.5 else 1.0,
        caption=str(rng.choice(CAPTIONS)) if rng.uniform() < 0.5 else plan.caption,
        crf=int(rng.integers(30, 34)),
        said=_said(rng, int(rng.integers(NUM_PEOPLE))),
    )


def _id(rng: np.random.Generator, number: int) -> str:
    # As on the platform: 19 digits. The number keeps ids apart.
    return str(7_000_000_000_000_000_000 + int(rng.integers(10**13)) * 10_000 + number % 10_000)


def _tags(rng: np.random.Generator, tagged: str) -> tuple[str, ...]:
    tags = [tagged]
    if rng.uniform() < 0.3:
        tags.append(tagged.rstrip("s") + "challenge")
    tags += [str(t) for t in rng.choice(_BROAD_TAGS, rng.integers(0, 2), replace=False)]
    tags += [str(t) for t in rng.choice(SPAM_TAGS, rng.integers(1, 4), replace=False)]
    order = rng.permutation(len(tags) - 1) + 1
    return (tags[0], *[tags[k] for k in order])


def _said(rng: np.random.Generator, creator: int) -> dict[str, Any]:
    views = int(10 ** rng.uniform(2.5, 6.5))
    return {
        "create_time": int(rng.integers(1_690_000_000, 1_750_000_000)),
        "region_code": str(rng.choice(_REGIONS)),
        "words": str(rng.choice(_WORDS)),
        "view_count": views,
        "like_count": int(views * rng.uniform(0.01, 0.2)),
        "comment_count": int(views * rng.uniform(0.0005, 0.01)),
        "share_count": int(views * rng.uniform(0.0005, 0.02)),
        "username": f"creator{creator:03d}",
        "claimed_s": int(rng.integers(4, 15)),
    }


def _story(
    rng: np.random.Generator, key: str, kind: str, tagged: str, actions: tuple[str, ...],
    creator: int,
) -> tuple[tuple[Scene, ...], tuple[int, ...], str | None]:  # fmt: skip
    """Choose the scenes, their lengths and how one turns into the next."""
    action = None
    if kind in {"act", "short", "long", "bad"}:
        action = tagged
    elif kind == "people" and rng.uniform() < 0.5 and len(actions) > 1:
        others = [other for other in actions if other != tagged]
        action = others[rng.integers(len(others))]
    bars = str(rng.choice(["", "", "", "", "blurred", "blurred", "black"]))
    shows = _shows(rng, kind)
    lengths = [int(rng.integers(38, 105)) for _ in shows]
    lengths = [n + 30 if show == "act" else n for n, show in zip(lengths, shows, strict=True)]
    lengths[-1] += max(0, 4 * FRAME_RATE + 2 - sum(lengths))
    if kind in {"short", "bad"}:
        lengths = [2 * FRAME_RATE]
    elif kind == "long":
        lengths = [int(rng.integers(330, 420)) for _ in shows]
    scenes, dissolves = [], []
    for number, (show, length) in enumerate(zip(shows, lengths, strict=True)):
        person = creator if rng.uniform() < 0.7 else int(rng.integers(NUM_PEOPLE))
        is_person = show in {"act", "talking"}
        scenes.append(
            Scene(
                key=f"{key}-{number}",
                kind="person" if is_person else show,
                num_frames=length,
                action=action if show == "act" and action else "talking",
                person=person,
                outfit=int(rng.integers(NUM_OUTFITS)),
                place=int(rng.integers(NUM_PLACES)),
                bars=bars if show != "title" else "",
            )
        )
        soft = number > 0 and rng.uniform() < 0.15
        dissolves.append(2 * int(rng.integers(5, 11)) if soft else 0)
    return tuple(scenes), tuple(dissolves), action if "act" in shows else None


def _shows(rng: np.random.Generator, kind: str) -> list[str]:
    fillers = ["landscape", "product", "title", "hands"]
    weights = [0.32, 0.27, 0.3, 0.11]
    if kind in {"short", "bad"}:
        return ["act"]
    if kind == "long":
        return ["title", "act", "title", "title", "title"]
    if kind == "nobody":
        return [str(s) for s in rng.choice(fillers, rng.integers(1, 4), p=weights)]
    shows = ["act"] if kind == "act" else [str(rng.choice(["act", "talking"]))]
    extra = int(rng.choice([0, 1, 2, 3], p=[0.4, 0.3, 0.2, 0.1]))
    for _ in range(extra):
        filler = str(rng.choice(fillers, p=weights))
        shows.append(str(rng.choice([filler, filler, shows[0], "talking"])))
    return [shows[k] for k in rng.permutation(len(shows))]


def post_line(plan: PostPlan) -> dict[str, Any]:
    """What the platform's export says about a post."""
    said = plan.said
    counts = ("view_count", "like_count", "comment_count", "share_count", "username")
    duration = said["claimed_s"] if plan.kind == "bad" else round(plan.num_frames / FRAME_RATE)
    return {
        "id": plan.id,
        "create_time": said["create_time"],
        "region_code": said["region_code"],
        "video_description": " ".join([said["words"], *(f"#{tag}" for tag in plan.tags)]),
        "hashtag_names": list(plan.tags),
        "video_duration": duration,
        **{name: said[name] for name in counts},
        "file": f"videos/{plan.id}.mp4",
    }


def truth_of(plan: PostPlan) -> dict[str, Any]:
    """What is really in a post."""
    truth: dict[str, Any] = {"kind": plan.kind, "readable": plan.kind != "bad", "scenes": []}
    if plan.kind == "bad":
        return truth | {"how": plan.how}
    start = 0
    for scene, dissolve in zip(plan.scenes, plan.dissolves, strict=True):
        end = start + scene.num_frames
        is_act = scene.kind == "person" and scene.action != "talking"
        line: dict[str, Any] = {
            "start_s": round(start / FRAME_RATE, 2),
            "end_s": round(end / FRAME_RATE, 2),
            "who": scene.who,
            "action": scene.action if is_act else None,
            "source": rng_for(scene.key).bytes(6).hex(),
        }
        if scene.kind == "hands":
            line["hands"] = True
        if scene.trouble.label:
            line["trouble"] = scene.trouble.label
        if scene.kind in {"dog", "pattern"}:
            line["shows"] = scene.kind
        if dissolve:
            line["transition"] = "dissolve"
            line["transition_start_s"] = round((start - dissolve // 2) / FRAME_RATE, 2)
            line["transition_end_s"] = round((start + dissolve // 2) / FRAME_RATE, 2)
        truth["scenes"].append(line)
        start = end
    if plan.duplicate_of:
        truth |= {"duplicate_of": plan.duplicate_of, "mirrored": plan.mirrored}
    if plan.wrong_tag:
        truth["wrong_tag"] = True
    if plan.withdrawn:
        truth["withdrawn"] = True
    return truth | {"action": plan.action}
