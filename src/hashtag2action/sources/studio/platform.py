"""The rendered world: a small platform whose people, cuts, copies and lies are all known.

It is the default input of the demonstration and the ground truth of the tests. Everything follows
from a seed: the posts, what the platform says about them, and every frame.
"""

import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, TypeVar

import cv2
import pyarrow as pa
from pydantic import Field, field_validator

from hashtag2action.config import key_of
from hashtag2action.errors import EngineError, ManifestError
from hashtag2action.processes import Pool
from hashtag2action.sources.archive import Archive
from hashtag2action.sources.base import OnProgress, PostSource
from hashtag2action.sources.studio.film import film
from hashtag2action.sources.studio.motion import ACTIONS
from hashtag2action.sources.studio.posts import Mix, PostPlan, plan_posts, post_line, truth_of

logger = logging.getLogger(__name__)

# Raised when equal settings start to give other frames, so that old folders are refused.
_EDITION = 1

Progress = Callable[[int, int], None]
Job = TypeVar("Job")


class Studio(PostSource):
    """A platform of rendered posts."""

    runtime_fields: ClassVar[tuple[str, ...]] = ("workers",)

    kind: Literal["studio"] = "studio"
    num_posts: int = Field(default=200, ge=1)
    """Posts in all, flawed ones included."""
    seed: int = Field(default=0, ge=0)
    """Another seed is another platform."""
    actions: tuple[str, ...] = ACTIONS
    """Actions that people do and tag; names are hashtags."""
    width_px: int = Field(default=360, ge=64, multiple_of=2)
    height_px: int = Field(default=640, ge=64, multiple_of=2)
    bad_fraction: float = Field(default=0.05, ge=0, le=0.3)
    """Files that are empty, truncated or a web page."""
    duplicate_fraction: float = Field(default=0.08, ge=0, le=0.2)
    """Near-duplicates: re-encoded, cropped, mirrored or captioned anew."""
    nobody_fraction: float = Field(default=0.1, ge=0, le=0.3)
    """Posts that carry an action's tag and show nobody."""
    people_fraction: float = Field(default=0.1, ge=0, le=0.3)
    """Posts that carry an action's tag and show people who do something else."""
    short_fraction: float = Field(default=0.02, ge=0, le=0.1)
    """Posts of 2 s."""
    long_fraction: float = Field(default=0.01, ge=0, le=0.1)
    """Posts of more than a minute."""
    is_hard: bool = False
    """Make persons hard to see (dark, small, half covered) and show dogs and abstract pictures."""
    withdrawn_fraction: float = Field(default=0.03, ge=0, le=0.1)
    """Posts whose makers took them back after the export."""

    workers: int = Field(default=0, ge=0)
    """Processes that render when the posts are read; 0 takes one per available core."""

    @field_validator("actions")
    @classmethod
    def _actions_are_known(cls, actions: tuple[str, ...]) -> tuple[str, ...]:
        return known_actions(actions)

    def tables(
        self, workplace: Path, rows_per_table: int, progress: OnProgress
    ) -> Iterator[pa.Table]:
        """Render the platform into the workplace, then yield its posts as its export says them.

        Raises:
            ManifestError: The workplace holds a platform of other settings.
            EngineError: A worker died.
        """
        files = render_studio(
            self,
            workplace,
            self.workers or len(os.sched_getaffinity(0)),
            lambda done, total: progress("studio", done, total),
        )
        archive = Archive(posts=files.posts, platform="studio")
        yield from archive.tables(workplace, rows_per_table, progress)

    @property
    def mix(self) -> Mix:
        """Posts of each kind, as whole numbers."""
        names = ("bad", "duplicate", "nobody", "people", "short", "long", "withdrawn")
        counts = {name: round(getattr(self, f"{name}_fraction") * self.num_posts) for name in names}
        return Mix(**counts, total=self.num_posts)


@dataclass(frozen=True)
class StudioFiles:
    """Where a rendered platform lies."""

    posts: Path
    truth: Path
    videos: Path
    withdrawn: Path


def plan_studio(config: Studio) -> list[PostPlan]:
    """Invent the posts of a platform without rendering them."""
    return plan_posts(config.seed, config.actions, config.mix, is_hard=config.is_hard)


def render_studio(
    config: Studio, out_dir: Path, workers: int = 1, on_progress: Progress | None = None
) -> StudioFiles:
    """Render a platform into a folder; what is already there is kept.

    Args:
        config: The platform.
        out_dir: Gets `posts.jsonl`, `truth.json`, `withdrawn.txt`, `studio.json` and `videos/`.
        workers: Processes; the result does not depend on it.
        on_progress: Called with the posts done and all posts, after each.

    Raises:
        ManifestError: The folder holds a platform of other settings.
        EngineError: A worker died.
    """
    files = StudioFiles(
        posts=out_dir / "posts.jsonl",
        truth=out_dir / "truth.json",
        videos=out_dir / "videos",
        withdrawn=out_dir / "withdrawn.txt",
    )
    claim_folder(out_dir, key_of("studio", _EDITION, config))
    files.videos.mkdir(exist_ok=True)
    plans = plan_studio(config)
    size = (config.width_px, config.height_px)
    jobs = [(plan, files.videos / f"{plan.id}.mp4", size) for plan in plans]
    # The longest first, so that no worker ends up alone with a long one.
    jobs.sort(key=lambda job: -job[0].num_frames)
    run_jobs(_film, jobs, workers, on_progress)
    lines = [json.dumps(post_line(plan)) + "\n" for plan in plans]
    gone = sorted(plan.id for plan in plans if plan.withdrawn)
    truth = {plan.id: truth_of(plan) for plan in plans}
    _write(files.withdrawn, "".join(f"{name}\n" for name in gone))
    _write(files.truth, json.dumps(truth, indent=1) + "\n")
    _write(files.posts, "".join(lines))
    logger.info(f"rendered {len(plans)} posts in {out_dir}")
    return files


def known_actions(actions: tuple[str, ...]) -> tuple[str, ...]:
    """Return the actions, or say which of them the studio does not have.

    Raises:
        ValueError: An action is unknown or repeated, or there is none.
    """
    unknown = sorted(set(actions) - set(ACTIONS))
    if unknown or not actions or len(set(actions)) < len(actions):
        raise ValueError(f"expected different actions out of {', '.join(ACTIONS)}")
    return actions


def claim_folder(out_dir: Path, key: str) -> None:
    """Mark a folder as the place of these settings, or refuse one that has others.

    Raises:
        ManifestError: The folder was rendered with other settings.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    mark = out_dir / "studio.json"
    if not mark.exists():
        _write(mark, json.dumps({"key": key}) + "\n")
    elif json.loads(mark.read_text(encoding="utf-8")).get("key") != key:
        raise ManifestError(
            f"{out_dir} holds videos rendered with other settings; give another folder or delete it"
        )


def run_jobs(
    work: Callable[[Job], None], jobs: Iterable[Job], workers: int, on_progress: Progress | None
) -> None:
    """Do every job, in this process or in several, and tell how far it is.

    Raises:
        EngineError: A worker died.
    """
    jobs = list(jobs)
    told = on_progress or (lambda _done, _total: None)
    if workers <= 1:
        for done, job in enumerate(jobs, 1):
            work(job)
            told(done, len(jobs))
        return
    try:
        with Pool(workers, cv2.setNumThreads) as pool:
            futures = [pool.submit(work, job) for job in jobs]
            for done, future in enumerate(as_completed(futures), 1):
                future.result()
                told(done, len(jobs))
    except BrokenProcessPool as error:
        raise EngineError("a rendering process died; start again to go on") from error


def _film(job: tuple[PostPlan, Path, tuple[int, int]]) -> None:
    plan, path, size = job
    if not path.exists():
        film(plan, path, size)


def _write(path: Path, text: str) -> None:
    beside = path.with_name(path.name + ".part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
