"""The card of a dataset: README.md beside the clips, for people and for the Hugging Face hub."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from hashtag2action import __version__
from hashtag2action.manifest import write_json, write_text
from hashtag2action.report.croissant import croissant_of
from hashtag2action.report.facts import Facts, gaps_of, read_facts, removal_text

MAX_LINES = 40
"""Lines of a table; chosen: a card is read, the tables are in the files."""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write_card(run: Path) -> list[Path]:
    """Write `dataset/README.md` and `dataset/croissant.json` of a run that exported.

    Raises:
        ManifestError: The run has no dataset, or a file of it is damaged.
    """
    facts = read_facts(run)
    folder = run / "dataset"
    write_text(folder / "README.md", card_of(facts))
    write_json(folder / "croissant.json", croissant_of(facts, folder))
    return [folder / "README.md", folder / "croissant.json"]


def card_of(facts: Facts) -> str:
    """Return the card as Markdown with a YAML head."""
    sections = [
        f"---\n{yaml.safe_dump(_head(facts), sort_keys=False, allow_unicode=True)}---",
        f"# {facts.title}",
        f"{facts.num_clips} clips of {facts.num_posts} posts by {facts.num_creators} known "
        f"creators, {facts.duration_s / 60:.1f} minutes; made by Hashtag2Action {__version__}.",
        "## Sources",
        _list(_settings(facts.source)),
        _counts("platform", facts.platforms),
        "## Licences",
        "Licence of the set: " + (facts.license or "not stated; see each clip's own") + ".",
        _counts("licence or consent note", facts.licenses),
        "## Filters and counts",
        _stages(facts),
        *_filters(facts),
        "## Tags and their noise",
        _purity(facts),
        _counts("hashtag", facts.hashtags),
        "## Regions and languages",
        _counts("region", facts.regions),
        _counts("language", facts.languages) if facts.languages else "Languages: not measured.",
        "## People",
        f"Faces: {facts.faces}. Sound: {facts.sound}. User names: salted hashes. "
        "Descriptions: left out.",
        "## Known gaps",
        _list(gaps_of(facts)),
        "## Removal",
        removal_text(facts),
    ]
    return "\n\n".join(sections) + "\n"


def _head(facts: Facts) -> dict[str, Any]:
    size = next((name for most, name in _SIZES if facts.num_clips < most), "n>1M")
    head: dict[str, Any] = {
        "pretty_name": facts.title,
        "license": "other",
        "license_name": facts.license or "see-each-clip",
        "size_categories": [size],
        "task_categories": ["video-classification"],
        "tags": ["action-recognition", "short-form-video", "weakly-labelled"],
    }
    if "huggingface" in facts.containers:
        files = [{"split": "train", "path": "clips/**"}]
        head["configs"] = [{"config_name": "default", "data_files": files}]
    return head


def _stages(facts: Facts) -> str:
    lines = ["| stage | in | kept | rejected | reasons |", "|---|---|---|---|---|"]
    for stage in facts.stages:
        if stage.state != "missing":
            reasons = ", ".join(f"{reason.rule} {reason.num_rows}" for reason in stage.reasons)
            num_input = stage.num_input if stage.num_input is not None else ""
            counts = f"{num_input} | {stage.num_kept} | {stage.num_rejected}"
            lines.append(f"| {stage.text.title} | {counts} | {_cell(reasons)} |")
    return "\n".join(lines)


def _filters(facts: Facts) -> Iterable[str]:
    for stage, settings in (*facts.filters.items(), ("export_clips", facts.export)):
        if settings:
            yield f"### {stage}"
            yield _list(_settings(settings))


def _settings(settings: dict[str, Any]) -> list[str]:
    return [f"`{name}`: {_cell(_short(value))}" for name, value in sorted(settings.items())]


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 300 else text[:300] + " ..."


def _purity(facts: Facts) -> str:
    if facts.purity is None:
        return (
            "Not measured. `h2a explore RUN` labels a sample, and "
            "`h2a score RUN --truth RUN/verdicts.jsonl` measures it on that."
        )
    mean = sum(facts.purity.values()) / len(facts.purity)
    lines = [f"Purity on a labelled sample, mean over {len(facts.purity)} tags: {mean:.3f}.", ""]
    lines += ["| tag | share of clips that show it |", "|---|---|"]
    ordered = sorted(facts.purity.items(), key=lambda pair: (pair[1], pair[0]))
    lines += [f"| {_cell(tag)} | {value:.3f} |" for tag, value in ordered[:MAX_LINES]]
    return "\n".join(lines)


def _counts(name: str, counts: Counter[str]) -> str:
    lines = [f"| {name} | clips |", "|---|---|"]
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    lines += [f"| {_cell(value)} | {count} |" for value, count in ordered[:MAX_LINES]]
    if len(ordered) > MAX_LINES:
        lines.append(f"| {len(ordered) - MAX_LINES} more | {_rest(ordered[MAX_LINES:])} |")
    return "\n".join(lines)


def _rest(ordered: Sequence[tuple[str, int]]) -> int:
    return sum(count for _, count in ordered)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _cell(text: str) -> str:
    """Keep a text from the web from being more than text: one line, no markup."""
    plain = " ".join(text.split()).replace("|", "/")
    return plain.replace("<", "&lt;").replace("[", "(").replace("]", ")")
