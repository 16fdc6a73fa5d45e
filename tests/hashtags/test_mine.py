import json
from pathlib import Path

import pytest

from hashtag2action.errors import ConfigError, ManifestError, SourceError
from hashtag2action.hashtags.mine import MineConfig, mine, mined_hashtags
from hashtag2action.sources.archive import Archive


def posts(folder: Path) -> Archive:
    rows = []
    for number in range(12):
        tags = ["fyp", "pushups"] if number < 6 else ["boxing"]
        creator = f"u{number}" if number < 6 else "one"
        rows.append(
            {"id": str(number), "hashtag_names": tags, "view_count": 10, "username": creator}
        )
    path = folder / "posts.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return Archive(posts=path)


def quiet(stage: str, done: int, total: int) -> None:
    pass


def test_tags_are_kept_by_their_evidence_and_rejected_with_a_reason(tmp_path: Path) -> None:
    config = MineConfig(source=posts(tmp_path), groups={"boxing": ()})
    manifest = mine(config, tmp_path / "out", quiet)
    kept = manifest.read().to_pylist()
    assert [row["hashtag"] for row in kept] == ["pushups"]
    assert kept[0]["num_posts"] == 6
    assert kept[0]["num_creators"] == 6
    assert kept[0]["num_views"] == 60
    reasons = {
        row["hashtag"]: row["reject_reason"] for row in manifest.read("rejected").to_pylist()
    }
    assert reasons["boxing"] == "too_few_creators"
    assert reasons["archery"] == "too_few_posts"
    assert mined_hashtags(tmp_path / "out") == ("pushups",)


def test_mining_again_changes_nothing_and_other_settings_are_refused(tmp_path: Path) -> None:
    config = MineConfig(source=posts(tmp_path))
    first = mine(config, tmp_path / "out", quiet).read()
    assert mine(config, tmp_path / "out", quiet).read().equals(first)
    with pytest.raises(ManifestError, match="min_posts was 3, is now 5"):
        mine(config.model_copy(update={"min_posts": 5}), tmp_path / "out", quiet)


def test_tags_of_a_run_that_did_not_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="expected a finished run of h2a mine"):
        mined_hashtags(tmp_path)
    mine(MineConfig(source=posts(tmp_path)), tmp_path / "out", quiet)
    (tmp_path / "out" / "01-mine_hashtags" / "receipt.json").unlink()
    with pytest.raises(ManifestError, match="expected a finished run of h2a mine"):
        mined_hashtags(tmp_path / "out")


def test_no_candidates_is_a_wrong_recipe(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no candidate tags"):
        mine(MineConfig(source=posts(tmp_path), vocabularies=()), tmp_path / "out", quiet)


def test_tags_of_real_shorts_are_found(shared, tmp_path: Path) -> None:
    config = MineConfig(source=Archive(posts=shared("data/shorts/posts.jsonl")))
    mine(config, tmp_path, quiet)
    assert {"babycrawling", "pushups"} <= set(mined_hashtags(tmp_path))


def test_a_mistyped_source_does_not_refuse_the_right_one(tmp_path: Path) -> None:
    mistyped = MineConfig(source=Archive(posts=tmp_path / "gone.jsonl"))
    with pytest.raises(SourceError, match=r"gone\.jsonl: no such file"):
        mine(mistyped, tmp_path / "out", quiet)
    assert mine(MineConfig(source=posts(tmp_path)), tmp_path / "out", quiet).is_finished
