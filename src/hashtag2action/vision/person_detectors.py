"""Which person detectors there are. A setting's `open` loads what the detector needs, once."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hashtag2action.config import Config
from hashtag2action.vision.persons import PersonDetector


class Cascade(Config):
    """The default: YOLOX-nano at a glance, and in doubt all nets on a closer look.

    YOLOX-nano ships with the package; the nets of MediaPipe (6 MB) are fetched once. See
    `hashtag2action.vision.weights`.
    """

    runtime_fields: ClassVar[tuple[str, ...]] = ("num_threads",)

    kind: Literal["cascade"] = "cascade"
    min_score: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Score from which a candidate counts as a person. Chosen: as likely as not, and a little more;
    see the biases in `vision.cascade`."""
    num_threads: Annotated[int, Field(ge=1)] = 1
    """Threads of each net. One suits a worker per core."""

    def open(self) -> PersonDetector:
        """Load the nets.

        Raises:
            MissingExtraError: onnxruntime or ai-edge-litert is not installed.
            WeightsError: A file is not in the cache and cannot be fetched.
        """
        from hashtag2action.vision.cascade import CascadeDetector

        return CascadeDetector(self.num_threads)


class BlazePose(Config):
    """Body, face and hand nets of MediaPipe, whose agreement makes a person.

    Its files (6 MB) are fetched once; see `hashtag2action.vision.weights`.
    """

    runtime_fields: ClassVar[tuple[str, ...]] = ("num_threads",)

    kind: Literal["blazepose"] = "blazepose"
    min_score: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Score from which a candidate counts as a person. Chosen: two of the three nets that are half
    sure give 0.75 together, as does one that is three quarters sure; 0.65 to 0.75 do alike."""
    faces_and_hands: bool = True
    """Let a face and a hand found on a body raise its score; without them, `min_score` 0.5 fits."""
    second_look: bool = False
    """Drop bodies in which the pose net, asked about that body alone, sees no person. For use with
    `faces_and_hands` off and a low `min_score`: beside them it costs more persons than it saves."""
    num_threads: Annotated[int, Field(ge=1)] = 1
    """Threads of each net. One suits a worker per core."""

    def open(self) -> PersonDetector:
        """Load the nets.

        Raises:
            MissingExtraError: ai-edge-litert is not installed.
            WeightsError: A file is not in the cache and cannot be fetched.
        """
        from hashtag2action.vision.blazepose import BlazePoseDetector

        return BlazePoseDetector(
            faces_and_hands=self.faces_and_hands,
            second_look=self.second_look,
            num_threads=self.num_threads,
        )


class Yolox(Config):
    """A YOLOX network, any size, trained on COCO and exported to ONNX: a file of your own.

    `h2a weights fetch yolox-nano` (or yolox-tiny, yolox-s) brings one.
    """

    runtime_fields: ClassVar[tuple[str, ...]] = ("num_threads", "device")

    kind: Literal["yolox"] = "yolox"
    path: Path
    """The .onnx file. Nothing is fetched."""
    min_score: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Score from which a candidate counts as a person. Source: the project's ONNX demo."""
    long_side_px: Annotated[int, Field(ge=64)] = 416
    """What frames are scaled to, if the network's size is free. Source: YOLOX-nano's input."""
    num_threads: Annotated[int, Field(ge=1)] = 1
    """Threads of the network. One suits a worker per core."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where it runs; `cuda` needs onnxruntime-gpu."""

    def open(self) -> PersonDetector:
        """Load the network.

        Raises:
            MissingExtraError: onnxruntime is not installed.
            WeightsError: The file is absent or is not a YOLOX export.
        """
        from hashtag2action.vision.yolox import YoloxDetector

        return YoloxDetector(self.path, self.num_threads, self.device, self.long_side_px)


class Detr(Config):
    """RT-DETR or D-FINE by `transformers`, any size: a folder of your own."""

    runtime_fields: ClassVar[tuple[str, ...]] = ("device",)

    kind: Literal["detr"] = "detr"
    path: Path
    """A folder that `save_pretrained` wrote. Nothing is fetched."""
    min_score: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Score from which a candidate counts as a person. Source: the RT-DETR authors' demo, 0.6;
    chosen lower, for a scene is judged by several frames."""
    side_px: Annotated[int, Field(ge=64, multiple_of=32)] = 640
    """Side of the square that frames are scaled to. Source: both papers."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where it runs."""

    def open(self) -> PersonDetector:
        """Load the network.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            WeightsError: The folder is absent or holds no detector of this family.
        """
        from hashtag2action.vision.detr import DetrDetector

        return DetrDetector(self.path, self.side_px, self.device)


AnySingleDetector = Annotated[Cascade | BlazePose | Yolox | Detr, Field(discriminator="kind")]


class Agreement(Config):
    """Two detectors that must both see a person; each answers for the other's mistakes."""

    kind: Literal["agreement"] = "agreement"
    first: AnySingleDetector
    """Its boxes are given."""
    second: AnySingleDetector
    min_score: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Score from which a candidate counts: at 0.5 each reaches its own `min_score`."""

    def open(self) -> PersonDetector:
        """Load both; raises what they raise."""
        from hashtag2action.vision.agreeing import AgreeingDetector

        return AgreeingDetector(
            (self.first.open(), self.first.min_score), (self.second.open(), self.second.min_score)
        )


AnyPersonDetector = Annotated[
    Cascade | BlazePose | Yolox | Detr | Agreement, Field(discriminator="kind")
]
