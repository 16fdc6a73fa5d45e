"""A network with what one must know to use it: its shape, classes and sampling of frames.

All of it travels in the metadata of the weights file, so a file needs no recipe beside it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from hashtag2action.config import Config
from hashtag2action.data.loader import Sampling
from hashtag2action.errors import CheckpointError
from hashtag2action.models.patch_embed import Grid
from hashtag2action.models.pooling import POOLINGS, Pooling
from hashtag2action.models.variants import variant
from hashtag2action.models.videomae import VideoMAE
from hashtag2action.models.vit import VisionTransformer
from hashtag2action.models.weights import load_safetensors, load_weights, save_safetensors

TUBELET_SIZE = 2
"""Frames of a tubelet in every variant. Source: VideoMAE V2."""


class Network(Config):
    """The shape of a network, of its clips and of its tokens."""

    variant: str = "vit_b"
    """Size: vit_tiny, vit_s, vit_b, vit_l, vit_h or vit_g."""
    num_frames: Annotated[int, Field(gt=0)] = 16
    """Frames of a clip. Source: VideoMAE V2."""
    size_px: Annotated[int, Field(gt=0)] = 224
    """Height and width of a clip. Source: VideoMAE V2."""
    patch_size: Annotated[int, Field(gt=0)] | None = None
    """Height and width of a tubelet in pixels; None is the variant's own."""
    decoder_depth: Annotated[int, Field(gt=0)] | None = None
    """Blocks of the decoder in pre-training form; None is the variant's own."""
    pooling: Pooling = "mean"
    """What a clip's features are made of: the mean of its tokens, as VideoMAE V2, or their
    deviation over time as well, which tells small networks what moves. No other tool reads a
    classifier with the latter."""

    @property
    def grid(self) -> Grid:
        """Tokens of a clip."""
        patch = self.patch_size or variant(self.variant).patch_size
        side = self.size_px // patch
        return Grid(self.num_frames // TUBELET_SIZE, side, side)

    @property
    def embed_dim(self) -> int:
        """Width of a token."""
        return variant(self.variant).embed_dim

    @property
    def num_features(self) -> int:
        """Number of features of a clip."""
        return self.embed_dim * POOLINGS[self.pooling]

    def build_pretraining(self) -> VideoMAE:
        """Build the pre-training form, initialized.

        Raises:
            ConfigError: There is no such variant, or clips cannot be cut into whole tubelets.
        """
        return VideoMAE.from_variant(
            self.variant,
            num_frames=self.num_frames,
            image_size=self.size_px,
            patch_size=self.patch_size,
            decoder_depth=self.decoder_depth,
        )

    def build_recognizer(
        self,
        num_classes: int,
        trained_grid: Grid | None = None,
        drop_path_rate: float = 0.0,
        head_drop_rate: float = 0.0,
        init_scale: float = 0.001,
    ) -> VisionTransformer:
        """Build the fine-tuning form, initialized; arguments as `VisionTransformer`'s.

        Raises:
            ConfigError: There is no such variant, or clips cannot be cut into whole tubelets.
        """
        return VisionTransformer.from_variant(
            self.variant,
            num_classes=num_classes,
            num_frames=self.num_frames,
            image_size=self.size_px,
            patch_size=self.patch_size,
            trained_grid=trained_grid,
            pooling=self.pooling,
            drop_path_rate=drop_path_rate,
            head_drop_rate=head_drop_rate,
            init_scale=init_scale,
        )


@dataclass(frozen=True)
class Card:
    """What a weights file says about itself."""

    network: Network
    class_names: tuple[str, ...]
    """Classes in label order; none in pre-training form."""
    sampling: Sampling
    """How frames of a clip were chosen in training."""
    trained_grid: Grid
    """Token grid the positions were made for."""

    def metadata(self) -> dict[str, str]:
        """Return it as the words a safetensors file can hold."""
        return {
            "network": self.network.model_dump_json(),
            "class_names": json.dumps(self.class_names),
            "sampling": self.sampling.model_dump_json(),
            "trained_grid": json.dumps(self.trained_grid),
        }


def read_card(path: Path) -> Card:
    """Read what a weights file says about itself.

    Raises:
        CheckpointError: It is no safetensors file, or was not written by this package.
    """
    _, words = load_safetensors(path)
    return card_from(words, path)


def card_from(words: Mapping[str, str], path: Path) -> Card:
    """Understand the words of a weights file.

    Args:
        words: Its metadata.
        path: The file, for the message.

    Raises:
        CheckpointError: They are not those of a file of this package.
    """
    try:
        return Card(
            network=Network.model_validate_json(words["network"]),
            class_names=tuple(json.loads(words["class_names"])),
            sampling=Sampling.model_validate_json(words["sampling"]),
            trained_grid=Grid(*json.loads(words["trained_grid"])),
        )
    except (KeyError, ValueError, ValidationError) as error:
        raise CheckpointError(
            f"{path}: does not say what it is (metadata: {sorted(words)}); weights of other "
            "origin need their network described in the recipe"
        ) from error


def save_network(model: VideoMAE | VisionTransformer, path: Path, card: Card) -> None:
    """Write weights and what one must know to use them."""
    save_safetensors(model, path, card.metadata())


def load_recognizer(path: Path) -> tuple[VisionTransformer, Card]:
    """Rebuild a fine-tuned network from its file alone.

    Raises:
        CheckpointError: It is no file of a fine-tuned network of this package.
    """
    card = read_card(path)
    if not card.class_names:
        raise CheckpointError(f"{path}: has no classes; is it a pre-training's? Fine-tune it first")
    model = card.network.build_recognizer(len(card.class_names), card.trained_grid)
    load_weights(model, path)
    return model, card
