"""Fixtures every test may use."""

import os
import random
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from benchmarks.scheduling import scheduling_kept

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """Find real data beside the repository (`../shared`, or `H2A_SHARED`), or skip the test."""
    root = Path(os.environ.get("H2A_SHARED", REPOSITORY.parent / "shared"))

    def find(relative: str) -> Path:
        path = root / relative
        if not path.exists():
            pytest.skip(f"real data is not here: no {relative} under H2A_SHARED or ../shared")
        return path

    return find


@pytest.fixture
def no_room() -> Iterator[None]:
    """Let no file grow beyond 64 KiB, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(autouse=True)
def _same_random_state() -> Iterator[None]:
    """Give every test the same global random state, and put the old one back."""
    state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    yield
    random.setstate(state)
    np.random.set_state(numpy_state)  # noqa: NPY002


@pytest.fixture(autouse=True)
def _same_scheduling() -> Iterator[None]:
    """Fail a test that leaves this process in real time, which may stop all others for good."""
    with scheduling_kept():
        policy = os.sched_getscheduler(0)
        yield
        left = os.sched_getscheduler(0)
    assert left == policy, "see benchmarks/scheduling.py"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to anything but this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if host not in {"", "127.0.0.1", "::1", "localhost"}:
            raise OSError(f"tests do not reach the network (tried {host})")
        connect(self, address)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def detector_weights() -> None:
    """Have the default detector's files in the cache, or skip the test with what is missing."""
    from hashtag2action.errors import WeightsError
    from hashtag2action.vision.person_detectors import Cascade

    try:
        Cascade().open()
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.fixture(autouse=True, scope="session")
def heed_interrupts() -> None:
    """Take ctrl-C as a terminal's process does.

    A suite started in the background ignores it, and so would the processes that tests start.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
