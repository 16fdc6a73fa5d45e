"""The sizes of the networks, as one table of numbers.

Source: VideoMAE V2 (arXiv 2303.16727), its official code; the decoders' depth of 4 is that of
its pre-training scripts.
"""

from dataclasses import dataclass

from hashtag2action.errors import ConfigError


@dataclass(frozen=True)
class Variant:
    """One size of encoder with the decoder it is pre-trained with."""

    embed_dim: int
    """Width of the encoder's tokens."""
    depth: int
    """Blocks of the encoder."""
    num_heads: int
    """Attention heads of the encoder."""
    decoder_embed_dim: int
    """Width of the decoder's tokens."""
    decoder_num_heads: int
    """Attention heads of the decoder."""
    decoder_depth: int = 4
    """Blocks of the decoder."""
    patch_size: int = 16
    """Height and width of a tubelet in pixels."""
    mlp_ratio: float = 4.0
    """Width inside the MLPs of encoder and decoder, as a multiple of the tokens' width."""


VARIANTS: dict[str, Variant] = {
    # Chosen: a hundred thousand masked clips of 48 pixels in minutes on two CPU cores.
    "vit_micro": Variant(96, 4, 3, 64, 2, decoder_depth=2),
    # Chosen: the smallest width with heads of 64 that learns something within minutes on a CPU.
    "vit_tiny": Variant(192, 8, 3, 96, 3, decoder_depth=2),
    "vit_s": Variant(384, 12, 6, 192, 3),
    "vit_b": Variant(768, 12, 12, 384, 6),
    "vit_l": Variant(1024, 24, 16, 512, 8),
    "vit_h": Variant(1280, 32, 16, 512, 8),
    "vit_g": Variant(1408, 40, 16, 512, 8, patch_size=14, mlp_ratio=48 / 11),
}
"""Sizes by name: all of VideoMAE V2 and two for a CPU."""


def variant(name: str) -> Variant:
    """Look up a size.

    Raises:
        ConfigError: There is no such size.
    """
    if name not in VARIANTS:
        raise ConfigError(f"there is no model size {name!r}; known are {', '.join(VARIANTS)}")
    return VARIANTS[name]


def variant_of(width: int, depth: int) -> str | None:
    """Name the size of an encoder with so many blocks of that width; None if no size has them."""
    for name, size in VARIANTS.items():
        if (size.embed_dim, size.depth) == (width, depth):
            return name
    return None
