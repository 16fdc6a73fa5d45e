"""Weights from any form to any other, checked before they appear.

What is written keeps the numbers as they were, bit for bit, in their precision; Hugging Face's
names and cuts differ, ONNX is another program. Tensors go from mapped file to file one at a time.
"""

import json
import shutil
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from hashtag2action.config import Config
from hashtag2action.errors import CheckpointError, ConfigError
from hashtag2action.evaluate.agreement import (
    TOLERANCE,
    our_outputs,
    relative_difference,
    require,
    their_outputs,
    written_checkpoint,
    written_safetensors,
)
from hashtag2action.evaluate.cards import card_for, keep_classes
from hashtag2action.evaluate.model_card import model_card
from hashtag2action.evaluate.recognizer import Card
from hashtag2action.models.huggingface import configuration, image_processor, to_huggingface
from hashtag2action.models.layouts import CARD_KEY, Size, Weights, misfits, open_weights, size_of
from hashtag2action.models.tensor_files import map_safetensors, write_safetensors
from hashtag2action.models.torch_files import write_torch_file
from hashtag2action.models.variants import variant

Target = Literal["safetensors", "official", "huggingface", "onnx"]

ENDINGS = {"safetensors": ".safetensors", "official": ".pth", "huggingface": "", "onnx": ".onnx"}
"""What the name of the result ends in; a folder has none."""


class Conversion(Config):
    """Where weights go, and what no file says about them."""

    to: Target
    """The form to write."""
    classes: Path | None = None
    """Names of the classes, one a line, in label order."""
    keep: Path | None = None
    """Which classes to keep, one a line and in the new order: names, or places in the old order
    counted from 0. For a Kinetics-710 classifier that shall be one of Kinetics-400."""
    license: str | None = None
    """Licence of the weights, for the model card."""
    data: str | None = None
    """What the weights were trained on, for the model card."""
    results: Path | None = None
    """A `metrics.json` of `h2a evaluate` for these weights, for the model card."""
    int8: bool = False
    """ONNX: write a second file with weights of eight bits."""
    opset: Annotated[int, Field(ge=18)] = 18
    """ONNX: version of the operators. Chosen: the oldest that the exporter writes natively."""


@dataclass(frozen=True)
class Converted:
    """What was written, and how far its outputs are from those of its source."""

    path: Path
    source: str
    """What the source is, in words."""
    kind: str
    variant: str
    num_tensors: int
    num_parameters: int
    differences: dict[str, float]
    """Largest differences, relative to the largest output, by what was compared."""
    notes: tuple[str, ...]
    """What had to be assumed."""


def convert(path: Path, config: Conversion, out: Path | None = None) -> Converted:
    """Convert weights, and check that the result computes what its source does.

    Args:
        path: Weights in any form that `open_weights` knows.
        config: The form to write.
        out: File or folder to write; by default beside the source.

    Raises:
        CheckpointError: The source is no VideoMAE, does not fit its own size, or the result
            computes something else. Nothing is left behind then.
        ConfigError: Classes do not fit, the form cannot hold this network, or `out` exists.
        MissingExtraError: The form needs a package that is not installed.
    """
    weights = open_weights(path)
    size = size_of(weights)
    problems = misfits(weights, size)
    if problems:
        listed = "; ".join(f"{kind}: {', '.join(names[:20])}" for kind, names in problems.items())
        raise CheckpointError(f"{path} is not a whole {size.variant}; {listed}")
    if size.pooling != "mean" and config.to in ("official", "huggingface"):
        raise ConfigError(
            f"{path}: its classifier reads the {size.pooling.replace('_', ' ')} of the tokens, "
            f"which no class for {config.to} weights does; safetensors and onnx hold it"
        )
    target = out or _beside(path, config.to)
    if target.exists():
        raise ConfigError(f"{target} exists; remove it, or name another with --out")
    card, notes = card_for(weights, size, config.classes)
    rows = None
    if config.keep is not None:
        weights, card, rows = keep_classes(weights, card, config.keep)
        size = replace(size, num_classes=len(rows))
    expected = _source_outputs(path, weights, size, rows)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.unchecked")
    _remove(beside)
    try:
        if config.to == "onnx":
            differences = _write_onnx(config, weights, card, beside, target)
        else:
            differences = _write(config, weights, size, card, beside, expected)
            beside.rename(target)
    finally:
        _remove(beside)
    return Converted(
        path=target,
        source=weights.origin,
        kind=weights.kind,
        variant=size.variant,
        num_tensors=len(weights.tensors),
        num_parameters=sum(
            tensor.num_bytes // tensor.dtype.itemsize for tensor in weights.tensors.values()
        ),
        differences=differences,
        notes=tuple(notes),
    )


def _write(
    config: Conversion,
    weights: Weights,
    size: Size,
    card: Card,
    path: Path,
    expected: torch.Tensor,
) -> dict[str, float]:
    if config.to == "safetensors":
        write_safetensors(path, weights.tensors, card.metadata())
        found = our_outputs(weights.kind, size, written_safetensors(path))
    elif config.to == "official":
        _write_official(path, weights, card)
        found = our_outputs(weights.kind, size, written_checkpoint(path))
    else:
        return _write_huggingface(config, weights, size, card, path, expected)
    difference = relative_difference(expected, found)
    # Files of Hugging Face are run by its own classes, so rounding differs on the way in.
    is_foreign = weights.origin.startswith("Hugging Face")
    tolerance = TOLERANCE[_dtype(weights)] if is_foreign else 0.0
    require(difference, tolerance, f"written as {config.to}")
    return {f"source against {config.to}": difference}


def _write_official(path: Path, weights: Weights, card: Card) -> None:
    """Write a state dict under `model`, as the official code reads it; our words lie beside."""
    staged = path.with_name(path.name + ".staged")
    tensors = weights.tensors
    if not all(tensor.is_mapped for tensor in tensors.values()):
        # Joined tensors would all have to be in memory at once: put them on disk first.
        write_safetensors(staged, tensors, {})
        tensors, _ = map_safetensors(staged)
    state = OrderedDict((name, tensor.read()) for name, tensor in tensors.items())
    write_torch_file({"model": state, CARD_KEY: card.metadata()}, path)
    staged.unlink(missing_ok=True)


def _write_onnx(
    config: Conversion, weights: Weights, card: Card, folder: Path, target: Path
) -> dict[str, float]:
    """Write in a folder of its own: a large file keeps its weights in a second one, by name."""
    from hashtag2action.evaluate.onnx_export import export_onnx, quantize

    folder.mkdir()
    differences = export_onnx(folder / target.name, weights, card, config.opset)
    if config.int8:
        differences |= quantize(folder / target.name, weights, card)
    for file in folder.iterdir():
        file.rename(target.with_name(file.name))
    return differences


def _write_huggingface(
    config: Conversion,
    weights: Weights,
    size: Size,
    card: Card,
    folder: Path,
    expected: torch.Tensor,
) -> dict[str, float]:
    if weights.kind == "encoder alone":
        raise ConfigError("an encoder alone has no form there that a pipeline opens; fine-tune it")
    network = card.network
    if card.trained_grid != network.grid:
        raise ConfigError(
            "these weights were trained on another token grid and their positions are stretched, "
            "which the classes of transformers cannot do"
        )
    measured = None if config.results is None else _read_results(config.results)
    folder.mkdir()
    words = {"format": "pt"} | card.metadata()
    write_safetensors(folder / "model.safetensors", to_huggingface(weights.tensors), words)
    shape = replace(variant(size.variant), patch_size=size.patch_size)
    settings = configuration(
        shape, size.decoder_depth, network.num_frames, network.size_px, card.class_names
    )
    settings["dtype"] = str(_dtype(weights)).removeprefix("torch.")
    for name, values in (
        ("config.json", settings),
        ("preprocessor_config.json", image_processor(network.size_px)),
    ):
        (folder / name).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    exact = relative_difference(expected, their_outputs(folder, weights.kind, size, exact_eps=True))
    require(exact, TOLERANCE[_dtype(weights)], "written as a folder of Hugging Face")
    delivered = relative_difference(
        expected, their_outputs(folder, weights.kind, size, exact_eps=False)
    )
    text = model_card(weights, card, config.license, config.data, measured, delivered)
    (folder / "README.md").write_text(text, encoding="utf-8")
    return {
        "source against transformers, norms with our epsilon": exact,
        "source against transformers, as delivered": delivered,
    }


def _read_results(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as metrics.json: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: expected the object that h2a evaluate writes as metrics.json")
    return found


def _source_outputs(
    path: Path, weights: Weights, size: Size, rows: list[int] | None
) -> torch.Tensor:
    if weights.origin == "Hugging Face folder" and rows is None:
        return their_outputs(path, weights.kind, size, exact_eps=True)
    state = {name: tensor.read() for name, tensor in weights.tensors.items()}
    outputs = our_outputs(weights.kind, size, state)
    if rows is not None:
        # The kept logits must be those of the whole classifier, not only of its cut.
        whole = open_weights(path)
        state = {name: tensor.read() for name, tensor in whole.tensors.items()}
        before = our_outputs(whole.kind, size_of(whole), state)[:, rows]
        difference = relative_difference(before, outputs)
        require(difference, TOLERANCE[_dtype(weights)], "after keeping some classes")
    return outputs


def _dtype(weights: Weights) -> torch.dtype:
    kinds = {tensor.dtype for tensor in weights.tensors.values()}
    if not kinds <= TOLERANCE.keys():
        raise CheckpointError(f"{weights.path}: has weights that are no floating-point numbers")
    return max(kinds, key=lambda kind: TOLERANCE[kind])


def _beside(path: Path, target: Target) -> Path:
    stem = path.name if path.is_dir() else path.stem
    if target == "huggingface":
        return path.with_name(f"{stem}-huggingface")
    named = path.with_name(stem + ENDINGS[target])
    return named if not named.exists() else path.with_name(f"{stem}-{target}{ENDINGS[target]}")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
        path.with_name(path.name + ".staged").unlink(missing_ok=True)
