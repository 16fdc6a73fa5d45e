import json

import pytest
import torch

from hashtag2action.errors import ConfigError
from hashtag2action.models.variants import VARIANTS, variant
from hashtag2action.models.videomae import VideoMAE
from hashtag2action.models.vit import VisionTransformer

UPSTREAM_NAMES = {
    "vit_s": "small",
    "vit_b": "base",
    "vit_l": "large",
    "vit_h": "huge",
    "vit_g": "giant",
}


def shapes(model):
    return {name: list(tensor.shape) for name, tensor in model.state_dict().items()}


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", UPSTREAM_NAMES)
def test_names_and_shapes_are_upstreams(name, shared):
    keys = json.loads(shared("fixtures/videomaev2_keys.json").read_text())
    with torch.device("meta"):
        pretraining = VideoMAE.from_variant(name)
        finetuning = VisionTransformer.from_variant(name, num_classes=400)
    assert shapes(pretraining) == keys[f"pretrain_{UPSTREAM_NAMES[name]}"]
    assert shapes(finetuning) == keys[f"finetune_{UPSTREAM_NAMES[name]}_k400"]


@pytest.mark.parametrize(
    ("name", "num_classes", "parameters"),
    [
        ("vit_b", 400, 86_534_800),
        ("vit_b", 101, 86_304_869),
        ("vit_g", 400, 1_012_174_352),
        ("vit_g", 174, 1_011_855_918),
        ("vit_g", 101, 1_011_753_061),
        ("vit_g", 51, 1_011_682_611),
    ],
)
def test_parameters_of_the_fine_tuning_form(name, num_classes, parameters):
    with torch.device("meta"):
        assert count(VisionTransformer.from_variant(name, num_classes=num_classes)) == parameters


@pytest.mark.parametrize(("name", "parameters"), [("vit_b", 94_210_944), ("vit_g", 1_026_306_560)])
def test_parameters_of_the_pre_training_form(name, parameters):
    with torch.device("meta"):
        assert count(VideoMAE.from_variant(name)) == parameters


def test_frames_size_and_patch_are_free_for_every_variant():
    with torch.device("meta"):
        for name in VARIANTS:
            model = VideoMAE.from_variant(name, num_frames=8, image_size=64, patch_size=8)
            assert model.grid == (4, 8, 8)
            assert model.decoder.head.out_features == 3 * 2 * 8 * 8


def test_an_unknown_size_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'vit_x'.*vit_tiny, vit_s, vit_b, vit_l, vit_h, vit_g"):
        variant("vit_x")
