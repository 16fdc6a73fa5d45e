"""YOLOX, any size, as exported to ONNX by its authors: persons (class 0 of COCO).

Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021" (2021), and the project's ONNX demo
(Apache-2.0): picture in the top left corner, gray 114 elsewhere, BGR in [0, 255]; output is
center, log size, objectness and class scores for each cell of grids with strides 8, 16, 32 (64).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hashtag2action.errors import MissingExtraError, WeightsError
from hashtag2action.vision.boxes import clip_to_frame, groups_of_one_thing, letterbox
from hashtag2action.vision.persons import Persons

STRIDES = ((8, 16, 32), (8, 16, 32, 64))
GRAY = 114
PERSON = 0
MIN_SCORE = 0.1
"""Weaker answers are no evidence. Source: the score below which the ONNX demo drops boxes."""
MAX_OVERLAP = 0.45
"""Boxes that overlap by more are one person. Source: the project's ONNX demo."""


class YoloxDetector:
    """Persons by a YOLOX network in onnxruntime."""

    def __init__(self, path: Path, num_threads: int) -> None:
        """Load the network.

        Raises:
            WeightsError: The file is absent, is not ONNX, or is not a YOLOX export.
            MissingExtraError: onnxruntime is not installed.
        """
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
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf) as error:
            raise WeightsError(f"{path}: is not an ONNX network ({error})") from error
        picture, found = self._session.get_inputs()[0], self._session.get_outputs()[0]
        square = len(picture.shape) == 4 and picture.shape[2] == picture.shape[3]
        if not square or not isinstance(picture.shape[2], int) or len(found.shape) != 3:
            raise WeightsError(
                f"{path}: is not a YOLOX export: takes {picture.shape}, gives {found.shape}"
            )
        self._input, self._side = picture.name, picture.shape[2]
        grids = {len(grid): grid for grid in (_cells(self._side, strides) for strides in STRIDES)}
        if found.shape[1] not in grids:
            raise WeightsError(f"{path}: is not a YOLOX export: {found.shape[1]} cells")
        self._cells = grids[found.shape[1]]

    def detect(self, frames: Sequence[np.ndarray]) -> list[Persons]:
        """Find persons in RGB frames, each uint8 (H, W, 3) of any size."""
        return [self._detect_one(frame) for frame in frames]

    def _detect_one(self, frame: np.ndarray) -> Persons:
        fitted = letterbox(frame, self._side, fill=GRAY, centered=False)
        bgr = np.ascontiguousarray(fitted.picture[:, :, ::-1].transpose(2, 0, 1), np.float32)
        raw = np.asarray(self._session.run(None, {self._input: bgr[None]})[0])[0]
        scores = raw[:, 4] * raw[:, 5 + PERSON]
        keep = np.flatnonzero(scores >= MIN_SCORE)
        raw, cells, scores = raw[keep], self._cells[keep], scores[keep]
        centers = (raw[:, :2] + cells[:, :2]) * cells[:, 2:]
        half = np.exp(raw[:, 2:4]) * cells[:, 2:] / 2
        corners = fitted.to_frame(np.stack([centers - half, centers + half], axis=1))
        boxes = clip_to_frame(corners.reshape(-1, 4), *frame.shape[:2])
        best = [group[0] for group in groups_of_one_thing(boxes, scores, MAX_OVERLAP)]
        return Persons(boxes[best], np.clip(scores[best], 0, 1).astype(np.float32))


def _cells(side: int, strides: Sequence[int]) -> np.ndarray:
    """Return column, row and stride in pixels, float32 (cells, 3), in the network's order."""
    grids = []
    for stride in strides:
        row, column = np.divmod(np.arange((side // stride) ** 2), side // stride)
        grids.append(np.stack([column, row, np.full_like(row, stride)], axis=1))
    return np.concatenate(grids).astype(np.float32)
