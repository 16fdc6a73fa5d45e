"""Safetensors files larger than memory: tensors are mapped when read and streamed when written.

`weights` loads a file into a model; here a file goes to another one, a tensor at a time.
"""

import json
import mmap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from hashtag2action.errors import CheckpointError
from hashtag2action.files import written_whole
from hashtag2action.models.torch_files import map_numbers
from hashtag2action.models.weights import unreadable

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""Kinds of numbers by their names in a safetensors header. Source: the format's description."""

_NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True)
class LazyTensor:
    """A tensor that is read when it is asked for, and held by nobody after that."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    read: Callable[[], Tensor]
    is_mapped: bool = True
    """Whether reading it takes no memory of its own: it is a view of a mapped file."""

    @property
    def num_bytes(self) -> int:
        """Bytes of its numbers."""
        count = self.dtype.itemsize
        for length in self.shape:
            count *= length
        return count


def map_safetensors(path: Path) -> tuple[dict[str, LazyTensor], dict[str, str]]:
    """Open a file without reading its numbers.

    Returns:
        Its tensors, which stay valid as long as they are held, and its words.

    Raises:
        CheckpointError: There is no such file, or it is no safetensors file.
    """
    if not path.is_file():
        raise CheckpointError(f"there are no weights at {path}")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:  # checks every offset
            words = file.metadata() or {}
    except SafetensorError as error:
        raise unreadable(path, error) from error
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    header_bytes = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + header_bytes])
    header.pop("__metadata__", None)
    found: dict[str, LazyTensor] = {}
    for name, entry in header.items():
        if entry["dtype"] not in DTYPES:
            raise CheckpointError(f"{path}: {name} has numbers of kind {entry['dtype']}")
        first = 8 + header_bytes + entry["data_offsets"][0]
        dtype, shape = DTYPES[entry["dtype"]], tuple(entry["shape"])
        found[name] = LazyTensor(shape, dtype, _mapped(data, first, shape, dtype))
    return found, words


def write_safetensors(
    path: Path, tensors: Mapping[str, LazyTensor], words: Mapping[str, str]
) -> None:
    """Write tensors one by one; the file appears complete or not at all.

    Args:
        path: File to write, overwritten if it is there.
        tensors: What to write; each is read once, and one is held at a time.
        words: Metadata.

    Raises:
        CheckpointError: A tensor has numbers of a kind the format does not know.
        OSError: The file cannot be written.
    """
    header: dict[str, object] = {"__metadata__": dict(words)} if words else {}
    at = 0
    for name, tensor in tensors.items():
        if tensor.dtype not in _NAMES:
            raise CheckpointError(f"{name} has numbers of kind {tensor.dtype}")
        end = at + tensor.num_bytes
        kind, shape = _NAMES[tensor.dtype], list(tensor.shape)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that numbers begin on a beat of eight bytes
    with written_whole(path) as beside, beside.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, lazy in tensors.items():
            tensor = lazy.read()
            assert tensor.shape == lazy.shape, f"{name} is not of the shape it promised"
            assert tensor.dtype is lazy.dtype, f"{name} is not of the kind it promised"
            if tensor.numel():
                file.write(tensor.contiguous().flatten().view(torch.uint8).numpy().data)


def lazy(tensor: Tensor) -> LazyTensor:
    """Wrap a tensor that is in memory already."""
    detached = tensor.detach().contiguous()
    return LazyTensor(tuple(detached.shape), detached.dtype, lambda: detached)


def _mapped(
    data: mmap.mmap, first: int, shape: tuple[int, ...], dtype: torch.dtype
) -> Callable[[], Tensor]:
    count = 1
    for length in shape:
        count *= length

    def read() -> Tensor:
        if not count:
            return torch.empty(shape, dtype=dtype)
        return map_numbers(data, first, count, dtype).view(shape)

    return read
