import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from hashtag2action.hashtags.budget import Budget
from hashtag2action.hashtags.mine import MineConfig, mine
from hashtag2action.manifest import Manifest
from hashtag2action.sources.research_api import ResearchApi
from hashtag2action.sources.simulated_answers import PlatformIndex
from hashtag2action.sources.simulated_platform import HEADS, SimulatedPlatform
from hashtag2action.sources.simulated_posts import simulate
from hashtag2action.sources.simulated_server import (
    CLIENT_KEY,
    CLIENT_SECRET,
    Faults,
    SimulatedServer,
    serve,
)

HEADS_HERE = HEADS[:20]


@pytest.fixture(scope="module")
def world() -> SimulatedPlatform:
    return simulate(seed=4, num_posts=20_000, num_tags=300, num_days=60, heads=HEADS_HERE)


class StoppedError(RuntimeError):
    pass


def run(world: SimulatedPlatform, url: str, out: Path, stop_after: int = 10_000) -> Manifest:
    config = MineConfig(
        source=ResearchApi(base_url=url),
        vocabularies=(),
        groups=dict.fromkeys(HEADS_HERE, ()),
        use_shipped_taxonomy=False,
        min_creators=10,
        generic_creators=10,
        min_views=1_000_000,
        budget=Budget(
            num_requests=80,
            first_day=world.start_day,
            last_day=world.start_day + timedelta(days=59),
        ),
    )

    def judge(number: int, posts: Sequence[str]) -> dict[str, bool]:
        if number >= stop_after:
            raise StoppedError
        found = world.is_usable(posts) if posts else []
        return {post: bool(hit) for post, hit in zip(posts, found, strict=True)}

    return mine(config, out, lambda stage, done, total: None, judge)


def test_a_platform_is_mined_and_a_stopped_run_goes_on(
    world: SimulatedPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOK_CLIENT_KEY", CLIENT_KEY)
    monkeypatch.setenv("TIKTOK_CLIENT_SECRET", CLIENT_SECRET)
    faults = Faults(server_error=0.03, short_page=0.1, bad_search_id=0.02)
    server = SimulatedServer(PlatformIndex(world), faults)
    with serve(server) as url:
        whole = run(world, url, tmp_path / "whole")
    stopped = SimulatedServer(PlatformIndex(world), faults)
    with serve(stopped) as url:
        with pytest.raises(StoppedError):
            run(world, url, tmp_path / "stopped", stop_after=3)
        again = run(world, url, tmp_path / "stopped")
    assert stopped.ledger.num_repeated == 0
    assert stopped.ledger.num_paid == server.ledger.num_paid
    assert again.read().equals(whole.read())
    assert again.read("rejected").equals(whole.read("rejected"))

    truth = {found.hashtag: found for found in world.truth()}
    kept = set(whole.read(columns=["hashtag"])["hashtag"].to_pylist())
    assert len(kept) >= 5
    wrong = [tag for tag in kept if truth[tag].kind not in {"action", "synonym", "regional"}]
    assert not wrong
    reasons = {row["hashtag"]: row["reject_reason"] for row in whole.read("rejected").to_pylist()}
    most_used = max(
        (found for found in truth.values() if found.kind == "generic"),
        key=lambda found: found.num_posts,
    )
    assert reasons[most_used.hashtag] == "generic"
    report = json.loads((tmp_path / "whole" / "mining.json").read_text())
    assert sum(done["num_requests"] for done in report["rounds"]) == report["num_requests"]
    posts = Manifest(tmp_path / "whole" / "00-posts").read()
    assert posts.num_rows == report["num_posts"]


def test_a_platform_needs_a_budget() -> None:
    with pytest.raises(ValueError, match="within a budget"):
        MineConfig(source=ResearchApi())
