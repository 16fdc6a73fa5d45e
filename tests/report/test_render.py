import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hashtag2action.errors import ManifestError
from hashtag2action.report.render import write_report

VOID = {"meta", "input", "img", "br", "link"}


class _Page(HTMLParser):
    """Collect what a page is made of, and complain of tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.scripts = 0
        self.images = 0
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids += [str(values["id"])] if "id" in values else []
        self.links += [str(values[name]) for name in ("src", "href") if name in values]
        self.scripts += tag == "script"
        self.images += tag == "img"
        assert not any(name.startswith("on") for name in values)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_one_page_shows_the_whole_line(line: Path):
    page = write_report(line)
    text = page.read_text()
    assert page == line / "report.html"
    for anchor in ("funnel-1", "thresholds-1", "kept-1", "rejected-1", "duplicates-1"):
        assert f'id="{anchor}"' in text
    for anchor in (
        "hashtags-1",
        "overlaps-1",
        "score-1",
        "pretraining",
        "reconstructions",
        "finetuning",
    ):
        assert f'id="{anchor}"' in text
    for anchor in ("evaluation", "figures", "settings"):
        assert f'id="{anchor}"' in text


def test_the_page_is_well_formed_and_asks_for_nothing_outside_itself(line: Path):
    page = _Page(write_report(line).read_text())
    assert page.images > 10
    assert all(link.startswith(("data:image/", "#")) for link in page.links)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_every_table_says_what_it_lists(line: Path):
    tables = write_report(line).read_text().split("<table")[1:]
    assert len(tables) > 4
    assert all(
        "<caption" in table.partition("<thead")[0].partition("<tbody")[0] for table in tables
    )


def test_text_of_strangers_is_shown_and_never_run(line: Path):
    text = write_report(line).read_text()
    assert _Page(text).scripts == 1
    assert "&lt;script&gt;alert(" in text
    assert "<script>alert(" not in text


def test_no_folder_of_this_machine_is_shown(line: Path):
    text = write_report(line).read_text()
    assert str(line.parent) not in text
    assert "maria" not in text
    assert "posts.jsonl" in text


def test_equal_runs_have_equal_pages(line: Path, tmp_path: Path):
    pages = [write_report(line, tmp_path / name).read_bytes() for name in ("a.html", "b.html")]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("stage", ["00-posts", "03-analyze_videos", "05-deduplicate"])
def test_a_run_with_a_stage_missing_says_so(curation: Path, stage: str):
    shutil.rmtree(curation / stage)
    text = write_report(curation).read_text()
    assert "This stage has not begun." in text


@pytest.mark.parametrize("stage", ["00-posts", "03-analyze_videos", "06-export_clips"])
def test_a_stage_that_has_begun_without_a_part_says_so(curation: Path, stage: str):
    for side in ("kept", "rejected"):
        shutil.rmtree(curation / stage / side)
        (curation / stage / side).mkdir()
    (curation / stage / "receipt.json").unlink()
    assert "not finished" in write_report(curation).read_text()


def test_a_single_training_run_has_a_page_of_its_own(line: Path):
    text = write_report(line / "finetune").read_text()
    assert re.search(r"<h1>finetune</h1>", text)
    assert 'id="funnel-1"' not in text


def test_a_folder_without_runs_is_refused(tmp_path: Path):
    with pytest.raises(ManifestError, match="no run in it"):
        write_report(tmp_path)
