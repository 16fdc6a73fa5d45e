"""YOLOX-nano once more, for the one question that is asked of every video: persons, or animals?

The file is YOLOX-nano's ONNX export in whole numbers of eight bits, of whose eighty classes only
persons and animals are left (`benchmarks/quantize_yolox.py`), with the features that they and the
boxes are read from, 64 numbers each. XNNPACK runs it at any size and takes bytes as they come. It
takes half of the time of the floats; its log odds are off by a third.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from hashtag2action.errors import MissingExtraError
from hashtag2action.vision.weights import YOLOX_NANO_LITE, shipped
from hashtag2action.vision.yolox import (
    GRAY,
    MIN_SCORE,
    STRIDES,
    Things,
    cells_of,
    things_of,
    whole_cells,
)

NUM_FEATURES = 128
"""Numbers at each cell that classes and boxes are read from. Source: YOLOX-nano, 64 each."""
_PER_GRID = 5
"""Outputs of a grid: boxes, objectness, classes, and the features of classes and of boxes."""
_LEAST_ODDS = np.log(MIN_SCORE / (1 - MIN_SCORE))
MOST_LINEAR = 0.7
"""Scale down to which pictures are scaled between neighbors. Chosen: every pixel still counts."""


class NanoNet:
    """YOLOX-nano in an interpreter for each scale, fed one picture at a time."""

    def __init__(self, num_threads: int) -> None:
        """Take note of the network; it is loaded when a scale is first asked for.

        Raises:
            MissingExtraError: ai-edge-litert is not installed.
            WeightsError: The package's file is absent or was changed.
        """
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingExtraError("ai-edge-litert", "persons") from error
        content = shipped(YOLOX_NANO_LITE).read_bytes()
        self._new_net = lambda: Interpreter(model_content=content, num_threads=num_threads)
        # By scale: almost all videos of a run have one shape, and a change of shape costs.
        self._nets: dict[int, Any] = {}
        self._shapes: dict[int, tuple[int, ...]] = {}
        any_net = self._new_net()
        self._input: int = any_net.get_input_details()[0]["index"]
        self._outputs = [
            (one["index"], one["quantization"]) for one in any_net.get_output_details()
        ]

    def look(self, frames: Sequence[np.ndarray], long_side_px: int) -> list[Things]:
        """Look at RGB frames, each uint8 (H, W, 3) of any size.

        Args:
            frames: The frames.
            long_side_px: What the longer side is scaled to.
        """
        return [self._look(frame, long_side_px) for frame in frames]

    def _look(self, frame: np.ndarray, long_side_px: int) -> Things:
        height, width = frame.shape[:2]
        ratio = long_side_px / max(height, width)
        inner = max(1, round(width * ratio)), max(1, round(height * ratio))
        shape = whole_cells(inner[1]), whole_cells(inner[0])
        if inner != (width, height):
            # Means over areas take a fifth of the network's time, and a little less needs none.
            resampling = cv2.INTER_AREA if ratio < MOST_LINEAR else cv2.INTER_LINEAR
            frame = cv2.resize(frame, inner, interpolation=resampling)
        net = self._net_for(shape, long_side_px)
        # Into its own memory. Its bytes are signed: what was 0 is -128.
        picture = net.tensor(self._input)()[0].view(np.uint8)
        picture[inner[1] :] = picture[:, inner[0] :] = GRAY ^ 128
        np.bitwise_xor(frame, 128, out=picture[: inner[1], : inner[0]])
        del picture  # a net that runs must not be looked into
        places, boxes, sure, classes, features = self._run(net)
        persons, animals = sure * classes[:, 0], sure * classes[:, 1:].max(axis=1, initial=0)
        scale = np.array([inner[0] / width, inner[1] / height], np.float32)
        cells = cells_of(*shape, STRIDES[0])[places]
        return things_of(boxes, persons, animals, features, cells, scale, (height, width))

    def _net_for(self, shape: tuple[int, int], long_side_px: int) -> Any:
        """Return the interpreter of a scale, made ready for pictures of a height and width."""
        if self._shapes.get(long_side_px) != shape:
            if long_side_px not in self._nets:
                self._nets[long_side_px] = self._new_net()
            net = self._nets[long_side_px]
            net.resize_tensor_input(self._input, (1, *shape, 3), strict=True)
            net.allocate_tensors()
            self._shapes[long_side_px] = shape
        return self._nets[long_side_px]

    def _run(self, net: Any) -> tuple[np.ndarray, ...]:
        """Return the cells (N,) that may show something, and what is said of them.

        That is boxes (N, 4) as the network has them, the chances of there being something (N,)
        and of its being of each class (N, 12), and features (N, 128).
        """
        net.invoke()
        said: list[tuple[np.ndarray, ...]] = []
        first = 0
        # The finest grid first.
        for grid in range(0, len(self._outputs), _PER_GRID):
            outputs = self._outputs[grid : grid + _PER_GRID]
            whole = [net.get_tensor(index)[0] for index, _ in outputs]
            said.append(_likely(whole, [step for _, step in outputs], first))
            first += whole[1].size
        places, boxes, odds, classes, of_classes, of_boxes = (
            np.concatenate(some) for some in zip(*said, strict=True)
        )
        features = np.concatenate([of_classes, of_boxes], axis=1)
        return places, boxes, _chance(odds[:, 0]), _chance(classes), features


def _likely(
    whole: list[np.ndarray], steps: list[tuple[float, int]], first: int
) -> tuple[np.ndarray, ...]:
    """Return which cells of a grid may show something, counted from `first`, and their numbers."""
    step, zero = steps[1]
    # Next to none may, so next to nothing is turned into numbers.
    places = np.flatnonzero(whole[1].ravel() >= zero + _LEAST_ODDS / step)
    numbers = (
        (one.reshape(-1, one.shape[-1])[places].astype(np.float32) - zero) * step
        for one, (step, zero) in zip(whole, steps, strict=True)
    )
    return places + first, *numbers


def _chance(odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-odds))
