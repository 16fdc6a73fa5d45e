import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hashtag2action.errors import CheckpointError, ConfigError
from hashtag2action.evaluate.evaluate import Evaluate, evaluate
from hashtag2action.evaluate.recognizer import load_recognizer, read_card
from hashtag2action.models.weights import load_safetensors
from hashtag2action.train.finetune import Finetune, finetune
from hashtag2action.train.pretrain import Pretrain, pretrain

Settings = Callable[..., dict[str, Any]]
PLAIN = {"label_smoothing": 0, "mixup_alpha": 0, "drop_path_rate": 0}


def quick(settings: Settings, **sections: Any) -> dict[str, Any]:
    values = settings(**sections)
    values["optimization"] |= {"epochs": 0.5, "warmup_epochs": 0, "base_lr": 1e-9}
    return values


def test_recognizer_learns_the_color_of_a_square(
    settings: Settings, world: Path, tmp_path: Path
) -> None:
    values = settings(init=None, regularization=PLAIN)
    values["data"] |= {
        "augmentation": {"kind": "random_resized", "min_area_fraction": 0.9, "flip": False}
    }
    values["optimization"] |= {"epochs": 12, "base_lr": 0.048, "repeated_augmentation": 1}
    result = finetune(Finetune(**values), tmp_path / "run")
    assert result["last_loss"] < 0.3 < result["first_loss"]
    found = evaluate(
        Evaluate(
            weights=tmp_path / "run" / "weights.safetensors",
            data={"clips": {"kind": "folder", "folder": world / "test"}},
            views={"num_temporal_views": 2, "num_spatial_crops": 2},
            runtime={"precision": "fp32"},
        ),
        tmp_path / "judged",
    )
    assert found["top1"] == 1.0
    assert result["precision"] == found["precision"] == "fp32"


def test_pretrained_weights_are_where_it_begins(settings: Settings, tmp_path: Path) -> None:
    pretrain(Pretrain(**quick(settings, masking={"mask_ratio": 0.75})), tmp_path / "pre")
    init = tmp_path / "pre" / "weights.safetensors"
    finetune(Finetune(**quick(settings, init=init)), tmp_path / "fine")
    before, _ = load_safetensors(init)
    after, _ = load_safetensors(tmp_path / "fine" / "weights.safetensors")
    name = "blocks.0.attn.qkv.weight"
    assert torch.allclose(after[name], before[f"encoder.{name}"], atol=1e-6)


def test_frozen_blocks_keep_their_weights_and_the_rest_learns(
    settings: Settings, tmp_path: Path
) -> None:
    pretrain(Pretrain(**quick(settings)), tmp_path / "pre")
    init = tmp_path / "pre" / "weights.safetensors"
    values = settings(init=init, frozen_blocks=7)
    values["optimization"] |= {"epochs": 1, "warmup_epochs": 0}
    finetune(Finetune(**values), tmp_path / "fine")
    before, _ = load_safetensors(init)
    after, _ = load_safetensors(tmp_path / "fine" / "weights.safetensors")
    kept = {name for name in after if torch.equal(after[name], before.get(f"encoder.{name}", NONE))}
    frozen = {name for name in after if name.startswith("patch_embed.")}
    frozen |= {name for name in after for block in range(7) if name.startswith(f"blocks.{block}.")}
    assert kept == frozen
    assert {name.split(".")[0] for name in after} > {"patch_embed", "blocks"}


NONE = torch.empty(0)


def test_more_frozen_blocks_than_there_are_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="frozen_blocks: 9, but there are 8 blocks"):
        finetune(Finetune(**quick(settings, init=None, frozen_blocks=9)), tmp_path)


def test_a_run_does_not_go_on_from_weights_that_were_replaced(
    settings: Settings, tmp_path: Path
) -> None:
    for seed in (0, 1):
        pretrain(Pretrain(**quick(settings, seed=seed)), tmp_path / f"pre{seed}")
    init = tmp_path / "init.safetensors"
    init.write_bytes((tmp_path / "pre0" / "weights.safetensors").read_bytes())
    finetune(Finetune(**quick(settings, init=init)), tmp_path / "fine")
    finetune(Finetune(**quick(settings, init=init)), tmp_path / "fine")
    init.write_bytes((tmp_path / "pre1" / "weights.safetensors").read_bytes())
    with pytest.raises(ConfigError, match="begun from other weights"):
        finetune(Finetune(**quick(settings, init=init)), tmp_path / "fine")


def test_other_clip_shape_keeps_the_positions_of_pretraining(
    settings: Settings, tmp_path: Path
) -> None:
    pretrain(Pretrain(**quick(settings, masking={"mask_ratio": 0.75})), tmp_path / "pre")
    init = tmp_path / "pre" / "weights.safetensors"
    values = quick(settings, init=init)
    values["network"] = {"variant": "vit_tiny", "num_frames": 4, "size_px": 48, "patch_size": 8}
    finetune(Finetune(**values), tmp_path / "fine")
    card = read_card(tmp_path / "fine" / "weights.safetensors")
    assert tuple(card.trained_grid) == (4, 4, 4)
    assert tuple(card.network.grid) == (2, 6, 6)
    model, _ = load_recognizer(tmp_path / "fine" / "weights.safetensors")
    assert model(torch.zeros(1, 3, 4, 48, 48, dtype=torch.uint8)).shape == (1, 2)


def test_places_with_gaps_in_time_are_refused_where_their_deviation_counts(
    settings: Settings, tmp_path: Path
) -> None:
    values = quick(settings, init=None, regularization={"token_drop_rate": 0.5})
    values["network"] |= {"pooling": "mean_and_deviation"}
    with pytest.raises(ConfigError, match=r"token_drop_rate: 0\.5 .* set it to 0"):
        finetune(Finetune(**values), tmp_path / "run")


def test_whether_from_scratch_has_to_be_said(settings: Settings) -> None:
    with pytest.raises(ValueError, match="init"):
        Finetune(**settings())


def test_clips_without_labels_are_refused(settings: Settings, world: Path, tmp_path: Path) -> None:
    values = settings(init=None)
    values["data"] |= {"clips": {"kind": "folder", "folder": world / "train", "labeled": False}}
    with pytest.raises(ConfigError, match="no label"):
        finetune(Finetune(**values), tmp_path)


def test_clips_to_look_at_of_other_classes_are_refused(
    settings: Settings, world: Path, tmp_path: Path
) -> None:
    kept, lost = sorted(folder.name for folder in (world / "test").iterdir())
    shutil.copytree(world / "test" / kept, tmp_path / "some" / kept)
    watch = {"num_times": 1, "clips": {"kind": "folder", "folder": tmp_path / "some"}}
    with pytest.raises(ConfigError, match=f"only data.clips has {lost}"):
        finetune(Finetune(**quick(settings, init=None, watch=watch)), tmp_path / "out")


def test_weights_that_are_not_there_are_named(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere"):
        finetune(Finetune(**settings(init=tmp_path / "nowhere.safetensors")), tmp_path / "out")
    with pytest.raises(CheckpointError, match=r"is a folder; give the file, .*/weights\."):
        finetune(Finetune(**settings(init=tmp_path)), tmp_path / "out")


def test_weights_of_another_form_are_refused_and_not_guessed_at(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    init = tmp_path / "official.pth"
    torch.save({"model": {}}, init)
    with pytest.raises(CheckpointError, match="h2a weights convert makes one"):
        finetune(Finetune(**settings(init=init)), tmp_path / "out")
    assert not caplog.records
    assert not (tmp_path / "out").exists()
