"""Seed tags: action classes and the forms a creator may write them in."""

import re
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Literal

from hashtag2action.sources.base import normalize_hashtag

Vocabulary = Literal["ucf101", "hmdb51", "kinetics400", "ssv2"]
"""Class lists that ship with the package: names only."""

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_MAX_WORDS = 4
"""Longest class name made into a tag (chosen: longer ones are sentences nobody tags)."""


def class_names(vocabulary: Vocabulary) -> list[str]:
    """Return the class names of a benchmark as its authors write them."""
    file = resources.files("hashtag2action.hashtags") / "vocabulary" / f"{vocabulary}.txt"
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def words(class_name: str) -> list[str]:
    """Split a class name into lower-case words: 'BabyCrawling', 'brush_hair', 'playing piano'."""
    return [word.lower() for word in _WORD.findall(class_name.replace("(", " ").replace(")", " "))]


def tag_forms(class_name: str) -> list[str]:
    """Return the tags a class name may appear as, the plainest first.

    All words joined; each final word also with and without its plural 's'; each '-ing' word also
    as its stem. Names of more than four words give none.
    """
    parts = words(class_name)
    if not parts or len(parts) > _MAX_WORDS:
        return []
    joined = ["".join(parts), "".join(_stem(part) for part in parts)]
    plurals = [
        form[:-1] if form.endswith("s") and not form.endswith("ss") else f"{form}s"
        for form in joined
    ]
    forms = [*joined, *plurals]
    return list(dict.fromkeys(normalize_hashtag(form) for form in forms))


def seed_tags(
    vocabularies: Iterable[Vocabulary], groups: Mapping[str, Iterable[str]]
) -> dict[str, tuple[str, str]]:
    """Return candidate tag -> (action group, origin); the user's own groups come first."""
    seeds: dict[str, tuple[str, str]] = {}
    for group, tags in groups.items():
        for tag in (group, *tags):
            seeds.setdefault(normalize_hashtag(tag), (normalize_hashtag(group), "recipe"))
    for vocabulary in vocabularies:
        for name in class_names(vocabulary):
            forms = tag_forms(name)
            for form in forms:
                seeds.setdefault(form, (forms[0], f"{vocabulary}: {name}"))
    return seeds


def _stem(word: str) -> str:
    """Cut '-ing' the way English adds it, roughly: running -> run, waving -> wave."""
    stem = word.removesuffix("ing")
    if stem == word or len(stem) < 3:
        return word
    if stem[-1] == stem[-2] and stem[-1] not in "lsz":
        return stem[:-1]
    short_vowel = re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", stem)
    return f"{stem}e" if short_vowel or stem[-1] in "vcu" else stem
