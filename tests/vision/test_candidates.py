import numpy as np
import pytest
from tests.vision.copied_films import COPIES, film, print_of

from hashtag2action.vision import candidates
from hashtag2action.vision.candidates import candidate_pairs, find_candidates
from hashtag2action.vision.fingerprint import Fingerprint
from hashtag2action.vision.prints import ListedPrints


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_a_candidate(how: str):
    copy = print_of([COPIES[how](frame) for frame in film(1)])
    assert candidate_pairs([print_of(film(1)), copy]).tolist() == [[0, 1]]


def test_strangers_are_hardly_ever_candidates():
    found = candidate_pairs([print_of(film(place)) for place in range(12)])
    assert len(found) <= 6, "of 66 pairs with one figure in common"


def test_what_very_many_share_leads_to_the_best_ranked_only():
    prints = ListedPrints([print_of(film(1, length_s=2))] * 60)
    rank = np.arange(60)[::-1]
    found = find_candidates(prints, rank, max_sharing=4)
    assert set(rank[found.other]) == {0, 1, 2, 3}
    assert set(found.one) == set(range(60))


def test_flat_pictures_and_empty_fingerprints_lead_nowhere():
    flat = print_of([np.full((360, 200), 90, np.uint8)] * 20)
    nothing = Fingerprint.from_bytes(b"", np.zeros(0))
    assert candidate_pairs([flat, flat, nothing, nothing]).shape == (0, 2)
    assert candidate_pairs([]).shape == (0, 2)


def test_threads_change_nothing():
    prints = ListedPrints([print_of(film(1)), print_of(film(2)), print_of(film(1))])
    one = find_candidates(prints, np.arange(3), num_threads=1)
    two = find_candidates(prints, np.arange(3), num_threads=2)
    assert one.one.tolist() == two.one.tolist()
    assert one.distance.tolist() == two.distance.tolist()


def test_blocks_hold_the_same_candidates_each_with_all_of_its_clips(monkeypatch):
    prints = ListedPrints([print_of(film(place)) for place in (1, 2, 1, 3, 2, 1, 2)])
    rank = np.array([3, 0, 6, 1, 5, 2, 4])
    whole = find_candidates(prints, rank)
    monkeypatch.setattr(candidates, "_CLIPS_PER_BLOCK", 2)
    blocks = list(candidates.candidate_blocks(prints, rank))
    assert len(blocks) == 4
    for number, found in enumerate(blocks):
        worse = np.where(rank[found.one] > rank[found.other], found.one, found.other)
        assert set(worse // 2) <= {number}
    assert sorted(row for found in blocks for row in rows(found)) == sorted(rows(whole))
    assert len(whole) >= 6


def rows(found: candidates.Candidates) -> list[tuple[int, int, float]]:
    return list(zip(found.one, found.other, found.distance, strict=True))
