"""docs/features.md names only what there is: files, commands, settings, and every known feature."""

import re
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

import hashtag2action
from hashtag2action.cli import app
from hashtag2action.curate.pipeline import CurateConfig

PACKAGE = Path(hashtag2action.__file__).parent
DOCS = PACKAGE.parents[1] / "docs"
FEATURES = (
    "sources", "metadata mining", "metadata filter", "shot detection", "person and pose", "motion",
    "aesthetic", "text overlay", "ocr", "watermark", "nsfw", "face blur", "exact dup", "near-dup",
    "semantic dedup", "captioning", "clip cut", "shards", "resume", "fault isolation",
    "hard timeout", "memory cap", "progress", "why was this clip dropped", "review ui", "engine",
    "cpu laptop", "croissant", "takedown", "provenance", "licence",
)  # fmt: skip
"""What the tools for curating video are compared by."""


def rows() -> list[list[str]]:
    lines = (DOCS / "features.md").read_text("utf-8").splitlines()
    found = [line for line in lines if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1:]]


ROWS = rows()
CODE = sorted({code for row in ROWS for code in re.findall(r"`([^`]+)`", row[1])})


def test_every_feature_has_a_row_with_a_verdict():
    names = " / ".join(row[0].lower() for row in ROWS)
    assert [feature for feature in FEATURES if feature not in names] == []
    for name, said in ROWS[:-2]:
        assert said.startswith(("works", "not offered: ", "in part: ")), name
        # What works says where; what does not says why.
        assert "`" in said or not said.startswith("works:") or "it is the default" in said, name


@pytest.mark.parametrize("code", [code for code in CODE if re.search(r"\.py$|/$", code)])
def test_files_are_there(code: str):
    if code != "rejected/":
        assert (PACKAGE / code).exists()


@pytest.mark.parametrize("code", [code for code in CODE if code.startswith("h2a ")])
def test_commands_are_there(code: str):
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert code.split()[1] in known


@pytest.mark.parametrize(
    "code", [code for code in CODE if re.fullmatch(r"(?!.*\.(py|txt)$)[a-z_]+(\.[a-z_]+)?", code)]
)
def test_settings_are_there(code: str):
    head, _, tail = code.partition(".")
    fields = CurateConfig.model_fields
    if head not in fields:
        # A column, or a reason that a row leaves with.
        places = ("records.py", "engines/worker.py", "engines/crew.py", "engines/base.py")
        text = "".join((PACKAGE / place).read_text("utf-8") for place in places)
        assert f'"{code}"' in text or code == "datasets", code
    elif tail and head != "source":
        kind = fields[head].annotation
        assert isinstance(kind, type)
        assert issubclass(kind, BaseModel)
        assert tail in kind.model_fields
