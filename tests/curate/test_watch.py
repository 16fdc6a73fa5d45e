import numpy as np

from hashtag2action.curate.watch import Pace


def test_pace_begins_anew_after_an_abrupt_change():
    pace = Pace(0.5, (0.1, 0.35, 0.6))
    times = np.arange(100) / 25
    due = [time for time in times if pace.is_due(time, is_abrupt=time in (0.0, 2.0))]
    np.testing.assert_allclose(due[:4], [0.12, 0.36, 0.6, 1.12], atol=0.021)
    np.testing.assert_allclose(
        [time for time in due if time > 2][:3], [2.12, 2.36, 2.6], atol=0.021
    )
