"""Count candidate tags in posts already at hand, and keep those with enough evidence."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field

from hashtag2action.config import Config, dump, key_of
from hashtag2action.errors import ConfigError
from hashtag2action.hashtags.seeds import Vocabulary, seed_tags
from hashtag2action.manifest import Manifest
from hashtag2action.records import HASHTAG, REJECT_REASON
from hashtag2action.sources.archive import Archive

OnProgress = Callable[[str, int, int], None]
"""Called with a stage's name, rows done and rows in all."""


class MineConfig(Config):
    """From a vocabulary of actions to the hashtags worth collecting."""

    source: Archive
    """Posts to count in."""
    vocabularies: tuple[Vocabulary, ...] = ("ucf101", "hmdb51", "kinetics400")
    """Class lists whose names become candidate tags."""
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Action groups of one's own: group -> further tags."""
    min_posts: Annotated[int, Field(ge=1)] = 3
    """Fewest posts that must carry a tag (chosen: below it nothing can be said of a tag)."""
    min_creators: Annotated[int, Field(ge=1)] = 2
    """Fewest creators: the reach of a single one says nothing about an action."""
    min_views: Annotated[int, Field(ge=0)] = 0
    """Fewest views of all posts with the tag. The paper asks for 5,000,000 per tag on the whole
    platform; an archive holds a sample of it, so the default asks for none."""


@dataclass
class _Evidence:
    num_posts: int = 0
    num_views: int = 0
    creators: set[str] = field(default_factory=set)
    regions: set[str] = field(default_factory=set)


def mine(config: MineConfig, out: Path, progress: OnProgress) -> Manifest:
    """Write the hashtags manifest: kept and rejected tags, each with its evidence and reason.

    Raises:
        ConfigError: There is no candidate tag.
        SourceError: The posts cannot be read.
        ManifestError: The folder was made with another configuration.
    """
    seeds = seed_tags(config.vocabularies, config.groups)
    if not seeds:
        raise ConfigError("no candidate tags: give vocabularies or groups")
    manifest = Manifest(out / "01-mine_hashtags")
    settings = config.key_fields()
    manifest.begin("mine_hashtags", key_of("mine_hashtags", settings), "", settings)
    if manifest.is_finished:
        return manifest
    dump(config, out / "config.yaml")
    evidence = {tag: _Evidence() for tag in seeds}
    num_posts = 0
    for table in config.source.tables(out / "source", 1000, progress):
        for post in table.to_pylist():
            _count(post, evidence)
        num_posts += table.num_rows
        progress("mine_hashtags", num_posts, num_posts)
    rows = [_row(tag, *seeds[tag], found) for tag, found in evidence.items()]
    rows.sort(key=lambda row: (-row["num_posts"], row["hashtag"]))
    reasons = [_reason(row, config) for row in rows]
    table = pa.Table.from_pylist(rows, schema=HASHTAG)
    table = table.append_column(REJECT_REASON, pa.array(reasons, pa.string()))
    keep = pa.array([reason is None for reason in reasons], pa.bool_())
    drop = pa.array([reason is not None for reason in reasons], pa.bool_())
    kept = table.filter(keep).drop_columns([REJECT_REASON.name])
    manifest.write_part("part-00000", kept, table.filter(drop))
    manifest.finish(len(rows))
    return manifest


def mined_hashtags(run: Path) -> tuple[str, ...]:
    """Return the kept tags of a mining run, the most used first."""
    return tuple(
        Manifest(run / "01-mine_hashtags").read(columns=["hashtag"])["hashtag"].to_pylist()
    )


def _count(post: dict[str, Any], evidence: dict[str, _Evidence]) -> None:
    if post["reject_reason"] is not None:
        return
    for tag in set(post["hashtags"] or ()) & evidence.keys():
        found = evidence[tag]
        found.num_posts += 1
        found.num_views += post["num_views"] or 0
        found.creators.add(post["creator"] or "")
        found.regions.add(post["region"] or "")


def _row(tag: str, group: str, origin: str, found: _Evidence) -> dict[str, Any]:
    return {
        "hashtag": tag,
        "action_group": group,
        "origin": origin,
        "num_posts": found.num_posts,
        "num_creators": len(found.creators - {""}),
        "num_views": found.num_views,
        "num_regions": len(found.regions - {""}),
    }


def _reason(row: dict[str, Any], config: MineConfig) -> str | None:
    if row["num_posts"] < config.min_posts:
        return "too_few_posts"
    if row["num_creators"] < config.min_creators:
        return "too_few_creators"
    if row["num_views"] < config.min_views:
        return "too_few_views"
    return None
