from pathlib import Path

import pytest
from tests.transfer.file_server import VIDEO, Exchange, serve

from hashtag2action.errors import FetchError
from hashtag2action.transfer.addresses import Guard
from hashtag2action.transfer.pace import HostPace
from hashtag2action.transfer.pages import Pages
from hashtag2action.transfer.web import Web

PAGE = b"""<!doctype html><html><head><title>A short</title></head>
<body><video src="/video.mp4?token=secret"></video></body></html>"""


def answer(ask: Exchange) -> None:
    if ask.path.startswith("/video.mp4"):
        ask.answer(200, {"Content-Type": "video/mp4", "ETag": '"1"'}, VIDEO)
    elif ask.path == "/page":
        ask.answer(200, {"Content-Type": "text/html", "Set-Cookie": "a=b"}, PAGE)
    elif ask.path == "/inside":
        ask.answer(302, {"Location": "http://10.0.0.1/video.mp4"})
    elif ask.path == "/nothing":
        ask.answer(200, {"Content-Type": "text/html"}, b"<html>nothing</html>")
    else:
        ask.answer(404)


def web(folder: Path, allowed: list[str]) -> Web:
    schemes = frozenset({"http", "https"})
    return Web(Guard(allowed), HostPace(folder, 4, 1_000), schemes, timeout_s=5)


@pytest.mark.parametrize("path", ["/video.mp4", "/page"])
def test_video_of_a_page_is_found_by_the_real_library(tmp_path: Path, path: str, capfd) -> None:
    with serve(answer) as server:
        door = web(tmp_path, ["127.0.0.0/8"])
        address, headers = Pages().open(door).find(server.url(path))
        door.close()
        assert address.startswith(server.url("/video.mp4"))
        assert "Cookie" not in headers
        assert server.asked
        assert all("cookie" not in sent for _, sent in server.asked)
    assert capfd.readouterr() == ("", "")


def test_pages_are_asked_by_the_same_rules_as_files(tmp_path: Path) -> None:
    with serve(answer) as server:
        closed = web(tmp_path / "closed", [])
        with pytest.raises(FetchError, match="private address"):
            Pages().open(closed).find(server.url("/page"))
        assert server.asked == []
        open_door = web(tmp_path / "open", ["127.0.0.0/8"])
        reader = Pages().open(open_door)
        with pytest.raises(FetchError, match="private address"):
            reader.find(server.url("/inside"))
        for path in ("/nothing", "/absent"):
            with pytest.raises(FetchError, match="no video on the page"):
                reader.find(server.url(path))
        closed.close()
        open_door.close()


def test_environment_names_no_proxy_and_files_of_this_machine_are_no_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://10.0.0.1:3128")
    with serve(answer) as server:
        door = web(tmp_path, ["127.0.0.0/8"])
        reader = Pages().open(door)
        assert reader.find(server.url("/video.mp4"))[0] == server.url("/video.mp4")
        with pytest.raises(FetchError):
            reader.find("file:///etc/passwd")
        door.close()
