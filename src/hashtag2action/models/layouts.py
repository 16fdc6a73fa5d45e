"""Which weights a file holds: read any form of it, and say what it is.

Official checkpoints keep a state dict under `model`, DeepSpeed's states under `module`, those of
Lightning under `state_dict`, others bare; names may carry the prefixes of wrappers. Everything
becomes tensors under our names, which are upstream's, with the numbers still on disk.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from hashtag2action.errors import CheckpointError
from hashtag2action.models.huggingface import from_huggingface
from hashtag2action.models.pickle_names import Arguments, StoredTensor
from hashtag2action.models.pooling import Pooling
from hashtag2action.models.tensor_files import LazyTensor, map_safetensors
from hashtag2action.models.torch_files import TorchFile, open_torch_file
from hashtag2action.models.variants import VARIANTS, variant_of
from hashtag2action.models.videomae import VideoMAE
from hashtag2action.models.vit import VisionTransformer
from hashtag2action.models.weights import ENCODER_PREFIX, is_safetensors, num_blocks, unwrapped

Kind = Literal["pre-training form", "classifier", "encoder alone"]
"""What a set of tensors is. An encoder alone has neither decoder nor classifier."""

STATE_KEYS = ("model", "module", "state_dict")
"""Where a checkpoint keeps its weights. Source: code of VideoMAE V2, DeepSpeed and Lightning."""

LIGHTNING_KEY = "pytorch-lightning_version"
"""What every checkpoint of Lightning holds. Source: its documentation."""

CARD_KEY = "hashtag2action"
"""Where a checkpoint written by us says what else one must know."""


@dataclass(frozen=True)
class Weights:
    """The tensors of a network, by our names, and what their file says about them."""

    path: Path
    origin: str
    """What the file is, in words."""
    kind: Kind
    tensors: dict[str, LazyTensor]
    words: dict[str, str] = field(default_factory=dict)
    """What a file of ours says about itself."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings the file was trained with, or a `config.json`."""
    beside: tuple[str, ...] = ()
    """What else the file holds, by its keys."""


@dataclass(frozen=True)
class Size:
    """What the shapes of tensors tell about their network."""

    variant: str
    patch_size: int
    decoder_depth: int | None
    """Blocks of the decoder; None without one."""
    num_classes: int
    pooling: Pooling = "mean"
    """What a classifier's features are made of."""


def open_weights(path: Path) -> Weights:
    """Open a file or a folder with weights of VideoMAE, whatever form they have.

    Args:
        path: A `.pth` of the official code, of DeepSpeed or of Hashtag2Action, a safetensors file,
            a folder of Hugging Face, of DeepSpeed, or of ours with `weights.safetensors`.

    Raises:
        CheckpointError: It is none of these, asks for a name no weights need, or its tensors are
            not those of VideoMAE.
    """
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        raise CheckpointError(f"there are no weights at {path}")
    if is_safetensors(path):
        tensors, words = map_safetensors(path)
        return _named(path, "safetensors file", tensors, words)
    opened = open_torch_file(path)
    state, key = _state(opened)
    content = opened.content if key else {}
    beside = tuple(str(name) for name in content if name not in {key, CARD_KEY})
    form = opened.form + (f", weights under {key!r}" if key else ", weights bare")
    if key == "module":
        form += " (as DeepSpeed keeps them)"
    elif LIGHTNING_KEY in content:
        form += " (as Lightning keeps them)"
    words = content.get(CARD_KEY, {})
    is_words = isinstance(words, dict) and all(isinstance(word, str) for word in words.values())
    arguments = content.get("args")
    settings = arguments.values if isinstance(arguments, Arguments) else {}
    tensors = {name: _lazy(opened, stored) for name, stored in state.items()}
    if sum(tensor.num_bytes for tensor in tensors.values()) > path.stat().st_size:
        raise CheckpointError(f"{path}: refused: its tensors are larger than the file")
    return _named(path, form, tensors, words if is_words else {}, settings, beside)


def size_of(weights: Weights) -> Size:
    """Read a network's size off its tensors.

    Raises:
        CheckpointError: There is no such size among the known ones.
    """
    room = "" if weights.kind == "classifier" else ENCODER_PREFIX
    projection = weights.tensors[f"{room}patch_embed.proj.weight"].shape
    if len(projection) != 5 or projection[3] != projection[4]:
        raise CheckpointError(f"{weights.path}: its patch projection is {list(projection)}")
    depth = num_blocks(weights.tensors, f"{room}blocks.")
    name = variant_of(projection[0], depth)
    if name is None:
        raise CheckpointError(
            f"{weights.path}: has {depth} blocks of width {projection[0]}, which is no known size; "
            f"known are {', '.join(VARIANTS)}"
        )
    is_pretraining = weights.kind == "pre-training form"
    head = weights.tensors.get("head.bias")
    norm = weights.tensors.get("fc_norm.weight")
    width = projection[0] if norm is None else norm.shape[0]
    return Size(
        variant=name,
        patch_size=projection[3],
        decoder_depth=num_blocks(weights.tensors, "decoder.blocks.") if is_pretraining else None,
        num_classes=head.shape[0] if head is not None else 0,
        # A width that belongs to neither is told as a shape that does not fit.
        pooling="mean_and_deviation" if width == 2 * projection[0] else "mean",
    )


def misfits(weights: Weights, size: Size) -> dict[str, list[str]]:
    """Compare names and shapes with those of the network of that size.

    Returns:
        Names of tensors that are missing, unexpected, or of another shape; none of them if the
        file fits.
    """
    expected = expected_shapes(weights.kind, size)
    found = {name: tensor.shape for name, tensor in weights.tensors.items()}
    both = expected.keys() & found.keys()
    problems = {
        "missing": [
            name
            for name in expected
            # A classifier's encoder has no last norm, so an encoder alone may lack it.
            if name not in found
            and not (weights.kind == "encoder alone" and name.startswith("encoder.norm."))
        ],
        "unexpected": [name for name in found if name not in expected],
        "of another shape": [
            f"{name} {list(found[name])} instead of {list(expected[name])}"
            for name in expected
            if name in both and found[name] != expected[name]
        ],
    }
    return {kind: names for kind, names in problems.items() if names}


def expected_shapes(kind: Kind, size: Size) -> dict[str, tuple[int, ...]]:
    """List the tensors of a network by name and shape; no memory is needed."""
    patch = size.patch_size
    with torch.device("meta"):
        if kind == "classifier":
            model = VisionTransformer.from_variant(
                size.variant,
                num_classes=size.num_classes,
                num_frames=4,
                image_size=patch,
                patch_size=patch,
                pooling=size.pooling,
            )
        else:
            model = VideoMAE.from_variant(
                size.variant,
                num_frames=2,
                image_size=patch,
                patch_size=patch,
                decoder_depth=size.decoder_depth,
            )
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if kind == "encoder alone":
        return {name: shape for name, shape in shapes.items() if name.startswith(ENCODER_PREFIX)}
    return shapes


def _open_folder(path: Path) -> Weights:
    if not (path / "config.json").is_file():
        if (path / "weights.safetensors").is_file():
            return open_weights(path / "weights.safetensors")
        states = sorted(path.glob("*_model_states.pt"))
        if len(states) == 1:
            return open_weights(states[0])
        raise CheckpointError(
            f"{path}: has neither weights.safetensors nor a config.json, and {len(states)} states "
            "of DeepSpeed; one of these would do, weights in shards are not read"
        )
    try:
        settings = json.loads((path / "config.json").read_text(encoding="utf-8"))
        index = path / "model.safetensors.index.json"
        files = ["model.safetensors"]
        if index.is_file():
            files = sorted(
                set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            )
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{path}: its configuration is damaged: {error}") from error
    if not isinstance(settings, dict) or settings.get("model_type") != "videomae":
        raise CheckpointError(f"{path}: its config.json describes no videomae")
    pickled = path / "pytorch_model.bin"
    if pickled.is_file() and not (path / files[0]).is_file():
        opened = open_torch_file(pickled)
        state, _ = _state(opened)
        theirs = {name: _lazy(opened, stored) for name, stored in state.items()}
        return _named(path, "Hugging Face folder (pickled)", theirs, {}, settings)
    tensors: dict[str, LazyTensor] = {}
    words: dict[str, str] = {}
    for name in files:
        if Path(name).name != name:
            raise CheckpointError(f"{path}: refused: its index names a file elsewhere, {name!r}")
        part, said = map_safetensors(path / name)
        tensors |= part
        words |= said
    return _named(path, "Hugging Face folder", tensors, words, settings)


def _state(opened: TorchFile) -> tuple[Mapping[str, StoredTensor], str]:
    """Find the state dict of a checkpoint, and the key it lies under (empty: it lies bare)."""
    content = opened.content
    if not isinstance(content, dict):
        raise CheckpointError(f"{opened.path}: holds a {type(content).__name__}, no state dict")
    for key in (*STATE_KEYS, ""):
        state = content.get(key) if key else content
        if isinstance(state, dict) and state:
            tensors = {
                str(name): value for name, value in state.items() if isinstance(value, StoredTensor)
            }
            if len(tensors) == len(state):
                return tensors, key
    raise CheckpointError(
        f"{opened.path}: has no state dict under 'model', 'module', 'state_dict' or bare; "
        f"its keys are {', '.join(map(str, list(content)[:20]))}; save the weights alone, with "
        "torch.save(model.state_dict(), path)"
    )


def _lazy(opened: TorchFile, stored: StoredTensor) -> LazyTensor:
    dtype = getattr(torch, stored.storage.dtype)
    return LazyTensor(stored.shape, dtype, lambda: opened.read(stored))


def _named(
    path: Path,
    origin: str,
    tensors: Mapping[str, LazyTensor],
    words: Mapping[str, str],
    settings: Mapping[str, Any] | None = None,
    beside: tuple[str, ...] = (),
) -> Weights:
    """Give tensors our names, and say what they are."""
    state = {unwrapped(name): tensor for name, tensor in tensors.items()}
    if len(state) < len(tensors):
        raise CheckpointError(f"{path} has tensors whose names differ only in their prefix")
    if any(name.startswith("videomae.") for name in state):
        try:
            state = from_huggingface(state)
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from error
        if origin == "safetensors file":
            origin = "safetensors file with names of Hugging Face"
    kind: Kind = "classifier"
    if any(name.startswith(("decoder.", "encoder_to_decoder.")) for name in state):
        kind = "pre-training form"
    else:
        state = {name.removeprefix(ENCODER_PREFIX): tensor for name, tensor in state.items()}
        if "head.weight" not in state:
            kind = "encoder alone"
            state = {ENCODER_PREFIX + name: tensor for name, tensor in state.items()}
    room = "" if kind == "classifier" else ENCODER_PREFIX
    if f"{room}patch_embed.proj.weight" not in state:
        raise CheckpointError(
            f"{path}: these are no weights of VideoMAE: there is no patch_embed.proj.weight among "
            f"its {len(tensors)} tensors ({', '.join(list(tensors)[:5])}, ...)"
        )
    return Weights(path, origin, kind, state, dict(words), dict(settings or {}), beside)
