"""What starts, how fast it says no, and what it does not need."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from hashtag2action.cli import app, main

VERBS = sorted(get_command(app).commands)  # type: ignore[attr-defined]


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_curation_starts_without_torch() -> None:
    loaded = python(
        "import sys, hashtag2action.cli, hashtag2action.curate.pipeline, "
        "hashtag2action.report.render; print('torch' in sys.modules, 'ray' in sys.modules)"
    )
    assert loaded == "False False"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    result = CliRunner().invoke(app, [verb, "--help"])
    assert result.exit_code == 0
    assert verb in result.output


def test_a_curation_takes_the_tags_that_a_mining_run_kept(tmp_path: Path) -> None:
    posts = [
        {"id": str(number), "hashtag_names": ["fyp", "pushups"], "username": f"u{number}"}
        for number in range(6)
    ]
    (tmp_path / "posts.jsonl").write_text("\n".join(map(json.dumps, posts)))
    (tmp_path / "own.yaml").write_text("source: {kind: archive}\n")
    given = [str(tmp_path / "own.yaml"), f"source.posts={tmp_path / 'posts.jsonl'}"]
    runner = CliRunner()
    runner.invoke(app, ["mine", *given, "--out", str(tmp_path / "tags")], catch_exceptions=False)
    words = ["curate", *given, "--mined", str(tmp_path / "tags"), "--out", "x", "--dry-run"]
    shown = yaml.safe_load(runner.invoke(app, words, catch_exceptions=False).stdout)
    assert shown["filter_metadata"]["hashtags"] == ["pushups"]


def test_a_funnel_counts_rows_that_leave_with_details_of_their_own_together(tmp_path: Path) -> None:
    posts = [{"id": str(number), "file": f"/away/{number}.mp4"} for number in range(5)]
    (tmp_path / "posts.jsonl").write_text("\n".join(map(json.dumps, [*posts, {"id": "0"}])))
    (tmp_path / "own.yaml").write_text("source: {kind: archive}\n")
    given = [str(tmp_path / "own.yaml"), f"source.posts={tmp_path / 'posts.jsonl'}"]
    words = ["curate", *given, "--until", "filter_metadata", "--out", str(tmp_path / "out")]
    shown = CliRunner().invoke(app, words, catch_exceptions=False).stdout
    assert "bad_row:(" in shown
    assert "/away" not in shown


def h2a(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hashtag2action", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "HOME": "/tmp"},
    )


def test_wrong_recipe_is_one_line_and_exit_code_two(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("source: {kind: folder, folder: x}\nselect_clip: {}\n")
    done = h2a("curate", str(tmp_path / "wrong.yaml"), "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "wrong.yaml: select_clip: no such field" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_data_is_one_line_and_exit_code_three(tmp_path: Path) -> None:
    done = h2a("report", str(tmp_path))
    assert done.returncode == 3
    assert str(tmp_path) in done.stderr
    assert "Traceback" not in done.stderr


def test_an_out_that_is_a_file_is_one_line_and_exit_code_three(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.yaml").write_text("source: {kind: folder, folder: x}\n")
    out = tmp_path / "out"
    out.write_text("a file")
    words = ["h2a", "curate", str(tmp_path / "own.yaml"), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.delenv("H2A_DEBUG", raising=False)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 3
    said = capsys.readouterr().err
    assert f"cannot read or write {out}" in said
    assert "a folder is expected there, and a file is in its place" in said
