from datetime import UTC, date, datetime, timedelta

import pytest

from hashtag2action.hashtags.arms import Arm, windows
from hashtag2action.hashtags.posterior import Share

DAY_S = 86_400
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())


def test_windows_cover_every_day_once() -> None:
    found = windows(date(2026, 1, 1), date(2026, 3, 1), 30)
    days = [
        start + timedelta(days=n) for start, end in found for n in range((end - start).days + 1)
    ]
    assert sorted(days) == [date(2026, 1, 1) + timedelta(days=n) for n in range(60)]
    assert found[0][1] == date(2026, 3, 1)


@pytest.mark.parametrize("newest_first", [True, False])
def test_what_is_left_of_a_cell_follows_from_the_days_covered(newest_first: bool) -> None:
    arm = Arm("yoga", None, [(date(2026, 1, 1), date(2026, 1, 30))])
    opened = arm.open_window(0)
    days = range(20, 30) if newest_first else range(10)
    arm.take(
        opened, [START + day * DAY_S + DAY_S // 2 for day in days for _ in range(10)], 90, False
    )
    assert opened.rows_left() == pytest.approx(200, rel=0.1)
    assert arm.posts_per_day() == pytest.approx(10, rel=0.1)
    rows, cell = arm.expected_rows(0.0)
    assert rows == 100
    assert cell is opened


def test_posts_in_no_order_tell_nothing_of_what_is_left() -> None:
    arm = Arm("yoga", None, [(date(2026, 1, 1), date(2026, 1, 30))])
    opened = arm.open_window(0)
    arm.take(opened, [START + n * 30 * DAY_S // 100 for n in range(100)], 100, False)
    assert opened.rows_left() == 100


def test_an_arm_is_spent_when_its_last_cell_is_read() -> None:
    arm = Arm("yoga", "DE", [(date(2026, 1, 1), date(2026, 1, 30))])
    opened = arm.open_window(0)
    assert not arm.is_spent
    arm.take(opened, [], 0, True)
    assert arm.is_spent
    assert arm.mean_first_page(Share(1.0, 1.0)) == 0
