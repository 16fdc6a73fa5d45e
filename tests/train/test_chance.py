import numpy as np
import pytest
import torch

from hashtag2action.evaluate.recognizer import Network
from hashtag2action.train.chance import DROPS, MASKS, Drops, uniform

NETWORK = Network(variant="vit_micro", num_frames=4, size_px=16, patch_size=8)


def test_what_is_drawn_for_a_sample_is_its_own() -> None:
    together = uniform(3, MASKS, 7, range(6), 10)
    assert np.array_equal(together[2:5], uniform(3, MASKS, 7, [2, 3, 4], 10))
    others = [
        uniform(4, MASKS, 7, range(6), 10),
        uniform(3, DROPS, 7, range(6), 10),
        uniform(3, MASKS, 8, range(6), 10),
    ]
    assert not any(np.isclose(together, other).any() for other in others)
    assert ((together >= 0) & (together < 1)).all()


def test_samples_drop_the_same_whoever_their_neighbors_are() -> None:
    torch.manual_seed(0)
    model = NETWORK.build_recognizer(
        3, drop_path_rate=0.5, head_drop_rate=0.5, init_scale=1.0
    ).train()
    clips = torch.randint(0, 256, (6, 3, 4, 16, 16), dtype=torch.uint8)
    drops = Drops(model, seed=1)

    def logits(step: int, numbers: list[int]) -> torch.Tensor:
        drops.set(step, numbers, "cpu")
        return model(clips[numbers]).detach()

    together = logits(5, list(range(6)))
    torch.testing.assert_close(together[2:4], logits(5, [2, 3]))
    assert not torch.allclose(together, logits(6, list(range(6))))
    assert not torch.allclose(together, model.eval()(clips).detach())


def test_rates_are_kept() -> None:
    model = NETWORK.build_recognizer(3, drop_path_rate=0.4, head_drop_rate=0.25)
    drops = Drops(model, seed=0)
    drops.set(0, list(range(3000)), "cpu")
    last = drops.paths[-1].factors
    assert last is not None
    assert last.shape == (2, 3000)
    assert last.mean().item() == pytest.approx(1, abs=0.05)
    assert (last == 0).float().mean().item() == pytest.approx(0.4, abs=0.03)
    # The two branches of a block are dropped independently.
    both = (last == 0).all(dim=0).float().mean().item()
    assert both == pytest.approx(0.16, abs=0.03)
    head = model.head_drop.factors
    assert head is not None
    assert (head == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
