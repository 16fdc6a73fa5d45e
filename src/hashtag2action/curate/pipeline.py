"""The line of curation: a source and six stages, in reading order."""

from collections.abc import Callable, Sequence
from functools import reduce
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import pyarrow.compute as pc
from pydantic import Field

from hashtag2action.config import Config, dump, key_of
from hashtag2action.curate.analyze_videos import AnalyzeVideos
from hashtag2action.curate.dataset import Dataset, write_dataset
from hashtag2action.curate.deduplicate import Deduplicate
from hashtag2action.curate.export_clips import ExportClips
from hashtag2action.curate.fetch_videos import FetchVideos
from hashtag2action.curate.filter_metadata import FilterMetadata
from hashtag2action.curate.run import run_stage
from hashtag2action.curate.select_clips import SelectClips
from hashtag2action.curate.stage import Stage
from hashtag2action.curate.withdrawal.tombstones import FILE_NAME, Tombstones
from hashtag2action.curate.withdrawal.withdraw import enforce
from hashtag2action.engines.base import Engine, Limits
from hashtag2action.engines.local import InlineEngine, LocalEngine
from hashtag2action.engines.ray import RayEngine
from hashtag2action.errors import ConfigError, MissingExtraError, SourceError
from hashtag2action.logs import environment
from hashtag2action.manifest import Manifest, write_json
from hashtag2action.records import REJECT_REASON
from hashtag2action.sources.archive import Archive
from hashtag2action.sources.base import PostSource
from hashtag2action.sources.donation import Donation
from hashtag2action.sources.folder import Folder
from hashtag2action.sources.studio.platform import Studio
from hashtag2action.sources.url_list import UrlList

OnProgress = Callable[[str, int, int], None]
"""Called with a stage's name, rows done and rows in all."""


class CurateRuntime(Config):
    """What changes the speed of a curation, never its result."""

    engine: Literal["local", "ray", "inline"] = "local"
    """Where the work runs: processes of this machine, a Ray cluster (extra `[ray]`), or `inline`,
    this process alone, for a debugger: no limit holds there, and a crash is a crash of the run."""
    num_workers: Annotated[int, Field(ge=0)] = 0
    """Processes; 0 takes one per available core. Stages that open videos run in processes of their
    own even if there is but one."""
    rows_per_part: Annotated[int, Field(ge=1)] = 16
    """Posts per part: the unit of work and of resuming (a part of 16 shorts takes seconds)."""


class CurateConfig(Config):
    """From posts to action clips."""

    source: Annotated[Studio | Archive | Folder | UrlList | Donation, Field(discriminator="kind")]
    """Where the posts come from."""
    filter_metadata: FilterMetadata = FilterMetadata()
    fetch_videos: FetchVideos = FetchVideos()
    analyze_videos: AnalyzeVideos = AnalyzeVideos()
    select_clips: SelectClips = SelectClips()
    deduplicate: Deduplicate = Deduplicate()
    export_clips: ExportClips = ExportClips()
    dataset: Dataset = Dataset()
    """In which forms the exported clips leave."""
    tombstones: tuple[Path, ...] = ()
    """Files `withdrawn.parquet` of other runs: what was withdrawn there does not come in here. The
    run's own file always holds."""
    limits: Limits = Limits()
    """What one video may cost a stage before it leaves as `timed_out` or `too_large`."""
    runtime: CurateRuntime = CurateRuntime()

    def stages(self) -> list[Stage]:
        """Return the six stages, in order."""
        return [
            self.filter_metadata,
            self.fetch_videos,
            self.analyze_videos,
            self.select_clips,
            self.deduplicate,
            self.export_clips,
        ]


def curate(
    config: CurateConfig, out: Path, progress: OnProgress, until: str | None = None
) -> Manifest:
    """Run the line and return the table of its last stage; finished stages are left alone.

    Args:
        config: The line's settings.
        out: Folder of this curation.
        progress: Told of each finished part.
        until: Name of the last stage to run; None runs all.

    Raises:
        ConfigError: `until` names no stage.
        ManifestError: The folder was made with another configuration.
        SourceError: The posts cannot be read.
        EngineError: A worker died; run the same command again to go on.
    """
    stages = config.stages()
    names = [stage.name for stage in stages]
    if until is not None and until not in names:
        raise ConfigError(f"no stage {until!r}; the stages are {', '.join(names)}")
    tombstones = _read_tombstones(config.tombstones)
    enforce(out, tombstones)
    rows_per_part = config.runtime.rows_per_part
    made = collect_posts(config.source, out, rows_per_part, progress, tombstones)
    dump(config, out / "config.yaml")
    write_json(out / "environment.json", environment())
    engine = open_engine(config.runtime)
    for number, stage in enumerate(stages, start=1):
        folder = out / f"{number:02d}-{stage.name}"
        made = run_stage(stage, made, folder, engine, progress, config.limits)
        if stage is config.analyze_videos:
            enforce(out, tombstones)
        if stage.name == until:
            break
    if until in {None, names[-1]}:
        write_dataset(config.dataset, out)
    return made


def open_engine(runtime: CurateRuntime) -> Engine:
    """Return the engine that is asked for.

    Raises:
        MissingExtraError: It is Ray, which is not installed.
    """
    if runtime.engine == "inline":
        return InlineEngine()
    if runtime.engine == "local":
        return LocalEngine(num_workers=runtime.num_workers)
    if find_spec("ray") is None:
        raise MissingExtraError("ray", "ray")
    return RayEngine(num_workers=runtime.num_workers)


def _read_tombstones(paths: Sequence[Path]) -> list[Tombstones]:
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise ConfigError(f"tombstones: no such file: {', '.join(missing)}")
    return [Tombstones.read(path) for path in paths]


def collect_posts(
    source: PostSource,
    out: Path,
    rows_per_part: int,
    progress: OnProgress,
    tombstones: Sequence[Tombstones] = (),
) -> Manifest:
    """Write the posts of a source as the first table of a run, withdrawn ones as blank rows."""
    manifest = Manifest(out / "00-posts")
    settings = source.key_fields()
    manifest.begin("posts", key_of("posts", settings), "", settings)
    if manifest.is_finished:
        return manifest
    own = Tombstones.read(out / FILE_NAME)
    num_rows = 0
    try:
        for number, table in enumerate(source.tables(out / "source", rows_per_part, progress)):
            posts = reduce(lambda rows, stones: stones.blank(rows), (own, *tombstones), table)
            keep = pc.is_null(posts[REJECT_REASON.name])
            kept = posts.filter(keep).drop_columns([REJECT_REASON.name])
            manifest.write_part(f"part-{number:05d}", kept, posts.filter(pc.invert(keep)))
            num_rows += posts.num_rows
    except (ConfigError, SourceError):
        # A mistyped source leaves nothing that would refuse the right one.
        manifest.take_back()
        raise
    progress("posts", num_rows, num_rows)
    manifest.finish(num_rows)
    return manifest
