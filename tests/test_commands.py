"""What README, docs and recipes tell a reader: commands that h2a takes, pages that are there."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from hashtag2action.cli import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RECIPES = sorted((ROOT / "recipes").rglob("*.yaml"))
RECIPE_VERBS = ("mine", "curate", "pretrain", "finetune", "evaluate", "features", "probe")
NOT_WHOLE = re.compile(r"\.\.\.|\|| RECIPE\b")
"""A form of a command, or one whose rest is left to the reader."""


def commands(text: str, start: str) -> list[str]:
    """Find the commands on lines that begin in one way, with their continued lines."""
    joined = re.sub(r"\\\n\s*#?\s*", "", text)
    values = dict(re.findall(rf'^{start}(\w+)="(.*)"$', joined, re.MULTILINE))
    lines = re.findall(
        rf"^{start}((?:h2a|torchrun .* -m hashtag2action) .*?)(?: {{2,}}.*)?$",
        joined,
        re.MULTILINE,
    )
    found = [re.sub(r"\$(\w+)", lambda name: values[name[1]], line) for line in lines]
    return [
        "h2a " + line.partition("hashtag2action ")[2] if line.startswith("torchrun") else line
        for line in found
        if not NOT_WHOLE.search(line)
    ]


TOLD = sorted(
    {
        (page.relative_to(ROOT).as_posix(), command)
        for pages, start in ((PAGES, "    "), (RECIPES, r"#\s+"))
        for page in pages
        for command in commands(page.read_text("utf-8"), start)
    }
)


@pytest.mark.parametrize(("page", "command"), TOLD)
def test_a_command_that_is_told_is_understood(
    page: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    words = shlex.split(command, comments=True)[1:]
    if words[0] in RECIPE_VERBS and "--compare" not in words:
        assert "--out" in words, page
        if "--mined" in words:  # a folder that is not here
            del words[words.index("--mined") : words.index("--mined") + 2]
        done = CliRunner().invoke(app, [*words, "--dry-run"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    else:
        verb = get_command(app)
        while hasattr(verb, "commands"):
            verb = verb.commands[words.pop(0)]
        known = {name for option in verb.params for name in (*option.opts, *option.secondary_opts)}
        assert set(re.findall(r"(?<!\S)\[?(--[a-z-]+)", command)) <= known


def test_the_readme_tells_every_step_of_the_line() -> None:
    told = {command.split()[1] for page, command in TOLD if page == "README.md"}
    steps = {"mine", "curate", "pretrain", "finetune", "evaluate", "predict", "report"}
    assert steps <= told


def test_every_link_leads_to_a_file_and_the_readme_leads_to_every_page() -> None:
    links = {
        (page, (page.parent / link).resolve())
        for page in PAGES
        for link in re.findall(r"\]\((?!http)([^)#]+)", page.read_text("utf-8"))
    }
    assert [f"{page.name} -> {file}" for page, file in links if not file.is_file()] == []
    assert set(PAGES[1:]) <= {file for page, file in links if page == PAGES[0]}
