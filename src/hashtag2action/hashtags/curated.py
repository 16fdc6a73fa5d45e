"""What curation says of gathered posts: the verdicts that the loop learns from."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from hashtag2action.hashtags.loop import Judge
from hashtag2action.manifest import Manifest, find_stage, stage_folders


def verdicts_of(runs: Sequence[Path]) -> dict[str, bool]:
    """Return post -> whether a clip of it was kept, for every post whose video was fetched.

    What the last finished stage of a run kept has survived: persons, duplicates and all.

    Raises:
        ManifestError: A folder is no curation run, or its posts were not fetched yet.
    """
    verdicts: dict[str, bool] = {}
    for run in runs:
        fetched = _ids(find_stage(run, "fetch_videos"))
        last = [Manifest(folder) for folder in stage_folders(run)]
        finished = [stage for stage in last if stage.is_finished]
        survived = set(_ids(finished[-1])) if finished else set()
        for post in fetched:
            verdicts[post] = verdicts.get(post, False) or post in survived
    return verdicts


def judge_by(runs: Sequence[Path]) -> Judge:
    """Return a judge that answers from curation runs; posts they did not fetch stay unjudged."""
    known = verdicts_of(runs)

    def judge(number: int, posts: Sequence[str]) -> Mapping[str, bool]:
        return {post: known[post] for post in posts if post in known}

    return judge


def _ids(manifest: Manifest) -> list[str]:
    table: pa.Table = manifest.read(columns=["post_id"])
    return table["post_id"].to_pylist()
