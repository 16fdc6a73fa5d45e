import json
import logging
from pathlib import Path

import pytest
import torch

from hashtag2action.evaluate.compute import Compute, precisions_of
from hashtag2action.models import processor

AVX2 = {"architecture": "x86_64", "avx2": True, "avx_ne_convert": True, "cpu_name": "Old CPU"}
WITH_BF16 = [
    AVX2 | {"avx512_bf16": True},
    AVX2 | {"amx_bf16": True},
    {"architecture": "arm64", "neon": True, "bf16": True},
]


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch):
    """Tells the package that the CPU is another one."""
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)

    def pretend(features: dict) -> None:
        monkeypatch.setattr(processor, "cpu_features", lambda: features)

    return pretend


@pytest.mark.parametrize("features", WITH_BF16)
def test_auto_is_bf16_where_the_cpu_multiplies_it(cpu, features):
    cpu(features)
    assert Compute().precision == "auto"
    assert Compute().settled_precision == "bf16"
    with Compute().autocast():
        assert torch.is_autocast_enabled("cpu")
    assert Compute(precision="fp32").settled_precision == "fp32"


def test_auto_is_fp32_where_the_cpu_would_emulate_bf16(cpu, monkeypatch):
    cpu(AVX2)
    assert Compute().settled_precision == "fp32"
    with Compute().autocast():
        assert not torch.is_autocast_enabled("cpu")
    assert Compute(precision="bf16").settled_precision == "bf16"
    cpu(WITH_BF16[0])
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert Compute().settled_precision == "fp32"


@pytest.mark.parametrize(("is_native", "precision"), [(True, "bf16"), (False, "fp32")])
def test_auto_does_not_count_what_a_gpu_emulates(monkeypatch, is_native, precision):
    def is_supported(including_emulation: bool = True) -> bool:
        return including_emulation or is_native

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_supported)
    assert Compute(device="cuda").settled_precision == precision


def test_bf16_is_warned_of_once_where_it_is_emulated(cpu, caplog):
    cpu(AVX2)
    Compute(precision="bf16").start()
    (told,) = caplog.messages
    assert "Old CPU has no instructions that multiply it" in told
    assert "runtime.precision=auto" in told
    caplog.clear()
    Compute(precision="fp32").start()
    Compute().start()
    cpu(WITH_BF16[0])
    Compute(precision="bf16").start()
    assert not caplog.messages


def test_what_was_chosen_is_logged(cpu, caplog):
    cpu(AVX2)
    with caplog.at_level(logging.INFO):
        Compute().start()
    assert caplog.messages == ["cpu, fp32"]


def test_a_run_keeps_the_precision_it_began_with(cpu, caplog, tmp_path: Path):
    cpu(WITH_BF16[0])
    assert Compute().held_in(tmp_path).precision == "bf16"
    assert Compute().held_in(tmp_path).precision == "bf16"
    assert not caplog.messages
    cpu(AVX2)
    assert Compute().held_in(tmp_path).precision == "bf16"
    (told,) = caplog.messages
    assert "goes on in bf16, in which it began; a new run would take fp32" in told
    assert precisions_of(tmp_path) == "bf16"


def test_a_precision_that_is_named_counts_and_is_told(caplog, tmp_path: Path):
    Compute(precision="bf16").held_in(tmp_path)
    assert Compute(precision="fp32").held_in(tmp_path).precision == "fp32"
    (told,) = caplog.messages
    assert "goes on in fp32, as it was told to, after bf16" in told
    assert precisions_of(tmp_path) == "bf16, then fp32"
    assert json.loads((tmp_path / "precision.json").read_text()) == ["bf16", "fp32"]


def test_the_cpu_at_hand_is_known():
    features = processor.cpu_features()
    assert features["architecture"]
    assert processor.cpu_name()
