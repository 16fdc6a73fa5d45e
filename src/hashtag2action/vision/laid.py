"""One clip laid on another, and what this says of their being copies."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hashtag2action.vision.agreement import CELL_WAVES, Agreement
from hashtag2action.vision.alignment import Timing, Way, own_likeness

NOTHING_MOVES = 0.1  # gray levels
SAME_SPEED = 0.0065  # chosen: half the least change that is tried; copies need none
_EQUAL_START_S = 0.02  # less than a frame at 30 frames a second


@dataclass(frozen=True)
class Laid:
    """One clip laid on another, at the moments both show."""

    way: Way
    timing: Timing
    agreement: Agreement
    sharpness: float
    """Correlation of the mean pictures, with their fine waves and all cells."""
    coverage: tuple[float, float]
    """Share of either clip that is compared."""
    clips: tuple[np.ndarray, np.ndarray]
    """Compared waves of both, whole."""

    @property
    def departure(self) -> float:
        """How far the movements are from equal; 0 is equal."""
        return 1 - min(self.agreement.movement, self.agreement.course)

    @property
    def departure_by_cell(self) -> float:
        """The same where each cell may move by a share of its own."""
        return 1 - min(self.agreement.movement_by_cell, self.agreement.course_by_cell)

    @property
    def rest_levels(self) -> float:
        """Root mean square of what moves otherwise, gray levels."""
        return self.agreement.movement_levels * float(np.sqrt(2 * max(self.departure, 0.0)))

    @property
    def side(self) -> float:
        """The shorter side of the crop, as a share."""
        return min(self.way.crop.height, self.way.crop.width)

    @property
    def slip(self) -> float:
        """How far the speed is from equal."""
        return abs(self.timing.speed - 1)

    @property
    def begins_equal(self) -> bool:
        """Whether both begin with the same picture and go on at the same speed."""
        return self.slip <= SAME_SPEED and abs(self.timing.offset_s) <= _EQUAL_START_S

    @property
    def distance(self) -> float:
        """One less the least of the correlations that bear witness; 0 is the same."""
        if self.agreement.movement_levels < NOTHING_MOVES:
            return max(0.0, 1 - self.sharpness)
        return max(0.0, self.departure, 1 - self.agreement.likeness)

    @cached_property
    def steps(self) -> float:
        """Departure of the clip that repeats itself more from itself some moments later."""
        return 1 - max(map(own_likeness, self.clips))

    @cached_property
    def haste(self) -> float:
        """What of the movement is too fast to be guessed from every second picture.

        The error of such guesses, as a share of the movement's energy: under 0.5 in real push-ups
        and punches, about 1 where limbs wave three times a second.
        """
        return float(np.mean([_haste(clip @ CELL_WAVES) for clip in self.clips]))


def _haste(cells: np.ndarray) -> float:
    """Guess each picture from a cubic through the two before and after at every second one."""
    if len(cells) < 8:
        return 0.0
    guessed = (9 * (cells[2:-4] + cells[4:-2]) - (cells[:-6] + cells[6:])) / 16
    inner = cells[3:-3]
    energy = float(((inner - inner.mean(axis=0)) ** 2).sum())
    return float(((inner - guessed) ** 2).sum()) / max(energy, 1e-9)
