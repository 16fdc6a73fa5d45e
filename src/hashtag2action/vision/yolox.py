"""YOLOX, any size, as exported to ONNX by its authors: persons, and what is easily taken for one.

Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021" (2021), and the project's ONNX demo
(Apache-2.0): picture in the top left corner, gray 114 elsewhere, BGR in [0, 255]; output is
center, log size, objectness and class scores for each cell of grids with strides 8, 16, 32 (64).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from hashtag2action.errors import MissingExtraError, WeightsError
from hashtag2action.vision.boxes import clip_to_frame, groups_of_one_thing
from hashtag2action.vision.persons import Persons

GRAY = 114
"""Level around a picture that is not square. Source: YOLOX, official code."""
PERSON = 0
"""Class of COCO."""
ANIMALS = (*range(14, 24), 77)
"""Classes of COCO that detectors of bodies take for persons: bird to giraffe, and teddy bear."""
STRIDES = ((8, 16, 32), (8, 16, 32, 64))
MIN_SCORE = 0.02
"""Weaker answers are no evidence. Chosen: a fifth of the score below which the ONNX demo drops
boxes; what other detectors see in the same place can still make a person of it."""
MAX_OVERLAP = 0.45
"""Boxes that overlap by more are one thing. Source: the project's ONNX demo."""
BATCH = 8
"""Pictures in one run, where the network takes several. Chosen: fills a small GPU."""


@dataclass(frozen=True)
class Things:
    """What a network saw in one frame: boxes (n, 4) in pixels of the frame and scores in [0, 1].

    `persons` is best first; `animals` are the scores, (n,), of animals in the same boxes.
    `animal` is the surest animal anywhere. `features`, float32 (n, d), is what the network's last
    layers hold where it saw each box; d is 0 for a network that does not say.
    """

    boxes: np.ndarray
    persons: np.ndarray
    animals: np.ndarray
    animal: float
    features: np.ndarray


class YoloxNet:
    """A YOLOX network in onnxruntime.

    A network of a fixed size gets squares, as its authors do it. One whose height and width are
    free gets every frame in its own shape, which spares a portrait two fifths of the work.
    """

    def __init__(self, path: Path, num_threads: int, device: Literal["cpu", "cuda"]) -> None:
        """Load the network.

        Raises:
            WeightsError: The file is absent, is not ONNX, is not a YOLOX export, or the device is
                not there.
            MissingExtraError: onnxruntime is not installed.
        """
        self._session = _open_session(path, num_threads, device)
        picture, found = self._session.get_inputs()[0], self._session.get_outputs()[0]
        if len(picture.shape) != 4 or len(found.shape) != 3:
            raise WeightsError(
                f"{path}: is not a YOLOX export: takes {picture.shape}, gives {found.shape}"
            )
        self._input: str = picture.name
        self._batch = picture.shape[0] if isinstance(picture.shape[0], int) else BATCH
        height, width = picture.shape[2:]
        self.side: int | None = height if isinstance(height, int) else None
        self._strides = STRIDES[0]
        if self.side is not None:
            counts = {len(cells_of(self.side, self.side, some)): some for some in STRIDES}
            if height != width or found.shape[1] not in counts:
                raise WeightsError(
                    f"{path}: is not a YOLOX export: takes {picture.shape}, gives {found.shape}"
                )
            self._strides = counts[found.shape[1]]

    def look(self, frames: Sequence[np.ndarray], long_side_px: int) -> list[Things]:
        """Look at RGB frames, each uint8 (H, W, 3) of any size.

        Args:
            frames: The frames.
            long_side_px: What the longer side is scaled to, if the network's size is free.
        """
        fitted = [self._fit(frame, long_side_px) for frame in frames]
        seen: list[Things] = []
        first = 0
        while first < len(fitted):
            last = first + 1
            shape = fitted[first][0].shape
            while last - first < self._batch and last < len(fitted):
                if fitted[last][0].shape != shape:
                    break
                last += 1
            seen += self._run(frames[first:last], fitted[first:last])
            first = last
        return seen

    def _fit(self, frame: np.ndarray, long_side_px: int) -> tuple[np.ndarray, np.ndarray]:
        """Return BGR in planes, uint8 (3, h, w), and its pixels per frame pixel on x and y."""
        height, width = frame.shape[:2]
        ratio = (self.side or long_side_px) / max(height, width)
        inner = max(1, round(width * ratio)), max(1, round(height * ratio))
        resampling = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
        shape = (self.side or whole_cells(inner[1]), self.side or whole_cells(inner[0]))
        if inner != (width, height):
            frame = cv2.resize(frame, inner, interpolation=resampling)
        picture = np.full((3, *shape), GRAY, np.uint8)
        for place, plane in enumerate(reversed(cv2.split(frame))):
            picture[place, : inner[1], : inner[0]] = plane
        scale = np.array([inner[0] / width, inner[1] / height], np.float32)
        return picture, scale

    def _run(
        self, frames: Sequence[np.ndarray], fitted: Sequence[tuple[np.ndarray, np.ndarray]]
    ) -> list[Things]:
        pictures = np.empty((len(fitted), *fitted[0][0].shape), np.float32)
        for place, (picture, _) in enumerate(fitted):
            pictures[place] = picture
        said = np.asarray(self._session.run(None, {self._input: pictures})[0])
        cells = cells_of(*pictures.shape[2:], self._strides)
        return [
            _things(raw, cells, scale, frame.shape[:2])
            for raw, (_, scale), frame in zip(said, fitted, frames, strict=True)
        ]


class YoloxDetector:
    """Persons by a YOLOX network alone."""

    def __init__(
        self, path: Path, num_threads: int, device: Literal["cpu", "cuda"], long_side_px: int
    ) -> None:
        """Load the network; raises what `YoloxNet` raises."""
        self._net = YoloxNet(path, num_threads, device)
        self._long_side_px = long_side_px

    def detect(
        self,
        frames: Sequence[np.ndarray],
        *,
        closely: bool = True,
        parts: bool = True,
        glances: Sequence[Persons] = (),
    ) -> list[Persons]:
        """Find persons in RGB frames, each uint8 (H, W, 3) of any size."""
        return [
            Persons(things.boxes, things.persons)
            for things in self._net.look(frames, self._long_side_px)
        ]


def _open_session(path: Path, num_threads: int, device: str) -> Any:
    try:
        import onnxruntime
        from onnxruntime.capi.onnxruntime_pybind11_state import (
            Fail,  # pyright: ignore[reportAttributeAccessIssue]
            InvalidArgument,  # pyright: ignore[reportAttributeAccessIssue]
            InvalidGraph,  # pyright: ignore[reportAttributeAccessIssue]
            InvalidProtobuf,  # pyright: ignore[reportAttributeAccessIssue]
        )
    except ImportError as error:
        raise MissingExtraError("onnxruntime", "persons") from error
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; give the path of a YOLOX .onnx export")
    provider = "CUDAExecutionProvider" if device == "cuda" else "CPUExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        raise WeightsError("device cuda was asked for and this onnxruntime has none; use cpu")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf) as error:
        raise WeightsError(f"{path}: is not an ONNX network ({error})") from error


def _things(raw: np.ndarray, cells: np.ndarray, scale: np.ndarray, size: tuple[int, int]) -> Things:
    # Column by column: eleven of eighty classes are asked for.
    persons = raw[:, 4] * raw[:, 5 + PERSON]
    animals = raw[:, 5 + ANIMALS[0]].copy()
    for animal in ANIMALS[1:]:
        np.maximum(animals, raw[:, 5 + animal], out=animals)
    animals *= raw[:, 4]
    features = np.zeros((len(raw), 0), np.float32)
    return things_of(raw[:, :4], persons, animals, features, cells, scale, size)


def things_of(
    raw: np.ndarray,
    persons: np.ndarray,
    animals: np.ndarray,
    features: np.ndarray,
    cells: np.ndarray,
    scale: np.ndarray,
    size: tuple[int, int],
) -> Things:
    """Turn what a network says of each cell into things.

    Args:
        raw: float32 (N, 4), center in cells from the cell's corner, log of the size in cells.
        persons: float32 (N,), how sure it is of a person, in [0, 1].
        animals: float32 (N,), how sure of the likeliest animal.
        features: float32 (N, d), what its last layers hold.
        cells: What `cells_of` says of the grids.
        scale: Pixels of the network's picture per frame pixel, on x and y.
        size: Height and width of the frame.
    """
    keep = np.flatnonzero(persons >= MIN_SCORE)
    animal = min(float(animals.max(initial=0)), 1.0)
    if not len(keep):
        # Not worth a quarter of a millisecond: all that follows is about boxes.
        none = np.zeros(0, np.float32)
        return Things(np.zeros((0, 4), np.float32), none, none, animal, features[keep])
    raw, cells, scores = raw[keep], cells[keep], persons[keep]
    centers = (raw[:, :2] + cells[:, :2]) * cells[:, 2:]
    half = np.exp(raw[:, 2:]) * cells[:, 2:] / 2
    corners = np.stack([centers - half, centers + half], axis=1) / scale
    boxes = clip_to_frame(corners.reshape(-1, 4), *size)
    groups = groups_of_one_thing(boxes, scores, MAX_OVERLAP)
    best = [group[0] for group in groups]
    animals = animals[keep]
    beside = [animals[group].max() for group in groups]
    return Things(
        boxes[best],
        np.minimum(scores[best], 1, dtype=np.float32),
        np.minimum(beside, 1, dtype=np.float32),
        animal,
        features[keep][best],
    )


def whole_cells(length: int) -> int:
    """Round up to whole cells of the coarsest grid."""
    return -(-length // 32) * 32


@cache
def cells_of(height: int, width: int, strides: tuple[int, ...]) -> np.ndarray:
    """Return column, row and stride in pixels, float32 (cells, 3), in the network's order."""
    grids = []
    for stride in strides:
        rows, columns = height // stride, width // stride
        row, column = np.divmod(np.arange(rows * columns), columns)
        grids.append(np.stack([column, row, np.full_like(row, stride)], axis=1))
    return np.concatenate(grids).astype(np.float32)
