import pytest
import torch

from hashtag2action.data.loader import Batch
from hashtag2action.data.mixing import Mixing
from hashtag2action.evaluate.recognizer import Network
from hashtag2action.models.target import masked_targets
from hashtag2action.train.objective import (
    Classification,
    KeptTokens,
    MaskedReconstruction,
    Masking,
    hidden_errors,
)

TINY = Network(variant="vit_tiny", num_frames=8, size_px=32, patch_size=8)


def make_batch(num_clips: int, step: int = 0) -> Batch:
    clips = torch.randint(0, 256, (num_clips, 3, 8, 32, 32), dtype=torch.uint8)
    ids = [str(number) for number in range(num_clips)]
    return Batch(step, clips, torch.arange(num_clips) % 2, ids, 0, list(range(num_clips)))


def reconstruction(seed: int = 3) -> MaskedReconstruction:
    return MaskedReconstruction(Masking(mask_ratio=0.75), TINY.grid, 8, 2, seed)


def classification(smoothing: float, mixup: float, seed: int = 0) -> Classification:
    mixing = Mixing(mixup_alpha=mixup, cutmix_alpha=1.0 if mixup else 0)
    return Classification(2, smoothing, mixing, 1, seed)


def portion(batch: Batch, first: int, end: int) -> Batch:
    return batch._replace(
        clips=batch.clips[first:end],
        labels=batch.labels[first:end],
        clip_ids=batch.clip_ids[first:end],
        numbers=batch.numbers[first:end],
    )


def test_only_hidden_tokens_count_and_all_count_alike() -> None:
    predicted, target = torch.zeros(2, 2, 3), torch.ones(2, 2, 3)
    target[0, 0] = 3.0
    target[1, 1] = 100.0
    hidden = torch.tensor([[True, True], [True, False]])
    assert hidden_errors(predicted, target, hidden) == pytest.approx(9 + 1 + 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_errors_hand_down_the_gradients_of_the_formula(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    predicted, target = torch.randn(2, 2, 3, 5, generator=generator)
    predicted = predicted.to(dtype).requires_grad_()
    hidden = torch.tensor([[True, False, True], [False, True, True]])
    ours = hidden_errors(predicted, target, hidden)
    (found,) = torch.autograd.grad(ours, predicted, torch.tensor(0.5))
    theirs = (predicted.float() - target).square().mean(-1)[hidden].sum()
    (expected,) = torch.autograd.grad(theirs, predicted, torch.tensor(0.5))
    assert ours.dtype is torch.float32
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(found, expected)


def test_loss_is_that_of_the_masks_of_the_step() -> None:
    torch.manual_seed(0)
    model, batch = TINY.build_pretraining(), make_batch(2, step=5)
    objective = reconstruction()
    outcome = objective(model, batch)
    masks = objective.masks(5, [0, 1])
    target = masked_targets(batch.clips, masks.decoded_idx, 8, 2)
    predicted = model(batch.clips, masks.visible_idx, masks.decoded_idx)
    squares = (predicted - target).square()[masks.hidden_of_decoded]
    assert outcome.num_losses == masks.hidden_of_decoded.sum()
    mean = outcome.loss.item() / int(outcome.num_losses)
    assert mean == pytest.approx(squares.mean().item(), rel=1e-5)


def test_masks_differ_from_step_to_step_and_repeat_for_the_same() -> None:
    objective, numbers = reconstruction(), range(4)
    first, again, other = (objective.masks(step, numbers).visible_idx for step in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, reconstruction(seed=4).masks(1, numbers).visible_idx)
    assert torch.equal(first[2:], objective.masks(1, [2, 3]).visible_idx)


@pytest.mark.parametrize("cuts", [[(0, 4), (4, 8)], [(0, 2), (2, 4), (4, 4), (4, 8)]])
def test_portions_sum_to_the_whole(cuts: list[tuple[int, int]]) -> None:
    torch.manual_seed(0)
    batch = make_batch(8)
    for model, objective in (
        (TINY.build_pretraining(), reconstruction()),
        (TINY.build_recognizer(2, init_scale=1.0), classification(0.1, 0.8)),
    ):
        whole = objective(model, batch)
        parts = [objective(model, portion(batch, *cut)) for cut in cuts]
        together = sum(part.loss.item() for part in parts)
        assert together == pytest.approx(whole.loss.item(), rel=1e-5)
        assert sum(int(part.num_losses) for part in parts) == int(whole.num_losses)
        for name, value in whole.sums.items():
            assert sum(part.sums[name] for part in parts) == value


def test_smoothed_cross_entropy_equals_torchs() -> None:
    torch.manual_seed(0)
    model, batch = TINY.build_recognizer(2, init_scale=1.0), make_batch(4)
    outcome = classification(0.1, 0.0)(model, batch)
    logits = model(batch.clips)
    wanted = torch.nn.functional.cross_entropy(logits, batch.labels, label_smoothing=0.1)
    assert outcome.loss.item() / 4 == pytest.approx(wanted.item(), rel=1e-5)
    assert outcome.num_losses == 4
    assert outcome.sums["train_top1"] == (logits.argmax(dim=1) == batch.labels).sum()


def test_mixing_is_the_same_for_the_same_step() -> None:
    torch.manual_seed(0)
    model = TINY.build_recognizer(2, init_scale=1.0)
    objective = classification(0.0, 0.8, seed=1)
    first, again, other = (
        objective(model, make_batch(4)._replace(clips=CLIPS, step=step)).loss.item()
        for step in (1, 1, 2)
    )
    assert first == again != other


CLIPS = torch.randint(
    0, 256, (4, 3, 8, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)


def test_some_tokens_are_kept_others_in_every_sample() -> None:
    tokens = KeptTokens(0.75, TINY.grid.num_tokens, seed=0)
    first, again, other = (tokens.draw(step, range(4)) for step in (1, 1, 2))
    assert first is not None
    assert again is not None
    assert other is not None
    assert first.shape == (4, TINY.grid.num_tokens // 4)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])
    assert (first.diff(dim=1) > 0).all()
    assert torch.equal(first[2:], _drawn(tokens, 1, [2, 3]))


def _drawn(tokens: KeptTokens, step: int, numbers: list[int]) -> torch.Tensor:
    found = tokens.draw(step, numbers)
    assert found is not None
    return found


def test_the_loss_sees_the_kept_tokens_alone() -> None:
    torch.manual_seed(0)
    model, batch = TINY.build_recognizer(2, init_scale=1.0), make_batch(2, step=3)
    tokens = KeptTokens(0.5, TINY.grid.num_tokens, seed=0)
    mixing = Mixing(mixup_alpha=0)
    loss = Classification(2, 0.0, mixing, 1, 0, tokens)(model, batch).loss
    kept = _drawn(tokens, 3, [0, 1])
    hidden = torch.ones(2, TINY.grid.num_tokens, dtype=torch.bool).scatter(1, kept, False)
    grid, changed = TINY.grid, batch.clips.clone().view(2, 3, 4, 2, 4, 8, 4, 8)
    assert (grid.slots, grid.rows, grid.columns) == (4, 4, 4)
    changed.permute(0, 2, 4, 6, 1, 3, 5, 7)[hidden.view(2, 4, 4, 4)] = 0
    other = batch._replace(clips=changed.view_as(batch.clips))
    assert Classification(2, 0.0, mixing, 1, 0, tokens)(model, other).loss == loss
    assert Classification(2, 0.0, mixing, 1, 0)(model, other).loss != loss


def test_no_token_is_left_out_unless_asked() -> None:
    assert KeptTokens(0.0, 64, seed=0).draw(0, [0]) is None
    assert KeptTokens(0.999, 64, seed=0).num_kept == 1
