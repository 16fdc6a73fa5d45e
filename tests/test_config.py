from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from hashtag2action.config import Config, dump, key_of, load, read_yaml
from hashtag2action.errors import ConfigError


class Runtime(Config):
    num_workers: int = 1


class Inner(Config):
    threshold: float = 0.5


class Recipe(Config):
    inner: Inner = Inner()
    path: Path = Path("x")
    runtime: Runtime = Runtime()


def recipe(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def test_overrides_win_over_the_recipe_and_the_recipe_over_defaults(tmp_path: Path) -> None:
    path = recipe(tmp_path, "inner: {threshold: 0.25}\n")
    assert load(Recipe, path).inner.threshold == 0.25
    assert load(Recipe, path, ["inner.threshold=0.75"]).inner.threshold == 0.75


@pytest.mark.parametrize(
    ("text", "overrides", "named"),
    [
        (
            "inner: {treshold: 1}",
            [],
            r"inner\.treshold: no such field; did you mean inner\.threshold\?",
        ),
        ("", ["runtime.num_worker=1"], r"did you mean runtime\.num_workers\?"),
        ("inne: {}", [], r"inne: no such field; did you mean inner\?"),
        ("nothing_alike: 1", [], r"nothing_alike: no such field\Z"),
        ("inner: {threshold: high}", [], "inner.threshold"),
        ("inner: [", [], r"is not YAML: line 1, column 9: [^\n]*\Z"),
        ("inner:\n\tthreshold: 1", [], r"is not YAML: line 2, column 1: found character[^\n]*\Z"),
        ("- a", [], "mapping"),
        ("inner: {}\ninner: {threshold: 1}", [], "line 2, column 1: inner is there twice"),
        ("inner: {threshold: 1, threshold: 2}", [], "threshold is there twice"),
        ("", ["inner.threshold"], "section.field=value"),
        ("inner: {threshold: 1}", ["inner.threshold.deeper=1"], "is a value"),
    ],
)
def test_wrong_recipe_is_refused_by_file_and_field(
    tmp_path: Path, text: str, overrides: list[str], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        load(Recipe, recipe(tmp_path, text), overrides)


class Even(Config):
    kind: Literal["even"] = "even"
    distance: float = 1.0


class Random(Config):
    kind: Literal["random", "drawn"] = "random"
    distances: float = 1.0
    kinds: int = 1


class Choice(Config):
    steps: tuple[Annotated[Even | Random, Field(discriminator="kind")], ...] = ()


@pytest.mark.parametrize(
    ("kind", "meant"), [("even", "distance"), ("random", "distances"), ("drawn", "distances")]
)
def test_a_misspelt_field_of_a_choice_is_told_the_nearest_of_its_kind(
    tmp_path: Path, kind: str, meant: str
) -> None:
    path = recipe(tmp_path, f"steps: [{{kind: even}}, {{kind: {kind}, distence: 1}}]")
    with pytest.raises(ConfigError, match=rf"did you mean steps\.1\.{meant}\?"):
        load(Choice, path)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{distance: 1}", r"steps\.0: has no kind; its kind is one of even, random, drawn\Z"),
        (
            "{kind: evn}",
            r"steps\.0: there is no kind 'evn'; its kind is one of even, random, drawn\Z",
        ),
    ],
)
def test_a_choice_that_is_not_made_is_told_what_there_is(
    tmp_path: Path, given: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        load(Choice, recipe(tmp_path, f"steps: [{given}]"))


def test_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        load(Recipe, tmp_path / "absent.yaml")


def test_runtime_fields_never_enter_a_key() -> None:
    slow = Recipe(runtime=Runtime(num_workers=1))
    fast = Recipe(runtime=Runtime(num_workers=8))
    other = Recipe(inner=Inner(threshold=0.1))
    assert key_of(slow.key_fields()) == key_of(fast.key_fields())
    assert key_of(slow.key_fields()) != key_of(other.key_fields())


def test_resolved_recipe_loads_to_the_same_settings(tmp_path: Path) -> None:
    config = Recipe(inner=Inner(threshold=0.125))
    dump(config, tmp_path / "config.yaml")
    assert load(Recipe, tmp_path / "config.yaml") == config


def test_a_recipe_that_is_not_there_is_told_where_those_that_ship_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the recipes that ship are in") as told:
        read_yaml(tmp_path / "own.yaml")
    folder = Path(str(told.value).rpartition(" in ")[2])
    assert (folder / "curate" / "folder.yaml").is_file()


def test_a_name_may_stand_over_one_that_is_merged_in(tmp_path: Path) -> None:
    text = "one: &one {a: 1, b: 2}\ntwo: &two {<<: *one, b: 3}\nthree: {<<: *two, a: 4}\n"
    assert read_yaml(recipe(tmp_path, text))["three"] == {"a": 4, "b": 3}


@pytest.mark.parametrize("name", ["clips #2", "#2", "1 #2"])
def test_an_override_is_read_to_its_end(tmp_path: Path, name: str) -> None:
    path = recipe(tmp_path, "")
    assert load(Recipe, path, [f"path={name}"]).path == Path(name)
    assert load(Recipe, path, [f'path="{name}"']).path == Path(name)
