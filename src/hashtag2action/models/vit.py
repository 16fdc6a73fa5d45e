"""The vision transformer that recognizes actions: VideoMAE's encoder with a classifier.

All tokens (in training perhaps some of them) are embedded, pooled after the last block (averaged,
as upstream), normalized and classified. Parameters carry upstream's names, so released weights load
as they are: layer 0 of layer-wise decay is `patch_embed`, layers 1 to depth are `blocks.0` onwards,
and `fc_norm` and `head` come last.

Source: VideoMAE V2 (arXiv 2303.16727), fine-tuning form.
"""

import torch
from jaxtyping import Float, Int64, Num
from torch import Tensor, nn

from hashtag2action.errors import ConfigError
from hashtag2action.models.layers import (
    LAYER_NORM_EPS,
    Attention,
    Block,
    FeatureDrop,
    drop_path_rates,
)
from hashtag2action.models.linear import Linear
from hashtag2action.models.patch_embed import Grid, PatchEmbed, check_clips, token_grid
from hashtag2action.models.pooling import POOLINGS, Pooling, pool
from hashtag2action.models.position import Positions
from hashtag2action.models.variants import variant


class VisionTransformer(nn.Module):
    """Classify clips.

    Args:
        num_classes: Number of classes; 0 builds no classifier and `forward` returns features.
        embed_dim: Width of a token.
        depth: Number of blocks.
        num_heads: Attention heads; divides `embed_dim`.
        patch_size: Height and width of a tubelet in pixels.
        tubelet_size: Frames of a tubelet.
        mlp_ratio: Width inside the MLPs as a multiple of `embed_dim`.
        num_frames: Frames of a clip.
        image_size: Height and width of a clip in pixels.
        trained_grid: Token grid the weights were trained on, if clips have another one now
            (other frame count or size); None means the clips' own.
        pooling: What the features are made of, after the last block.
        drop_path_rate: Stochastic depth of the last block, in [0, 1).
        head_drop_rate: Dropout before the classifier, in [0, 1).
        init_scale: Factor on the classifier's initial weights. Source: VideoMAE V2, 0.001.

    Raises:
        ConfigError: The clip cannot be cut into whole tubelets, or is too short to deviate.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        embed_dim: int,
        depth: int,
        num_heads: int,
        patch_size: int = 16,
        tubelet_size: int = 2,
        mlp_ratio: float = 4.0,
        num_frames: int = 16,
        image_size: int = 224,
        trained_grid: Grid | None = None,
        pooling: Pooling = "mean",
        drop_path_rate: float = 0.0,
        head_drop_rate: float = 0.0,
        init_scale: float = 0.001,
    ) -> None:
        super().__init__()
        self.num_frames = num_frames
        self.image_size = image_size
        self.init_scale = init_scale
        self.grid = token_grid(num_frames, image_size, image_size, patch_size, tubelet_size)
        if pooling == "mean_and_deviation" and self.grid.slots == 1:
            raise ConfigError(
                f"pooling: {pooling} needs two tubelets in time, {num_frames} frames make one"
            )
        self.pooling: Pooling = pooling
        self.patch_embed = PatchEmbed(embed_dim, patch_size, tubelet_size)
        self.positions = Positions(self.grid, embed_dim, trained_grid)
        self.blocks = nn.ModuleList(
            Block(embed_dim, num_heads, mlp_ratio, rate)
            for rate in drop_path_rates(drop_path_rate, depth)
        )
        num_features = embed_dim * POOLINGS[pooling]
        self.fc_norm = nn.LayerNorm(num_features, eps=LAYER_NORM_EPS)
        self.head_drop = FeatureDrop(head_drop_rate, num_features)
        self.head = Linear(num_features, num_classes) if num_classes else nn.Identity()
        self.init_weights()

    @classmethod
    def from_variant(
        cls,
        name: str,
        *,
        num_classes: int,
        num_frames: int = 16,
        image_size: int = 224,
        patch_size: int | None = None,
        trained_grid: Grid | None = None,
        pooling: Pooling = "mean",
        drop_path_rate: float = 0.0,
        head_drop_rate: float = 0.0,
        init_scale: float = 0.001,
    ) -> "VisionTransformer":
        """Build one of the published sizes (see `variants`); other arguments as the class's.

        Args:
            name: Name of the size, for example "vit_b".
            num_classes: Number of classes; 0 builds no classifier.
            num_frames: Frames of a clip.
            image_size: Height and width of a clip in pixels.
            patch_size: Height and width of a tubelet; None means the size's own.
            trained_grid: Token grid the weights were trained on; None means the clips' own.
            pooling: What the features are made of.
            drop_path_rate: Stochastic depth of the last block, in [0, 1).
            head_drop_rate: Dropout before the classifier, in [0, 1).
            init_scale: Factor on the classifier's initial weights.

        Raises:
            ConfigError: There is no such size, or the clip cannot be cut into whole tubelets.
        """
        size = variant(name)
        return cls(
            num_classes=num_classes,
            embed_dim=size.embed_dim,
            depth=size.depth,
            num_heads=size.num_heads,
            patch_size=patch_size or size.patch_size,
            mlp_ratio=size.mlp_ratio,
            num_frames=num_frames,
            image_size=image_size,
            trained_grid=trained_grid,
            pooling=pooling,
            drop_path_rate=drop_path_rate,
            head_drop_rate=head_drop_rate,
            init_scale=init_scale,
        )

    @torch.no_grad()
    def init_weights(self) -> None:
        """Start from scratch; also after a model built on the meta device was given memory.

        Source: VideoMAE V2, official code: normal of deviation 0.02 cut at +-2 for linear
        layers, PyTorch's default for the patch projection, the classifier scaled down.
        """
        for module in self.modules():
            match module:
                case nn.Linear():
                    nn.init.trunc_normal_(module.weight, std=0.02)
                    if module.bias is not None:
                        nn.init.zeros_(module.bias)
                case nn.LayerNorm() | nn.Conv3d():
                    module.reset_parameters()
                case Attention():
                    nn.init.zeros_(module.q_bias)
                    nn.init.zeros_(module.v_bias)
                case Positions():
                    module.reset()
        if isinstance(self.head, nn.Linear):
            self.head.weight.mul_(self.init_scale)

    def forward_tokens(
        self, clips: Num[Tensor, "b 3 t h w"], kept_idx: Int64[Tensor, "b n"] | None = None
    ) -> Float[Tensor, "b n d"]:
        """Give the tokens after the last block, time slowest, not normalized.

        Args:
            clips: uint8 RGB, or floats normalized with the ImageNet mean and deviation.
            kept_idx: Flat indices of the tokens that take part; None means all.

        Raises:
            ConfigError: The clips are not of the frame count and size the model was built for.
        """
        check_clips(clips, self.num_frames, self.image_size)
        tokens = self.patch_embed(clips, kept_idx)
        tokens = tokens + self.positions(kept_idx).to(tokens.dtype)
        for block in self.blocks:
            tokens = block(tokens)
        return tokens

    def forward_features(
        self, clips: Num[Tensor, "b 3 t h w"], kept_idx: Int64[Tensor, "b n"] | None = None
    ) -> Float[Tensor, "b f"]:
        """Give one feature vector per clip: its tokens pooled and normalized.

        All tokens take part unless the mean alone is asked for.
        """
        return self.fc_norm(pool(self.forward_tokens(clips, kept_idx), self.grid, self.pooling))

    def forward(
        self, clips: Num[Tensor, "b 3 t h w"], kept_idx: Int64[Tensor, "b n"] | None = None
    ) -> Float[Tensor, "b k"]:
        """Give the logits of the classes, one row per clip; arguments as of `forward_tokens`."""
        return self.head(self.head_drop(self.forward_features(clips, kept_idx)))
