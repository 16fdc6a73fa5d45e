"""RT-DETR and D-FINE by `transformers`, from a folder on disk: persons without suppression.

Source: Zhao et al., "DETRs Beat YOLOs on Real-time Object Detection" (2024), and Peng et al.,
"D-FINE" (2024), with their authors' ports to `transformers` (Apache-2.0): a square picture in
[0, 1], not normalized; each query gives class logits, read by a sigmoid, and a relative box.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from hashtag2action.errors import MissingExtraError, WeightsError
from hashtag2action.vision.boxes import clip_to_frame
from hashtag2action.vision.persons import Persons

FAMILY = ("rt_detr", "rt_detr_v2", "d_fine")
MIN_SCORE = 0.1
"""Weaker answers are no evidence. Chosen: a third of the least score that counts by default."""
BATCH = 8
"""Frames in one forward pass. Chosen: fills a small GPU, and 100 MB at most on a CPU."""


class DetrDetector:
    """Persons by a detector of the DETR family."""

    def __init__(self, folder: Path, side: int, device: Literal["cpu", "cuda"]) -> None:
        """Load the network.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            WeightsError: The folder is absent, is not of this family, or knows no persons.
        """
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError("torch", "detr") from error
        try:
            from transformers import AutoConfig, AutoModelForObjectDetection
        except ImportError as error:
            raise MissingExtraError("transformers", "detr") from error
        if not (folder / "config.json").is_file():
            raise WeightsError(f"{folder}: no config.json; give a folder `save_pretrained` wrote")
        if device == "cuda" and not torch.cuda.is_available():
            raise WeightsError("device cuda was asked for and there is none; use cpu")
        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=True)
            if config.model_type not in FAMILY:
                raise WeightsError(
                    f"{folder}: is of type {config.model_type}, expected one of {', '.join(FAMILY)}"
                )
            net = AutoModelForObjectDetection.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise WeightsError(f"{folder}: cannot be loaded ({error})") from error
        persons = [int(key) for key, name in (config.id2label or {}).items() if name == "person"]
        if not persons:
            raise WeightsError(f"{folder}: has no class named person")
        self._torch, self._person, self._side, self._device = torch, persons[0], side, device
        self._net = net.eval().to(device)

    def detect(
        self,
        frames: Sequence[np.ndarray],
        *,
        closely: bool = True,
        parts: bool = True,
        glances: Sequence[Persons] = (),
    ) -> list[Persons]:
        """Find persons in RGB frames, each uint8 (H, W, 3) of any size."""
        found: list[Persons] = []
        for first in range(0, len(frames), BATCH):
            found += self._detect_some(frames[first : first + BATCH])
        return found

    def _detect_some(self, frames: Sequence[np.ndarray]) -> list[Persons]:
        side = (self._side, self._side)
        squares = np.stack([cv2.resize(frame, side) for frame in frames]).transpose(0, 3, 1, 2)
        torch = self._torch
        with torch.inference_mode():
            pixels = torch.from_numpy(np.ascontiguousarray(squares)).to(self._device).float() / 255
            said = self._net(pixel_values=pixels)
            scores = said.logits[..., self._person].sigmoid().float().cpu().numpy()
            places = said.pred_boxes.float().cpu().numpy()
        return [
            _persons(place, score, *frame.shape[:2])
            for place, score, frame in zip(places, scores, frames, strict=True)
        ]


def _persons(places: np.ndarray, scores: np.ndarray, height: int, width: int) -> Persons:
    """Turn relative centers and sizes (n, 4) into boxes of one frame, best first."""
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= MIN_SCORE]
    centers, half = places[order, :2], places[order, 2:] / 2
    boxes = np.concatenate([centers - half, centers + half], axis=1)
    boxes = boxes * np.array([width, height, width, height], np.float32)
    return Persons(clip_to_frame(boxes, height, width), scores[order].astype(np.float32))
