"""Every figure claimed for mining: a simulated platform, the paper's visible tags, real metadata.

    python -m benchmarks.mining --out runs/bench-mining [--shared ../shared] [--only NAME]

What is measured stays in the folder and is not measured again. Ends in a table of figure, value,
bar and `ok` or `short`; exits 1 if a figure falls short, 2 if one could not be measured.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np

import hashtag2action
from benchmarks.figures import Figure, Part, key_of_code, measure, show
from hashtag2action.hashtags.arms import windows
from hashtag2action.hashtags.budget import Budget
from hashtag2action.hashtags.mine import MineConfig, mine
from hashtag2action.hashtags.seeds import candidates
from hashtag2action.manifest import Manifest
from hashtag2action.sources.archive import Archive
from hashtag2action.sources.query import MAX_DAYS, QueryCell
from hashtag2action.sources.research_api import ResearchApi
from hashtag2action.sources.simulated_answers import PlatformIndex
from hashtag2action.sources.simulated_platform import (
    HEADS,
    MIN_CREATORS,
    UNUSED,
    SimulatedPlatform,
)
from hashtag2action.sources.simulated_posts import simulate
from hashtag2action.sources.simulated_server import (
    CLIENT_KEY,
    CLIENT_SECRET,
    ROUGH,
    SimulatedServer,
    serve,
)

SEEDS = (21, 22, 23)
"""Platforms measured; none of them was looked at while the loop was written."""
NUM_REQUESTS = 1_000
RESERVE = 8
"""Requests of the day kept back: a page may take several when the server fails."""
VOCABULARY = (*HEADS, *UNUSED)
"""What a run begins with: names of actions, not known to be used, liked or pure."""
FIGHTING_GENERIC = ("fyp", "foryou", "viral", "xuhuong")
GROUPS = {
    "fitness": ("gym", "workout", "bodybuilding", "pushups", "squats", "deadlift", "exercise"),
    "dance": ("dancing", "dancer", "choreography", "dancechallenge", "shuffle", "hiphop"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/bench-mining"))
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--only", default="")
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    parser.add_argument("--child", nargs=3, metavar=("SEED", "URL", "OUT"))
    given = parser.parse_args()
    if given.child:
        seed, url, out = given.child
        run_mining(simulate(int(seed)), int(seed), url, Path(out))
        return 0
    parts: list[Part] = [
        *(
            (f"simulated-{seed}", lambda out, seed=seed: simulated(seed, out))
            for seed in given.seeds
        ),
        ("killed", killed),
        ("statistics", statistics),
        ("forms", lambda out: forms(given.shared)),
        ("real", lambda out: real(given.shared, out)),
    ]
    return show(measure(given.out / code_key(), parts, given.only))


def code_key() -> str:
    """Return a key of the code that is measured: other code is measured anew."""
    package = Path(hashtag2action.__file__).parent
    files = [Path(__file__), Path(__file__).with_name("tag_statistics.py")]
    for room in ("hashtags", "sources"):
        files += sorted((package / room).rglob("*.[pty]*"))
    return key_of_code([file for file in files if file.suffix != ".pyc"])


def recipe(platform: SimulatedPlatform, seed: int, url: str) -> MineConfig:
    """Return the recipe of a simulated run: the heads as the vocabulary, the paper's threshold."""
    last_day = platform.start_day + timedelta(days=platform.num_days - 1)
    return MineConfig(
        source=ResearchApi(base_url=url, daily_requests=NUM_REQUESTS),
        vocabularies=(),
        groups=dict.fromkeys(VOCABULARY, ()),
        use_shipped_taxonomy=False,
        min_creators=MIN_CREATORS,
        budget=Budget(
            num_requests=NUM_REQUESTS - RESERVE,
            first_day=platform.start_day,
            last_day=last_day,
            seed=seed,
        ),
    )


def run_mining(platform: SimulatedPlatform, seed: int, url: str, out: Path) -> Manifest:
    """Mine a served platform; what would be curated is told of a sample of each page."""
    os.environ["TIKTOK_CLIENT_KEY"] = CLIENT_KEY
    os.environ["TIKTOK_CLIENT_SECRET"] = CLIENT_SECRET

    def judge(number: int, posts: Sequence[str]) -> dict[str, bool]:
        found = platform.is_usable(posts) if posts else []
        return {post: bool(hit) for post, hit in zip(posts, found, strict=True)}

    return mine(recipe(platform, seed, url), out, lambda name, done, total: None, judge)


def simulated(seed: int, out: Path) -> list[Figure]:
    """Measure one platform: tags found, and clips against two static selections."""
    platform = simulate(seed)
    server = SimulatedServer(PlatformIndex(platform, seed), ROUGH, NUM_REQUESTS)
    with serve(server) as url:
        manifest = run_mining(platform, seed, url, out)
    truth = {found.hashtag: found for found in platform.truth()}
    passing = {name for name, found in truth.items() if found.passes}
    kept = set(manifest.read(columns=["hashtag"])["hashtag"].to_pylist())
    precision, recall = len(kept & passing) / max(len(kept), 1), len(kept & passing) / len(passing)
    posts = Manifest(out / "00-posts").read(columns=["post_id"])["post_id"].to_pylist()
    ours = platform.num_unique_usable(posts)
    seen = {
        "even": list(VOCABULARY),
        "used": list(HEADS),
        "views": [head for head in HEADS if truth[head].num_views >= 5_000_000],
        "all": [head for head in HEADS if head in passing],
    }
    static = {
        name: static_clips(platform, seed, tags, out / f"static-{name}")
        for name, tags in seen.items()
    }
    bound = greedy_clips(platform)
    # No selection can know before it collects how pure a tag is: shown, not a bar.
    pure = f"{ours} / {static['all']} = {ours / static['all']:.2f}"
    alive = f"{ours} / {static['used']} = {ours / static['used']:.2f}"
    name, paid, again = f"platform {seed}", server.ledger.num_paid, server.ledger.num_repeated
    found_shown, right_shown = f"{recall:.3f} of {len(passing)}", f"{precision:.3f} of {len(kept)}"
    bound_shown = f"{bound} / {static['even']} = {bound / static['even']:.2f}"
    return [
        Figure(f"{name}: planted tags found", found_shown, ">= 0.9", recall >= 0.9),
        Figure(f"{name}: precision", right_shown, ">= 0.95", precision >= 0.95),
        Figure(f"{name}: requests paid", str(paid), f"<= {NUM_REQUESTS}", paid <= NUM_REQUESTS),
        Figure(f"{name}: pages paid twice", str(again), "0", again == 0),
        _ratio(f"{name}: clips / static list, even", ours, static["even"], 1.8),
        _ratio(f"{name}: clips / static, views known", ours, static["views"], 1.0),
        Figure(f"{name}: clips / static, purity known, too", pure, "shown", True),
        Figure(f"{name}: clips / static, names known to be used", alive, "shown", True),
        Figure(f"{name}: greedy with the truth / static list", bound_shown, "shown", True),
    ]


def _ratio(name: str, ours: int, theirs: int, bar: float) -> Figure:
    return Figure(
        name, f"{ours} / {theirs} = {ours / theirs:.2f}", f">= {bar}", ours >= bar * theirs
    )


def static_clips(platform: SimulatedPlatform, seed: int, tags: Sequence[str], out: Path) -> int:
    """Spread the budget evenly over tags, newest windows first, and count unique usable posts.

    The same client, the same faults and the same number of requests as the adaptive run; what a
    tag that is read to its end does not need goes evenly to the others.
    """
    last_day = platform.start_day + timedelta(days=platform.num_days - 1)
    spans = windows(platform.start_day, last_day, MAX_DAYS)
    cells = {tag: [QueryCell(tag, None, start, end) for start, end in spans] for tag in tags}
    posts: set[str] = set()
    left = NUM_REQUESTS - RESERVE
    server = SimulatedServer(PlatformIndex(platform, seed), ROUGH, 2 * NUM_REQUESTS)
    with serve(server) as url:
        source = ResearchApi(base_url=url, daily_requests=2 * NUM_REQUESTS)
        with source.open(out) as search:
            while left > 0 and any(cells.values()):
                for waiting in cells.values():
                    if not waiting or left <= 0:
                        continue
                    cell = waiting.pop(0)
                    page = search.next_page(cell)
                    left -= page.cost
                    posts.update(row["post_id"] for row in page.rows)
                    if not page.is_last:
                        waiting.append(cell)
    return platform.num_unique_usable(sorted(posts))


def greedy_clips(platform: SimulatedPlatform) -> int:
    """Count what full pages give when the truth is known: the purest tags, one after the other.

    No faults, no exploration: a bound that shows how much of a bar the platform allows.
    """
    own = [found for found in platform.truth() if found.head is not None and found.num_posts > 100]
    is_taken = np.zeros(len(platform.posts.group), bool)
    left = NUM_REQUESTS
    for found in sorted(own, key=lambda found: -found.purity):
        posts = platform.posts_of(platform.tags.index(found.hashtag))
        if is_taken[posts].mean() > 0.5:
            continue
        posts = posts[: 100 * left]
        left -= -(-len(posts) // 100)
        is_taken[posts] = True
        if left <= 0:
            break
    ids = platform.posts.ids(np.flatnonzero(is_taken))
    return platform.num_unique_usable([str(post) for post in ids])


def killed(out: Path) -> list[Figure]:
    """Kill a run at a random request, go on, and compare with a run that was never stopped."""
    seed = SEEDS[0]
    platform = simulate(seed)
    stop_at = random.Random(seed).randrange(100, 900)
    child: subprocess.Popen[bytes] | None = None

    def on_request(number: int) -> None:
        if number == stop_at and child is not None:
            # Wait until it is gone, or the answer on its way would count as delivered.
            child.send_signal(signal.SIGKILL)
            child.wait()

    server = SimulatedServer(
        PlatformIndex(platform, seed), ROUGH, NUM_REQUESTS, on_request=on_request
    )
    with serve(server) as url:
        command = [
            sys.executable,
            "-m",
            "benchmarks.mining",
            "--child",
            str(seed),
            url,
            str(out / "killed"),
        ]
        child = subprocess.Popen(command)
        code = child.wait()
        was_killed = code == -signal.SIGKILL
        child = None
        subprocess.run(command, check=True)
    whole = out.parent / f"simulated-{seed}" / "01-mine_hashtags"
    again = out / "killed" / "01-mine_hashtags"
    same = _tables(whole) == _tables(again)
    ledger = server.ledger
    return [
        Figure("killed at a request, then continued", f"request {stop_at}", "killed", was_killed),
        Figure("same hashtags manifest", str(same).lower(), "true", same),
        Figure("pages paid twice", str(ledger.num_repeated), "0", ledger.num_repeated == 0),
    ]


def _tables(folder: Path) -> list[dict]:
    return [*Manifest(folder).read().to_pylist(), *Manifest(folder).read("rejected").to_pylist()]


def statistics(out: Path) -> list[Figure]:
    """Run the benchmark of tag statistics in a process of its own, for its memory."""
    script = Path(__file__).with_name("tag_statistics.py")
    command = [sys.executable, str(script), "--out", str(out), "--json"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = json.loads(text.splitlines()[-1])
    return [Figure(**values) for values in found]


def forms(shared: Path) -> list[Figure]:
    """Count the paper's visible tags that the class lists give, and print their principles."""
    text = (shared / "labels" / "h2a_hashtags_first89.txt").read_text(encoding="utf-8")
    listed = [tag.lstrip("#") for tag in text.split()]
    found = candidates(["ucf101", "hmdb51", "kinetics400"], {}, {})
    hits = [tag for tag in listed if tag in found]
    for tag in hits:
        print(f"  {tag}: {', '.join(found[tag].principles)} ({found[tag].origin})")
    return [
        Figure("visible tags of the paper proposed", f"{len(hits)} of {len(listed)}", "shown", True)
    ]


def real(shared: Path, out: Path) -> list[Figure]:
    """Mine the real metadata for two groups; generic tags must leave by their numbers."""
    figures = []
    rejected: dict[str, set[str]] = {}
    for name, source in real_sources(shared / "data" / "metadata").items():
        config = MineConfig(
            source=source, vocabularies=(), groups=GROUPS, find_companions=True, min_creators=2
        )
        manifest = mine(config, out / name, lambda stage, done, total: None)
        kept = manifest.read().to_pylist()
        for group in GROUPS:
            tags = [row["hashtag"] for row in kept if row["action_group"] == group]
            figures.append(Figure(f"{name}: {group} tags kept", str(len(tags)), "shown", True))
        for row in manifest.read("rejected").to_pylist():
            rejected.setdefault(row["hashtag"], set()).add(row["reject_reason"])
        for row in kept:
            rejected.setdefault(row["hashtag"], set()).add("kept")
    for tag in FIGHTING_GENERIC:
        reasons = ", ".join(sorted(rejected.get(tag, {"absent"})))
        figures.append(
            Figure(f"#{tag}", reasons, "generic", "generic" in reasons and "kept" not in reasons)
        )
    return figures


def real_sources(folder: Path) -> dict[str, Archive]:
    import yaml

    recipes = Path(__file__).parents[1] / "recipes" / "mine"
    files = {
        "trending_2020": "trending_2020.jsonl",
        "creators_2020": "creators_2020.csv",
        "vietnam_2025": "vietnam_2025.csv",
    }
    found = {}
    for name, file in files.items():
        values = yaml.safe_load((recipes / f"{name}.yaml").read_text(encoding="utf-8"))["source"]
        found[name] = Archive.model_validate({**values, "posts": folder / file})
    return found


if __name__ == "__main__":
    sys.exit(main())
