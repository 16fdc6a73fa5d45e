import numpy as np
import pytest

from hashtag2action.video.sampling import dense_times, segment_times, view_times


def test_dense_clip_lies_in_the_middle_by_default():
    times = dense_times(2.0, 6.0, 16, 0.125)
    assert times.shape == (16,)
    np.testing.assert_allclose(np.diff(times), 0.125)
    assert times[0] == pytest.approx(3.0)


def test_dense_clip_may_start_and_end_with_its_span():
    assert dense_times(1.0, 5.0, 4, 0.5, 0.0)[0] == 1.0
    assert dense_times(1.0, 5.0, 4, 0.5, 1.0)[-1] == pytest.approx(4.5)


def test_short_span_repeats_its_last_moment():
    times = dense_times(1.0, 1.5, 8, 0.2)
    np.testing.assert_allclose(times[:3], [1.0, 1.2, 1.4])
    assert (times[3:] == times[-1]).all()
    assert 1.49 < times[-1] < 1.5


def test_segments_give_one_time_each():
    np.testing.assert_allclose(segment_times(0.0, 4.0, 4), [0.5, 1.5, 2.5, 3.5])
    places = np.array([0.0, 0.9, 0.0, 0.9])
    np.testing.assert_allclose(segment_times(0.0, 4.0, 4, places), [0.0, 1.9, 2.0, 3.9])


def test_views_reach_from_start_to_end():
    views = view_times(0.0, 10.0, 4, 0.5, 3)
    assert views.shape == (3, 4)
    np.testing.assert_allclose(views[:, 0], [0.0, 4.0, 8.0])
    np.testing.assert_allclose(view_times(0.0, 10.0, 4, 0.5, 1)[0], dense_times(0, 10, 4, 0.5))


@pytest.mark.parametrize(("start_s", "end_s", "num"), [(1.0, 1.0, 4), (2.0, 1.0, 4), (0.0, 1.0, 0)])
def test_no_span_or_no_frames_is_a_bug(start_s: float, end_s: float, num: int):
    with pytest.raises(AssertionError):
        segment_times(start_s, end_s, num)
