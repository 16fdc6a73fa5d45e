"""What the benchmark of the step says on a CPU that has no instructions for bf16."""

from pathlib import Path

import pytest
import torch
from benchmarks import step

from hashtag2action.models import processor


def test_rows_of_bf16_are_not_ok_where_it_is_emulated(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processor, "cpu_features", lambda: {"avx2": True})
    parts = dict(step.parts())
    found = [figure for name, part in parts.items() if "bf16" in name for figure in part(tmp_path)]
    assert len(found) == 8
    assert {figure.value for figure in found} == {"not measured: no bf16 instructions"}
    assert all(figure.name.endswith(", bf16") for figure in found)
    assert not any(figure.is_ok for figure in found)


@pytest.mark.parametrize("kind", ["pretrain", "finetune", "memory"])
def test_rows_of_bf16_are_measured_where_it_is_native(monkeypatch, kind: str) -> None:
    monkeypatch.setattr(processor, "cpu_features", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    bf16, fp32 = (dict(step.parts())[f"step-{precision}-{kind}"] for precision in ("bf16", "fp32"))
    assert bf16.func is fp32.func is not step.not_measured
