import pytest
import torch

from hashtag2action.data.loader import Batch
from hashtag2action.evaluate.recognizer import Network
from hashtag2action.models.target import masked_targets
from hashtag2action.train.objective import (
    Classification,
    MaskedReconstruction,
    Masking,
    masked_mse,
)

TINY = Network(variant="vit_tiny", num_frames=8, size_px=32, patch_size=8)


def make_batch(num_clips: int, step: int = 0) -> Batch:
    clips = torch.randint(0, 256, (num_clips, 3, 8, 32, 32), dtype=torch.uint8)
    ids = [str(number) for number in range(num_clips)]
    return Batch(step, clips, torch.arange(num_clips) % 2, ids, 0)


def test_only_hidden_tokens_count_and_all_count_alike() -> None:
    predicted, target = torch.zeros(2, 2, 3), torch.ones(2, 2, 3)
    target[0, 0] = 3.0
    target[1, 1] = 100.0
    hidden = torch.tensor([[True, True], [True, False]])
    assert masked_mse(predicted, target, hidden) == pytest.approx((9 + 1 + 1) / 3)


def test_loss_is_that_of_the_masks_of_the_step() -> None:
    torch.manual_seed(0)
    model, batch = TINY.build_pretraining(), make_batch(2, step=5)
    objective = MaskedReconstruction(Masking(mask_ratio=0.75), seed=3)
    loss, _ = objective(model, batch)
    masks = objective.masks(model, 2, 5)
    target = masked_targets(batch.clips, masks.decoded_idx, 8, 2)
    predicted = model(batch.clips, masks.visible_idx, masks.decoded_idx)
    squares = (predicted - target).square()[masks.hidden_of_decoded]
    assert loss.item() == pytest.approx(squares.mean().item(), rel=1e-5)


def test_masks_differ_from_step_to_step_and_repeat_for_the_same() -> None:
    model = TINY.build_pretraining()
    objective = MaskedReconstruction(Masking(mask_ratio=0.75), seed=3)
    first, again, other = (objective.masks(model, 4, step).visible_idx for step in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_smoothed_cross_entropy_equals_torchs() -> None:
    torch.manual_seed(0)
    model, batch = TINY.build_recognizer(2, init_scale=1.0), make_batch(4)
    loss, metrics = Classification(2, 0.1, 0.0, 0)(model, batch)
    wanted = torch.nn.functional.cross_entropy(
        model(batch.clips), batch.labels, label_smoothing=0.1
    )
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-5)
    assert 0 <= metrics["train_top1"] <= 1


def test_mixing_is_the_same_for_the_same_step() -> None:
    torch.manual_seed(0)
    model = TINY.build_recognizer(2, init_scale=1.0)
    objective = Classification(2, 0.0, 0.8, seed=1)
    first, again, other = (
        objective(model, make_batch(4)._replace(clips=CLIPS, step=step))[0].item()
        for step in (1, 1, 2)
    )
    assert first == again != other


CLIPS = torch.randint(
    0, 256, (4, 3, 8, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)
