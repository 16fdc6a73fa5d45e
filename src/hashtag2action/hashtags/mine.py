"""From a vocabulary of actions to the hashtags worth collecting: the recipe and its two ways.

An archive of posts at hand is counted (`counted`); a platform that can be searched is asked round
by round, as long as the budget lasts (`live`). Both end in a hashtags manifest, kept and rejected,
each tag with its evidence and the rejected ones with a reason.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from hashtag2action.config import dump, key_of
from hashtag2action.errors import ConfigError, ManifestError, SourceError
from hashtag2action.hashtags.budget import Budget
from hashtag2action.hashtags.counted import OnProgress, Wanted, count_archive
from hashtag2action.hashtags.curated import judge_by
from hashtag2action.hashtags.forms import Candidate, shipped_sensitive, shipped_taxonomy
from hashtag2action.hashtags.live import search_platform
from hashtag2action.hashtags.loop import Judge
from hashtag2action.hashtags.seeds import Vocabulary, candidates
from hashtag2action.hashtags.verdicts import Thresholds
from hashtag2action.manifest import Manifest
from hashtag2action.sources.archive import Archive
from hashtag2action.sources.base import normalize_hashtag
from hashtag2action.sources.research_api import ResearchApi
from hashtag2action.sources.youtube import YouTube

PAPER_MIN_VIEWS = 5_000_000
"""Views a tag needs on the whole platform. Source: the Hashtag2Action paper."""


class MineConfig(Thresholds):
    """From a vocabulary of actions to the hashtags worth collecting."""

    runtime_fields: ClassVar[tuple[str, ...]] = ("curations",)

    source: Annotated[Archive | ResearchApi | YouTube, Field(discriminator="kind")]
    """Posts to count in, or a platform to ask."""
    vocabularies: tuple[Vocabulary, ...] = ("ucf101", "hmdb51", "kinetics400")
    """Class lists whose names become candidate tags."""
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Action groups of one's own: group -> further tags."""
    taxonomy: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Actions under an action of the groups or class lists: umbrella -> actions under it."""
    use_shipped_taxonomy: bool = True
    """Whether the taxonomy that ships is laid under `taxonomy`."""
    sensitive: tuple[str, ...] = ()
    """Further tags never to collect."""
    allow_sensitive: tuple[str, ...] = ()
    """Shipped sensitive tags to collect all the same."""
    find_companions: bool = False
    """Whether tags that stand beside candidates in an archive are weighed, too; on a platform they
    always are."""
    budget: Budget | None = None
    """How much a platform is asked; an archive needs none."""
    curations: tuple[Path, ...] = ()
    """Folders of `h2a curate` runs over posts gathered here: what they kept is how much tags are
    worth. Read when a round ends, never for rounds that are over."""

    @model_validator(mode="after")
    def _platform_has_a_budget(self) -> "MineConfig":
        if not isinstance(self.source, Archive) and self.budget is None:
            raise ValueError("a platform is asked within a budget: give budget.first_day and so on")
        return self

    def thresholds(self) -> Thresholds:
        """Return the thresholds in force: on a platform, the paper's on views."""
        values = {name: getattr(self, name) for name in Thresholds.model_fields}
        if "min_views" not in self.model_fields_set and not isinstance(self.source, Archive):
            values["min_views"] = PAPER_MIN_VIEWS
        return Thresholds(**values)

    def resolved_taxonomy(self) -> dict[str, tuple[str, ...]]:
        """Return the taxonomy in force."""
        return {**(shipped_taxonomy() if self.use_shipped_taxonomy else {}), **self.taxonomy}

    def resolved_sensitive(self) -> dict[str, str]:
        """Return the sensitive tags in force, with why."""
        listed = shipped_sensitive() | {
            normalize_hashtag(tag): "listed in the recipe" for tag in self.sensitive
        }
        allowed = {normalize_hashtag(tag) for tag in self.allow_sensitive}
        return {tag: why for tag, why in listed.items() if tag not in allowed}


def mine(
    config: MineConfig, out: Path, progress: OnProgress, judge: Judge | None = None
) -> Manifest:
    """Write the hashtags manifest: kept and rejected tags, each with its evidence and reason.

    Args:
        config: The recipe.
        out: Folder of the run.
        progress: Told how far it is.
        judge: Says which posts survive curation, in place of `config.curations`.

    Raises:
        ConfigError: There is no candidate tag.
        SourceError: The posts cannot be read, or the platform refuses.
        QuotaExhaustedError: The platform gives no more today; run the same command to go on.
        ManifestError: The folder was made with another configuration.
        MissingExtraError: The extra [mine] is not installed.
    """
    pool = candidate_pool(config)
    manifest = Manifest(out / "01-mine_hashtags")
    settings = config.key_fields()
    manifest.begin("mine_hashtags", key_of("mine_hashtags", settings), "", settings)
    if manifest.is_finished:
        return manifest
    dump(config, out / "config.yaml")
    wanted = Wanted(pool, config.resolved_sensitive(), config.thresholds())
    if isinstance(config.source, Archive):
        try:
            count_archive(config.source, wanted, config.find_companions, manifest, progress)
        except (ConfigError, SourceError):
            # A mistyped source leaves nothing that would refuse the right one.
            for begun in (Manifest(out / "00-posts"), manifest):
                begun.take_back()
            raise
        return manifest
    assert config.budget is not None, "the recipe was checked"
    judge = judge or judge_by(config.curations)
    search_platform(config.source, config.budget, wanted, judge, manifest, progress)
    return manifest


def candidate_pool(config: MineConfig) -> Mapping[str, Candidate]:
    """Return the candidate tags of a recipe.

    Raises:
        ConfigError: There is none.
    """
    pool = candidates(config.vocabularies, config.groups, config.resolved_taxonomy())
    if not pool:
        raise ConfigError("no candidate tags: give vocabularies or groups")
    return pool


def mined_hashtags(run: Path) -> tuple[str, ...]:
    """Return the kept tags of a mining run, the most used first.

    Raises:
        ManifestError: The folder is no mining run, or the run has not come to its end.
    """
    manifest = Manifest(run / "01-mine_hashtags")
    if not manifest.is_finished:
        raise ManifestError(
            f"{run}: expected a finished run of h2a mine, found no 01-mine_hashtags/receipt.json"
        )
    return tuple(manifest.read(columns=["hashtag"])["hashtag"].to_pylist())
