import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hashtag2action.data.clip_set import Clip, ClipSet
from hashtag2action.errors import ConfigError, VideoError
from hashtag2action.evaluate.evaluate import Evaluate, evaluate
from hashtag2action.logs import read_metrics
from hashtag2action.train.checkpoint import read_state
from hashtag2action.train.finetune import Finetune, finetune
from hashtag2action.train.input import hold_out
from hashtag2action.train.pretrain import Pretrain, pretrain
from hashtag2action.train.watch import Watch

Settings = Callable[..., dict[str, Any]]


def test_looks_are_evenly_spread_and_end_at_the_end() -> None:
    assert sorted(Watch(num_times=4).steps(100)) == [25, 50, 75, 100]
    assert sorted(Watch(num_times=10).steps(3)) == [1, 2, 3]
    assert not Watch(num_times=0).steps(100)


def test_held_out_clips_are_not_trained_on() -> None:
    clips = ClipSet(tuple(Clip(str(number), Path("x"), label=0) for number in range(20)), ("a",))
    learned, held = hold_out(clips, 0.25, seed=1)
    ids = [{clip.clip_id for clip in part.clips} for part in (learned, held)]
    assert [len(part) for part in ids] == [15, 5]
    assert not ids[0] & ids[1]
    again, other = hold_out(clips, 0.25, seed=1)[1], hold_out(clips, 0.25, seed=2)[1]
    assert again == held != other
    with pytest.raises(ConfigError, match="all 20"):
        hold_out(clips, 0.99, seed=1)


def test_pretraining_looks_at_the_same_clips_and_their_neighbors(
    settings: Settings, world: Path, tmp_path: Path
) -> None:
    values = settings(
        masking={"mask_ratio": 0.75},
        watch={
            "num_times": 3,
            "clips": {"kind": "folder", "folder": world / "test"},
            "clips_per_pass": 3,
        },
    )
    values["optimization"] |= {"base_lr": 1e-9, "epochs": 2}
    values["runtime"] |= {"log_every_steps": 100}
    result = pretrain(Pretrain(**values), tmp_path)
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines] == [1, 3, 4]
    losses = [line["val_loss"] for line in lines]
    # Hardly anything is learned, so the same clips under the same masks give the same loss.
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-3)
    assert all(0.5 <= line["knn_top1"] <= 1 for line in lines)
    assert result["best_val_loss"] == min(losses)
    assert len(list((tmp_path / "reconstructions").glob("step-000000003-*.png"))) == 3


def test_only_clips_with_labels_are_neighbors(
    settings: Settings, world: Path, tmp_path: Path
) -> None:
    parts = {
        "known": {"kind": "folder", "folder": world / "test"},
        "web": {"kind": "folder", "folder": world / "test", "labeled": False},
    }
    watch = {"num_times": 1, "clips": {"kind": "mix", "parts": parts}}
    values = settings(masking={"mask_ratio": 0.75}, watch=watch)
    values["optimization"] |= {"epochs": 0.5, "warmup_epochs": 0}
    pretrain(Pretrain(**values), tmp_path / "mix")
    watch["clips"] = parts["known"]
    pretrain(Pretrain(**values), tmp_path / "known")
    found = [read_metrics(tmp_path / name / "metrics.jsonl") for name in ("mix", "known")]
    assert found[0][-1]["knn_top1"] == found[1][-1]["knn_top1"]
    watch["clips"] = parts["web"]
    pretrain(Pretrain(**values), tmp_path / "web")
    assert "knn_top1" not in read_metrics(tmp_path / "web" / "metrics.jsonl")[-1]


def test_clips_that_cannot_be_read_are_not_looked_at(
    settings: Settings, world: Path, tmp_path: Path
) -> None:
    shutil.copytree(world / "test", tmp_path / "clips")
    (tmp_path / "clips" / "red" / "bad.mp4").write_bytes(b"<html>")
    watch = {"num_times": 1, "clips": {"kind": "folder", "folder": tmp_path / "clips"}}
    values = settings(masking={"mask_ratio": 0.75}, watch=watch)
    values["optimization"] |= {"epochs": 0.5, "warmup_epochs": 0}
    with pytest.raises(VideoError, match=r"bad\.mp4"):
        pretrain(Pretrain(**values), tmp_path / "fails")
    values["data"] |= {"unreadable": "skip"}
    pretrain(Pretrain(**values), tmp_path / "out")
    assert "val_loss" in read_metrics(tmp_path / "out" / "metrics.jsonl")[-1]


def test_best_state_is_told_by_clips_held_out(settings: Settings, tmp_path: Path) -> None:
    values = settings(init=None, init_scale=1.0, watch={"num_times": 4})
    values["data"] |= {"held_out_fraction": 0.5}
    values["optimization"] |= {"epochs": 8, "base_lr": 0.05}
    values["regularization"] = {"mixup_alpha": 0, "drop_path_rate": 0}
    result = finetune(Finetune(**values), tmp_path)
    seen = {
        line["step"]: line["val_top1"]
        for line in read_metrics(tmp_path / "metrics.jsonl")
        if "val_top1" in line
    }
    assert sorted(seen) == [2, 4, 6, 8]
    best = max(seen.values())
    assert result["best_val_top1"] == best
    assert result["best_step"] == min(step for step, value in seen.items() if value == best)
    assert result["selected_on_test_clips"] is False
    assert result["num_clips"] == 4
    state = read_state(tmp_path / "checkpoints" / "best.pt")
    assert state["step"] == result["best_step"]
    judged = Evaluate.model_validate(
        {
            "weights": tmp_path / result["weights_best"],
            "data": {"clips": values["data"]["clips"]},
            "runtime": {"precision": "fp32"},
        }
    )
    assert 0 <= evaluate(judged, tmp_path / "judged")["top1"] <= 1
    head = state["model"]["head.weight"]
    assert torch.isfinite(head).all()
