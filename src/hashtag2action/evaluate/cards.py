"""What one must know to use weights of other origin: from their file, or from their user."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from hashtag2action.data.clip_set import read_lines
from hashtag2action.data.loader import Sampling
from hashtag2action.errors import CheckpointError, ConfigError
from hashtag2action.evaluate.recognizer import Card, Network, card_from
from hashtag2action.models.layouts import Size, Weights
from hashtag2action.models.tensor_files import LazyTensor
from hashtag2action.models.variants import variant

FRAMES_PER_S = 30.0
"""Frame rate at which strides in frames are turned into seconds. Source: `Sampling.stride_s`."""


def card_for(weights: Weights, size: Size, classes: Path | None = None) -> tuple[Card, list[str]]:
    """Tell how weights are used, and what had to be assumed for that.

    What the file says goes before what its settings say, and these before the defaults of VideoMAE
    V2. Class names come from the file or from a list, else they are numbers.

    Args:
        weights: The weights.
        size: Their size.
        classes: Names of the classes, one a line.

    Raises:
        CheckpointError: What the file says contradicts its tensors.
        ConfigError: The list has another number of classes than the classifier, or names one
            twice; or there is a list and no classifier.
    """
    notes: list[str] = []
    if "network" in weights.words:
        card = card_from(weights.words, weights.path)
    else:
        card = _guessed(weights, size, notes)
    if weights.kind == "classifier":
        names = card.class_names
        if classes is not None:
            names = tuple(_names_in(classes))
        elif not names:
            names = tuple(f"LABEL_{number}" for number in range(size.num_classes))
            notes.append("classes have no names; give them with --classes FILE, one a line")
        if len(names) != size.num_classes or len(set(names)) != len(names):
            twice = [name for name, count in Counter(names).items() if count > 1]
            raise ConfigError(
                f"{classes or weights.path}: names {len(names)} classes"
                f"{', some twice: ' + ', '.join(twice[:5]) if twice else ''}; the classifier has "
                f"{size.num_classes}, each with a name of its own"
            )
        card = replace(card, class_names=names)
    elif classes is not None:
        raise ConfigError(f"--classes needs a classifier; this is the {weights.kind}")
    return card, notes


def keep_classes(weights: Weights, card: Card, path: Path) -> tuple[Weights, Card, list[int]]:
    """Cut a classifier down to some of its classes.

    Args:
        weights: A classifier.
        card: Its card, with the names of its classes.
        path: One class a line, in the new order: its name, or its place in the old order from 0.

    Returns:
        The smaller classifier, its card, and the old places of its classes.

    Raises:
        ConfigError: It is no classifier, or a class is unknown or named twice.
    """
    if weights.kind != "classifier":
        raise ConfigError(f"--keep needs a classifier; this is the {weights.kind}")
    lines = _names_in(path)
    if all(line.isdecimal() for line in lines) and not set(lines) <= set(card.class_names):
        rows = [int(line) for line in lines]
        unknown = [str(row) for row in rows if row >= len(card.class_names)]
    else:
        places = {name: place for place, name in enumerate(card.class_names)}
        unknown = [line for line in lines if line not in places]
        rows = [places[line] for line in lines if line in places]
    if unknown or len(set(rows)) < len(rows):
        raise ConfigError(
            f"{path}: {len(unknown)} of {len(lines)} classes are unknown to the classifier "
            f"({', '.join(unknown[:10])}), {len(rows) - len(set(rows))} are named twice; write "
            "names exactly as --classes has them, or give places from 0"
        )
    head = {name: _rows(weights.tensors[name], rows) for name in ("head.weight", "head.bias")}
    names = tuple(card.class_names[row] for row in rows)
    smaller = replace(weights, tensors=weights.tensors | head)
    return smaller, replace(card, class_names=names), rows


def _names_in(path: Path) -> list[str]:
    names = read_lines(path)
    if not names:
        raise ConfigError(f"{path}: is empty; it should name one class a line")
    return names


def _guessed(weights: Weights, size: Size, notes: list[str]) -> Card:
    settings = weights.settings
    patch = None if variant(size.variant).patch_size == size.patch_size else size.patch_size
    num_frames = settings.get("num_frames", 16)
    size_px = settings.get("input_size", settings.get("image_size", 224))
    stride = settings.get("sampling_rate")
    is_sparse = settings.get("data_set") == "SSV2"
    names = settings.get("id2label")
    try:
        network = Network(
            variant=size.variant,
            num_frames=num_frames,
            size_px=size_px,
            patch_size=patch,
            decoder_depth=size.decoder_depth,
            pooling=size.pooling,
        )
        sampling = Sampling(
            kind="segments" if is_sparse else "dense",
            num_frames=num_frames,
            **({"stride_s": stride / FRAMES_PER_S} if isinstance(stride, int) else {}),
        )
        ordered = sorted(names.items(), key=lambda item: int(item[0])) if names else []
    except (ValidationError, ValueError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{weights.path}: its settings make no sense: {error}") from error
    if not settings.keys() & {"input_size", "image_size"}:
        notes.append(f"clips are taken to be {num_frames} frames of {size_px} px, as published")
    if stride is None:
        notes.append(f"frames are taken to be {sampling.stride_s:.3g} s apart, as published")
    return Card(network, tuple(str(name) for _, name in ordered), sampling, network.grid)


def _rows(tensor: LazyTensor, rows: list[int]) -> LazyTensor:
    return LazyTensor(
        (len(rows), *tensor.shape[1:]),
        tensor.dtype,
        lambda: tensor.read()[rows],
        is_mapped=False,
    )
