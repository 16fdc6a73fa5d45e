"""Same input, same output: what ends every conversion of weights.

Both sides are run on a clip of two patches by two and four frames. Weights do not depend on the
size of a clip, so what agrees there agrees everywhere; and a network of a billion parameters is
checked with its numbers still in the mapped files. Each side is read by a reader of its own: what
was written is opened with the library the format is from, not with ours.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hashtag2action.errors import CheckpointError, MissingExtraError
from hashtag2action.evaluate.recognizer import Network
from hashtag2action.models.layers import LAYER_NORM_EPS
from hashtag2action.models.layouts import Kind, Size
from hashtag2action.models.masking import sample_masks
from hashtag2action.models.vit import VisionTransformer
from hashtag2action.models.weights import ENCODER_PREFIX

NUM_FRAMES, PATCHES_A_SIDE = 4, 2
"""The clip of the check. Chosen: every axis has more than one token."""

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-9, torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""Largest difference, relative to the largest output, between two implementations. Chosen: ten
times what rounding makes of it; copies of the same numbers must agree exactly."""


@torch.no_grad()
def our_outputs(kind: Kind, size: Size, state: Mapping[str, Tensor]) -> Tensor:
    """Run our network with these tensors, in their own precision, without copying them."""
    kinds = {tensor.dtype for tensor in state.values()}
    if len(kinds) > 1:
        state = {name: tensor.float() for name, tensor in state.items()}
    dtype = next(iter(state.values())).dtype
    model = _without_memory(kind, size)
    if kind == "encoder alone":
        state = {
            name.removeprefix(ENCODER_PREFIX): tensor
            for name, tensor in state.items()
            if not name.startswith("encoder.norm.")
        }
    model.load_state_dict(state, strict=kind != "encoder alone", assign=True)
    model.eval()
    clips, hidden = _sample(size)
    if isinstance(model, VisionTransformer):
        run = model if kind == "classifier" else model.forward_tokens
        return run(clips.to(dtype)).float()
    visible, decoded = (part.nonzero()[:, 1].view(len(clips), -1) for part in (~hidden, hidden))
    return model(clips.to(dtype), visible, decoded).float()


@torch.no_grad()
def their_outputs(folder: Path, kind: Kind, size: Size, *, exact_eps: bool) -> Tensor:
    """Open a folder the way users of `transformers` do, and run its network.

    Args:
        folder: A folder of Hugging Face.
        kind: Which class to open it with.
        size: The network's size.
        exact_eps: Give their norms our epsilon: two have another whatever the configuration says,
            and older folders say 1e-12 for all. False leaves them as users get them.

    Raises:
        MissingExtraError: `transformers` is not installed.
    """
    classes = _their_classes()
    side = size.patch_size * PATCHES_A_SIDE
    model = (
        classes[kind]
        .from_pretrained(folder, num_frames=NUM_FRAMES, image_size=side, local_files_only=True)
        .eval()
    )
    if exact_eps:
        for module in model.modules():
            if isinstance(module, nn.LayerNorm):
                module.eps = LAYER_NORM_EPS
    clips, hidden = _sample(size)
    pixels = clips.to(model.dtype).transpose(1, 2)
    if kind == "classifier":
        return model(pixel_values=pixels).logits.float()
    return model(pixel_values=pixels, bool_masked_pos=hidden).logits.float()


def written_safetensors(path: Path) -> dict[str, Tensor]:
    """Read a file back with the library of its format."""
    return load_file(path)


def written_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read a checkpoint back the way a cautious user of PyTorch does."""
    return torch.load(path, map_location="cpu", mmap=True, weights_only=True)["model"]


def relative_difference(one: Tensor, other: Tensor) -> float:
    """Return the largest difference, as a share of the largest output."""
    if one.shape != other.shape:
        raise CheckpointError(f"outputs differ in shape: {list(one.shape)}, {list(other.shape)}")
    if not torch.isfinite(one).all():
        raise CheckpointError("the network's outputs are not finite: its weights are damaged")
    return ((one - other).abs().max() / one.abs().max().clamp(min=1e-30)).item()


def require(difference: float, tolerance: float, what: str) -> None:
    """Refuse a conversion whose outputs differ.

    Raises:
        CheckpointError: They do.
    """
    if not difference <= tolerance:
        raise CheckpointError(
            f"{what}: same input, other output: they differ by {difference:.3g} of the largest, "
            f"more than {tolerance:.3g}; nothing was written"
        )


def _sample(size: Size) -> tuple[Tensor, Tensor]:
    """Draw a batch of two clips, and which of their tokens the encoder does not see."""
    generator = torch.Generator().manual_seed(0)
    side = size.patch_size * PATCHES_A_SIDE
    clips = torch.randn(2, 3, NUM_FRAMES, side, side, generator=generator)
    grid = _network(size).grid
    masks = sample_masks(2, grid, 0.5, 0.0, generator)
    hidden = torch.zeros(2, grid.num_tokens, dtype=torch.bool)
    return clips, hidden.scatter_(1, masks.decoded_idx, value=True)


def _network(size: Size) -> Network:
    return Network(
        variant=size.variant,
        num_frames=NUM_FRAMES,
        size_px=size.patch_size * PATCHES_A_SIDE,
        patch_size=size.patch_size,
        decoder_depth=size.decoder_depth,
        pooling=size.pooling,
    )


def _without_memory(kind: Kind, size: Size) -> nn.Module:
    # Only parameters are left without memory: tables of positions are made on the CPU always.
    with torch.device("meta"):
        if kind == "pre-training form":
            return _network(size).build_pretraining()
        return _network(size).build_recognizer(size.num_classes)


def _their_classes() -> dict[str, Any]:
    try:
        from transformers import VideoMAEForPreTraining, VideoMAEForVideoClassification
    except ImportError as error:
        raise MissingExtraError("transformers", "huggingface") from error
    return {
        "classifier": VideoMAEForVideoClassification,
        "pre-training form": VideoMAEForPreTraining,
    }
