"""The few names a checkpoint may ask for, and what is made in their place: plain values of ours.

`pickles` follows a file's instructions; here is all that they can call. Nothing here is the object
it is named after.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hashtag2action.errors import CheckpointError

STORAGE_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
"""PyTorch's names of storages, and of their numbers."""


@dataclass(frozen=True)
class Storage:
    """Numbers that lie elsewhere in the file."""

    key: str
    dtype: str
    """A name of torch, such as float32."""
    numel: int


@dataclass(frozen=True)
class StoredTensor:
    """A tensor that is described but not read: a view of a storage."""

    storage: Storage
    offset: int
    """First element, counted in elements."""
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    """Steps between neighbors, counted in elements."""

    @property
    def numel(self) -> int:
        """Number of elements."""
        count = 1
        for length in self.shape:
            count *= length
        return count


@dataclass(frozen=True)
class Arguments:
    """What an `argparse.Namespace` held."""

    values: dict[str, Any] = field(default_factory=dict)


@dataclass
class NumpyType:
    """What a `numpy.dtype` said: kind and size, and later the order of its bytes."""

    code: str
    order: str = "<"


@dataclass(frozen=True)
class Name:
    """A name that may be used, and what is made when it is called; None: it is no function."""

    name: str
    make: Callable[..., Any] | None = None
    dtype: str = ""


def plain_key(key: Any) -> Any:
    """Insist on a key that can be hashed at no risk: one that does not nest."""
    parts = key if type(key) is tuple else (key,)
    if all(part is None or type(part) in {str, bytes, int, float, bool} for part in parts):
        return key
    raise CheckpointError(f"refused: the file has a {type(key).__name__} as a key")


def text(value: Any) -> str:
    """Insist on text."""
    if type(value) is not str:
        raise TypeError("a name that is no text")
    return value


def count(value: Any) -> int:
    """Insist on a whole number from 0."""
    if type(value) is not int or value < 0:
        raise ValueError("a count that is no whole number from 0")
    return value


def _counts(values: Any) -> tuple[int, ...]:
    return tuple(count(value) for value in values)


def _tensor(
    storage: Any, offset: Any, shape: Any, stride: Any, requires_grad: Any, hooks: Any, *_: Any
) -> StoredTensor:
    if type(storage) is not Storage:
        raise TypeError("a tensor without a storage")
    found = StoredTensor(storage, count(offset), _counts(shape), _counts(stride))
    if len(found.shape) != len(found.stride) or found.numel > storage.numel:
        raise ValueError("a tensor larger than its storage")
    steps = zip(found.shape, found.stride, strict=True)
    last = found.offset + sum((length - 1) * step for length, step in steps)
    if found.numel and last >= storage.numel:
        raise ValueError("a tensor that reaches beyond its storage")
    return found


def _namespace() -> Arguments:
    # No arguments: what it holds follows as its state.
    return Arguments()


def _numpy_type(code: Any, *_: Any) -> NumpyType:
    if code not in {"f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1"}:
        raise CheckpointError(f"refused: the file has a numpy.dtype of {str(code)[:20]!r}")
    return NumpyType(code)


def _numpy_scalar(kind: Any, data: Any) -> int | float | bool:
    if type(kind) is not NumpyType or type(data) is not bytes or kind.order not in {"<", ">", "|"}:
        raise TypeError("a numpy scalar without a type")
    return np.frombuffer(data, kind.order + kind.code, count=1)[0].item()


def _encode(words: Any, encoding: Any) -> bytes:
    if encoding != "latin1":
        raise CheckpointError("refused: the file asks for a text encoding other than latin1")
    return text(words).encode("latin1")


def _ordered(pairs: Any = ()) -> dict[Any, Any]:
    return {plain_key(key): value for key, value in pairs}


def _set(members: Any = ()) -> set[Any]:
    return {plain_key(member) for member in members}


ALLOWED: dict[str, Name] = {
    entry.name: entry
    for entry in (
        Name("argparse.Namespace", _namespace),
        Name("collections.OrderedDict", _ordered),
        Name("builtins.set", _set),
        Name("__builtin__.set", _set),
        Name("_codecs.encode", _encode),
        Name("numpy.dtype", _numpy_type),
        Name("numpy.core.multiarray.scalar", _numpy_scalar),
        Name("numpy._core.multiarray.scalar", _numpy_scalar),
        Name("torch._utils._rebuild_tensor_v2", _tensor),
        *(Name(f"torch.{name}", None, dtype) for name, dtype in STORAGE_DTYPES.items()),
    )
}

"""All names a file may ask for."""
