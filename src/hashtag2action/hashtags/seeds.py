"""Candidate tags: class lists and a user's own action groups, opened into forms."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import resources
from typing import Literal

from hashtag2action.hashtags.forms import Candidate, Form, Principle, class_forms, specifications
from hashtag2action.sources.base import normalize_hashtag

Vocabulary = Literal["ucf101", "hmdb51", "kinetics400", "ssv2"]
"""Class lists that ship with the package: names only."""


def class_names(vocabulary: Vocabulary) -> list[str]:
    """Return the class names of a benchmark as its authors write them."""
    file = resources.files("hashtag2action.hashtags") / "vocabulary" / f"{vocabulary}.txt"
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def candidates(
    vocabularies: Iterable[Vocabulary],
    groups: Mapping[str, Iterable[str]],
    taxonomy: Mapping[str, Iterable[str]],
) -> dict[str, Candidate]:
    """Return candidate tag -> where it came from; the user's own groups come first.

    Classes of different lists that write an action the same way are one group, named by its first
    form. A tag that several groups generalize to is a group of its own: `dance`.
    """
    pool = _Pool()
    for group, tags in groups.items():
        head = normalize_hashtag(group)
        for tag in (group, *tags):
            pool.add(Form(normalize_hashtag(tag), "as_written"), head, "recipe")
    classes = [
        (name, vocabulary) for vocabulary in vocabularies for name in class_names(vocabulary)
    ]
    opened = [(f"{vocabulary}: {name}", class_forms(name)) for name, vocabulary in classes]
    heads = _merge([forms for _, forms in opened], pool)
    for (origin, forms), head in zip(opened, heads, strict=True):
        for form in forms:
            pool.add(form, head, origin)
    pool.split_umbrellas()
    known = {tag: found.action_group for tag, found in pool.found.items()}
    for umbrella, group, form in specifications(known, taxonomy):
        pool.add(form, group, f"taxonomy: {umbrella}")
    return pool.found


class _Pool:
    """Candidates by tag; the first proposal names the origin, all name the principles."""

    def __init__(self) -> None:
        self.found: dict[str, Candidate] = {}
        self._claims: dict[str, set[str]] = {}

    def add(self, form: Form, group: str, origin: str) -> None:
        if not form.hashtag:
            return
        old = self.found.get(form.hashtag)
        if form.principle in {"generalization", "noun_substitution"}:
            self._claims.setdefault(form.hashtag, set()).add(group)
        if old is None:
            self.found[form.hashtag] = Candidate(
                form.hashtag, group, origin, (form.principle,), form.words
            )
            return
        kinds: tuple[Principle, ...] = tuple(dict.fromkeys((*old.principles, form.principle)))
        is_plainer = _is_name(form) and not set(old.principles) & _NAMES and old.origin != "recipe"
        if is_plainer:
            self.found[form.hashtag] = Candidate(form.hashtag, group, origin, kinds, form.words)
        else:
            self.found[form.hashtag] = replace(old, principles=kinds, words=old.words or form.words)

    def split_umbrellas(self) -> None:
        """Make a tag that several groups generalize to, and none is named by, its own group."""
        for tag, groups in self._claims.items():
            old = self.found[tag]
            if len(groups) > 1 and not set(old.principles) & _NAMES:
                self.found[tag] = replace(old, action_group=tag)


_NAMES: set[str] = {"as_written", "consolidation"}


def _is_name(form: Form) -> bool:
    return form.principle in _NAMES


def _merge(opened: list[list[Form]], pool: _Pool) -> list[str]:
    """Return the group of each class: that of the first class it shares a written form with."""
    head_of: dict[str, str] = {tag: found.action_group for tag, found in pool.found.items()}
    heads = []
    for forms in opened:
        names = [form.hashtag for form in forms if _is_name(form)]
        first = forms[0].hashtag if forms else ""
        head = next((head_of[name] for name in names if name in head_of), first)
        for name in names:
            head_of.setdefault(name, head)
        heads.append(head)
    return heads
