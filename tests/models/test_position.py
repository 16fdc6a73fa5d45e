import math

import pytest
import torch

from hashtag2action.models.patch_embed import Grid
from hashtag2action.models.position import Positions, interpolate, sincos_table


def test_the_table_is_sine_and_cosine_of_the_flat_index():
    table = sincos_table(1568, 6)
    assert table.dtype is torch.float32
    for position, channel in [(0, 0), (0, 1), (1, 2), (1567, 0), (1567, 3), (900, 5)]:
        angle = position / 10000 ** (2 * (channel // 2) / 6)
        expected = math.cos(angle) if channel % 2 else math.sin(angle)
        assert table[position, channel].item() == pytest.approx(expected, abs=1e-7)


def test_the_table_is_in_no_state_dict_but_moves_with_the_module():
    positions = Positions(Grid(2, 2, 2), 4)
    assert not positions.state_dict()
    assert positions.to(torch.float64).table.dtype is torch.float64
    assert positions.to("meta").table.device.type == "meta"


def test_a_module_without_memory_computes_its_table_again():
    positions = Positions(Grid(2, 3, 4), 8).to("meta").to_empty(device="cpu")
    positions.reset()
    assert torch.equal(positions.table, sincos_table(24, 8))


def test_codes_are_found_by_index():
    positions = Positions(Grid(2, 2, 2), 4)
    indices = torch.tensor([[3, 1], [0, 7]])
    assert torch.equal(positions(), sincos_table(8, 4))
    assert torch.equal(positions(indices)[1, 1], sincos_table(8, 4)[7])


def test_the_same_grid_keeps_its_table():
    table = sincos_table(8 * 14 * 14, 8)
    assert interpolate(table, Grid(8, 14, 14), Grid(8, 14, 14)) is table


@pytest.mark.parametrize("target", [Grid(32, 19, 19), Grid(6, 14, 14), Grid(8, 8, 10)])
def test_a_stretched_table_follows_time_rows_and_columns(target):
    source = Grid(8, 14, 14)
    slots, rows, columns = torch.meshgrid(
        *(torch.linspace(0.5 / n, 1 - 0.5 / n, n) for n in source), indexing="ij"
    )
    table = torch.stack([slots, rows, columns], dim=-1).flatten(0, 2)
    stretched = interpolate(table, source, target).unflatten(0, target)
    assert stretched.shape == (*target, 3)
    # Away from the border the code of a place is that of its relative coordinates.
    for slot in range(1, target.slots - 1):
        for row in range(1, target.rows - 1):
            at = stretched[slot, row, target.columns // 2]
            place = [(slot + 0.5) / target.slots, (row + 0.5) / target.rows]
            low = torch.tensor([0.5 / 8, 0.5 / 14])
            expected = torch.tensor(place).clamp(low, 1 - low)
            torch.testing.assert_close(at[:2], expected, atol=1e-5, rtol=1e-5)


def test_more_frames_keep_the_codes_of_their_neighbors_in_time():
    source, target = Grid(8, 4, 4), Grid(16, 4, 4)
    table = sincos_table(source.num_tokens, 16)
    longer = interpolate(table, source, target).unflatten(0, target)
    expected = 0.75 * table.unflatten(0, source)[3] + 0.25 * table.unflatten(0, source)[4]
    torch.testing.assert_close(longer[7], expected)
    assert Positions(target, 16, source).table.shape == (256, 16)
    torch.testing.assert_close(Positions(target, 16, source).table, longer.flatten(0, 2))
