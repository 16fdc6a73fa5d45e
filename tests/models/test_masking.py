import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hashtag2action.errors import ConfigError
from hashtag2action.models.masking import (
    mask_pair,
    masks_of,
    running_cell_masks,
    sample_masks,
    tube_mask,
)
from hashtag2action.models.patch_embed import Grid

even = st.integers(1, 6).map(lambda half: 2 * half)
even_grids = st.builds(Grid, st.integers(1, 9), even, even)
quarters = st.sampled_from([0.25, 0.5, 0.75])
seeds = st.integers(0, 2**31)


def chance(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("grid", "visible", "decoded", "counted"),
    [(Grid(8, 14, 14), 160, 784, 704), (Grid(8, 16, 16), 208, 1024, 920)],
)
def test_the_published_masks_have_the_published_counts(grid, visible, decoded, counted):
    masks = sample_masks(16, grid, 0.9, 0.5, chance(3))
    assert masks.visible_idx.shape == (16, visible)
    assert masks.decoded_idx.shape == (16, decoded)
    assert masks.hidden_of_decoded.sum(dim=1).tolist() == [counted] * 16


@given(even_grids, st.floats(0.05, 0.95), quarters, st.integers(1, 4), seeds)
def test_batches_are_rectangular_and_indices_say_what_masks_say(grid, ratio, cell, clips, seed):
    num_hidden = int(ratio * grid.tokens_per_slot)
    if not 0 < num_hidden < grid.tokens_per_slot:
        return
    visible, decoded, hidden = sample_masks(clips, grid, ratio, cell, chance(seed))
    assert visible.shape == (clips, grid.slots * (grid.tokens_per_slot - num_hidden))
    assert decoded.shape == (clips, grid.num_tokens * (4 - int(4 * cell)) // 4)
    for indices in (visible, decoded):
        assert indices.dtype is torch.int64
        assert (indices >= 0).all()
        assert (indices < grid.num_tokens).all()
        assert (indices.diff(dim=1) > 0).all()
    for clip in range(clips):
        seen = set(visible[clip].tolist())
        assert hidden[clip].tolist() == [token not in seen for token in decoded[clip].tolist()]
    if grid.slots % 4 == 0:
        assert len(set(hidden.sum(dim=1).tolist())) == 1


def test_masks_of_a_clip_do_not_depend_on_its_neighbors():
    grid = Grid(8, 6, 6)
    chances, turns = torch.rand(5, 36, generator=chance(1)), torch.rand(5, generator=chance(2))
    together = masks_of(chances, turns, grid, 0.75, 0.5)
    for clip in range(5):
        alone = masks_of(chances[clip : clip + 1], turns[clip : clip + 1], grid, 0.75, 0.5)
        for one, many in zip(alone, together, strict=True):
            assert torch.equal(one[0], many[clip])
    nobody = masks_of(chances[:0], turns[:0], grid, 0.75, 0.5)
    assert [len(part) for part in nobody] == [0, 0, 0]


@given(even_grids, st.floats(0.05, 0.95), seeds)
def test_tubes_hide_the_same_places_in_every_slot(grid, ratio, seed):
    num_hidden = int(ratio * grid.tokens_per_slot)
    if not 0 < num_hidden < grid.tokens_per_slot:
        return
    mask = tube_mask(3, grid, ratio, chance(seed)).unflatten(1, (grid.slots, -1))
    assert (mask == mask[:, :1]).all()
    assert (mask.sum(dim=2) == num_hidden).all()


def test_tubes_differ_between_clips_and_cover_all_places_alike():
    mask = tube_mask(4000, Grid(1, 4, 4), 0.75, chance(0)).float()
    assert len(mask.unique(dim=0)) > 1000
    assert mask.mean(dim=0).tolist() == pytest.approx([0.75] * 16, abs=0.03)


@given(even_grids, quarters)
def test_every_cell_hides_as_many_places_in_every_slot(grid, ratio):
    masks = running_cell_masks(grid, ratio)
    cells = masks.view(4, grid.slots, grid.rows // 2, 2, grid.columns // 2, 2)
    assert (cells.sum(dim=(3, 5)) == int(4 * ratio)).all()
    if grid.slots % 4 == 0:
        shares = masks.unflatten(1, (grid.slots, -1)).float().mean(dim=1)
        assert (shares == ratio).all()


def test_the_running_cell_turns_as_upstreams():
    first = running_cell_masks(Grid(4, 2, 2), 0.5)[0].view(4, 4).int().tolist()
    # Pointer 1, 2, 3, 0: outer diagonal, bottom row, the other diagonal, top row.
    assert first == [[1, 0, 0, 1], [0, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 0]]


def test_the_four_running_cells_are_the_official_ones(officials):
    for official in officials:
        ours = running_cell_masks(official.pretraining.grid, 0.5)
        theirs = official.tensors["pretrain.running_cell_masks"]
        assert sorted(ours.tolist()) == sorted(theirs.tolist())


def test_all_four_starts_occur():
    masks = sample_masks(200, Grid(4, 4, 4), 0.5, 0.5, chance(0))
    assert len(masks.decoded_idx.unique(dim=0)) == 4


def test_without_a_decoder_mask_exactly_the_hidden_tokens_are_decoded():
    grid = Grid(3, 5, 7)
    visible, decoded, hidden = sample_masks(2, grid, 0.9, 0.0, chance(0))
    assert hidden.all()
    for clip in range(2):
        assert sorted(visible[clip].tolist() + decoded[clip].tolist()) == list(range(105))


def test_the_same_seed_gives_the_same_masks_and_leaves_the_global_one_alone():
    before = torch.get_rng_state()
    first, second = (sample_masks(4, Grid(8, 6, 6), 0.8, 0.5, chance(5)) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("ratio", [0.0, 0.01, 1.0, 1.5, -0.5])
def test_a_ratio_that_hides_all_or_nothing_is_refused(ratio):
    with pytest.raises(ConfigError, match="mask ratio"):
        tube_mask(1, Grid(2, 4, 4), ratio, chance(0))


@pytest.mark.parametrize("ratio", [0.1, 1.0, -0.5])
def test_a_decoder_ratio_that_is_no_quarter_is_refused(ratio):
    with pytest.raises(ConfigError, match="decoder mask ratio"):
        running_cell_masks(Grid(2, 4, 4), ratio)


def test_an_odd_grid_takes_no_running_cell():
    with pytest.raises(
        ConfigError, match=r"even grid, not 7x8 tokens; .*size_px.*decoder_mask_ratio"
    ):
        running_cell_masks(Grid(2, 7, 8), 0.5)


def test_masks_that_choose_unequally_are_refused():
    mask = torch.tensor([[True, False], [False, False]])
    with pytest.raises(ConfigError, match=r"\[1, 2\]"):
        mask_pair(mask, mask)
