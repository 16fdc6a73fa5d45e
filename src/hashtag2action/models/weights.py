"""Weights on disk: safetensors files with upstream's key names and a few words of metadata.

A file either fits or is refused with the names of what does not: nothing is ever skipped
silently, because a network that starts from scratch by accident looks like a bad recipe.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from hashtag2action.errors import CheckpointError
from hashtag2action.models.variants import variant_of

WRAPPER_PREFIXES = ("_orig_mod.", "module.", "backbone.", "model.", "net.")
"""What torch.compile, DDP, upstream's own wrappers and modules of Lightning put before every key.
Chosen: of the latter, whose attribute may have any name, the two common ones."""

ENCODER_PREFIX = "encoder."
"""What the pre-training form puts before the keys that the fine-tuning form has too."""

PRETRAINING_ONLY = ("encoder.norm.", "decoder.", "encoder_to_decoder.", "mask_token")
"""Keys of the pre-training form that the fine-tuning form has no use for."""


@dataclass(frozen=True)
class LoadReport:
    """What became of a model's and of a file's tensors, by name."""

    loaded: tuple[str, ...]
    """Parameters of the model that came from the file."""
    fresh: tuple[str, ...]
    """Parameters of the model that keep their initial values."""
    unused: tuple[str, ...]
    """Tensors of the file, by their names in it, that the model has no use for."""


def save_safetensors(model: nn.Module, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a model's weights; the file appears complete or not at all.

    Args:
        model: Any model; on any device.
        path: File to write, overwritten if it is there.
        metadata: Words about the weights, for example the size's name.
    """
    save_tensors(model.state_dict(), path, metadata)


def save_tensors(
    tensors: Mapping[str, Tensor], path: Path, metadata: dict[str, str] | None = None
) -> None:
    """Write named tensors; the file appears complete or not at all.

    Args:
        tensors: On any device.
        path: File to write, overwritten if it is there.
        metadata: Words about them.

    Raises:
        CheckpointError: The file cannot be written, for example because the disk is full; nothing
            is left then.
    """
    state = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    partial = path.with_name(path.name + ".partial")
    try:
        save_file(state, partial, metadata=metadata)
    except SafetensorError as error:
        partial.unlink(missing_ok=True)
        raise CheckpointError(f"{path}: cannot be written: {error}") from error
    partial.replace(path)


def load_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors, on the CPU, and metadata of a file.

    Raises:
        CheckpointError: There is no such file, or it is no safetensors file.
    """
    if path.is_dir():
        raise CheckpointError(f"{path}: is a folder; give the file, {path}/weights.safetensors")
    if not path.is_file():
        raise CheckpointError(f"there are no weights at {path}")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise unreadable(path, error) from error


def is_safetensors(path: Path) -> bool:
    """Tell by a file's first bytes: a length, and JSON."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def unreadable(path: Path, error: SafetensorError) -> CheckpointError:
    """Say why a file was not read as safetensors, and what to do."""
    if is_safetensors(path):
        return CheckpointError(
            f"{path}: is a damaged safetensors file ({error}); was a download or a save cut off?"
        )
    return CheckpointError(
        f"{path}: is not a safetensors file, which is expected here; h2a weights inspect says "
        "what it is, and h2a weights convert makes one of a .pth or a folder of Hugging Face"
    )


def load_weights(model: nn.Module, path: Path) -> dict[str, str]:
    """Load a file that has exactly the model's tensors, and return its metadata.

    Raises:
        CheckpointError: Names or shapes differ; the message lists them.
    """
    state, metadata = load_safetensors(path)
    _require_fit(path, model.state_dict(), state, allowed_fresh=())
    model.load_state_dict(state)
    return metadata


def load_pretrained_encoder(model: nn.Module, path: Path) -> LoadReport:
    """Begin fine-tuning from a file in pre-training or in fine-tuning form.

    From a pre-training file come the encoder's patch embedding and blocks. Its decoder, mask
    token and last norm are unused, and `fc_norm` and `head` stay fresh, as upstream. From a
    fine-tuning file comes everything; the classifier only if it has the model's shape.

    Args:
        model: A `VisionTransformer`, initialized.
        path: A safetensors file.

    Returns:
        What was loaded, what stays fresh, what is unused.

    Raises:
        CheckpointError: The file lacks a tensor the model needs, has one nobody knows, or has one
            of another shape; the message lists them, and the model is unchanged.
    """
    state, _ = load_safetensors(path)
    names = {unwrapped(name): name for name in state}
    if len(names) < len(state):
        raise CheckpointError(f"{path} has tensors whose names differ only in their prefix")
    is_pretraining = any(name.startswith(ENCODER_PREFIX) for name in names)
    unused = {name for name in names if is_pretraining and name.startswith(PRETRAINING_ONLY)}
    expected = model.state_dict()
    head = {name for name in names if name.startswith("head.")}
    if any(
        name not in expected or expected[name].shape != state[names[name]].shape for name in head
    ):
        unused |= head
    found = {
        name.removeprefix(ENCODER_PREFIX): state[original]
        for name, original in names.items()
        if name not in unused
    }
    allowed_fresh = ("fc_norm.", "head.") if is_pretraining else ("head.",)
    _require_fit(path, expected, found, allowed_fresh)
    model.load_state_dict(found, strict=False)
    return LoadReport(
        loaded=tuple(found),
        fresh=tuple(name for name in expected if name not in found),
        unused=tuple(names[name] for name in names if name in unused),
    )


def unwrapped(name: str) -> str:
    """Strip the prefixes of wrappers, in any order and number."""
    for prefix in WRAPPER_PREFIXES:
        if name.startswith(prefix):
            return unwrapped(name.removeprefix(prefix))
    return name


def _require_fit(
    path: Path,
    expected: dict[str, Tensor],
    found: dict[str, Tensor],
    allowed_fresh: tuple[str, ...],
) -> None:
    """Raise unless every found tensor is expected and no other is missing than those allowed."""
    missing = [
        name for name in expected if name not in found and not name.startswith(allowed_fresh)
    ]
    unexpected = [name for name in found if name not in expected]
    misshapen = [
        f"{name} {list(found[name].shape)} instead of {list(tensor.shape)}"
        for name, tensor in expected.items()
        if name in found and found[name].shape != tensor.shape
    ]
    if not (missing or unexpected or misshapen):
        return
    held, asked = _in_words(found), _in_words(expected)
    is_other_size = held is not None and held != asked
    # A network of another size differs in nearly every tensor; else each name tells something.
    num_shown = 3 if is_other_size else 20
    problems = [
        f"{kind}: {_listed(names, num_shown)}"
        for kind, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", misshapen),
        )
        if names
    ]
    sizes = f": it holds {held}, expected is {asked}" if is_other_size else ""
    raise CheckpointError(f"{path} does not fit the model{sizes}; " + "; ".join(problems))


def num_blocks(names: Iterable[str], prefix: str) -> int:
    """Count the blocks whose tensors' names begin so."""
    return len(
        {name.removeprefix(prefix).split(".")[0] for name in names if name.startswith(prefix)}
    )


def _in_words(tensors: Mapping[str, Tensor]) -> str | None:
    """Say how large the network with these tensors is; None if it is no VideoMAE."""
    room = ENCODER_PREFIX if any(name.startswith(ENCODER_PREFIX) for name in tensors) else ""
    projection = tensors.get(f"{room}patch_embed.proj.weight")
    if projection is None or projection.ndim != 5:
        return None
    width, depth = projection.shape[0], num_blocks(tensors, f"{room}blocks.")
    size = variant_of(width, depth)
    words = f"{'a network' if size is None else size} of {depth} blocks of width {width}"
    words += f" with patches of {projection.shape[4]} px"
    decoder = num_blocks(tensors, "decoder.blocks.")
    return f"{words} and a decoder of {decoder} blocks" if decoder else words


def _listed(names: list[str], num_shown: int) -> str:
    """Name all; a file that does not fit at all has hundreds, so only the first ones then."""
    shown = ", ".join(names[:num_shown])
    left = len(names) - num_shown
    return f"{shown} and {left} more" if left > 0 else shown
