"""Fits what witnesses weigh on the cascade's closer look where an animal is suspected.

    python -m benchmarks.fit_persons --pictures DIR [--shared ../shared] [--out runs/fit-persons]

By logistic regression on footage of `benchmarks.persons_footage`: nothing of `data/shorts`, no
world of a benchmark. Only pictures that a glance leaves in doubt, that show a hint of a person and
one of an animal count, for only these are weighed so. Every scene weighs the same, and the rendered
ones as much together as the real ones.

Prints the weights of the four witnesses and writes those of YOLOX-nano's features to
`person_features.npy`. The ridge on the features is the one that foretells scenes of other people,
things and worlds best.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from benchmarks.persons_footage import WORLD_SEEDS, Scene, composed_scenes, world
from hashtag2action.curate.score import read_truth
from hashtag2action.sources.studio.platform import render_studio
from hashtag2action.video.decode import decode_at
from hashtag2action.vision.blazepose import BlazePoseDetector
from hashtag2action.vision.cascade import (
    CLOSE_PX,
    GLANCE_PX,
    Weights,
    evidence,
    glanced,
    hint_features,
    suspects_animal,
)
from hashtag2action.vision.yolox_nano import NUM_FEATURES, NanoNet

RENDERED = "rendered"
_ROUNDS = 50
_RIDGE = 1.0  # on the witnesses; chosen: next to nothing beside hundreds of scenes
_RIDGES = (10.0, 30.0, 100.0, 300.0)  # on the features
_FOLDS = 8
_NUM_WITNESSES = len(fields(Weights)) - 1


@dataclass(frozen=True)
class Heard:
    """What was said of N pictures: log odds (N, 4), features (N, 128), and what they show."""

    witnesses: np.ndarray
    features: np.ndarray
    has_person: np.ndarray
    groups: np.ndarray
    weights: np.ndarray

    @property
    def numbers(self) -> np.ndarray:
        """What is fitted, (N, 132)."""
        return np.hstack([self.witnesses, self.features])


def main() -> None:
    """Fit, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--out", type=Path, default=Path("runs/fit-persons"))
    given = parser.parse_args()
    heard = _hear(given.shared, given.pictures, given.out)
    losses = {ridge: _loss_elsewhere(heard, ridge) for ridge in _RIDGES}
    for ridge, (real, rendered) in losses.items():
        print(f"ridge {ridge:.0f}: loss on real scenes {real:.3f}, on rendered ones {rendered:.3f}")
    ridge = min(losses, key=lambda one: sum(losses[one]))
    weights, bias = _fit(heard.numbers, heard.has_person, heard.weights, _penalties(ridge))
    said, features = np.split(weights, [_NUM_WITNESSES])
    names = [one.name for one in fields(Weights)]
    print(", ".join(f"{n} {w:.2f}" for n, w in zip(names, [*said, bias], strict=True)))
    np.save(given.out / "person_features.npy", features.astype(np.float32))


def _scenes(shared: Path, pictures: Path, out: Path) -> Iterator[Scene]:
    yield from composed_scenes(shared, pictures)
    for seed in WORLD_SEEDS:
        files = render_studio(world(seed), out / f"world-{seed}")
        for post_id, post in read_truth(files.truth).items():
            for scene in post["scenes"]:
                if scene["who"] in {"person", "nobody"}:
                    times_s = np.arange(scene["start_s"] + 0.1, scene["end_s"] - 0.04, 0.5)
                    frames = list(decode_at(files.videos / f"{post_id}.mp4", times_s))
                    yield Scene(RENDERED, f"{RENDERED} {seed}", scene["who"] == "person", frames)


def _hear(shared: Path, pictures: Path, out: Path) -> Heard:
    net = NanoNet(1)
    bodies = BlazePoseDetector(faces_and_hands=False, second_look=False, num_threads=1)
    witnesses: list[np.ndarray] = []
    features: list[np.ndarray] = []
    shown: list[tuple[bool, str, float]] = []
    kinds: Counter[str] = Counter()
    for scene in _scenes(shared, pictures, out):
        kinds[scene.kind] += 1
        first = len(witnesses)
        for picture in scene.pictures:
            (glance,) = net.look([picture], GLANCE_PX)
            if not glanced(glance).is_doubtful:
                continue
            (closer,) = net.look([picture], CLOSE_PX)
            hint = hint_features(glance, closer)
            if hint.any() and suspects_animal(glance, closer):
                witnesses.append(evidence(glance, closer, bodies.detect([picture])[0]))
                features.append(hint)
        num = len(witnesses) - first
        shown += [(scene.has_person, scene.group, scene.weight / max(num, 1))] * num
    for kind, count in sorted(kinds.items()):
        print(f"{kind}: {count} scenes")
    has_person, groups, weights = (np.array(some) for some in zip(*shown, strict=True))
    is_rendered = _is_rendered(groups)
    weights[is_rendered] *= weights[~is_rendered].sum() / weights[is_rendered].sum()
    return Heard(np.array(witnesses), np.array(features), has_person.astype(float), groups, weights)


def _is_rendered(groups: np.ndarray) -> np.ndarray:
    return np.char.startswith(groups, RENDERED)


def _penalties(ridge: float) -> np.ndarray:
    return np.repeat([_RIDGE, ridge], [_NUM_WITNESSES, NUM_FEATURES])


def _loss_elsewhere(heard: Heard, ridge: float) -> tuple[float, float]:
    """Return the mean log loss on real and on rendered scenes of groups that were not fitted."""
    numbers = heard.numbers
    fold = np.unique(heard.groups, return_inverse=True)[1] % _FOLDS
    odds = np.zeros(len(numbers))
    for k in range(_FOLDS):
        seen, new = fold != k, fold == k
        fitted = numbers[seen], heard.has_person[seen], heard.weights[seen]
        weights, bias = _fit(*fitted, _penalties(ridge))
        odds[new] = numbers[new] @ weights + bias
    losses = np.logaddexp(0, np.where(heard.has_person > 0, -odds, odds))
    is_rendered = _is_rendered(heard.groups)
    real, rendered = (
        float(np.average(losses[some], weights=heard.weights[some]))
        for some in (~is_rendered, is_rendered)
    )
    return real, rendered


def _fit(
    numbers: np.ndarray, verdicts: np.ndarray, shares: np.ndarray, penalties: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the weights of the numbers and the bias, by Newton's method.

    The penalties are on numbers of unit variance.
    """
    mean, spread = numbers.mean(axis=0), numbers.std(axis=0) + 1e-6
    given = np.column_stack([(numbers - mean) / spread, np.ones(len(numbers))])
    ridge = np.diag([*penalties, 1e-6])
    weights = np.zeros(given.shape[1])
    for _ in range(_ROUNDS):
        chances = 1 / (1 + np.exp(-given @ weights))
        slope = given.T @ (shares * (chances - verdicts)) + ridge @ weights
        bend = (given * (shares * chances * (1 - chances))[:, None]).T @ given + ridge
        weights -= np.linalg.solve(bend, slope)
    raw = weights[:-1] / spread
    return raw, float(weights[-1] - mean @ raw)


if __name__ == "__main__":
    main()
