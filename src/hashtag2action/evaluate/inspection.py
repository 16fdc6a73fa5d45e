"""What a file of weights is, in words."""

from collections import Counter
from pathlib import Path
from typing import Any

from hashtag2action.errors import CheckpointError
from hashtag2action.evaluate.cards import card_for
from hashtag2action.models.layouts import Weights, misfits, open_weights, size_of

SETTINGS_SHOWN = (
    "model",
    "data_set",
    "nb_classes",
    "num_frames",
    "sampling_rate",
    "input_size",
    "mask_ratio",
    "decoder_mask_ratio",
    "epochs",
    "lr",
)
"""Settings of a checkpoint worth a line. Source: names of VideoMAE V2's arguments."""


def inspect(path: Path) -> dict[str, Any]:
    """Say what a file of weights is.

    Returns:
        Plain values: `kind`, `origin`, size, classes, counts, what is missing, unexpected or of
        another shape, what lies beside, and what the file says about itself.

    Raises:
        CheckpointError: It cannot be read as weights of VideoMAE; the message says why.
    """
    weights = open_weights(path)
    found: dict[str, Any] = {
        "file": str(path),
        "is": f"{_maker(weights)}, {weights.kind}",
        "form": weights.origin,
    }
    counts = Counter(
        str(tensor.dtype).removeprefix("torch.") for tensor in weights.tensors.values()
    )
    found["tensors"] = len(weights.tensors)
    found["numbers"] = sum(
        tensor.num_bytes // tensor.dtype.itemsize for tensor in weights.tensors.values()
    )
    found["precision"] = ", ".join(f"{kind} ({count})" for kind, count in counts.items())
    try:
        size = size_of(weights)
    except CheckpointError as error:
        found["size"] = f"unknown: {error}"
    else:
        found["size"] = f"{size.variant}, patches of {size.patch_size} px"
        if size.decoder_depth is not None:
            found["decoder blocks"] = size.decoder_depth
        if size.num_classes:
            found["classes"] = size.num_classes
            found["features"] = f"{size.pooling.replace('_', ' ')} of the tokens"
        problems = misfits(weights, size)
        for kind in ("missing", "unexpected", "of another shape"):
            found[kind] = problems.get(kind, [])
        card, notes = card_for(weights, size)
        network = card.network
        found["clips"] = f"{network.num_frames} frames of {network.size_px} px"
        found["sampling"] = f"{card.sampling.kind}, {card.sampling.stride_s:.4g} s a frame"
        found["assumed"] = notes
    if weights.beside:
        found["beside the weights"] = list(weights.beside)
    shown = {key: weights.settings[key] for key in SETTINGS_SHOWN if key in weights.settings}
    found["settings"] = {
        key: value for key, value in shown.items() if isinstance(value, (int, float, str))
    }
    return found


def in_words(found: dict[str, Any]) -> list[list[str]]:
    """Turn what `inspect` found into pairs of name and text."""
    lines = []
    for name, value in found.items():
        if isinstance(value, list):
            text = ", ".join(map(str, value[:20])) or "none"
            text += f" and {len(value) - 20} more" if len(value) > 20 else ""
        elif isinstance(value, dict):
            text = ", ".join(f"{key} {held}" for key, held in value.items()) or "none"
        else:
            text = f"{value:,}" if isinstance(value, int) else str(value)
        lines.append([name, text])
    return lines


def _maker(weights: Weights) -> str:
    if "network" in weights.words:
        return "Hashtag2Action"
    if weights.origin.startswith("Hugging Face") or "Hugging Face" in weights.origin:
        return "Hugging Face"
    if "DeepSpeed" in weights.origin:
        return "official code with DeepSpeed"
    if "Lightning" in weights.origin:
        return "Lightning"
    is_official = weights.settings or weights.origin.startswith("PyTorch")
    return "official code" if is_official else "origin unknown"
