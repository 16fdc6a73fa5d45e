"""A labelled set of the rendered world: clips in folders of classes, to learn from and to test on.

People, outfits and places of the test split are of other pools than those of the training split.
One frame seldom gives the class away: each action passes through poses of the others.
"""

from pathlib import Path

from pydantic import Field, field_validator

from hashtag2action.config import Config, key_of
from hashtag2action.sources.studio.film import film
from hashtag2action.sources.studio.look import rng_for
from hashtag2action.sources.studio.motion import ACTIONS
from hashtag2action.sources.studio.platform import Progress, claim_folder, known_actions, run_jobs
from hashtag2action.sources.studio.posts import NUM_OUTFITS, NUM_PEOPLE, NUM_PLACES, PostPlan
from hashtag2action.sources.studio.scene import FRAME_RATE, Scene

_EDITION = 1


class LabelledStudio(Config):
    """A set of labelled clips, each of one person and one action."""

    classes: tuple[str, ...] = ACTIONS
    num_clips_per_class_train: int = Field(default=24, ge=0)
    num_clips_per_class_test: int = Field(default=12, ge=0)
    width_px: int = Field(default=144, ge=32, multiple_of=2)
    height_px: int = Field(default=192, ge=32, multiple_of=2)
    seed: int = Field(default=0, ge=0)

    @field_validator("classes")
    @classmethod
    def _classes_are_actions(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        return known_actions(classes)


def render_labelled(
    config: LabelledStudio, out_dir: Path, workers: int = 1, on_progress: Progress | None = None
) -> Path:
    """Render `train/<action>/<id>.mp4` and `test/<action>/<id>.mp4`; returns the folder.

    Clips last 2.5 to 4 s. What is already there is kept.

    Raises:
        ManifestError: The folder holds a set of other settings.
        EngineError: A worker died.
    """
    claim_folder(out_dir, key_of("labelled studio", _EDITION, config))
    counts = {"train": config.num_clips_per_class_train, "test": config.num_clips_per_class_test}
    jobs = []
    for split, count in counts.items():
        for action in config.classes:
            folder = out_dir / split / action
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                plan = _plan(config.seed, split, action, number)
                jobs.append((plan, folder / f"{plan.id}.mp4", (config.width_px, config.height_px)))
    run_jobs(_film, jobs, workers, on_progress)
    return out_dir


def _plan(seed: int, split: str, action: str, number: int) -> PostPlan:
    rng = rng_for(seed, "labelled", split, action, number)
    scene = Scene(
        key=f"{seed}-labelled-{split}-{action}-{number}",
        kind="person",
        num_frames=int(rng.integers(int(2.5 * FRAME_RATE), 4 * FRAME_RATE + 1)),
        pool=f"labelled-{split}",
        action=action,
        person=int(rng.integers(NUM_PEOPLE)),
        outfit=int(rng.integers(NUM_OUTFITS)),
        place=int(rng.integers(NUM_PLACES)),
    )
    name = f"{action}-{split}-{number:04d}"
    return PostPlan(name, "act", (action,), (scene,), (0,), action, crf=24)


def _film(job: tuple[PostPlan, Path, tuple[int, int]]) -> None:
    plan, path, size = job
    if not path.exists():
        film(plan, path, size)
