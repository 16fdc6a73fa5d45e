from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hashtag2action.errors import OverTotalBytesError
from hashtag2action.transfer.budget import ByteBudget


def test_bytes_are_counted_once_a_file_and_over_restarts(tmp_path: Path) -> None:
    ByteBudget(tmp_path / "bytes", 100).hold("a", 60)
    again = ByteBudget(tmp_path / "bytes", 100)
    again.hold("a", 60)
    with pytest.raises(OverTotalBytesError) as refusal:
        again.hold("b", 41)
    assert refusal.value.reject_reason == "over_total_bytes"
    again.hold("b", 40)
    again.hold("a", 0)
    again.hold("b", 100)


def test_many_at_once_never_hold_more_than_all(tmp_path: Path) -> None:
    budget = ByteBudget(tmp_path / "bytes", 10)

    def hold(number: int) -> bool:
        try:
            budget.hold(str(number), 1)
        except OverTotalBytesError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(hold, range(40))) == 10


def test_without_a_limit_nothing_is_written(tmp_path: Path) -> None:
    ByteBudget(tmp_path / "bytes", None).hold("a", 10**15)
    assert not (tmp_path / "bytes").exists()
