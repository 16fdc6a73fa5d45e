"""The card and its machine-readable twin, validated by the library that defines the format."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.curate.conftest import recipe

from hashtag2action.curate.dataset import dataset_settings, write_dataset
from hashtag2action.curate.withdrawal.withdraw import withdraw
from hashtag2action.errors import ManifestError
from hashtag2action.manifest import find_stage, write_json
from hashtag2action.report.card import card_of, write_card
from hashtag2action.report.facts import read_facts

SAID = ["contact=rights@example.org", "license=CC-BY-4.0", "published=2026-11-25", "title=Little"]


@pytest.fixture
def published(finished_run: Path) -> Path:
    """The run with a card; its tags were scored on a labelled sample."""
    write_json(finished_run / "score.json", {"tags": {"pushup": 0.9, "squat": 0.5, "plank": None}})
    write_dataset(dataset_settings(finished_run, SAID), finished_run)
    write_card(finished_run)
    return finished_run


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own use of rdflib
def test_mlcroissant_finds_nothing_to_warn_of_and_reads_every_clip(published: Path):
    import mlcroissant

    described = mlcroissant.Dataset(jsonld=str(published / "dataset" / "croissant.json"))
    issues = described.metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    records = list(described.records("clips"))
    rows = find_stage(published, "export_clips").read().to_pylist()
    ids = [record["clips/clip_id"].decode() for record in records]
    assert ids == [row["clip_id"] for row in rows]
    assert "rights@example.org" in str(described.metadata.data_release_maintenance_plan)
    assert any("Faces" in text for text in described.metadata.personal_sensitive_information or [])


def test_the_card_says_what_the_tables_say(published: Path):
    text = (published / "dataset" / "README.md").read_text()
    head = yaml.safe_load(text.split("---")[1])
    assert head["license_name"] == "CC-BY-4.0"
    assert head["configs"][0]["data_files"] == [{"split": "train", "path": "clips/**"}]
    rows = find_stage(published, "export_clips").read().to_pylist()
    for tag, count in Counter(row["hashtag"] for row in rows).items():
        assert f"| {tag} | {count} |" in text
    receipt = find_stage(published, "deduplicate").receipt()
    counts = f"{receipt['num_input_rows']} | {receipt['num_kept']} | {receipt['num_rejected']}"
    assert f"| Deduplicate | {counts} | duplicate 1 |" in text
    assert "mean over 2 tags: 0.700" in text
    assert f"| CC0-1.0 | {len(rows)} |" in text
    assert "write to rights@example.org" in text
    assert "Faces are not blurred" in text


def test_datasets_opens_the_whole_folder_by_its_card(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    loaded = datasets.load_dataset(
        str(published / "dataset"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert loaded.num_rows == find_stage(published, "export_clips").read().num_rows


def test_no_folder_and_no_secret_leaves_with_the_card(published: Path):
    plan = published / "00-posts" / "plan.json"
    values = json.loads(plan.read_text())
    values["settings"] |= {"salt": "pepper", "client_secret": "hush", "folder": "/home/me/films"}
    write_json(plan, values)
    for page in write_card(published):
        text = page.read_text()
        assert not any(word in text for word in ("pepper", "hush", "/home/me", str(published)))


def test_what_was_not_measured_is_said_so(finished_run: Path):
    for page in write_card(finished_run):
        assert "not measured" in page.read_text()
    assert read_facts(finished_run).languages is None


def test_the_card_has_all_that_a_reader_is_owed(published: Path):
    facts = replace(read_facts(published), languages=Counter({"pt": 3, "not stated": 2}))
    sections: dict[str, str] = {}
    for section in card_of(facts).split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        sections[title] = text
    for title, said in {
        "Sources": "`license`: CC0-1.0",
        "Licences": "Licence of the set: CC-BY-4.0",
        "Filters and counts": "| Deduplicate | 6 | 5 | 1 | duplicate 1 |",
        "Tags and their noise": "| squat | 0.500 |",
        "Regions and languages": "| pt | 3 |",
        "People": "Faces: as they were. Sound: removed.",
        "Known gaps": "5 of 5 clips state no region.",
        "Removal": "`h2a withdraw --check ID FOLDER`",
    }.items():
        assert said in sections[title], title
    assert "`min_duration_s`" in sections["Filters and counts"]


def test_a_withdrawn_clip_leaves_the_card_too(published: Path):
    before = (published / "dataset" / "README.md").read_text()
    done = withdraw(["squat/7000000001.mp4"], [published])
    assert published / "dataset" / "README.md" in done.stale
    write_card(published)
    after = (published / "dataset" / "README.md").read_text()
    assert "5 clips of 5 posts" in before
    assert "4 clips of 4 posts" in after
    assert "rights@example.org" in after


def test_a_run_without_a_dataset_has_no_card(tmp_path: Path):
    with pytest.raises(ManifestError, match="no dataset"):
        write_card(tmp_path)


def test_the_recipe_says_it_as_well(films: Path):
    assert recipe(films, dataset={"contact": "a@b.c"}).dataset.contact == "a@b.c"
