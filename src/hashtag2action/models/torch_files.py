"""Checkpoints of PyTorch (`.pth`, `.pt`, DeepSpeed's states) read without trust and without haste.

Both forms that `torch.save` ever wrote: the zip archive and, before PyTorch 1.6, pickles followed
by raw numbers. The pickles go through `pickles`, so a file can only describe values. The numbers
stay on disk until a tensor is asked for, and come as a view of the mapped file: the optimizer's
two thirds of a checkpoint are never touched.
"""

import mmap
import struct
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hashtag2action.errors import CheckpointError
from hashtag2action.models.pickle_names import Arguments, Storage, StoredTensor
from hashtag2action.models.pickles import read_pickle

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""First number of a file before PyTorch 1.6. Source: torch.serialization."""

LOCAL_HEADER = struct.Struct("<4s5H3L2H")
"""What precedes every entry of a zip archive. Source: APPNOTE.TXT, section 4.3.7."""

OTHER_FORMS = {
    b"version https://git-lfs": "a pointer of Git LFS; fetch the file itself with git lfs pull",
    b"\x1f\x8b": "packed with gzip; unpack it first",
    b"\xfd7zXZ\x00": "packed with xz; unpack it first",
    b"(\xb5/\xfd": "packed with zstd; unpack it first",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, as Keras writes",
    b"GGUF": "a GGUF file, as llama.cpp reads",
}
"""What is found in place of weights, by its first bytes. Source: Git LFS, its pointers; RFC 1952;
the descriptions of the formats of xz, Zstandard (RFC 8878), HDF5 and GGUF."""

NUM_SHOWN = 60
"""Bytes of an unknown file that are shown or looked at. Chosen: half a line."""


@dataclass(frozen=True)
class TorchFile:
    """An opened checkpoint."""

    path: Path
    content: Any
    """What was saved: plain values, with `StoredTensor`s in place of tensors."""
    form: str
    """Which form of file it is, in words."""
    places: dict[str, tuple[int, int]]
    """Storages by key: first byte in the file, and number of bytes."""
    data: mmap.mmap

    def read(self, stored: StoredTensor) -> Tensor:
        """Map a tensor: read only, contiguous; copied only if it was not so in the file.

        Raises:
            CheckpointError: The file lacks the numbers.
        """
        storage = stored.storage
        dtype = getattr(torch, storage.dtype)
        if storage.key not in self.places:
            raise CheckpointError(f"{self.path}: lacks storage {storage.key!r}")
        first, size = self.places[storage.key]
        if storage.numel * dtype.itemsize > size:
            raise CheckpointError(f"{self.path}: storage {storage.key!r} is shorter than it says")
        if not stored.numel:
            return torch.empty(stored.shape, dtype=dtype)
        steps = zip(stored.shape, stored.stride, strict=True)
        extent = 1 + sum((length - 1) * step for length, step in steps)
        begin = first + stored.offset * dtype.itemsize
        flat = map_numbers(self.data, begin, extent, dtype)
        return flat.as_strided(stored.shape, stored.stride).contiguous()


def map_numbers(data: mmap.mmap, first: int, count: int, dtype: torch.dtype) -> Tensor:
    """View bytes of a mapped file as numbers; they are copied if the file has them off beat."""
    part = np.frombuffer(data, np.uint8, count * dtype.itemsize, first)
    if part.ctypes.data % dtype.itemsize:
        part = part.copy()
    with warnings.catch_warnings():
        # The map is read only and so are all that use it; torch can only warn of that.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(part).view(dtype)


def write_torch_file(saved: dict[str, Any], path: Path) -> None:
    """Write a checkpoint as `torch.save` does.

    Raises:
        OSError: It cannot be written, for example because the disk is full.
    """
    try:
        with path.open("wb") as file:
            torch.save(saved, file)
    except RuntimeError as error:
        # Torch says that its archive is in disorder, and not why.
        if isinstance(error.__context__, OSError):
            raise error.__context__ from error
        raise


def open_torch_file(path: Path) -> TorchFile:
    """Open a checkpoint of PyTorch, of either form, as data.

    Raises:
        CheckpointError: It is none, is damaged, or asks for a name that weights do not need.
    """
    if not path.is_file():
        raise CheckpointError(f"there are no weights at {path}")
    if not path.stat().st_size:
        raise CheckpointError(f"{path}: the file is empty; was a download or a save cut off?")
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        if data[:4] == b"PK\x03\x04":
            return _open_zip(path, data)
        return _open_legacy(path, data)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _open_zip(path: Path, data: mmap.mmap) -> TorchFile:
    places = _zip_places(path, data)
    pickled = [name for name in places if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickled) != 1:
        raise CheckpointError("is a zip archive, but not one of torch.save: it has no data.pkl")
    prefix = pickled[0].removesuffix("data.pkl")
    first, size = places.get(f"{prefix}byteorder", (0, 0))
    if size and data[first : first + size] != b"little":
        raise CheckpointError("its numbers are big-endian; save it again on a common machine")
    first, size = places[pickled[0]]
    content = read_pickle(_Window(data, first, first + size))
    start = f"{prefix}data/"
    storages = {
        name.removeprefix(start): place for name, place in places.items() if name.startswith(start)
    }
    return TorchFile(path, content, "PyTorch archive", storages, data)


def _zip_places(path: Path, data: mmap.mmap) -> dict[str, tuple[int, int]]:
    """Find where the bytes of every entry lie; names are only names, nothing is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    # `zipfile` raises NotImplementedError for versions of the format that it does not know.
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise CheckpointError(
            f"is a damaged zip archive ({error}); was a download or a save cut off?"
        ) from error
    places: dict[str, tuple[int, int]] = {}
    for entry in entries:
        name = entry.orig_filename
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise CheckpointError(f"refused: its entry {name!r} is compressed or encrypted")
        head = data[entry.header_offset : entry.header_offset + LOCAL_HEADER.size]
        if len(head) < LOCAL_HEADER.size or head[:4] != b"PK\x03\x04":
            raise CheckpointError(f"is a damaged zip archive at {name!r}")
        *_, name_length, extra_length = LOCAL_HEADER.unpack(head)
        first = entry.header_offset + LOCAL_HEADER.size + name_length + extra_length
        if entry.compress_size != entry.file_size or first + entry.file_size > len(data):
            raise CheckpointError(f"refused: its entry {name!r} is not as long as it says")
        if name in places:
            raise CheckpointError(f"refused: it has two entries {name!r}")
        places[name] = first, entry.file_size
    return places


def _open_legacy(path: Path, data: mmap.mmap) -> TorchFile:
    window = _Window(data, 0, len(data))
    if data[:1] != b"\x80" or read_pickle(window) != LEGACY_MAGIC:
        raise CheckpointError(
            "is neither a safetensors file nor a checkpoint of PyTorch, but "
            f"{_in_words(data[:NUM_SHOWN])}"
        )
    read_pickle(window)
    system = read_pickle(window)
    if not isinstance(system, dict) or not system.get("little_endian"):
        raise CheckpointError("its numbers are big-endian; save it again on a common machine")
    content = read_pickle(window)
    keys = read_pickle(window)
    sizes = _storage_sizes(content)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise CheckpointError("the list of its storages is damaged")
    places: dict[str, tuple[int, int]] = {}
    at = window.at
    for key in keys:
        if key not in sizes or at + 8 > len(data):
            raise CheckpointError(f"its storage {key!r} is damaged")
        (numel,) = struct.unpack_from("<q", data, at)
        size = numel * sizes[key]
        if numel < 0 or at + 8 + size > len(data):
            raise CheckpointError(f"refused: its storage {key!r} is not as long as it says")
        places[key] = at + 8, size
        at += 8 + size
    return TorchFile(path, content, "PyTorch file from before version 1.6", places, data)


def _in_words(head: bytes) -> str:
    """Say what begins with these bytes."""
    for first, form in OTHER_FORMS.items():
        if head.startswith(first):
            return form
    if head.lstrip()[:1] == b"<":
        return "a page of the web (HTML or XML); was it downloaded without signing in?"
    if all(byte in b"\t\n\r" or byte >= 32 for byte in head):
        return f"text that begins with {head.decode(errors='replace')!r}"
    return f"a file that begins with the bytes {head[:8].hex(' ')}"


def _storage_sizes(content: Any) -> dict[str, int]:
    """Find the bytes per number of every storage, however deep; shared values are seen once."""
    sizes: dict[str, int] = {}
    seen: set[int] = set()
    waiting = [content]
    while waiting:
        value = waiting.pop()
        storage = value.storage if isinstance(value, StoredTensor) else value
        if isinstance(storage, Storage):
            sizes[storage.key] = getattr(torch, storage.dtype).itemsize
        elif id(value) not in seen:
            seen.add(id(value))
            if isinstance(value, dict):
                waiting.extend(value.values())
            elif isinstance(value, (list, tuple)):
                waiting.extend(value)
            elif isinstance(value, Arguments):
                waiting.append(value.values)
    return sizes


class _Window:
    """Bytes of a mapped file, read like a file, from a place to a place."""

    def __init__(self, data: mmap.mmap, at: int, end: int) -> None:
        self._data = data
        self.at = at
        self._end = end

    def read(self, size: int, /) -> bytes:
        part = self._data[self.at : min(self.at + size, self._end)]
        self.at += len(part)
        return part

    def readline(self) -> bytes:
        found = self._data.find(b"\n", self.at, self._end)
        return self.read((self._end if found < 0 else found + 1) - self.at)
