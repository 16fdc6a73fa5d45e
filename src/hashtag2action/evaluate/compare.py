"""Is one network better than another? A paired bootstrap over the clips both have judged."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool

from hashtag2action.errors import ConfigError

NUM_RESAMPLES = 10_000
"""Draws of as many clips, with replacement. Chosen: the ends of an interval move by a hundredth of
its width from seed to seed."""

_AT_ONCE = 500
"""Draws made at a time. Chosen: a hundred megabytes for twenty thousand clips."""


@dataclass(frozen=True)
class Comparison:
    """How two networks differ on the same clips."""

    num_clips: int
    top1_a: float
    top1_b: float
    difference: float
    """Top-1 of the second less that of the first."""
    low: float
    high: float
    """Ends of the interval that holds 95 % of the resampled differences."""
    p_value: float
    """Twice the smaller share of resampled differences on either side of zero; never none, as so
    many draws cannot tell."""
    only_a: int
    """Clips that only the first one knows."""
    only_b: int
    """Clips that only the second one knows."""


def compare(first: Path, second: Path, seed: int = 0) -> Comparison:
    """Compare the predictions of two evaluations, clip by clip.

    Args:
        first: An evaluation's folder, or its predictions.parquet.
        second: The other one.
        seed: Seed of the resampling.

    Raises:
        ConfigError: A file is missing, damaged or empty, or they judge other clips or other labels.
    """
    right_a, right_b = _both_right(first, second)
    low, high, p_value = bootstrap(right_a, right_b, seed)
    return Comparison(
        num_clips=len(right_a),
        top1_a=float(right_a.mean()),
        top1_b=float(right_b.mean()),
        difference=float(right_b.mean() - right_a.mean()),
        low=low,
        high=high,
        p_value=p_value,
        only_a=int((right_a & ~right_b).sum()),
        only_b=int((right_b & ~right_a).sum()),
    )


def bootstrap(
    right_a: Bool[np.ndarray, " n"], right_b: Bool[np.ndarray, " n"], seed: int
) -> tuple[float, float, float]:
    """Resample clips, and with them the difference of the two shares that are right.

    Returns:
        The ends of the 95 % interval, and the two-sided p value, one draw added on either side.

    Source of that draw: Phipson and Smyth 2010, "Permutation P-values should never be zero".
    """
    gains = right_b.astype(float) - right_a.astype(float)
    rng = np.random.default_rng(seed)
    means = np.concatenate(
        [
            gains[rng.integers(len(gains), size=(_AT_ONCE, len(gains)))].mean(axis=1)
            for _ in range(NUM_RESAMPLES // _AT_ONCE)
        ]
    )
    low, high = np.quantile(means, [0.025, 0.975])
    smaller = (min((means <= 0).sum(), (means >= 0).sum()) + 1) / (NUM_RESAMPLES + 1)
    return float(low), float(high), float(min(1.0, 2 * smaller))


def _both_right(first: Path, second: Path) -> tuple[np.ndarray, np.ndarray]:
    one, other = _read(first), _read(second)
    if one.keys() != other.keys():
        lacking = sorted(one.keys() ^ other.keys())
        raise ConfigError(
            f"{first} and {second} judge other clips: {len(lacking)} are in one alone, such as "
            f"{lacking[0]}"
        )
    for clip_id, (label, _) in one.items():
        if other[clip_id][0] != label:
            raise ConfigError(
                f"{clip_id}: labelled {label} in {first}, {other[clip_id][0]} in {second}"
            )
    right = [
        [label == guess for label, guess in (found[clip_id] for clip_id in one)]
        for found in (one, other)
    ]
    return np.array(right[0]), np.array(right[1])


def _read(path: Path) -> dict[str, tuple[str, str]]:
    file = path / "predictions.parquet" if path.is_dir() else path
    if not file.is_file():
        raise ConfigError(f"{file}: no such file; give an evaluation's folder")
    try:
        table = pq.read_table(file, columns=["clip_id", "label", "guess"]).to_pydict()
        if not table.get("clip_id"):
            raise ConfigError(f"{file}: holds no predictions")
        pairs = zip(table["label"], table["guess"], strict=True)
    except (pa.ArrowException, KeyError) as error:
        raise ConfigError(f"{file}: is no predictions.parquet of an evaluation: {error}") from error
    return dict(zip(table["clip_id"], pairs, strict=True))
