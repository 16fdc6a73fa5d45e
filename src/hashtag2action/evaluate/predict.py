"""What is a video of? Three lines of Python, or `h2a predict`.

from hashtag2action.evaluate.predict import Predictor
predictor = Predictor.open("runs/finetune")
print(predictor.classify("video.mp4"))
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from hashtag2action.data.clip_set import Clip
from hashtag2action.data.frames import DecodeOnDemand, FrameReader
from hashtag2action.errors import CheckpointError, ConfigError, VideoError
from hashtag2action.evaluate.cards import card_for
from hashtag2action.evaluate.evaluate import EvaluationRuntime, predict_views
from hashtag2action.evaluate.recognizer import Card
from hashtag2action.evaluate.views import Views, clip_views
from hashtag2action.models.layouts import misfits, open_weights, size_of
from hashtag2action.models.vit import VisionTransformer

STRIP_COLUMNS = 8
"""Frames of the picture. Chosen: half of a clip's sixteen; they fit on a page."""

_BAR_HEIGHT, _MARGIN = 28, 8
"""Of the picture's bars and borders, in pixels. Chosen: legible at its usual width."""


@dataclass(frozen=True)
class Guess:
    """One class, and how likely the network finds it."""

    name: str
    probability: float
    """Mean over the views, in [0, 1]."""


@dataclass(frozen=True)
class Predictor:
    """A classifier with what one must know to use it."""

    model: VisionTransformer
    card: Card
    views: Views
    runtime: EvaluationRuntime

    @classmethod
    def open(
        cls,
        path: Path | str,
        views: Views | None = None,
        runtime: EvaluationRuntime | None = None,
    ) -> "Predictor":
        """Load a classifier from weights of any form.

        Args:
            path: A run's folder, a folder of Hugging Face, or a file.
            views: Views of a video that are averaged; by default as in an evaluation.
            runtime: Device and precision; by default the CPU, in fp32.

        Raises:
            CheckpointError: It is no classifier, or does not fit.
        """
        weights = open_weights(Path(path))
        size = size_of(weights)
        problems = misfits(weights, size)
        if weights.kind != "classifier" or problems:
            found = "".join(f"; {kind}: {', '.join(names[:5])}" for kind, names in problems.items())
            raise CheckpointError(f"{path}: is no whole classifier but the {weights.kind}{found}")
        card, _ = card_for(weights, size)
        model = card.network.build_recognizer(size.num_classes, card.trained_grid)
        model.load_state_dict({name: tensor.read() for name, tensor in weights.tensors.items()})
        views, runtime = views or Views(), runtime or EvaluationRuntime(precision="fp32")
        runtime.start()
        return cls(model.to(runtime.device).eval(), card, views, runtime)

    def classify(self, video: Path | str, top: int = 5) -> list[Guess]:
        """Name the most likely classes of a video, best first.

        Raises:
            VideoError: It cannot be read.
        """
        return self.guesses(self.look(video), top)

    def look(self, video: Path | str) -> UInt8[Tensor, "v 3 t h w"]:
        """Make the views of a video that `guesses` judges.

        Raises:
            VideoError: It cannot be read.
        """
        return look_at(Path(video), self.card, self.views)

    def guesses(self, views: UInt8[Tensor, "v 3 t h w"], top: int = 5) -> list[Guess]:
        """Name the most likely classes of views, best first.

        Raises:
            CheckpointError: The network's outputs are not finite.
        """
        means: Float[np.ndarray, " k"] = predict_views(self.model, views, self.runtime).mean(axis=0)
        if not np.isfinite(means).all():
            raise CheckpointError("the network's outputs are not finite: its weights are damaged")
        best = (-means).argsort(kind="stable")[:top]
        return [Guess(self.card.class_names[place], float(means[place])) for place in best]


def look_at(video: Path, card: Card, views: Views) -> UInt8[Tensor, "v 3 t h w"]:
    """Make views of a video for a network.

    Raises:
        VideoError: It cannot be read.
    """
    if video.is_dir():
        raise VideoError(f"{video}: is a folder; give one video")
    if not video.is_file():
        raise VideoError(f"{video}: there is no such video")
    clip, reader = Clip(video.name, video), FrameReader(DecodeOnDemand())
    try:
        return clip_views(clip, reader, card.sampling, views, card.network.size_px)
    except VideoError as error:
        raise VideoError(f"{video}: {error}") from error


def draw(views: UInt8[Tensor, "v 3 t h w"], guesses: list[Guess]) -> UInt8[np.ndarray, "h w 3"]:
    """Draw a strip of frames, of the view in the middle, above a bar for every guess."""
    view = views[len(views) // 2]
    columns = torch.linspace(0, view.shape[1] - 1, min(STRIP_COLUMNS, view.shape[1])).round().long()
    strip = view[:, columns].permute(2, 1, 3, 0).flatten(1, 2).numpy()
    # Small networks see small pictures; a strip narrower than its words would cut them off.
    scale = max(1.0, 640 / strip.shape[1])
    strip = cv2.resize(strip, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    width = strip.shape[1]
    bars = np.full((len(guesses) * _BAR_HEIGHT + _MARGIN, width, 3), 255, np.uint8)
    for row, guess in enumerate(guesses):
        top = _MARGIN + row * _BAR_HEIGHT
        end = int(guess.probability * (width - 1))
        cv2.rectangle(bars, (0, top), (end, top + _BAR_HEIGHT - 6), (173, 205, 240), cv2.FILLED)
        words = f"{guess.probability:6.1%}  {guess.name}".encode("ascii", "replace").decode()
        cv2.putText(
            bars, words, (6, top + 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (30, 30, 30), 1, cv2.LINE_AA
        )
    return np.concatenate([strip, bars])


def require_picture_name(path: Path) -> None:
    """Refuse a name that no kind of picture has, before a picture is made.

    Raises:
        ConfigError: It is one.
    """
    if path.is_dir() or not cv2.haveImageWriter(path.name):
        raise ConfigError(f"{path}: expected the name of a picture that ends in .png or .jpg")


def write_picture(path: Path, picture: UInt8[np.ndarray, "h w 3"]) -> None:
    """Write a picture of RGB bytes; its kind follows from the name.

    Raises:
        ConfigError: No kind of picture has such a name.
    """
    require_picture_name(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    done, coded = cv2.imencode(path.suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert done, f"{path}: OpenCV could not encode it"
    path.write_bytes(coded.tobytes())
