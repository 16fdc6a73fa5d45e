"""VideoMAE in the words of Hugging Face `transformers`: names of tensors, and the configuration.

Its classes are those of the first VideoMAE. The fine-tuning form is the same function; the
pre-training form too, as long as the decoder is asked for exactly what the encoder did not see.
Attention is three matrices there and one here.

Two norms have another epsilon there (`fc_norm` and `decoder.norm`, 1e-5 against 1e-6), which no
setting reaches.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from hashtag2action.errors import CheckpointError
from hashtag2action.models.layers import LAYER_NORM_EPS
from hashtag2action.models.pixels import IMAGENET_MEAN, IMAGENET_STD
from hashtag2action.models.tensor_files import LazyTensor
from hashtag2action.models.variants import Variant

_IN_BLOCK = {
    "norm1.weight": ("layernorm_before.weight",),
    "norm1.bias": ("layernorm_before.bias",),
    "attn.q_bias": ("attention.attention.query.bias",),
    "attn.v_bias": ("attention.attention.value.bias",),
    "attn.qkv.weight": tuple(
        f"attention.attention.{part}.weight" for part in ("query", "key", "value")
    ),
    "attn.proj.weight": ("attention.output.dense.weight",),
    "attn.proj.bias": ("attention.output.dense.bias",),
    "norm2.weight": ("layernorm_after.weight",),
    "norm2.bias": ("layernorm_after.bias",),
    "mlp.fc1.weight": ("intermediate.dense.weight",),
    "mlp.fc1.bias": ("intermediate.dense.bias",),
    "mlp.fc2.weight": ("output.dense.weight",),
    "mlp.fc2.bias": ("output.dense.bias",),
}
"""Tensors of a block: our name, and theirs."""

_AROUND = {
    "patch_embed.proj.": "videomae.embeddings.patch_embeddings.projection.",
    "encoder.patch_embed.proj.": "videomae.embeddings.patch_embeddings.projection.",
    "encoder.norm.": "videomae.layernorm.",
    "head.": "classifier.",
}
"""Beginnings of names outside blocks that differ: ours, and theirs."""

_OUR_BLOCK = re.compile(r"(encoder\.|decoder\.|)blocks\.(\d+)\.(.+)")
_THEIR_BLOCK = re.compile(r"(videomae\.encoder\.layer|decoder\.decoder_layers)\.(\d+)\.")
_OLD_BIAS = re.compile(r"\.attention\.attention\.([qv])_bias$")


def their_names(name: str) -> tuple[str, ...]:
    """Return what a tensor of ours is called there: three names for a joint projection."""
    block = _OUR_BLOCK.fullmatch(name)
    if block:
        room = "decoder.decoder_layers" if block[1] == "decoder." else "videomae.encoder.layer"
        return tuple(f"{room}.{block[2]}.{part}" for part in _IN_BLOCK[block[3]])
    for ours, theirs in _AROUND.items():
        if name.startswith(ours):
            return (theirs + name.removeprefix(ours),)
    return (name,)


def to_huggingface(tensors: Mapping[str, LazyTensor]) -> dict[str, LazyTensor]:
    """Name and cut our tensors as they are there."""
    found: dict[str, LazyTensor] = {}
    for name, tensor in tensors.items():
        names = their_names(name)
        for place, theirs in enumerate(names):
            found[theirs] = _part(tensor, place, len(names))
    return found


def from_huggingface(theirs: Mapping[str, LazyTensor]) -> dict[str, LazyTensor]:
    """Name and join their tensors as they are here, of versions 4 and 5 alike.

    Raises:
        CheckpointError: Tensors are missing or unknown; the message names them.
    """
    state = {_OLD_BIAS.sub(_new_bias, name): tensor for name, tensor in theirs.items()}
    found: dict[str, LazyTensor] = {}
    missing: list[str] = []
    used: set[str] = set()
    for name in _our_names(state):
        names = their_names(name)
        missing += [part for part in names if part not in state]
        used.update(names)
        parts = [state[part] for part in names if part in state]
        if len(parts) == len(names):
            found[name] = parts[0] if len(parts) == 1 else _joined(parts)
    unexpected = [name for name in state if name not in used]
    if missing or unexpected:
        raise CheckpointError(
            f"does not have the tensors of VideoMAE; missing: {', '.join(missing[:20]) or 'none'}; "
            f"unexpected: {', '.join(unexpected[:20]) or 'none'}"
        )
    return found


def configuration(
    size: Variant,
    decoder_depth: int | None,
    num_frames: int,
    image_size: int,
    class_names: Sequence[str],
) -> dict[str, Any]:
    """Describe a network as `config.json` does.

    Args:
        size: The network's size, with its patch.
        decoder_depth: Blocks of the decoder in pre-training form; None in fine-tuning form.
        num_frames: Frames of a clip.
        image_size: Height and width of a clip in pixels.
        class_names: Classes in label order.
    """
    values: dict[str, Any] = {
        "architectures": [
            "VideoMAEForVideoClassification" if decoder_depth is None else "VideoMAEForPreTraining"
        ],
        "model_type": "videomae",
        "image_size": image_size,
        "patch_size": size.patch_size,
        "num_channels": 3,
        "num_frames": num_frames,
        "tubelet_size": 2,
        "hidden_size": size.embed_dim,
        "num_hidden_layers": size.depth,
        "num_attention_heads": size.num_heads,
        "intermediate_size": int(size.embed_dim * size.mlp_ratio),
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "layer_norm_eps": LAYER_NORM_EPS,
        "qv_bias": True,
        "use_mean_pooling": decoder_depth is None,
        "decoder_num_attention_heads": size.decoder_num_heads,
        "decoder_hidden_size": size.decoder_embed_dim,
        "decoder_num_hidden_layers": decoder_depth or size.decoder_depth,
        "decoder_intermediate_size": int(size.decoder_embed_dim * size.mlp_ratio),
        "norm_pix_loss": True,
    }
    if class_names:
        values["id2label"] = {str(place): name for place, name in enumerate(class_names)}
        values["label2id"] = {name: place for place, name in enumerate(class_names)}
    return values


def image_processor(image_size: int) -> dict[str, Any]:
    """Describe what happens to frames, as `preprocessor_config.json` does."""
    return {
        "image_processor_type": "VideoMAEImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": image_size},
        "resample": 2,  # bilinear
        "do_center_crop": True,
        "crop_size": {"height": image_size, "width": image_size},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(IMAGENET_MEAN),
        "image_std": list(IMAGENET_STD),
    }


def _our_names(state: Mapping[str, LazyTensor]) -> list[str]:
    """List the names a network of theirs has here, from the number of its blocks."""
    counts = {"videomae.encoder.layer": 0, "decoder.decoder_layers": 0}
    for name in state:
        block = _THEIR_BLOCK.match(name)
        if block:
            counts[block[1]] = max(counts[block[1]], int(block[2]) + 1)
    is_pretraining = "mask_token" in state
    around = ["patch_embed.proj.weight", "patch_embed.proj.bias"]
    blocks = [
        f"blocks.{number}.{name}"
        for number in range(counts["videomae.encoder.layer"])
        for name in _IN_BLOCK
    ]
    if not is_pretraining:
        last = ["fc_norm.weight", "fc_norm.bias", "head.weight", "head.bias"]
        return around + blocks + last
    inside = [*around, *blocks, "norm.weight", "norm.bias"]
    decoder = [
        f"blocks.{number}.{name}"
        for number in range(counts["decoder.decoder_layers"])
        for name in _IN_BLOCK
    ] + ["norm.weight", "norm.bias", "head.weight", "head.bias"]
    return [
        "mask_token",
        *(f"encoder.{name}" for name in inside),
        *(f"decoder.{name}" for name in decoder),
        "encoder_to_decoder.weight",
    ]


def _new_bias(old: re.Match[str]) -> str:
    return f".attention.attention.{'query' if old[1] == 'q' else 'value'}.bias"


def _part(tensor: LazyTensor, place: int, count: int) -> LazyTensor:
    if count == 1:
        return tensor
    rows = tensor.shape[0] // count
    shape = (rows, *tensor.shape[1:])
    # Rows lie one after the other, so a part is a view: nothing is copied.
    return LazyTensor(
        shape,
        tensor.dtype,
        lambda: tensor.read()[place * rows : (place + 1) * rows],
        tensor.is_mapped,
    )


def _joined(parts: Sequence[LazyTensor]) -> LazyTensor:
    rows = sum(part.shape[0] for part in parts)
    return LazyTensor(
        (rows, *parts[0].shape[1:]),
        parts[0].dtype,
        lambda: torch.cat([part.read() for part in parts]),
        is_mapped=False,
    )
