"""Fits what each witness weighs on the cascade's closer look: by logistic regression.

    python -m benchmarks.fit_persons --pictures DIR [--shared ../shared] [--out runs/fit-persons]

On footage of `benchmarks.persons_footage`: nothing of `data/shorts`, no world of a benchmark. Only
pictures that a glance leaves in doubt count, for only these are looked at closely; every scene
weighs the same. Pictures in which an animal is suspected are fitted by themselves.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np

from benchmarks.persons_footage import WORLD, Scene, composed_scenes
from hashtag2action.curate.score import read_truth
from hashtag2action.sources.studio.platform import render_studio
from hashtag2action.video.decode import decode_at
from hashtag2action.vision.blazepose import BlazePoseDetector
from hashtag2action.vision.cascade import (
    CLOSE_PX,
    GLANCE_PX,
    SUSPECT,
    Weights,
    evidence,
    glanced,
)
from hashtag2action.vision.yolox_nano import NanoNet

_ROUNDS = 50
_RIDGE = 1.0  # chosen: next to nothing beside hundreds of scenes
_LAST_WITNESS = 3


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--out", type=Path, default=Path("runs/fit-persons"))
    given = parser.parse_args()
    witnesses, verdicts, scenes, kinds = _hear(given.shared, given.pictures, given.out)
    for kind, count in sorted(kinds.items()):
        print(f"{kind}: {count} scenes")
    floor = np.log(SUSPECT / (1 - SUSPECT)) + 1e-6
    has_animal = witnesses[:, _LAST_WITNESS] > floor
    for name, chosen in (("plain", ~has_animal), ("with animal", has_animal)):
        weights = _fit(witnesses[chosen], verdicts[chosen], scenes[chosen])
        names = [one.name for one in fields(Weights)]
        print(name, f"({chosen.sum()} pictures):", end=" ")
        print(", ".join(f"{n} {w:.2f}" for n, w in zip(names, weights, strict=True)))


def _scenes(shared: Path, pictures: Path, out: Path) -> Iterator[Scene]:
    yield from composed_scenes(shared, pictures)
    files = render_studio(WORLD, out / "world")
    for post_id, post in read_truth(files.truth).items():
        for scene in post["scenes"]:
            if scene["who"] in {"person", "nobody"}:
                times_s = np.arange(scene["start_s"] + 0.1, scene["end_s"] - 0.04, 0.5)
                frames = decode_at(files.videos / f"{post_id}.mp4", times_s)
                yield Scene("rendered", scene["who"] == "person", list(frames))


def _hear(
    shared: Path, pictures: Path, out: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Counter[str]]:
    """Return log odds (N, 4), if there is a person (N,), the scene (N,), and what there was."""
    net = NanoNet(1)
    bodies = BlazePoseDetector(faces_and_hands=False, second_look=False, num_threads=1)
    said: list[np.ndarray] = []
    verdicts: list[bool] = []
    scenes: list[int] = []
    kinds: Counter[str] = Counter()
    for number, scene in enumerate(_scenes(shared, pictures, out)):
        kinds[scene.kind] += 1
        for picture in scene.pictures:
            (glance,) = net.look([picture], GLANCE_PX)
            if glanced(glance).is_doubtful:
                (closer,), (found,) = net.look([picture], CLOSE_PX), bodies.detect([picture])
                said.append(evidence(glance, closer, found))
                verdicts.append(scene.has_person)
                scenes.append(number)
    return np.array(said), np.array(verdicts, float), np.array(scenes), kinds


def _fit(witnesses: np.ndarray, verdicts: np.ndarray, scenes: np.ndarray) -> np.ndarray:
    """Return the weights of the witnesses and the bias, by Newton's method."""
    given = np.column_stack([witnesses, np.ones(len(witnesses))])
    shares = 1 / np.bincount(scenes)[scenes]
    ridge = _RIDGE * np.diag([1.0] * witnesses.shape[1] + [1e-6])
    weights = np.zeros(given.shape[1])
    for _ in range(_ROUNDS):
        chances = 1 / (1 + np.exp(-given @ weights))
        slope = given.T @ (shares * (chances - verdicts)) + ridge @ weights
        bend = (given * (shares * chances * (1 - chances))[:, None]).T @ given + ridge
        weights -= np.linalg.solve(bend, slope)
    return weights


if __name__ == "__main__":
    main()
