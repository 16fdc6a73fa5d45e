"""Bringing further detectors: from a local server that stands in for the place of release."""

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from hashtag2action.cli import app
from hashtag2action.errors import WeightsError
from hashtag2action.vision import releases
from hashtag2action.vision.releases import RELEASES, Release, ReleasedFile, fetch, release_named

CONTENT = b"weights" * 10_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
Made = Callable[[str | None], Release]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Serve a folder on this machine; gives the folder and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "net.onnx").write_bytes(CONTENT)
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("H2A_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "weights"


def _release(address: str, sha256: str | None) -> Release:
    file = ReleasedFile(f"{address}/net.onnx", sha256)
    return Release("net", (file,), "MIT", "persons: {path}")


def test_a_file_is_fetched_checked_and_kept(served: tuple[Path, str], cache: Path) -> None:
    folder, address = served
    (fetched,) = fetch(_release(address, SHA256))
    assert fetched.path == cache / "net" / "net.onnx"
    assert fetched.path.read_bytes() == CONTENT
    assert (fetched.sha256, fetched.known) == (SHA256, "stated")
    (folder / "net.onnx").unlink()
    assert fetch(_release(address, SHA256)) == [fetched]


def test_a_file_with_another_digest_is_not_kept(served: tuple[Path, str], cache: Path) -> None:
    with pytest.raises(WeightsError, match=r"expected 0000.*not kept"):
        fetch(_release(served[1], "0" * 64))
    assert list((cache / "net").iterdir()) == []


def test_an_unstated_digest_is_pinned_at_the_first_fetch(
    served: tuple[Path, str], cache: Path
) -> None:
    folder, address = served
    release = _release(address, None)
    (first,) = fetch(release)
    assert first.known == "first seen"
    assert json.loads((cache / "pins.json").read_text()) == {f"{address}/net.onnx": SHA256}
    assert fetch(release)[0].known == "pinned"
    first.path.unlink()
    (folder / "net.onnx").write_bytes(b"other")
    with pytest.raises(WeightsError, match=f"expected {SHA256}"):
        fetch(release)
    assert not first.path.exists()


def test_a_wrong_file_in_the_cache_is_refused(served: tuple[Path, str], cache: Path) -> None:
    (cache / "net").mkdir(parents=True)
    (cache / "net" / "net.onnx").write_bytes(b"<html>")
    with pytest.raises(WeightsError, match="Delete the file"):
        fetch(_release(served[1], SHA256))


def test_a_file_brought_by_hand_needs_no_network(cache: Path) -> None:
    (cache / "net").mkdir(parents=True)
    (cache / "net" / "net.onnx").write_bytes(CONTENT)
    assert fetch(_release("http://127.0.0.1:9", SHA256))[0].known == "stated"


@pytest.mark.parametrize("where", ["http://127.0.0.1:9", "served"])
def test_a_failed_fetch_says_which_file_from_where_and_how_to_bring_it(
    served: tuple[Path, str], cache: Path, where: str
) -> None:
    (served[0] / "net.onnx").unlink()
    address = served[1] if where == "served" else where
    with pytest.raises(WeightsError) as caught:
        fetch(_release(address, SHA256))
    for word in (f"{address}/net.onnx", "cannot be fetched", str(cache / "net"), "H2A_CACHE"):
        assert word in str(caught.value)
    assert list((cache / "net").iterdir()) == []


def test_the_command_prints_the_file_and_a_recipe(
    served: tuple[Path, str], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = _release(served[1], SHA256)
    monkeypatch.setattr(releases, "release_named", lambda _: release)
    said = CliRunner().invoke(app, ["weights", "fetch", "net"], catch_exceptions=False)
    assert said.exit_code == 0
    path = cache / "net" / "net.onnx"
    assert said.stdout.splitlines() == [
        f"{path}  SHA-256 {SHA256} (stated)",
        f"recipe: persons: {path}",
    ]


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(WeightsError, match="yolox-nano, yolox-tiny, yolox-s"):
        release_named("yolox-x")


def test_every_release_has_a_licence_an_https_address_and_a_whole_digest() -> None:
    for release in RELEASES:
        assert release.licence
        assert "/cache" in release.recipe.format(path="/cache/a", folder="/cache")
        for file in release.files:
            assert file.url.startswith("https://")
            assert file.sha256 is None or len(bytes.fromhex(file.sha256)) == 32
