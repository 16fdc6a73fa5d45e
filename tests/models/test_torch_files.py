"""Files of `torch.save` come back bit for bit; forged ones are refused."""

import argparse
import gzip
import os
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

from hashtag2action.errors import CheckpointError
from hashtag2action.models.pickle_names import Arguments
from hashtag2action.models.torch_files import open_torch_file


class Calls:
    """Pickles as a call of os.system."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


@pytest.fixture(params=[True, False], ids=["zip", "legacy"])
def save(request, tmp_path):
    def write(content):
        path = tmp_path / "checkpoint.pth"
        torch.save(content, path, _use_new_zipfile_serialization=request.param)
        return path

    return write


def test_tensors_of_every_kind_come_back_bit_for_bit(save, generator):
    whole = torch.randn(6, 8, generator=generator)
    state = OrderedDict(
        whole=whole,
        turned=whole.T,
        part=whole[2:4, 1::3],
        scalar=torch.tensor(3.5),
        empty=torch.empty(0, 4),
        **{
            str(dtype): torch.randint(0, 2, (3, 5), generator=generator).to(dtype)
            for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool)
        },
    )
    opened = open_torch_file(save({"model": state, "epoch": 3}))
    assert opened.content["epoch"] == 3
    assert list(opened.content["model"]) == list(state)
    for name, stored in opened.content["model"].items():
        found = opened.read(stored)
        assert found.dtype is state[name].dtype
        assert found.is_contiguous()
        assert torch.equal(found, state[name])


def test_a_state_dict_with_versions_and_an_optimizer_is_read(save, pretraining):
    optimizer = torch.optim.AdamW(pretraining.parameters(), betas=(0.9, 0.95))
    pretraining.mask_token.sum().backward()
    optimizer.step()
    content = {
        "model": pretraining.state_dict(),
        "optimizer": optimizer.state_dict(),
        "epoch": 298,
        "scaler": {"scale": 65536.0, "best": np.float64(0.25)},
        "args": argparse.Namespace(lr=1e-3, model="pretrain_videomae_base_patch16_224"),
    }
    opened = open_torch_file(save(content))
    assert opened.content["scaler"] == {"scale": 65536.0, "best": 0.25}
    assert type(opened.content["args"]) is Arguments
    for name, tensor in pretraining.state_dict().items():
        assert torch.equal(opened.read(opened.content["model"][name]), tensor)


def test_a_hostile_file_is_refused_by_the_name_and_does_not_run(save, tmp_path):
    path = save({"model": Calls(tmp_path / "ran")})
    with pytest.raises(
        CheckpointError, match=r"checkpoint\.pth: refused: .* asks for posix\.system"
    ):
        open_torch_file(path)
    assert not (tmp_path / "ran").exists()


def test_a_module_saved_whole_is_refused(save):
    with pytest.raises(CheckpointError, match=r"asks for torch\.nn\.modules\.linear\.Linear"):
        open_torch_file(save(torch.nn.Linear(2, 2)))


def rewrite(path, change):
    """Write an archive again, entry by entry, through `change(name, data) -> [(info, data)]`."""
    with zipfile.ZipFile(path) as archive:
        entries = [(info.filename, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries:
            for info, changed in change(name, data):
                archive.writestr(info, changed)


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "forged.pth"
    torch.save({"model": {"a": torch.arange(1000.0)}}, path)
    return path


def packed(name):
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def test_compressed_entries_are_refused_before_they_grow(archive):
    rewrite(
        archive,
        lambda name, data: [
            (packed(name), bytes(1 << 24)) if name.endswith("data/0") else (name, data)
        ],
    )
    assert archive.stat().st_size < 1 << 20
    with pytest.raises(CheckpointError, match=r"data/0' is compressed"):
        open_torch_file(archive)


def test_names_that_climb_out_are_only_names(archive, tmp_path):
    rewrite(archive, lambda name, data: [(name, data), (f"{name}/../../../climbed", b"x")])
    opened = open_torch_file(archive)
    assert torch.equal(opened.read(opened.content["model"]["a"]), torch.arange(1000.0))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["forged.pth"]


def test_a_storage_that_is_shorter_or_missing_is_named(archive):
    rewrite(archive, lambda name, data: [(name, data[:100] if name.endswith("data/0") else data)])
    opened = open_torch_file(archive)
    with pytest.raises(CheckpointError, match="'0' is shorter than it says"):
        opened.read(opened.content["model"]["a"])
    rewrite(archive, lambda name, data: [] if name.endswith("data/0") else [(name, data)])
    opened = open_torch_file(archive)
    with pytest.raises(CheckpointError, match="lacks storage '0'"):
        opened.read(opened.content["model"]["a"])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused(archive):
    rewrite(archive, lambda name, data: [(name, data)] * (2 if name.endswith("data.pkl") else 1))
    with pytest.raises(CheckpointError, match=r"two entries '.*data\.pkl'"):
        open_torch_file(archive)


def test_a_torn_file_is_refused_wherever_it_ends(save):
    path = save({"model": {"a": torch.arange(100.0)}})
    whole = path.read_bytes()
    for length in (1, 4, 30, 200, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            open_torch_file(path)
    with pytest.raises(CheckpointError, match="no weights at"):
        open_torch_file(path.with_name("absent.pth"))
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="the file is empty"):
        open_torch_file(path)


def test_other_archives_and_files_are_refused(tmp_path):
    path = tmp_path / "other"
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("readme.txt", "hello")
    with pytest.raises(CheckpointError, match=r"no data\.pkl"):
        open_torch_file(path)
    forms = {
        b"hello": r"neither a safetensors .* PyTorch, but text that begins with 'hello'",
        b"\n<!DOCTYPE html>": "a page of the web",
        b"version https://git-lfs.github.com/spec/v1": "git lfs pull",
        gzip.compress(b"hello"): "gzip; unpack it",
        b"\x00\x01\x02": "a file that begins with the bytes 00 01 02",
    }
    for content, found in forms.items():
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=found):
            open_torch_file(path)
