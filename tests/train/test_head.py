from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from hashtag2action.evaluate.evaluate import Evaluate, evaluate
from hashtag2action.evaluate.recognizer import load_recognizer
from hashtag2action.evaluate.views import Views, views_of
from hashtag2action.models.weights import load_safetensors
from hashtag2action.train.finetune import Finetune, finetune
from hashtag2action.train.head import HeadFit, fit_head
from hashtag2action.train.input import open_data

Settings = Callable[..., dict[str, Any]]
ONE_VIEW = {"num_temporal_views": 1, "num_spatial_crops": 1}


def resting(settings: Settings, **sections: Any) -> dict[str, Any]:
    """A recipe that hardly moves any weight."""
    values = settings(init=None, **sections)
    values["optimization"] |= {"epochs": 1, "warmup_epochs": 0, "base_lr": 1e-9, "min_lr": 0}
    return values


def test_a_fitted_classifier_knows_the_classes_before_the_network_learns(
    settings: Settings, world: Path, tmp_path: Path
) -> None:
    values = resting(settings, head_fit={"views": ONE_VIEW})
    finetune(Finetune(**values), tmp_path / "run")
    judged = {
        "weights": tmp_path / "run" / "weights.safetensors",
        "data": {"clips": {"kind": "folder", "folder": world / "test"}},
        "views": ONE_VIEW,
        "runtime": {"precision": "fp32"},
    }
    assert evaluate(Evaluate(**judged), tmp_path / "judged")["top1"] == 1.0


def test_it_is_the_minimum_of_the_penalized_cross_entropy(settings: Settings) -> None:
    config = Finetune(**settings(init=None))
    data = open_data(
        config.data, config.watch, config.network, config.optimization, config.seed, None
    )
    torch.manual_seed(0)
    model = config.network.build_recognizer(2, config.network.grid)
    told: list[tuple[Any, ...]] = []
    fit = HeadFit(views=Views(**ONE_VIEW), penalty=0.1)
    compute = config.runtime.model_copy(update={"precision": "fp32"})
    fit_head(model, data.batches, fit, compute, lambda *news: told.append(news))
    assert told[-1] == ("fit head", 8, 8)
    batches = data.batches
    seen = views_of(
        batches.clips, batches.reader, batches.sampling, fit.views, 32, skip_unreadable=False
    )
    features = torch.cat([model.eval().forward_features(views) for _, _, views in seen]).detach()
    mean, deviation = features.mean(dim=0), features.std(dim=0).clamp(min=1e-6)
    weight = (model.head.weight.detach() * deviation).requires_grad_()
    bias = (model.head.bias + model.head.weight @ mean).detach().requires_grad_()
    labels = torch.tensor(batches.source.labels())
    loss = F.cross_entropy((features - mean) / deviation @ weight.T + bias, labels)
    (loss + 0.05 * weight.square().sum()).backward()
    assert weight.grad is not None
    assert bias.grad is not None
    assert weight.grad.abs().max() < 1e-4
    assert bias.grad.abs().max() < 1e-4


def test_a_run_that_was_stopped_does_not_fit_again(settings: Settings, tmp_path: Path) -> None:
    values = settings(init=None, head_fit={"views": ONE_VIEW})
    config = Finetune(**values)
    finetune(config, tmp_path / "whole")

    def stop(label: str, done: int, total: int, note: str = "") -> None:
        if label == "finetune" and done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(config, tmp_path / "cut", stop)
    told: list[str] = []
    finetune(config, tmp_path / "cut", lambda label, *_: told.append(label))
    assert "fit head" not in told
    whole, cut = (
        load_safetensors(tmp_path / name / "weights.safetensors")[0] for name in ("whole", "cut")
    )
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    model, _ = load_recognizer(tmp_path / "cut" / "weights.safetensors")
    assert model.head.out_features == 2
