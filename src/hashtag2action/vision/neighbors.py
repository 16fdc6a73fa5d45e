"""When two fingerprints are copies of each other."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from hashtag2action.vision.agreement import Agreement, agreement
from hashtag2action.vision.alignment import (
    Film,
    Timing,
    Way,
    correlation,
    coverage,
    finer_crop,
    finer_timing,
    lagged,
    likely_timings,
)
from hashtag2action.vision.copy_rules import CopyRules
from hashtag2action.vision.fingerprint import SAMPLES_PER_S, WHOLE, Fingerprint
from hashtag2action.vision.laid import NOTHING_MOVES, Laid
from hashtag2action.vision.ways import likely_ways, may_agree

_MIN_PICTURES = 8  # one second
_NUM_TURNS = 2  # crop and time are each fitted again so often
_WORTH_A_LOOK = 0.12  # correlation of movements
_WORTH_A_TURN = 0.3  # chosen: copies a half step of crop apart correlate by 0.5 and more
_FAR = 0.5  # departure; chosen: no finer crop mends so much
_NEAR = 0.55  # of movements


@dataclass(frozen=True)
class Match:
    """How two fingerprints agree, laid on each other as suits them best."""

    distance: float
    """One less the least of the correlations that bear witness; 0 is the same."""
    way: Way
    timing: Timing
    agreement: Agreement

    @property
    def is_mirrored(self) -> bool:
        """Whether one is the mirror image of the other."""
        return self.way.is_mirrored


class FingerprintMatcher(CopyRules):
    """Lays clips on each other and says which are copies."""

    min_shared_s: float = Field(default=1.0, gt=0)
    """Least time that both clips show."""
    min_shared_fraction: float = Field(default=0.5, gt=0, le=1)
    """Least share of the shorter clip that both show."""
    min_worth_a_search: float = Field(default=0.55, ge=0, le=1)
    """Least agreement of movements for which other ways are looked for than those that fail.
    Chosen: copies that lie on each other half a step of crop or more apart still agree by more."""
    min_likeness: float = Field(default=0.98, gt=0, le=1)
    """Least correlation of the mean pictures, where they agree at all."""

    def match(
        self, one: Fingerprint, other: Fingerprint, ways: Iterable[Way] | None = None
    ) -> Match | None:
        """Compare two fingerprints; None where they are no copies of each other.

        Args:
            one: A clip.
            other: Another.
            ways: How they may lie on each other; None looks for likely ways.
        """
        if min(len(one.waves), len(other.waves)) < _MIN_PICTURES:
            return None
        films = Film.of(one), Film.of(other)
        for way in dict.fromkeys(ways if ways is not None else likely_ways(*films)):
            first, second = reversed(films) if way.is_swapped else films
            for laid in self._overlays(first, second, way):
                if self.is_copy(laid):
                    return Match(laid.distance, laid.way, laid.timing, laid.agreement)
        return None

    def is_worth_a_search(self, one: Fingerprint, other: Fingerprint, ways: Iterable[Way]) -> bool:
        """Say whether movements agree enough to look for other ways than those that fail."""
        films = Film.of(one), Film.of(other)
        if min(len(film.times_s) for film in films) < _MIN_PICTURES:
            return False
        for way in ways:
            first, second = reversed(films) if way.is_swapped else films
            shorter_s = min(first.times_s[-1], second.times_s[-1])
            seen_one, seen_other = first.seen(way.crop, way.is_mirrored), second.seen()
            moves = min(float(np.abs(lagged(each)).mean()) for each in (seen_one, seen_other))
            if moves < NOTHING_MOVES:
                return True
            timings = likely_timings(
                seen_one, first.times_s, seen_other, second.times_s,
                max(self.min_shared_s, self.min_shared_fraction * shorter_s),
            )  # fmt: skip
            if timings[0].score >= self.min_worth_a_search:
                return True
        return False

    def _overlays(self, first: Film, second: Film, way: Way) -> Iterator[Laid]:
        """Lay one clip on another in the likely timings, finer at each turn."""
        shorter_s = min(first.times_s[-1], second.times_s[-1])
        min_shared_s = max(self.min_shared_s, self.min_shared_fraction * shorter_s)
        other, other_s = second.seen(), second.times_s
        for turn in range(_NUM_TURNS + 1):
            one = first.seen(way.crop, way.is_mirrored)
            timings = likely_timings(one, first.times_s, other, other_s, min_shared_s)
            if timings[0].score < _WORTH_A_TURN and not may_agree(
                one, first.times_s, other, other_s, timings
            ):
                return
            nearest = 1.0
            for rough in timings:
                if rough.score < _WORTH_A_LOOK and rough != timings[-1]:
                    continue
                finer = finer_timing(one, first.times_s, other, other_s, rough)
                if finer is None or len(finer[1]) < min_shared_s * SAMPLES_PER_S:
                    continue
                timing, left, right = finer
                agrees = agreement(left, right)
                if agrees is not None and agrees.likeness >= self.min_likeness:
                    nearest = min(nearest, 1 - agrees.movement_by_cell)
                    yield Laid(
                        way,
                        timing,
                        agrees,
                        correlation(left.mean(axis=0), right.mean(axis=0)),
                        coverage(first.times_s, other_s, timing),
                        (one, other),
                    )
            is_far = nearest > _FAR and timings[0].score < _NEAR
            is_other_way_round = way.is_swapped and way.crop == WHOLE
            is_last = turn == _NUM_TURNS or timings[0].score < _WORTH_A_TURN
            if is_last or is_far or is_other_way_round:
                return
            crop = finer_crop(first, way, other, other_s, timings[0])
            if crop == way.crop:
                return
            way = Way(crop, way.is_mirrored, way.is_swapped)
