from pathlib import Path

import pyarrow as pa
import pytest

from hashtag2action.errors import ManifestError
from hashtag2action.hashtags.curated import judge_by, verdicts_of
from hashtag2action.manifest import Manifest
from hashtag2action.records import REJECT_REASON


def stage(run: Path, name: str, posts: list[str]) -> None:
    manifest = Manifest(run / name)
    manifest.begin(name.partition("-")[2], name, "", {})
    kept = pa.table({"post_id": posts, "hashtags": [["gym", post] for post in posts]})
    rejected = kept.slice(0, 0).append_column(REJECT_REASON, pa.nulls(0, pa.string()))
    manifest.write_part("part-00000", kept, rejected)
    manifest.finish(len(posts))


def test_a_post_survives_when_one_of_its_clips_does(tmp_path: Path) -> None:
    stage(tmp_path, "02-fetch_videos", ["a", "b", "c"])
    stage(tmp_path, "05-deduplicate", ["a", "a"])
    assert verdicts_of([tmp_path]) == {"a": True, "b": False, "c": False}
    assert judge_by([tmp_path])(0, ["b", "never"]) == {"b": False}


def test_a_folder_without_a_curation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="not a curation run"):
        verdicts_of([tmp_path])
