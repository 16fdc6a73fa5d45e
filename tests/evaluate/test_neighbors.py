import numpy as np
import pytest
import torch

from hashtag2action.evaluate.neighbors import leave_one_out_top1, neighbor_votes


def test_votes_are_those_of_the_formula() -> None:
    rng = np.random.default_rng(0)
    known, asked = rng.normal(size=(30, 5)), rng.normal(size=(4, 5))
    labels = rng.integers(0, 3, 30)
    found = neighbor_votes(
        torch.from_numpy(known), torch.from_numpy(labels), torch.from_numpy(asked), 3, 7
    )
    for query, votes in zip(asked, found, strict=True):
        cosines = known @ query / np.linalg.norm(known, axis=1) / np.linalg.norm(query)
        near = np.argsort(-cosines)[:7]
        wanted = np.zeros(3)
        for place in near:
            wanted[labels[place]] += np.exp(cosines[place] / 0.07)
        assert votes.numpy() == pytest.approx(wanted / wanted.sum(), rel=1e-4, abs=1e-6)


def test_a_clip_does_not_vote_for_itself() -> None:
    # Pairs of one class each: without the clip itself, its only close one is its pair.
    features = torch.eye(4).repeat_interleave(2, dim=0)
    labels = torch.arange(4).repeat_interleave(2)
    assert leave_one_out_top1(features, labels, 4, num_neighbors=1) == 1.0
    mixed_up = torch.tensor([0, 1, 0, 1, 0, 1, 0, 1])
    assert leave_one_out_top1(features, mixed_up, 2, num_neighbors=1) == 0.0
