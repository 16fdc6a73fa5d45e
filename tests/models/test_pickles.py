"""Hostile pickles are refused by the name they ask for, and nothing of them runs."""

import argparse
import io
import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from hashtag2action.errors import CheckpointError
from hashtag2action.models.pickle_names import Arguments
from hashtag2action.models.pickles import MAX_PICKLE_BYTES, read_pickle


def read(data: bytes):
    return read_pickle(io.BytesIO(data))


class Calls:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_plain_values_come_back(protocol):
    value = {
        "numbers": [1, -2, 3.5, 1 << 70, True, None],
        "words": ("a", b"\xff\x00", "\u00e4\n"),
        "nested": OrderedDict(a={"b": [()]}),
        "members": {1, 2},
    }
    assert read(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", [2, 4])
def test_what_official_checkpoints_hold_comes_back_as_plain_values(protocol):
    arguments = argparse.Namespace(lr=0.1, model="pretrain_videomae_base", best=np.float64(2.5))
    found = read(pickle.dumps({"args": arguments, "epoch": np.int32(7)}, protocol))
    assert found["epoch"] == 7
    assert type(found["args"]) is Arguments
    assert found["args"].values == {"lr": 0.1, "model": "pretrain_videomae_base", "best": 2.5}


def test_bytes_and_sets_of_the_oldest_protocols_come_back():
    assert read(pickle.dumps(b"\xfe\x00", 2)) == b"\xfe\x00"
    assert read(b"c__builtin__\nset\n((lp0\nI1\naI2\natR.") == {1, 2}


HOSTILE = {
    "posix.system": lambda target: Calls(os.system, f"touch {target}"),
    "builtins.eval": lambda target: Calls(eval, f"open({str(target)!r}, 'w')"),
    "builtins.exec": lambda target: Calls(exec, f"open({str(target)!r}, 'w')"),
    "builtins.getattr": lambda target: Calls(getattr, Calls(__import__, "os"), "system"),
    "builtins.__import__": lambda target: Calls(__import__, "antigravity"),
    "shutil.rmtree": lambda target: Calls(__import__("shutil").rmtree, str(target)),
    "builtins.open": lambda target: Calls(open, str(target), "w"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_hostile_call_is_refused_by_its_name(name, protocol, tmp_path):
    target = tmp_path / "ran"
    data = pickle.dumps({"model": HOSTILE[name](target)}, protocol)
    # Python 2 had other names for two modules; protocols below 3 write them.
    asked = name.replace("builtins.", "(builtins|__builtin__|io)[.]").replace(
        "getattr", "(getattr|__import__)"
    )
    with pytest.raises(CheckpointError, match=f"the file asks for {asked}, "):
        read(data)
    assert not target.exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        # Names that torch's own loader has been tricked with, or could be.
        (b"ctorch.hub\nload\n.", "torch.hub.load"),
        (b"ctorch.storage\n_load_from_bytes\n(S'x'\ntR.", "torch.storage._load_from_bytes"),
        (b"ctorch.serialization\nload\n.", "torch.serialization.load"),
        (b"ctorch._utils\n_rebuild_parameter\n.", "torch._utils._rebuild_parameter"),
        (b"ctorch.jit\nload\n.", "torch.jit.load"),
        (b"cnumpy.core.multiarray\n_reconstruct\n.", "numpy.core.multiarray._reconstruct"),
        (b"cnumpy.lib.npyio\nload\n.", "numpy.lib.npyio.load"),
        # A chain of attributes behind an allowed name.
        (b"\x80\x04\x8c\x08argparse\x8c\x12Namespace.__init__\x93.", "argparse.Namespace.__init__"),
        (b"\x80\x04\x8c\x08builtins\x8c\x0cset.__mro__.\x93.", "builtins.set.__mro__"),
        (b"cos path\nsystem\n.", "os.path system"),
        # A name kept in the memo and used later.
        (b"cposix\nsystem\nq\x010h\x01(S'true'\ntR.", "posix.system"),
        # The other instructions that make objects.
        (b"(S'true'\niposix\nsystem\n.", "posix.system"),
        (b"(S'x'\ni__builtin__\nset\n.", "instruction INST"),
        (b"(cposix\nsystem\nS'true'\no.", "posix.system"),
        (b"(c__builtin__\nset\nS'x'\no.", "instruction OBJ"),
        (b"\x80\x02\x82\x01.", "instruction EXT1"),
        (b"\x80\x02cargparse\nNamespace\n)}\x92.", "instruction NEWOBJ_EX"),
        (b"Pposix.system\n.", "instruction PERSID"),
        # Calls of what is no function: a storage's name, a result, a number.
        (b"ctorch\nFloatStorage\n(I1\ntR.", "calls torch.FloatStorage"),
        (b"cargparse\nNamespace\n)R)R.", "calls Arguments"),
        (b"I1\n(tR.", "calls int"),
        # Attributes of what was made, or of a name itself.
        (b"c__builtin__\nset\n}S'x'\nI1\nsb.", "sets attributes of a Name"),
        (b"cargparse\nNamespace\n)R(N}S'__class__'\nI1\nstb.", "sets attributes of a Arguments"),
        (b"](N}S'append'\nI1\nstb.", "sets attributes of a list"),
        # Persistent ids that are no storage.
        (b"(S'module'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI1\ntQ.", "no storage"),
        (b"(S'storage'\nS'os.system'\nS'0'\nS'cpu'\nI1\ntQ.", "no storage"),
        (b"c_codecs\nencode\n(S'a'\nS'zip'\ntR.", "encoding other than latin1"),
        (b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR.", "numpy.dtype of 'O8'"),
        # A key that nests would be hashed without a limit to its depth.
        (b"}" + b"(" * 3000 + b"t" * 3000 + b"I1\ns.", "tuple as a key"),
    ],
)
def test_a_trick_is_refused(data, message):
    with pytest.raises(CheckpointError) as refused:
        read(data)
    assert message in str(refused.value)


def test_allowed_names_are_made_of_values_of_ours(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("the real class was used")

    monkeypatch.setattr(argparse.Namespace, "__init__", fail)
    found = read(b"cargparse\nNamespace\n)R}S'__init__'\nI1\nsb.")
    assert found == Arguments({"__init__": 1})


def test_a_tensor_cannot_reach_beyond_its_storage():
    def tensor(numel, offset, shape, stride):
        storage = f"(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI{numel}\ntQ"
        sizes = "".join(f"(I{a}\nt" for a in (shape, stride))
        return read(
            f"ctorch._utils\n_rebuild_tensor_v2\n({storage}I{offset}\n{sizes}I00\nNtR.".encode()
        )

    assert tensor(6, 2, 2, 3).numel == 2
    for numel, offset, shape, stride in [
        (6, 3, 2, 3),
        (6, 0, 7, 1),
        (6, 0, 9999, 0),
        (6, -1, 1, 1),
    ]:
        with pytest.raises(CheckpointError, match="damaged"):
            tensor(numel, offset, shape, stride)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x02",
        b".",
        b"(.",
        b"h\x07.",
        b"](0a.",
        b"}I1\ns.",
        b"\x80\x02X\xff\x00\x00\x00ab.",
        pickle.dumps({"a": [1, 2]})[:-3],
        b"I" + b"1" * 5000 + b"\n.",
        bytes(range(256)),
    ],
)
def test_a_damaged_pickle_is_named_so(data):
    with pytest.raises(CheckpointError, match=r"damaged|refused"):
        read(data)


def test_a_pickle_that_promises_too_much_is_refused_unread():
    size = (MAX_PICKLE_BYTES + 1).to_bytes(8, "little")
    with pytest.raises(CheckpointError, match="more than 256 MiB"):
        read(b"\x80\x04\x8e" + size + b"x.")


def test_a_value_shared_a_billion_fold_stays_one_value():
    data = b"]" + b"".join(b"q%c]" % n + b"(h%c" % n + b"h%ce" % n for n in range(60)) + b"."
    found = read(data)
    for _ in range(60):
        assert len(found) == 2
        assert found[0] is found[1]
        found = found[0]


def test_every_prefix_and_single_byte_change_of_a_checkpoint_is_safe(tmp_path: Path):
    data = pickle.dumps({"args": argparse.Namespace(a=1), "m": OrderedDict(x={1})}, 2)
    for place in range(len(data)):
        for other in (0, 1, 0x28, 0x52, 0x62, 0x63, 0x81, 0xFF):
            changed = data[:place] + bytes([other]) + data[place + 1 :]
            try:
                read(changed)
            except CheckpointError:
                continue
