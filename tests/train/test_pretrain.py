import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from hashtag2action.errors import CheckpointError, ConfigError
from hashtag2action.evaluate import compute
from hashtag2action.evaluate.recognizer import read_card
from hashtag2action.logs import read_metrics
from hashtag2action.models.weights import load_safetensors
from hashtag2action.train.checkpoint import list_checkpoints
from hashtag2action.train.ledger import TrainingDivergedError
from hashtag2action.train.pretrain import Pretrain, pretrain

Settings = Callable[..., dict[str, Any]]
MASKING = {"mask_ratio": 0.75}


def test_run_folder_holds_all_a_report_needs(settings: Settings, tmp_path: Path) -> None:
    told: list[tuple[Any, ...]] = []
    config = Pretrain(**settings(masking=MASKING))
    result = pretrain(config, tmp_path, lambda *news: told.append(news))
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(1, 7))
    assert {"loss", "lr", "grad_norm", "clips_per_s"} <= lines[0].keys()
    assert result["last_loss"] < result["first_loss"]
    assert read_card(tmp_path / "weights.safetensors").network == config.network
    pictures = sorted((tmp_path / "reconstructions").glob("*.png"))
    assert len({path.name[:14] for path in pictures}) == 6
    assert len(pictures) == 6 * 4
    assert np.asarray(cv2.imread(str(pictures[0]))).shape == (3 * 32, 8 * 32, 3)
    assert json.loads((tmp_path / "environment.json").read_text())["packages"]["torch"]
    assert ("decode", 8, 8) in told
    assert told[-1][:3] == ("pretrain", 6, 6)
    assert re.search(r"loss .*samples/s, 0:00:00 left, \d+% waiting for data", told[-1][3])


def test_interrupted_run_ends_as_the_uninterrupted_one(settings: Settings, tmp_path: Path) -> None:
    config = Pretrain(**settings(masking=MASKING))
    pretrain(config, tmp_path / "whole")
    stop_at = 5

    def stop(label: str, done: int, total: int, note: str = "") -> None:
        if label == "pretrain" and done == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(config, tmp_path / "cut", stop)
    assert list_checkpoints(tmp_path / "cut" / "checkpoints")[-1].name == "step-000000004.pt"
    pretrain(config, tmp_path / "cut")
    whole, cut = (
        [(line["step"], line["loss"]) for line in read_metrics(tmp_path / name / "metrics.jsonl")]
        for name in ("whole", "cut")
    )
    assert cut == whole


def test_a_device_that_is_not_here_is_refused_before_anything_is_written(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    values = settings(masking=MASKING)
    values["runtime"] |= {"device": "cuda"}
    with pytest.raises(ConfigError, match=r"runtime\.device: is cuda, and torch finds no such"):
        pretrain(Pretrain(**values), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_goes_on_elsewhere_keeps_its_precision(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = settings(masking=MASKING)
    values["runtime"] |= {"precision": "auto"}
    config = Pretrain(**values)

    def stop(label: str, done: int, total: int, note: str = "") -> None:
        if label == "pretrain" and done == 5:
            raise KeyboardInterrupt

    # Of the two precisions, the one that every CPU computes in by itself comes first.
    monkeypatch.setattr(compute, "multiplies_bf16", lambda device: False)
    result = pretrain(config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        pretrain(config, tmp_path / "cut", stop)
    monkeypatch.setattr(compute, "multiplies_bf16", lambda device: True)
    assert config.runtime.settled_precision == "bf16"
    assert pretrain(config, tmp_path / "cut")["precision"] == result["precision"] == "fp32"
    whole, cut = (
        load_safetensors(tmp_path / name / "weights.safetensors")[0] for name in ("whole", "cut")
    )
    assert all(torch.equal(cut[name], whole[name]) for name in whole)


def test_it_goes_on_from_given_weights(settings: Settings, tmp_path: Path) -> None:
    values = settings(masking=MASKING)
    pretrain(Pretrain(**values), tmp_path / "first")
    init = tmp_path / "first" / "weights.safetensors"
    values["optimization"] |= {"epochs": 0.5, "warmup_epochs": 0, "base_lr": 1e-9}
    pretrain(Pretrain(**values, init=init), tmp_path / "second")
    before, after = load_safetensors(init)[0], _weights(tmp_path / "second")
    assert all(torch.allclose(after[name], before[name], atol=1e-6) for name in before)


def test_it_does_not_go_on_from_weights_of_another_size(settings: Settings, tmp_path: Path) -> None:
    values = settings(masking=MASKING)
    values["optimization"] |= {"epochs": 0.5, "warmup_epochs": 0}
    pretrain(Pretrain(**values), tmp_path / "first")
    values["network"] |= {"decoder_depth": 1}
    init = tmp_path / "first" / "weights.safetensors"
    with pytest.raises(CheckpointError, match=r"unexpected: decoder\.blocks\.1"):
        pretrain(Pretrain(**values, init=init), tmp_path / "second")


def _weights(run: Path) -> dict[str, torch.Tensor]:
    return load_safetensors(run / "weights.safetensors")[0]


def test_workers_do_not_change_the_result(settings: Settings, tmp_path: Path) -> None:
    for num_workers in (0, 2):
        values = settings(masking=MASKING)
        values["runtime"] |= {"num_workers": num_workers}
        values["data"] |= {"decoding": {"kind": "on_demand"}}
        values["optimization"] |= {"epochs": 1}
        pretrain(Pretrain(**values), tmp_path / str(num_workers))
    alone, helped = (read_metrics(tmp_path / n / "metrics.jsonl") for n in ("0", "2"))
    assert [line["loss"] for line in alone] == [line["loss"] for line in helped]


def test_folder_of_another_run_is_refused(settings: Settings, tmp_path: Path) -> None:
    pretrain(Pretrain(**settings(masking=MASKING)), tmp_path)
    with pytest.raises(ConfigError, match="seed"):
        pretrain(Pretrain(**settings(masking=MASKING, seed=1)), tmp_path)


def test_diverged_run_stops_with_step_and_clips(settings: Settings, tmp_path: Path) -> None:
    values = settings(masking=MASKING)
    values["optimization"] |= {"base_lr": 1e30, "epochs": 8}
    with pytest.raises(TrainingDivergedError, match=r"step \d+: .*\.mp4"):
        pretrain(Pretrain(**values), tmp_path)


def test_mistyped_clips_and_weights_leave_no_folder(settings: Settings, tmp_path: Path) -> None:
    no_clips = Pretrain(**settings(data={"clips": {"kind": "folder", "folder": "gone"}}))
    with pytest.raises(ConfigError, match="gone: there is no such folder"):
        pretrain(no_clips, tmp_path / "out")
    no_weights = Pretrain(**settings(init="gone.safetensors"))
    with pytest.raises(CheckpointError, match=r"gone\.safetensors: no such file"):
        pretrain(no_weights, tmp_path / "out")
    assert not (tmp_path / "out").exists()
