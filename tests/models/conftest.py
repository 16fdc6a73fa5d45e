"""Small networks, and the numbers the official classes gave for them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from hashtag2action.models.videomae import VideoMAE
from hashtag2action.models.vit import VisionTransformer


@dataclass(frozen=True)
class Official:
    """What the official classes computed for one tiny network, and networks of ours to match."""

    path: Path
    tensors: dict[str, Tensor]
    pretraining: VideoMAE
    finetuning: VisionTransformer

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Tensors below a prefix, without it."""
        return {
            name.removeprefix(prefix): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(prefix)
        }


def _read_official(path: Path) -> Official:
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        size = json.loads(file.metadata()["config"])
    same = {
        "embed_dim": size["dim"],
        "depth": size["depth"],
        "num_heads": size["heads"],
        "patch_size": size["patch"],
        "mlp_ratio": size["ratio"],
        "num_frames": size["frames"],
        "image_size": size["size"],
    }
    official = Official(
        path,
        tensors,
        VideoMAE(
            decoder_embed_dim=size["ddim"],
            decoder_depth=size["ddepth"],
            decoder_num_heads=size["dheads"],
            **same,
        ),
        VisionTransformer(num_classes=size["classes"], **same),
    )
    official.pretraining.load_state_dict(official.part("pretrain.weight."))
    official.finetuning.load_state_dict(official.part("finetune.weight."))
    return official


@pytest.fixture
def officials(shared: Callable[[str], Path]) -> list[Official]:
    """Every tiny network for which official numbers are at hand."""
    paths = sorted(shared("fixtures").glob("videomaev2_tiny_*.safetensors"))
    if not paths:
        pytest.skip("real data is not here: no fixtures/videomaev2_tiny_*.safetensors")
    return [_read_official(path) for path in paths]


@pytest.fixture
def generator() -> torch.Generator:
    """A source of chance with a fixed seed; the global one is seeded too."""
    torch.manual_seed(0)
    return torch.Generator().manual_seed(0)


@pytest.fixture
def pretraining(generator: torch.Generator) -> VideoMAE:
    """A small network of odd proportions: patches of 14, 12 frames, an MLP of 48/11."""
    return VideoMAE(
        embed_dim=44,
        depth=2,
        num_heads=2,
        decoder_embed_dim=24,
        decoder_depth=2,
        decoder_num_heads=3,
        patch_size=14,
        mlp_ratio=48 / 11,
        num_frames=12,
        image_size=56,
    )


@pytest.fixture
def finetuning(generator: torch.Generator) -> VisionTransformer:
    """The same network with a classifier."""
    return VisionTransformer(
        num_classes=5,
        embed_dim=44,
        depth=2,
        num_heads=2,
        patch_size=14,
        mlp_ratio=48 / 11,
        num_frames=12,
        image_size=56,
        init_scale=1.0,
    )


@pytest.fixture
def clips(generator: torch.Generator) -> Tensor:
    """Three clips of bytes for these networks."""
    return torch.randint(0, 256, (3, 3, 12, 56, 56), dtype=torch.uint8, generator=generator)
