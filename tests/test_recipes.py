"""Every recipe loads and prints its resolved form."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hashtag2action.cli import app

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
UCF101 = ["data.clips.root=videos", "data.clips.lists=lists"]
NEEDED = {
    "curate/archive.yaml": ["source.posts=posts.jsonl"],
    "curate/donation.yaml": ["source.export=export.zip", "source.person=p1"],
    "curate/folder.yaml": ["source.folder=videos"],
    "curate/url_list.yaml": ["source.urls=urls.csv"],
    "evaluate/ucf101.yaml": ["weights=weights.safetensors", *UCF101],
    "features/folder.yaml": ["weights=weights.safetensors", "data.clips.folder=videos"],
    "finetune/ucf101_micro.yaml": ["init=null", *UCF101],
    "finetune/ucf101_vit_b.yaml": ["init=weights.safetensors", *UCF101],
    "mine/archive.yaml": ["source.posts=posts.jsonl"],
    "mine/creators_2020.yaml": ["source.posts=creators_2020.csv"],
    "mine/trending_2020.yaml": ["source.posts=trending_2020.jsonl"],
    "mine/vietnam_2025.yaml": ["source.posts=vietnam_2025.csv"],
    "pretrain/ucf101_micro.yaml": UCF101,
    "pretrain/vit_b.yaml": ["data.clips.run=curation"],
    "pretrain/vit_g.yaml": ["data.clips.run=curation"],
    "probe/ucf101.yaml": [
        "weights=weights.safetensors",
        *(word.replace("data", part, 1) for part in ("train", "test") for word in UCF101),
    ],
}


def recipes() -> list[str]:
    names = (path.relative_to(RECIPES).as_posix() for path in RECIPES.rglob("*.yaml"))
    return sorted(name for name in names if "/" in name)


@pytest.mark.parametrize("name", recipes())
def test_recipe_resolves(name: str, tmp_path: Path) -> None:
    verb = name.split("/", maxsplit=1)[0]
    words = [verb, str(RECIPES / name), *NEEDED.get(name, []), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*words, "--dry-run"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "out").exists()
