import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hashtag2action.transfer.pace import HostPace


def test_turns_of_one_host_are_apart_and_other_hosts_wait_for_nobody(tmp_path: Path) -> None:
    pace = HostPace(tmp_path, max_at_once=8, requests_per_s=20)
    times: list[float] = []

    def take(_: int) -> None:
        with pace.turn("a.example"):
            times.append(time.monotonic())

    start_s = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, range(8)))
    assert max(times) - start_s >= 7 / 20 - 0.01
    start_s = time.monotonic()
    with pace.turn("b.example"):
        assert time.monotonic() - start_s < 0.3


def test_places_at_one_host_are_counted(tmp_path: Path) -> None:
    pace = HostPace(tmp_path, max_at_once=2, requests_per_s=1_000)
    now = most = 0

    def take(_: int) -> None:
        nonlocal now, most
        with pace.turn("a.example"):
            now += 1
            most = max(most, now)
            time.sleep(0.05)
            now -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(take, range(6)))
    assert most == 2


def _hold_forever(folder: Path, ready) -> None:
    with HostPace(folder, 1, 1_000).turn("a.example"):
        ready.set()
        time.sleep(600)


def test_place_of_a_killed_process_is_free_again(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold_forever, args=(tmp_path, ready))
    process.start()
    assert ready.wait(60)
    process.kill()
    process.join()
    with HostPace(tmp_path, 1, 1_000).turn("a.example"):
        pass


def test_host_that_asks_for_a_pause_gets_it(tmp_path: Path) -> None:
    pace = HostPace(tmp_path, 2, 1_000)
    pace.postpone("a.example", 0.2)
    start_s = time.monotonic()
    with pace.turn("a.example"):
        assert time.monotonic() - start_s >= 0.19
