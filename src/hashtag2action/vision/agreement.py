"""How far two clips that lie on each other agree, place by place: under captions and stickers too.

Both are looked at in blurred cells. Where cells disagree and stand still in one of the clips, they
may be covered there; the rest of the picture bears witness. Another take of the same person at the
same place disagrees where people move, and no cover explains that.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from hashtag2action.vision.alignment import COLUMNS, FINENESS, ROWS, correlation, lagged
from hashtag2action.vision.fingerprint import SAMPLES_PER_S, cosines

_CELLS = 11
_BLUR = 5.0  # orders; chosen: a sharper picture rings around the edges of what covers it
DISAGREEMENT = 0.3  # of the contrast; chosen: copies keep below, light falls differently above
_STILL_RATIO = 0.45  # chosen: half hidden cells move half as much
_STILL_LEVELS = 1.0  # gray levels over time; chosen: an encoder's noise lies below
_MIN_CELLS = 20  # that must fit before a fit is believed
_GAINS = np.exp(np.linspace(np.log(0.55), np.log(1.8), 25))


def _cell_waves() -> np.ndarray:
    waves = cosines((np.arange(_CELLS) + 0.5) / _CELLS)
    cells = waves[ROWS][:, :, None] * waves[COLUMNS][:, None, :]
    weights = np.exp(-(FINENESS**2) / (2 * _BLUR**2)) / FINENESS
    return (cells.reshape(len(ROWS), -1) * weights[:, None]).astype(np.float32)


CELL_WAVES = _cell_waves()


@dataclass(frozen=True)
class Agreement:
    """How two clips agree at the moments they share."""

    num_shared: int
    """Moments compared."""
    likeness: float
    """Correlation of the mean pictures, in the cells that agree."""
    course: float
    """Correlation of what departs from these means."""
    movement: float
    """Correlation of what changes in a quarter of a second."""
    course_by_cell: float
    """The same where each cell may move by a share of its own: beside a cover, it does."""
    movement_by_cell: float
    movement_levels: float
    """Root mean square of these changes, gray levels, in the clip where it is less."""
    disagreeing: float
    """Share of the cells that disagree."""
    unexplained: float
    """Share of the cells that disagree and are neither still in a clip nor beside one that is."""
    slow_rest: float
    """What stays apart for a second, as a share of the movement, where it moves. What a copy that
    was looked at between the pictures of its original departs by averages out; another take's
    place and pose do not."""
    witness: float
    """Share of the movement that lies in the cells that agree, in the clip where it is more."""
    clear: float
    """Share of the cells that agree and touch none that disagrees: no cover blurs into them."""
    clear_likeness: float
    """Correlation of the mean pictures in these cells."""
    clear_movement: float
    """Correlation of what changes in a quarter of a second in these cells."""
    clear_levels: float
    """Root mean square of these changes, gray levels, in the clip where it is less."""


def agreement(one: np.ndarray, other: np.ndarray) -> Agreement | None:
    """Compare two clips at the moments they share.

    Args:
        one: Compared waves times fineness, float32 (N, waves).
        other: Those of the other clip at the same moments.

    Returns:
        None where next to nothing agrees.
    """
    left, right, disagrees = _in_one_light(one, other)
    agrees = ~disagrees
    if np.count_nonzero(agrees) < _MIN_CELLS:
        return None
    near_still = _near_still(left, right, disagrees)
    kept, kept_other = left[:, agrees], right[:, agrees]
    mean, mean_other = kept.mean(axis=0), kept_other.mean(axis=0)
    moved, moved_other = lagged(kept), lagged(kept_other)
    shares = [
        float((part**2).sum() / max(float((lagged(whole) ** 2).sum()), 1e-6))
        for part, whole in ((moved, left), (moved_other, right))
    ]
    is_clear = ~_grown(disagrees)
    clear, clear_other = left[:, is_clear], right[:, is_clear]
    change, change_other = lagged(clear), lagged(clear_other)
    return Agreement(
        num_shared=len(left),
        likeness=_likeness(mean, mean_other),
        course=correlation(kept - mean, kept_other - mean_other),
        movement=correlation(moved, moved_other),
        course_by_cell=_by_cell(kept - mean, kept_other - mean_other),
        movement_by_cell=_by_cell(moved, moved_other),
        movement_levels=min(_levels(moved), _levels(moved_other)),
        disagreeing=float(disagrees.mean()),
        unexplained=float((disagrees & ~near_still).mean()),
        slow_rest=_slow_rest(kept, kept_other),
        witness=max(shares),
        clear=float(is_clear.mean()),
        clear_likeness=_likeness(clear.mean(axis=0), clear_other.mean(axis=0)),
        clear_movement=correlation(change, change_other),
        clear_levels=min(_levels(change), _levels(change_other)),
    )


def share_disagreeing(one: np.ndarray, other: np.ndarray) -> float | None:
    """Return `disagreeing` of what `agreement` would return, for a third of the work."""
    *_, disagrees = _in_one_light(one, other)
    num = np.count_nonzero(disagrees)
    return None if len(disagrees) - num < _MIN_CELLS else num / len(disagrees)


def _in_one_light(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the cells of both, the second in the light of the first, and which disagree."""
    left, right = one @ CELL_WAVES, other @ CELL_WAVES
    mean = left.mean(axis=0)
    gain, offset = _light(mean, right.mean(axis=0))
    right = (right - offset) / gain
    contrast = float(mean.std()) + 1e-6
    return left, right, np.abs(left - right).mean(axis=0) > DISAGREEMENT * contrast


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    return correlation(one - one.mean(), other - other.mean()) if len(one) else 0.0


def _levels(changes: np.ndarray) -> float:
    return float(np.sqrt((changes**2).mean())) if changes.size else 0.0


def _slow_rest(one: np.ndarray, other: np.ndarray) -> float:
    """Return the root mean square of differences over a second, of that of what moves.

    Cells are weighed by how much they move in both.
    """
    num = min(len(one), round(SAMPLES_PER_S))
    sums = np.zeros((len(one) + 1, one.shape[1]), one.dtype)
    np.cumsum(one - other, axis=0, out=sums[1:])
    slow = ((sums[num:] - sums[:-num]) / num) ** 2
    spread = one.var(axis=0)
    weights = np.sqrt(spread) * other.std(axis=0)
    moved = float((spread * weights).sum())
    return float(np.sqrt((slow.mean(axis=0) * weights).sum() / max(moved, 1e-9)))


def _by_cell(one: np.ndarray, other: np.ndarray) -> float:
    """Return the correlation of the courses of cells, each weighed by how much it moves in both."""
    squares, squares_other = (np.einsum("ij,ij->j", each, each) for each in (one, other))
    lengths = np.sqrt(squares * squares_other)
    return float(one.ravel().dot(other.ravel())) / max(float(lengths.sum()), 1e-6)


def _light(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return the gain and offset of light that suit half of the cells best."""
    rest = other - _GAINS[:, None] * one
    offsets = _middle(rest)
    errors = _middle(np.abs(rest - offsets[:, None])) / _GAINS
    best = int(errors.argmin())
    gain, offset = float(_GAINS[best]), float(offsets[best])
    for _ in range(4):
        error = np.abs(other - gain * one - offset)
        fits = error <= max(2.5 * float(_middle(error)), 1e-3)
        kept, kept_other = one[fits], other[fits]
        if len(kept) < _MIN_CELLS:
            break
        mean, mean_other = kept.mean(), kept_other.mean()
        apart = kept - mean
        spread = float(apart.dot(apart))
        finer = float(apart.dot(kept_other - mean_other)) / max(spread, 1e-6)
        if not _GAINS[0] <= finer <= _GAINS[-1]:
            break
        gain, offset = finer, float(mean_other - finer * mean)
    return gain, offset


def _middle(values: np.ndarray) -> np.ndarray:
    """Return the median of an odd number of values along the last axis."""
    middle = values.shape[-1] // 2
    return np.partition(values, middle, axis=-1)[..., middle]


def _near_still(left: np.ndarray, right: np.ndarray, disagrees: np.ndarray) -> np.ndarray:
    """Return which cells may be covered: they stand still in one clip, or touch one that does."""
    spreads = np.stack([left.std(axis=0), right.std(axis=0)])
    less, more = spreads.min(axis=0), spreads.max(axis=0)
    is_still = (less < _STILL_RATIO * more) | (less < _STILL_LEVELS)
    core = (is_still & disagrees).reshape(_CELLS, _CELLS).astype(np.uint8)
    if core.sum() > 8:  # One still cell in the middle of movement is chance.
        core = cv2.morphologyEx(core, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return _grown(core.ravel())


def _grown(cells: np.ndarray) -> np.ndarray:
    """Return some cells and those that touch them."""
    square = cells.reshape(_CELLS, _CELLS).astype(np.uint8)
    return np.asarray(cv2.dilate(square, np.ones((3, 3), np.uint8))).ravel() > 0
