"""Where a token is: one fixed sine-cosine table over the flat token index.

VideoMAE does not factor the table into time, rows and columns: token n = (t * rows + h) * columns
+ w simply gets the code of position n. The table is computed, not learned, so it is in no
checkpoint.

Source: Attention Is All You Need (arXiv 1706.03762), section 3.5; the flat index is VideoMAE V2's.
"""

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from hashtag2action.models.patch_embed import Grid


def sincos_table(num_tokens: int, dim: int) -> Float32[Tensor, "n d"]:
    """Compute the codes of positions 0 to `num_tokens` - 1.

    Channel j has the angle n / 10000^(2 * floor(j / 2) / dim): its sine where j is even, its
    cosine where j is odd. The table is computed in float64 and rounded once.

    Args:
        num_tokens: Number of positions.
        dim: Width of a token.
    """
    positions = torch.arange(num_tokens, dtype=torch.float64, device="cpu")
    pairs = torch.arange(dim, dtype=torch.float64, device="cpu") // 2
    angles = positions.unsqueeze(1) / 10000 ** (2 * pairs / dim)
    even = torch.arange(dim, device="cpu") % 2 == 0
    return torch.where(even, angles.sin(), angles.cos()).float()


def interpolate(table: Float[Tensor, "n d"], source: Grid, target: Grid) -> Float[Tensor, "m d"]:
    """Stretch a table from the grid it was trained on to another one, in time, rows and columns.

    A table built anew for another grid would renumber the flat index and so tell the network
    lies about neighborhood; stretching keeps the code of a place in space and time. Linear in
    each axis (chosen: no overshoot, and the table of the same grid comes back unchanged).

    Args:
        table: Codes of the tokens of `source`, time slowest.
        source: Grid the weights were trained on.
        target: Grid that is needed.
    """
    if source == target:
        return table
    volume = table.unflatten(0, source).permute(3, 0, 1, 2).unsqueeze(0)
    stretched = F.interpolate(volume, size=tuple(target), mode="trilinear", align_corners=False)
    return stretched.squeeze(0).flatten(1).T.contiguous()


class Positions(nn.Module):
    """Hold the codes of a grid's tokens.

    The table follows the module from device to device but is no part of its state dict.

    Args:
        grid: Tokens of the clips that will come.
        dim: Width of a token.
        trained_grid: Grid the weights were trained on, if it is another one: its table is
            stretched to `grid`. None means `grid` itself.
    """

    table: Tensor

    def __init__(self, grid: Grid, dim: int, trained_grid: Grid | None = None) -> None:
        super().__init__()
        self.grid = grid
        self.dim = dim
        self.trained_grid = trained_grid or grid
        self.register_buffer("table", self._computed(), persistent=False)

    def reset(self) -> None:
        """Compute the table again, in place: a model that was built without memory has none."""
        self.table.copy_(self._computed())

    def forward(self, indices: Int64[Tensor, "b m"] | None = None) -> Float[Tensor, "*b m d"]:
        """Give the codes of all tokens (m d), or those at `indices` (b m d)."""
        return self.table if indices is None else self.table[indices]

    def _computed(self) -> Float32[Tensor, "n d"]:
        table = sincos_table(self.trained_grid.num_tokens, self.dim)
        return interpolate(table, self.trained_grid, self.grid)
