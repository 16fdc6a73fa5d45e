"""Every recipe loads and prints its resolved form."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hashtag2action.cli import app
from hashtag2action.config import load, read_yaml
from hashtag2action.train.finetune import Finetune
from hashtag2action.train.pretrain import Pretrain

RECIPES = Path(__file__).resolve().parents[1] / "recipes"


def benchmark(part: str) -> list[str]:
    return [f"{part}.clips.root=videos", f"{part}.clips.lists=lists"]


def mixed(part: str) -> list[str]:
    own = [f"{part}.benchmark.root=videos", f"{part}.benchmark.lists=lists"]
    return [*own, f"{part}.curated.run=curation"]


NEEDED = {
    "curate/archive.yaml": ["source.posts=posts.jsonl"],
    "curate/donation.yaml": ["source.export=export.zip", "source.person=p1"],
    "curate/folder.yaml": ["source.folder=videos"],
    "curate/shorts.yaml": ["source.posts=posts.jsonl"],
    "curate/url_list.yaml": ["source.urls=urls.csv"],
    "mine/archive.yaml": ["source.posts=posts.jsonl"],
    "mine/creators_2020.yaml": ["source.posts=creators_2020.csv"],
    "mine/trending_2020.yaml": ["source.posts=trending_2020.jsonl"],
    "mine/vietnam_2025.yaml": ["source.posts=vietnam_2025.csv"],
    "probe/ucf101.yaml": [word for part in ("train", "test") for word in benchmark(part)],
}
BY_VERB = {
    "finetune": ["init=weights.safetensors"],
    "evaluate": ["weights=weights.safetensors"],
    "features": ["weights=weights.safetensors"],
    "probe": ["weights=weights.safetensors"],
}
BY_KIND = {
    "mix": mixed("data.clips.parts"),
    "curated": ["data.clips.run=curation"],
    "folder": ["data.clips.folder=videos"],
    **dict.fromkeys(("ucf101", "hmdb51", "kinetics", "something"), benchmark("data")),
}


def needed(name: str) -> list[str]:
    """What the user has to say: where their files are."""
    verb = name.split("/", maxsplit=1)[0]
    words = [*NEEDED.get(name, []), *BY_VERB.get(verb, [])]
    if verb in ("pretrain", "finetune", "evaluate", "features"):
        words += BY_KIND[read_yaml(RECIPES / name)["data"]["clips"]["kind"]]
    return words


def recipes() -> list[str]:
    names = (path.relative_to(RECIPES).as_posix() for path in RECIPES.rglob("*.yaml"))
    return sorted(name for name in names if "/" in name)


@pytest.mark.parametrize("name", recipes())
def test_recipe_resolves(name: str, tmp_path: Path) -> None:
    verb = name.split("/", maxsplit=1)[0]
    words = [verb, str(RECIPES / name), *needed(name), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*words, "--dry-run"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "out").exists()


LOGGED = {
    # recipe: (clips trained on, steps an epoch, peak, layer decay, weight decay, epochs)
    "k400_vit_b": (240_436, 3756, 1.75e-4, 0.75, 0.05, 90),
    "ucf101_vit_b": (8_153, 127, 2.5e-4, 0.90, 0.05, 30),
    "ssv2_vit_g": (168_913, 21_114, 9.375e-6, 0.90, 0.05, 20),
    "ucf101_vit_g": (9_537, 1192, 3.125e-5, 0.90, 0.05, 20),
    "hmdb51_vit_g": (3_570, 446, 3.125e-5, 0.90, 0.05, 20),
}
"""Read out of the released logs of Hashtag2Action."""


@pytest.mark.parametrize("name", LOGGED)
def test_recipe_has_the_learning_rates_of_the_released_log(name: str) -> None:
    """The mean rates of its first three epochs tell steps, peak and layer decay of a run."""
    num_clips, steps, peak, decay, weight_decay, epochs = LOGGED[name]
    path = f"finetune/{name}.yaml"
    config = load(Finetune, RECIPES / path, needed(path))
    settings = config.optimization
    assert num_clips // settings.clips_per_step == steps
    assert (settings.layer_decay, settings.weight_decay, settings.epochs) == (
        decay,
        weight_decay,
        epochs,
    )
    # As many clips as whole steps take, as the official loader drops the rest of an epoch.
    schedule = settings.schedule(steps * settings.clips_per_step)
    means = [sum(map(schedule.at, range(e * steps, (e + 1) * steps))) / steps for e in range(3)]
    assert 2 * means[2] == pytest.approx(peak, rel=1e-12)
    assert 1 / (1 - 2 * means[0] / (means[1] - means[0])) == pytest.approx(steps)
    assert schedule.total_steps == epochs * steps


@pytest.mark.parametrize(
    ("name", "peak"),
    [("b", 4e-3), ("l", 6e-3), ("h", 8e-3), ("g", 4.8e-3)],
)
def test_pretraining_has_the_published_peaks(name: str, peak: float) -> None:
    for recipe, expected in ((f"vit_{name}", peak), (f"h2a_vit_{name}", None)):
        path = f"pretrain/{recipe}.yaml"
        config = load(Pretrain, RECIPES / path, needed(path))
        schedule = config.optimization.schedule(283_582)
        if expected is not None:
            assert schedule.peak_lr == pytest.approx(expected)
        # 299 epochs of ViT-g are in the name of its last state, counted from 0.
        epochs = config.optimization.epochs
        assert epochs == (200 if name == "b" else 300)
        assert config.network.variant == f"vit_{name}"
