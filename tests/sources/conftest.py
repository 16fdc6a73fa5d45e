"""A small simulated platform, a clock that need not be waited for, and credentials."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from hashtag2action.sources.simulated_platform import SimulatedPlatform
from hashtag2action.sources.simulated_posts import simulate
from hashtag2action.sources.simulated_server import CLIENT_KEY, CLIENT_SECRET


class FakeClock:
    """A clock that moves when somebody sleeps, or is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 8, 1, 12, tzinfo=UTC)
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time += timedelta(seconds=seconds)

    def move(self, **span: float) -> None:
        self.time += timedelta(**span)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def platform() -> SimulatedPlatform:
    return simulate(seed=3, num_posts=20_000, num_tags=600, num_days=60)


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    def put(key: str, secret: str) -> None:
        monkeypatch.setenv("TIKTOK_CLIENT_KEY", key)
        monkeypatch.setenv("TIKTOK_CLIENT_SECRET", secret)

    put(CLIENT_KEY, CLIENT_SECRET)
    return put
