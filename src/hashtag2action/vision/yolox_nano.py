"""YOLOX-nano once more, for the one question that is asked of every video: persons, or animals?

The file is YOLOX-nano's ONNX export in whole numbers of eight bits, of whose eighty classes only
persons and animals are left (`benchmarks/quantize_yolox.py`). XNNPACK runs it at any size and takes
bytes as they come. It takes half of the time of the floats; its log odds are off by a third.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from hashtag2action.errors import MissingExtraError
from hashtag2action.vision.weights import YOLOX_NANO_LITE, shipped
from hashtag2action.vision.yolox import GRAY, STRIDES, Things, cells_of, things_of, whole_cells

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
        picture = np.full((1, *shape, 3), GRAY, np.uint8)
        picture[0, : inner[1], : inner[0]] = frame
        boxes, sure, classes = self._run(picture, long_side_px)
        sure = _chance(sure)
        persons, animals = sure * _chance(classes[:, 0]), sure * _chance(classes[:, 1:].max(axis=1))
        scale = np.array([inner[0] / width, inner[1] / height], np.float32)
        cells = cells_of(*shape, STRIDES[0])
        return things_of(boxes, persons, animals, cells, scale, (height, width))

    def _run(self, picture: np.ndarray, long_side_px: int) -> list[np.ndarray]:
        """Return boxes (N, 4), objectness (N,) and classes (N, 12) as the network has them."""
        shape = picture.shape[1:3]
        if self._shapes.get(long_side_px) != shape:
            if long_side_px not in self._nets:
                self._nets[long_side_px] = self._new_net()
            net = self._nets[long_side_px]
            net.resize_tensor_input(self._input, picture.shape, strict=True)
            net.allocate_tensors()
            self._shapes[long_side_px] = shape
        net = self._nets[long_side_px]
        # Its bytes are signed: what was 0 is -128.
        net.set_tensor(self._input, (picture ^ 128).view(np.int8))
        net.invoke()
        # Boxes, objectness and classes of the finest grid, then of the next.
        said = [_numbers(net.get_tensor(index), *step) for index, step in self._outputs]
        boxes, sure, classes = (np.concatenate(said[kind::3]) for kind in range(3))
        return [boxes, sure[:, 0], classes]


def _numbers(whole: np.ndarray, step: float, zero: int) -> np.ndarray:
    return (whole.reshape(-1, whole.shape[-1]).astype(np.float32) - zero) * step


def _chance(odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-odds))
