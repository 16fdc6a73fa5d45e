import pytest

from hashtag2action.report.privacy import settings_without_folders, without_folders


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/home/maria/x/p.mp4 has no frames", "p.mp4 has no frames"),
        ("cannot open '/srv/a/b.mp4'", "cannot open 'b.mp4'"),
        ("3/4 of the frames", "3/4 of the frames"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("videos/p.mp4", "videos/p.mp4"),
    ],
)
def test_absolute_paths_keep_only_their_last_part(text: str, wanted: str):
    assert without_folders(text) == wanted


def test_settings_keep_names_of_files_but_no_folders():
    settings = {"source": {"posts": "/home/my own/posts.jsonl"}, "sizes": ["/a/b", 3], "x": None}
    shown = settings_without_folders(settings)
    assert shown == {"source": {"posts": "posts.jsonl"}, "sizes": ["b", 3], "x": None}
