"""Further detectors, brought by name from their official releases when a person asks for them.

The default detector needs none of these. A file is kept only if its SHA-256 is the one stated here;
where none is stated, the one seen at the first fetch is written down and held to from then on.
"""

import hashlib
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import httpx

from hashtag2action.errors import WeightsError
from hashtag2action.vision.weights import alone, cache_folder

logger = logging.getLogger(__name__)

_TIMEOUT_S = 30.0  # of silence


@dataclass(frozen=True)
class ReleasedFile:
    """One file of a release: where it is and, where known, its SHA-256 (hexadecimal)."""

    url: str
    sha256: str | None = None

    @property
    def name(self) -> str:
        """File name; also its name in the cache."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Release:
    """A detector as its authors publish it."""

    name: str
    files: tuple[ReleasedFile, ...]
    licence: str
    recipe: str
    """How a recipe names it; `{path}` is the file, `{folder}` the folder of all files."""


@dataclass(frozen=True)
class Fetched:
    """A file in the cache, and how its SHA-256 is known: `stated`, `pinned` or `first seen`."""

    path: Path
    sha256: str
    known: str


_YOLOX = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"
_YOLOX_RECIPE = "analyze_videos: {{persons: {{kind: yolox, path: {path}}}}}"
_RT_DETR = "https://huggingface.co/PekingU/rtdetr_r18vd/resolve/main"

# The digests of the YOLOX files are those that several independent projects state for these
# addresses; those of RT-DETR were not seen.
RELEASES = (
    Release(
        "yolox-nano",
        (
            ReleasedFile(
                f"{_YOLOX}/yolox_nano.onnx",
                "c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d",
            ),
        ),
        "Apache-2.0",
        _YOLOX_RECIPE,
    ),
    Release(
        "yolox-tiny",
        (
            ReleasedFile(
                f"{_YOLOX}/yolox_tiny.onnx",
                "427cc366d34e27ff7a03e2899b5e3671425c262ea2291f88bb942bc1cc70b0f7",
            ),
        ),
        "Apache-2.0",
        _YOLOX_RECIPE,
    ),
    Release(
        "yolox-s",
        (
            ReleasedFile(
                f"{_YOLOX}/yolox_s.onnx",
                "c5c2d13e59ae883e6af3b45daea64af4833a4951c92d116ec270d9ddbe998063",
            ),
        ),
        "Apache-2.0",
        _YOLOX_RECIPE,
    ),
    Release(
        "rtdetr-r18",
        (ReleasedFile(f"{_RT_DETR}/config.json"), ReleasedFile(f"{_RT_DETR}/model.safetensors")),
        "Apache-2.0",
        "analyze_videos: {{persons: {{kind: detr, path: {folder}}}}}",
    ),
)
"""What `h2a weights fetch` knows by name."""


def release_named(name: str, known: tuple[Release, ...] = RELEASES) -> Release:
    """Return a release.

    Raises:
        WeightsError: No release has this name; the message lists those there are.
    """
    for release in known:
        if release.name == name:
            return release
    names = ", ".join(release.name for release in known)
    raise WeightsError(f"{name}: no release of this name is known; there are {names}")


def fetch(release: Release) -> list[Fetched]:
    """Bring the files of a release into the cache; what is there and right is kept.

    Raises:
        WeightsError: A file cannot be fetched, or is not the file it should be. The message says
            which, from where, and how to bring it by hand.
    """
    folder = cache_folder() / "weights" / release.name
    pins = folder.parent / "pins.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder.parent / ".releases.lock"):
            return [_fetch_one(file, release, folder, pins) for file in release.files]
    except OSError as error:
        raise WeightsError(f"{folder}: cannot be written ({error})") from error


def _fetch_one(file: ReleasedFile, release: Release, folder: Path, pins: Path) -> Fetched:
    path = folder / file.name
    held = _read_pins(pins)
    expected, known = file.sha256, "stated"
    if expected is None:
        expected, known = held.get(file.url), "pinned"
    if not path.exists():
        logger.info(f"fetching {file.url}")
        found = _download(file, release, path, expected)
    else:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if expected is not None and found != expected:
            raise WeightsError(
                f"{path}: SHA-256 is {found}, expected {expected} ({known}). Delete the file. "
                + _remedy(file, release, folder)
            )
    if expected is None:
        known = "first seen"
        _write(pins, json.dumps(held | {file.url: found}, indent=1, sort_keys=True).encode())
    return Fetched(path, found, known)


def _download(file: ReleasedFile, release: Release, path: Path, expected: str | None) -> str:
    """Write beside, check, rename; returns the SHA-256."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    digest = hashlib.sha256()
    try:
        with (
            httpx.stream("GET", file.url, follow_redirects=True, timeout=_TIMEOUT_S) as answer,
            beside.open("wb") as out,
        ):
            answer.raise_for_status()
            for chunk in answer.iter_bytes():
                digest.update(chunk)
                out.write(chunk)
        found = digest.hexdigest()
        if expected is not None and found != expected:
            raise WeightsError(
                f"{file.name} from {file.url}: SHA-256 is {found}, expected {expected}; it was not "
                f"kept. {_remedy(file, release, path.parent)}"
            )
        beside.replace(path)
    except httpx.HTTPError as error:
        raise WeightsError(
            f"{file.name}: cannot be fetched from {file.url} ({error or type(error).__name__}). "
            + _remedy(file, release, path.parent)
        ) from error
    finally:
        beside.unlink(missing_ok=True)
    return found


def _remedy(file: ReleasedFile, release: Release, folder: Path) -> str:
    return (
        f"It is a file of {release.name} ({release.licence}). Fetch {file.url} where there is a "
        f"network, put it into {folder} as {file.name} (H2A_CACHE moves the cache) and run this "
        "again to have it checked."
    )


def _read_pins(pins: Path) -> dict[str, str]:
    if not pins.exists():
        return {}
    try:
        held = json.loads(pins.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WeightsError(f"{pins}: cannot be read ({error}); repair or delete it") from error
    return {str(url): str(sha256) for url, sha256 in held.items()}


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(path)
