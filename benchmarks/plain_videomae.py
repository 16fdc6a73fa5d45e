"""VideoMAE V2 as its paper tells it, with no thought of speed: what ours is held to.

Every token is embedded by a 3-D convolution, boolean masks pick what is visible and what is
decoded, attention is softmax(q k^T) v with its scores in memory, targets are made for all tokens,
and every block computes every token. Parameters carry the official names, so both sides load each
other's weights.

Source: VideoMAE V2 (arXiv 2303.16727), sections 3.1 to 3.3; MAE (arXiv 2111.06377), section 3,
for the targets; BEiT (arXiv 2106.08254) for query and value biases.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPS = 1e-6
"""Of every LayerNorm, and of the targets' deviation. Source: VideoMAE V2, official code."""


def position_codes(num_tokens: int, width: int) -> Tensor:
    """One sine and cosine table over the flat token index, as (1, tokens, width)."""
    place = torch.arange(num_tokens, dtype=torch.float64)[:, None]
    frequency = 10000 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    table = torch.zeros(1, num_tokens, width, dtype=torch.float64)
    table[0, :, 0::2] = torch.sin(place * frequency)
    table[0, :, 1::2] = torch.cos(place * frequency[: width // 2])
    return table.float()


class PlainAttention(nn.Module):
    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(width))
        self.v_bias = nn.Parameter(torch.zeros(width))
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, num_tokens, width = x.shape
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        joint = F.linear(x, self.qkv.weight, bias)
        joint = joint.reshape(batch, num_tokens, 3, self.num_heads, width // self.num_heads)
        query, key, value = joint.permute(2, 0, 3, 1, 4)
        query = query * query.shape[-1] ** -0.5
        shares = (query @ key.transpose(-2, -1)).softmax(dim=-1)
        return self.proj((shares @ value).transpose(1, 2).reshape(batch, num_tokens, width))


class PlainMlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class PlainBlock(nn.Module):
    def __init__(self, width: int, num_heads: int, mlp_ratio: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.attn = PlainAttention(width, num_heads)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = PlainMlp(width, int(width * mlp_ratio))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PlainPatches(nn.Module):
    def __init__(self, width: int, patch: int, tubelet: int) -> None:
        super().__init__()
        kernel = (tubelet, patch, patch)
        self.proj = nn.Conv3d(3, width, kernel_size=kernel, stride=kernel)

    def forward(self, clips: Tensor) -> Tensor:
        return self.proj(clips).flatten(2).transpose(1, 2)


class PlainEncoder(nn.Module):
    def __init__(
        self, width: int, depth: int, heads: int, patch: int, tubelet: int, ratio: float, n: int
    ) -> None:
        super().__init__()
        self.patch_embed = PlainPatches(width, patch, tubelet)
        self.codes = position_codes(n, width)
        self.blocks = nn.ModuleList(PlainBlock(width, heads, ratio) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=EPS)

    def forward(self, clips: Tensor, hidden: Tensor) -> Tensor:
        x = self.patch_embed(clips)
        x = x + self.codes.type_as(x).clone()
        x = x[~hidden].reshape(x.shape[0], -1, x.shape[-1])
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class PlainDecoder(nn.Module):
    def __init__(self, width: int, depth: int, heads: int, ratio: float, outputs: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(PlainBlock(width, heads, ratio) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor, num_decoded: int) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x[:, -num_decoded:]))


class PlainPretraining(nn.Module):
    """The pre-training form; takes what `VideoMAE` takes."""

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
        self.patch_size, self.tubelet_size = patch_size, tubelet_size
        num_tokens = num_frames // tubelet_size * (image_size // patch_size) ** 2
        self.mask_token = nn.Parameter(torch.zeros(1, 1, decoder_embed_dim))
        self.codes = position_codes(num_tokens, decoder_embed_dim)
        self.encoder = PlainEncoder(
            embed_dim, depth, num_heads, patch_size, tubelet_size, mlp_ratio, num_tokens
        )
        self.encoder_to_decoder = nn.Linear(embed_dim, decoder_embed_dim, bias=False)
        outputs = 3 * tubelet_size * patch_size**2
        self.decoder = PlainDecoder(
            decoder_embed_dim, decoder_depth, decoder_num_heads, mlp_ratio, outputs
        )

    def forward(self, clips: Tensor, hidden: Tensor, not_decoded: Tensor) -> Tensor:
        """Predict the pixels of all decoded tokens; masks are True where a token is left out."""
        seen = self.encoder_to_decoder(self.encoder(clips, hidden))
        batch, _, width = seen.shape
        codes = self.codes.expand(batch, -1, -1).type_as(seen).clone()
        seen = seen + codes[~hidden].reshape(batch, -1, width)
        asked = self.mask_token + codes[~not_decoded].reshape(batch, -1, width)
        return self.decoder(torch.cat([seen, asked], dim=1), asked.shape[1])

    def loss(self, clips: Tensor, hidden: Tensor, not_decoded: Tensor) -> Tensor:
        """The mean squared error over the decoded tokens that the encoder did not see."""
        with torch.no_grad():
            targets = plain_targets(clips, self.patch_size, self.tubelet_size)
            targets = targets[~not_decoded].reshape(len(clips), -1, targets.shape[-1])
        predicted = self(clips, hidden, not_decoded)
        counted = hidden[~not_decoded].reshape(len(clips), -1)
        per_token = ((predicted - targets) ** 2).mean(dim=-1)
        return (per_token * counted).sum() / counted.sum()


class PlainClassifier(nn.Module):
    """The fine-tuning form; takes what `VisionTransformer` takes."""

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
    ) -> None:
        super().__init__()
        num_tokens = num_frames // tubelet_size * (image_size // patch_size) ** 2
        self.patch_embed = PlainPatches(embed_dim, patch_size, tubelet_size)
        self.codes = position_codes(num_tokens, embed_dim)
        self.blocks = nn.ModuleList(
            PlainBlock(embed_dim, num_heads, mlp_ratio) for _ in range(depth)
        )
        self.fc_norm = nn.LayerNorm(embed_dim, eps=EPS)
        self.head = nn.Linear(embed_dim, num_classes)

    def forward(self, clips: Tensor) -> Tensor:
        """Give the logits of the classes."""
        x = self.patch_embed(clips)
        x = x + self.codes.type_as(x).clone()
        for block in self.blocks:
            x = block(x)
        return self.head(self.fc_norm(x.mean(dim=1)))


def plain_targets(clips: Tensor, patch: int, tubelet: int) -> Tensor:
    """Pixels of all tokens, each channel of each token normalized; channel fastest."""
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1, 1)
    pixels = clips * std + mean
    batch, channels, frames, height, width = pixels.shape
    cut = pixels.reshape(
        batch, channels, frames // tubelet, tubelet, height // patch, patch, width // patch, patch
    )
    cut = cut.permute(0, 2, 4, 6, 3, 5, 7, 1).reshape(batch, -1, tubelet * patch**2, channels)
    deviation = cut.var(dim=2, unbiased=True, keepdim=True).sqrt() + EPS
    return ((cut - cut.mean(dim=2, keepdim=True)) / deviation).flatten(2)
