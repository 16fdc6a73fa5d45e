"""Which moments of a clip to look at: pure functions from a span to times in seconds.

Times, not frame numbers: a stride of 0.13 s is the same motion at 24, 30 and 60 frames a second,
and at a variable rate. What is shown at a time is the business of `decode`.
"""

import numpy as np


def dense_times(
    start_s: float,
    end_s: float,
    num_frames: int,
    stride_s: float,
    offset_fraction: float = 0.5,
) -> np.ndarray:
    """Return evenly spaced times from one place of a span.

    Source: arXiv:2203.12602 section 4.1: 16 frames at a fixed stride, from a random place.

    Args:
        start_s: First moment of the span.
        end_s: End of the span, half open.
        num_frames: Times wanted, at least 1.
        stride_s: Distance between two of them, seconds, above 0.
        offset_fraction: Where the clip lies in the room it has: 0 at the start of the span, 1 at
            its end, 0.5 in the middle.

    Returns:
        float64 (num_frames,), ascending. A span too short for the clip repeats its last moment.
    """
    _check(start_s, end_s, num_frames)
    assert stride_s > 0, f"expected a stride above 0 s, found {stride_s}"
    assert 0 <= offset_fraction <= 1, f"expected 0 <= offset <= 1, found {offset_fraction}"
    room_s = max(0.0, end_s - start_s - num_frames * stride_s)
    first_s = start_s + offset_fraction * room_s
    return np.minimum(first_s + stride_s * np.arange(num_frames), _last_moment(start_s, end_s))


def segment_times(
    start_s: float,
    end_s: float,
    num_frames: int,
    offset_fractions: np.ndarray | float = 0.5,
) -> np.ndarray:
    """Cut a span into equal segments and return one time of each.

    Source: arXiv:1608.00859 (temporal segment networks): the middle in testing, a random place
    of each segment in training.

    Args:
        start_s: First moment of the span.
        end_s: End of the span, half open.
        num_frames: Segments, at least 1.
        offset_fractions: Place within the segments, 0 to below 1: one for all or one each.

    Returns:
        float64 (num_frames,), ascending.
    """
    _check(start_s, end_s, num_frames)
    places = np.arange(num_frames) + np.asarray(offset_fractions, np.float64)
    times = start_s + (end_s - start_s) * places / num_frames
    return np.minimum(times, _last_moment(start_s, end_s))


def view_times(
    start_s: float, end_s: float, num_frames: int, stride_s: float, num_views: int
) -> np.ndarray:
    """Return the times of several dense clips spread evenly over a span, for testing.

    One view lies in the middle; more run from the start of the span to its end.

    Returns:
        float64 (num_views, num_frames), each row ascending.
    """
    assert num_views >= 1, f"expected at least one view, found {num_views}"
    places = np.linspace(0.0, 1.0, num_views) if num_views > 1 else np.array([0.5])
    return np.stack(
        [dense_times(start_s, end_s, num_frames, stride_s, float(place)) for place in places]
    )


def _last_moment(start_s: float, end_s: float) -> float:
    # A millisecond inside the half-open end: later than the last frame of any rate below 1000/s.
    return max(start_s, end_s - 1e-3)


def _check(start_s: float, end_s: float, num_frames: int) -> None:
    assert end_s > start_s, f"expected a span, found {start_s} to {end_s} s"
    assert num_frames >= 1, f"expected at least one frame, found {num_frames}"
