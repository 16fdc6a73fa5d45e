"""VideoMAE V2's pre-training form: a masked encoder and a decoder that fills in what it is asked.

The encoder sees a tenth of a clip's tokens; the decoder paints half of them ("dual masking").
Masks come from outside as integer indices (`masking`), targets are computed from the same clip
(`target`), and the loss is `train.objective`'s: the model only predicts.

Everything that is not read is not computed: pixels are gathered before they are projected, and
the decoder's last block makes queries and MLP for decoded tokens alone. The function and its
gradients stay exactly those of the plain form.

Source: VideoMAE V2 (arXiv 2303.16727), section 3.
"""

import torch
from jaxtyping import Float, Int64, Num
from torch import Tensor, nn

from hashtag2action.models.layers import LAYER_NORM_EPS, Attention, Block
from hashtag2action.models.linear import Linear
from hashtag2action.models.patch_embed import Grid, PatchEmbed, check_clips, token_grid
from hashtag2action.models.position import Positions
from hashtag2action.models.variants import variant


class Encoder(nn.Module):
    """Encode the visible tokens of a clip.

    Args:
        embed_dim: Width of a token.
        depth: Number of blocks.
        num_heads: Attention heads; divides `embed_dim`.
        patch_size: Height and width of a tubelet in pixels.
        tubelet_size: Frames of a tubelet.
        mlp_ratio: Width inside the MLPs as a multiple of `embed_dim`.
        grid: Tokens of a clip.
    """

    def __init__(
        self,
        *,
        embed_dim: int,
        depth: int,
        num_heads: int,
        patch_size: int,
        tubelet_size: int,
        mlp_ratio: float,
        grid: Grid,
    ) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(embed_dim, patch_size, tubelet_size)
        self.positions = Positions(grid, embed_dim)
        self.blocks = nn.ModuleList(Block(embed_dim, num_heads, mlp_ratio) for _ in range(depth))
        self.norm = nn.LayerNorm(embed_dim, eps=LAYER_NORM_EPS)

    def forward(
        self, clips: Num[Tensor, "b 3 t h w"], visible_idx: Int64[Tensor, "b v"]
    ) -> Float[Tensor, "b v d"]:
        """Encode the tokens at `visible_idx`; nothing else of the clip is looked at."""
        tokens = self.patch_embed(clips, visible_idx)
        tokens = tokens + self.positions(visible_idx).to(tokens.dtype)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)


class Decoder(nn.Module):
    """Predict the pixels of the tokens it is asked for.

    Args:
        embed_dim: Width of a token.
        depth: Number of blocks, at least 1.
        num_heads: Attention heads; divides `embed_dim`.
        mlp_ratio: Width inside the MLPs as a multiple of `embed_dim`.
        num_outputs: Numbers per token: the pixels of a tubelet, in three channels.
        grid: Tokens of a clip.
    """

    def __init__(
        self,
        *,
        embed_dim: int,
        depth: int,
        num_heads: int,
        mlp_ratio: float,
        num_outputs: int,
        grid: Grid,
    ) -> None:
        super().__init__()
        assert depth >= 1, "a decoder needs a block"
        self.positions = Positions(grid, embed_dim)
        self.blocks = nn.ModuleList(Block(embed_dim, num_heads, mlp_ratio) for _ in range(depth))
        self.norm = nn.LayerNorm(embed_dim, eps=LAYER_NORM_EPS)
        self.head = Linear(embed_dim, num_outputs)

    def forward(self, tokens: Float[Tensor, "b n d"], num_decoded: int) -> Float[Tensor, "b m out"]:
        """Predict pixels for the last `num_decoded` tokens, looking at all of them."""
        *earlier, last = self.blocks
        for block in earlier:
            tokens = block(tokens)
        return self.head(self.norm(last(tokens, num_decoded)))


class VideoMAE(nn.Module):
    """Predict the pixels of some tokens of a clip from some others.

    Args:
        embed_dim: Width of the encoder's tokens.
        depth: Blocks of the encoder.
        num_heads: Attention heads of the encoder.
        decoder_embed_dim: Width of the decoder's tokens.
        decoder_depth: Blocks of the decoder, at least 1.
        decoder_num_heads: Attention heads of the decoder.
        patch_size: Height and width of a tubelet in pixels.
        tubelet_size: Frames of a tubelet.
        mlp_ratio: Width inside the MLPs of both as a multiple of the tokens' width.
        num_frames: Frames of a clip.
        image_size: Height and width of a clip in pixels.

    Raises:
        ConfigError: The clip cannot be cut into whole tubelets.
    """

    def __init__(
        self,
        *,
        embed_dim: int,
        depth: int,
        num_heads: int,
        decoder_embed_dim: int,
        decoder_depth: int,
        decoder_num_heads: int,
        patch_size: int = 16,
        tubelet_size: int = 2,
        mlp_ratio: float = 4.0,
        num_frames: int = 16,
        image_size: int = 224,
    ) -> None:
        super().__init__()
        self.num_frames = num_frames
        self.image_size = image_size
        self.patch_size = patch_size
        self.tubelet_size = tubelet_size
        self.grid = token_grid(num_frames, image_size, image_size, patch_size, tubelet_size)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, decoder_embed_dim))
        self.encoder = Encoder(
            embed_dim=embed_dim,
            depth=depth,
            num_heads=num_heads,
            patch_size=patch_size,
            tubelet_size=tubelet_size,
            mlp_ratio=mlp_ratio,
            grid=self.grid,
        )
        self.decoder = Decoder(
            embed_dim=decoder_embed_dim,
            depth=decoder_depth,
            num_heads=decoder_num_heads,
            mlp_ratio=mlp_ratio,
            num_outputs=3 * tubelet_size * patch_size**2,
            grid=self.grid,
        )
        self.encoder_to_decoder = Linear(embed_dim, decoder_embed_dim, bias=False)
        self.init_weights()

    @classmethod
    def from_variant(
        cls,
        name: str,
        *,
        num_frames: int = 16,
        image_size: int = 224,
        patch_size: int | None = None,
        decoder_depth: int | None = None,
    ) -> "VideoMAE":
        """Build one of the published sizes (see `variants`).

        Args:
            name: Name of the size, for example "vit_b".
            num_frames: Frames of a clip.
            image_size: Height and width of a clip in pixels.
            patch_size: Height and width of a tubelet; None means the size's own.
            decoder_depth: Blocks of the decoder; None means the size's own.

        Raises:
            ConfigError: There is no such size, or the clip cannot be cut into whole tubelets.
        """
        size = variant(name)
        return cls(
            embed_dim=size.embed_dim,
            depth=size.depth,
            num_heads=size.num_heads,
            decoder_embed_dim=size.decoder_embed_dim,
            decoder_depth=decoder_depth or size.decoder_depth,
            decoder_num_heads=size.decoder_num_heads,
            patch_size=patch_size or size.patch_size,
            mlp_ratio=size.mlp_ratio,
            num_frames=num_frames,
            image_size=image_size,
        )

    @torch.no_grad()
    def init_weights(self) -> None:
        """Start from scratch; also after a model built on the meta device was given memory.

        Source: VideoMAE V2, official code: Xavier uniform for linear layers, PyTorch's default
        for the patch projection, the mask token normal of deviation 0.02 cut at one deviation.
        """
        for module in self.modules():
            match module:
                case nn.Linear():
                    nn.init.xavier_uniform_(module.weight)
                    if module.bias is not None:
                        nn.init.zeros_(module.bias)
                case nn.LayerNorm() | nn.Conv3d():
                    module.reset_parameters()
                case Attention():
                    nn.init.zeros_(module.q_bias)
                    nn.init.zeros_(module.v_bias)
                case Positions():
                    module.reset()
        nn.init.trunc_normal_(self.mask_token, std=0.02, a=-0.02, b=0.02)

    def forward(
        self,
        clips: Num[Tensor, "b 3 t h w"],
        visible_idx: Int64[Tensor, "b v"],
        decoded_idx: Int64[Tensor, "b m"],
    ) -> Float[Tensor, "b m out"]:
        """Predict pixels.

        Args:
            clips: uint8 RGB, or floats normalized with the ImageNet mean and deviation.
            visible_idx: Flat indices of the tokens the encoder sees, time slowest.
            decoded_idx: Flat indices of the tokens to predict. They may contain visible ones:
                the decoder then gets a mask token beside the encoded one, as upstream.

        Returns:
            Predictions in the order of `decoded_idx`; the numbers of a token are ordered by
            frame, row, column and channel, as the targets.

        Raises:
            ConfigError: The clips are not of the frame count and size the model was built for.
        """
        check_clips(clips, self.num_frames, self.image_size)
        seen = self.encoder_to_decoder(self.encoder(clips, visible_idx))
        seen = seen + self.decoder.positions(visible_idx).to(seen.dtype)
        asked = self.mask_token + self.decoder.positions(decoded_idx)
        tokens = torch.cat([seen, asked.to(seen.dtype)], dim=1)
        return self.decoder(tokens, decoded_idx.shape[1])
