from datetime import UTC, datetime

import numpy as np
import pytest

from hashtag2action.sources.simulated_answers import PlatformIndex, RefusedError
from hashtag2action.sources.simulated_platform import (
    MIN_CREATORS,
    MIN_PURITY,
    MIN_VIEWS,
    REGIONS,
    SimulatedPlatform,
)
from hashtag2action.sources.simulated_posts import simulate
from hashtag2action.sources.simulated_server import CLIENT_KEY, CLIENT_SECRET, SimulatedServer


def test_equal_seeds_give_equal_platforms_and_others_do_not() -> None:
    def draw(seed: int) -> tuple:
        platform = simulate(seed, num_posts=3_000, num_tags=600, num_days=30)
        arrays = [*vars(platform.posts).values(), platform.post_tags, platform.tag_posts]
        return platform.tags, [array.tobytes() for array in arrays]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_every_kind_is_planted_and_does_what_it_says(platform: SimulatedPlatform) -> None:
    truth = platform.truth()
    kinds: dict[str, list] = {}
    for tag in truth:
        kinds.setdefault(tag.kind, []).append(tag)
    assert len(truth) == 600
    assert {tag.hashtag for tag in truth} == set(platform.tags)
    assert all(tag.num_creators == 1 for tag in kinds["single_creator"] if tag.num_posts)
    assert all(tag.purity == 0 for tag in kinds["decoy"])
    assert all(tag.purity < 0.2 for tag in kinds["spam"])
    assert max(tag.num_posts for tag in kinds["generic"]) > 0.4 * len(platform.posts.group)
    purities = [tag.purity for tag in kinds["action"] if tag.num_posts > 50]
    assert min(purities) < 0.35
    assert max(purities) > 0.7
    assert {tag.passes for tag in kinds["action"]} == {True, False}
    for tag in truth:
        if tag.passes:
            assert tag.kind in {"action", "synonym", "regional"}
            assert tag.head in platform.tags
            assert tag.num_views >= MIN_VIEWS
            assert tag.num_creators >= MIN_CREATORS
            assert tag.purity >= MIN_PURITY


def test_regional_tags_stay_in_their_region(platform: SimulatedPlatform) -> None:
    regional = [tag for tag, kind in enumerate(platform.kinds) if kind == "regional"]
    for tag in regional:
        assert len(np.unique(platform.posts.region[platform.posts_of(tag)])) <= 1


def test_both_directions_of_tags_and_posts_agree(platform: SimulatedPlatform) -> None:
    for post in range(0, len(platform.posts.group), 997):
        for tag in platform.tags_of(post):
            assert post in platform.posts_of(platform.tags.index(tag))
    assert len(platform.post_tags) == len(platform.tag_posts)


def test_unique_usable_counts_repeated_clips_once(platform: SimulatedPlatform) -> None:
    posts = platform.posts
    ids = [str(post_id) for post_id in posts.ids(np.arange(len(posts.group)))]
    count = platform.num_unique_usable(ids)
    assert count == platform.num_unique_usable([*ids, *ids])
    assert count < platform.is_usable(ids).sum() == posts.is_usable.sum()


def test_queries_find_what_a_plain_loop_finds(platform: SimulatedPlatform) -> None:
    index = PlatformIndex(platform)
    tags = [
        tag for tag, kind in zip(platform.tags, platform.kinds, strict=True) if kind == "action"
    ]

    def condition(operation: str, name: str, *values: str) -> dict:
        return {"operation": operation, "field_name": name, "field_values": values}

    since = condition("GTE", "create_date", "20260105")
    query = {
        "and": [condition("IN", "hashtag_name", *tags[:40]), since],
        "or": [condition("EQ", "region_code", "BR"), condition("EQ", "video_length", "SHORT")],
        "not": [condition("EQ", "hashtag_name", tags[0])],
    }  # fmt: skip
    body = {"query": query, "start_date": "20260101", "end_date": "20260120"}
    found = index.search(index.question(body)).tolist()
    expected = []
    for post in range(len(platform.posts.group)):
        day = datetime.fromtimestamp(int(platform.posts.created_unix_s[post]), UTC).date()
        carried = set(platform.tags_of(post))
        is_brazil = REGIONS[int(platform.posts.region[post])] == "BR"
        if (
            5 <= day.day <= 20
            and day.month == 1
            and carried & set(tags[:40])
            and tags[0] not in carried
            and (is_brazil or platform.posts.duration_s[post] < 15)
        ):
            expected.append(post)
    assert expected
    assert found == expected[::-1]


@pytest.mark.parametrize(
    "change",
    [
        {
            "query": {
                "and": [{"operation": "EQ", "field_name": "view_count", "field_values": ["1"]}]
            }
        },
        {"query": None},
        {"start_date": "yesterday"},
        {"end_date": "20260301"},
        {"max_count": 101},
        {"cursor": -1},
    ],
)
def test_question_the_platform_does_not_know_is_refused(
    platform: SimulatedPlatform, change: dict
) -> None:
    tag = {"operation": "EQ", "field_name": "hashtag_name", "field_values": ["yoga"]}
    body = {"query": {"and": [tag]}, "start_date": "20260101", "end_date": "20260120"}
    index = PlatformIndex(platform)
    index.question(body)
    with pytest.raises(RefusedError) as refused:
        index.question(body | change)
    assert refused.value.status == 400


def test_server_wants_its_token_and_counts_what_it_delivers_twice(
    platform: SimulatedPlatform,
) -> None:
    server = SimulatedServer(PlatformIndex(platform))
    form = {"client_key": [CLIENT_KEY], "client_secret": [CLIENT_SECRET]}
    assert server.token(form)[0] == 401
    status, answer = server.token({**form, "grant_type": ["client_credentials"]})
    assert status == 200
    tag = {"operation": "EQ", "field_name": "hashtag_name", "field_values": ["yoga"]}
    body = {"query": {"and": [tag]}, "start_date": "20260101", "end_date": "20260120"}
    refused = server.videos("clt.wrong", body, lambda: False)
    assert refused is not None
    assert refused[0] == 401
    assert server.videos(answer["access_token"], body, lambda: True) is None
    assert server.ledger.num_paid == 0
    for count in range(2):
        server.videos(answer["access_token"], body, lambda: False)
        assert (server.ledger.num_paid, server.ledger.num_repeated) == (count + 1, count)
