"""Read pickles without running them.

A pickle is a program: loading it the usual way calls whatever it names. This machine knows the
instructions that build plain values, and the few names that checkpoints of VideoMAE need; each of
these makes a value of ours, never the object it was named after. Whatever else a file asks for is
refused by the name it asked for, before anything happened.

Nothing here imports a module, looks up an attribute or calls an object because a file said so.
"""

import pickletools
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol, cast

from hashtag2action.errors import CheckpointError
from hashtag2action.models.pickle_names import (
    ALLOWED,
    Arguments,
    Name,
    NumpyType,
    Storage,
    count,
    plain_key,
    text,
)

MAX_PICKLE_BYTES = 1 << 28
"""Longest pickle that is read. Chosen: a checkpoint of the largest network has 20 MB of it beside
its tensors, which are stored apart; a quarter GiB fits into any memory."""

_BROKEN = (ValueError, IndexError, KeyError, TypeError, OverflowError)
"""What a torn or ill-formed pickle raises inside the machine."""


class Readable(Protocol):
    """A file or a memory map, as far as a pickle needs it."""

    def read(self, size: int, /) -> bytes:
        """Return that many bytes, or what is left."""
        ...

    def readline(self) -> bytes:
        """Return what is left of a line."""
        ...


class _Mark:
    """Where a group of stack items begins."""


def read_pickle(file: Readable) -> Any:
    """Build the value of one pickle, which begins at the file's position and is read to its end.

    Returns:
        Plain values, `StoredTensor`s and `Arguments`.

    Raises:
        CheckpointError: The pickle asks for a name or does a thing that is not allowed, or is
            damaged. Nothing of it was run.
    """
    machine = _Machine()
    # The library asks for `read` and `readline` alone, whatever its annotation says.
    limited = cast(BinaryIO, _Limited(file))
    try:
        for opcode, argument, _ in pickletools.genops(limited):
            if opcode.name == "STOP":
                return machine.pop()
            machine.do(opcode.name, argument)
    except _BROKEN as error:
        raise CheckpointError(f"the pickle is damaged: {error}") from error
    raise CheckpointError("the pickle is damaged: it does not end")


class _Limited:
    """A file of which no more than the longest allowed pickle is read."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._left = MAX_PICKLE_BYTES

    def read(self, size: int) -> bytes:
        self._take(size)
        return self._file.read(size)

    def readline(self) -> bytes:
        line = self._file.readline()
        self._take(len(line))
        return line

    def _take(self, size: int) -> None:
        if size > self._left:
            raise CheckpointError(f"the pickle asks for more than {MAX_PICKLE_BYTES >> 20} MiB")
        self._left -= size


class _Machine:
    """A stack, a memo, and the instructions that build plain values."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def do(self, name: str, argument: Any) -> None:
        """Follow one instruction."""
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _LITERALS:
            self.stack.append(argument)
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        elif name not in _NOTHING:
            raise CheckpointError(
                f"refused: the file uses the pickle instruction {name}, which no checkpoint needs"
            )

    def pop(self) -> Any:
        """Take the top of the stack."""
        if not self.stack or self.stack[-1] is _Mark:
            raise IndexError("nothing on the stack")
        return self.stack.pop()

    def pop_group(self) -> list[Any]:
        """Take all down to the last mark."""
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _Mark:
                group = self.stack[place + 1 :]
                del self.stack[place:]
                return group
        raise IndexError("no mark on the stack")

    def top(self, kind: type) -> Any:
        """Look at the top of the stack, which has to be of a kind."""
        if not self.stack or type(self.stack[-1]) is not kind:
            raise TypeError(f"no {kind.__name__} on the stack")
        return self.stack[-1]

    def push_tuple(self, size: int) -> None:
        """Join the top items."""
        items = [self.pop() for _ in range(size)]
        self.stack.append(tuple(reversed(items)))

    def set_items(self, pairs: list[Any]) -> None:
        """Put keys and values, which follow each other, into the dictionary on top."""
        if len(pairs) % 2:
            raise ValueError("a key without a value")
        target = self.top(dict)
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            target[plain_key(key)] = value

    def call(self) -> None:
        """Make what a name stands for: REDUCE and NEWOBJ alike."""
        arguments, function = self.pop(), self.pop()
        if type(function) is not Name or function.make is None:
            name = function.name if type(function) is Name else type(function).__name__
            raise CheckpointError(f"refused: the file calls {name}, which is no allowed function")
        if type(arguments) is not tuple:
            raise TypeError("arguments are no tuple")
        self.stack.append(function.make(*arguments))

    def build(self) -> None:
        """Give an object its state."""
        state = self.pop()
        target = self.stack[-1]
        if type(target) is Arguments and type(state) is dict:
            target.values.update({text(key): value for key, value in state.items()})
        elif type(target) is NumpyType and type(state) is tuple:
            target.order = state[1]
        elif type(target) is not dict or type(state) is not dict:
            # A state dict of torch carries versions of modules as an attribute: not needed.
            raise CheckpointError(f"refused: the file sets attributes of a {type(target).__name__}")

    def find(self, module: Any, name: Any) -> None:
        """Look a name up among the allowed ones."""
        full = f"{module}.{name}"
        if full not in ALLOWED:
            raise CheckpointError(
                f"refused: the file asks for {full}, which no weights need; nothing of it was run. "
                "Ask its maker for a safetensors file"
            )
        self.stack.append(ALLOWED[full])

    def make_unasked(self, module: str, name: str) -> None:
        """Refuse the oldest way to make an object: no checkpoint uses it."""
        self.find(module, name)
        raise CheckpointError("refused: the file uses the pickle instruction INST")

    def find_stacked(self) -> None:
        """Look up a name whose parts lie on the stack."""
        name, module = self.pop(), self.pop()
        self.find(text(module), text(name))

    def persistent(self) -> None:
        """Describe a storage."""
        kind, storage, key, _, numel, *view = self.pop()
        if kind != "storage" or type(storage) is not Name or not storage.dtype:
            raise CheckpointError("refused: the file refers to something that is no storage")
        if view not in ([], [None]):
            raise CheckpointError("the file has views of storages, a form older than PyTorch 1.0")
        self.stack.append(Storage(str(text(key)), storage.dtype, count(numel)))


_NOTHING = {"PROTO", "FRAME"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "MARK": _Mark}
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
_LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
}


def _remember(machine: _Machine, place: int | None) -> None:
    if not machine.stack or machine.stack[-1] is _Mark:
        raise IndexError("nothing to remember")
    machine.memo[len(machine.memo) if place is None else place] = machine.stack[-1]


def _append(machine: _Machine, items: list[Any]) -> None:
    machine.top(list).extend(items)


def _pair(machine: _Machine) -> list[Any]:
    value, key = machine.pop(), machine.pop()
    return [key, value]


def _dict(machine: _Machine) -> None:
    pairs = machine.pop_group()
    machine.stack.append({})
    machine.set_items(pairs)


_ACTIONS: dict[str, Callable[[_Machine, Any], Any]] = {
    "POP": lambda machine, _: machine.stack.pop(),
    "POP_MARK": lambda machine, _: machine.pop_group(),
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.pop_group())),
    "TUPLE1": lambda machine, _: machine.push_tuple(1),
    "TUPLE2": lambda machine, _: machine.push_tuple(2),
    "TUPLE3": lambda machine, _: machine.push_tuple(3),
    "LIST": lambda machine, _: machine.stack.append(machine.pop_group()),
    "APPEND": lambda machine, _: _append(machine, [machine.pop()]),
    "APPENDS": lambda machine, _: _append(machine, machine.pop_group()),
    "DICT": lambda machine, _: _dict(machine),
    "SETITEM": lambda machine, _: machine.set_items(_pair(machine)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_group()),
    "ADDITEMS": lambda machine, _: _add(machine, machine.pop_group()),
    "PUT": _remember,
    "BINPUT": _remember,
    "LONG_BINPUT": _remember,
    "MEMOIZE": _remember,
    "GET": lambda machine, place: machine.stack.append(machine.memo[place]),
    "BINGET": lambda machine, place: machine.stack.append(machine.memo[place]),
    "LONG_BINGET": lambda machine, place: machine.stack.append(machine.memo[place]),
    "GLOBAL": lambda machine, name: machine.find(*name.split(" ", 1)),
    "INST": lambda machine, name: machine.make_unasked(*name.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.find_stacked(),
    "REDUCE": lambda machine, _: machine.call(),
    "NEWOBJ": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.build(),
    "BINPERSID": lambda machine, _: machine.persistent(),
}


def _add(machine: _Machine, members: list[Any]) -> None:
    machine.top(set).update(plain_key(member) for member in members)
