"""Candidate tags of an action class, each with the naming principle that made it.

Source: the six principles of the Hashtag2Action paper: generalization, specification, substitution
of nouns, noun-verb order, consolidation, social and cultural considerations. The paper names them
and gives examples for some; the rules here are ours. They only propose: evidence decides.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import combinations
from typing import Any, Literal

import yaml

from hashtag2action.hashtags.words import base_form, doers, gerund, may_be_verb, plural, words
from hashtag2action.hashtags.words import is_verb as is_sure_verb
from hashtag2action.sources.base import normalize_hashtag

Principle = Literal[
    "as_written",
    "generalization",
    "specification",
    "noun_substitution",
    "noun_verb_order",
    "consolidation",
    "social_cultural",
]
"""What made a form; `as_written` is the class name itself, joined."""

MAX_WORDS = 5
"""Longest class name made into tags, articles not counted (chosen: longer ones are sentences)."""
MIN_CHARS = 3
"""Shortest form proposed (chosen: shorter tags are initials)."""
_ARTICLES = {"a", "an", "the"}
_LINKS = {
    "against", "along", "at", "crosscountry", "from", "in", "into", "of", "on", "onto", "out",
    "over", "through", "to", "under", "up", "using", "with",
}  # fmt: skip
"""Words a modifier begins with; what stands before one is the action."""
_LIGHT_VERBS = {
    "apply", "do", "get", "give", "go", "have", "hold", "make", "perform", "play", "practice",
    "ride", "set", "take", "use",
}  # fmt: skip
"""Verbs that say little: the noun beside them names the action."""
_NOT_ALONE = _LIGHT_VERBS | _LINKS | _ARTICLES | {
    "and", "back", "clean", "ball", "person", "something", "animal", "not", "or", "s", "sport",
}  # fmt: skip
"""Words that name no action when they stand alone."""
_GLOSS = re.compile(r"\(([^)]*)\)")


@dataclass(frozen=True)
class Form:
    """One way a creator may write an action as a tag."""

    hashtag: str
    principle: Principle
    words: tuple[str, ...] = ()
    """Its words without inflection, in their order: equal words in another order are one action."""


@dataclass(frozen=True)
class Candidate:
    """One tag to look for, with everything that proposed it."""

    hashtag: str
    action_group: str
    origin: str
    """The first proposal: '<vocabulary>: <class>', 'recipe', 'taxonomy: <group>'."""
    principles: tuple[Principle, ...]
    """Every principle that makes the tag, in the order they were tried."""
    words: tuple[str, ...] = ()
    """As of its form."""


def class_forms(class_name: str) -> list[Form]:
    """Return the forms of one class name, the plainest first, each once.

    Names of more than five words, articles not counted, give none.
    """
    found: dict[str, Form] = {}
    for phrase in _phrases(class_name):
        if not 0 < len(phrase) <= MAX_WORDS:
            continue
        for form in (*_name_forms(phrase), *_order_forms(phrase), *_shorter_forms(phrase)):
            if len(form.hashtag) >= MIN_CHARS:
                found.setdefault(form.hashtag, form)
    for gloss in _glosses(class_name):
        for tag in _inflections(gloss):
            found.setdefault(tag, Form(tag, "generalization"))
    return list(found.values())


def sub_action_forms(name: str, umbrella: str) -> list[Form]:
    """Return the tags of a sub-action: 'cha cha' under 'dance' -> chacha, chachadance."""
    phrase = [word for word in words(name) if word not in _ARTICLES]
    tags = _inflections(phrase)
    last = words(umbrella)[-1:]
    if last and base_form(phrase[-1]) != base_form(last[0]):
        tags = [*tags, *_inflections([*phrase, *last])]
    elif len(phrase) > 1:
        tags = [*tags, *_inflections(phrase[:-1])]
    return [Form(tag, "specification") for tag in dict.fromkeys(tags) if len(tag) >= MIN_CHARS]


def _phrases(class_name: str) -> Iterator[list[str]]:
    """Split 'canoeing or kayaking' and 'catching or throwing baseball' into plain phrases."""
    parts = [word for word in words(_GLOSS.sub(" ", class_name)) if word not in _ARTICLES]
    if "or" in parts[1:-1]:
        place = parts.index("or")
        for alternative in (parts[place - 1], parts[place + 1]):
            yield [*parts[: place - 1], alternative, *parts[place + 2 :]]
    else:
        yield parts


def _glosses(class_name: str) -> list[list[str]]:
    """Return what brackets add, '(boxing)', but not what they take away, '(not slalom)'."""
    found = [words(gloss) for gloss in _GLOSS.findall(class_name)]
    plain = [gloss for gloss in found if gloss and gloss[0] not in {"not", "in"}]
    return [gloss for gloss in plain if gloss[0] not in _NOT_ALONE]


def _name_forms(phrase: Sequence[str]) -> Iterator[Form]:
    bare = _bare(phrase)
    for number, tag in enumerate(_inflections(phrase)):
        yield Form(tag, "consolidation" if number else "as_written", bare)
    for variant in _synonym_phrases(phrase):
        for tag in _inflections(variant):
            yield Form(tag, "consolidation")


def _inflections(phrase: Sequence[str]) -> list[str]:
    """Join a phrase as it is, bare, with '-ing' verbs and in the plural; the first is as it is."""
    bare = [base_form(word) for word in phrase]
    made = [
        list(phrase),
        bare,
        [gerund(word) if is_sure_verb(word) else base_form(word) for word in phrase],
        [gerund(phrase[0]), *phrase[1:]],
        [bare[0], *phrase[1:]],
        [*phrase[:-1], gerund(phrase[-1])],
        [*phrase[:-1], plural(phrase[-1])],
        [*bare[:-1], plural(bare[-1])],
    ]
    return list(dict.fromkeys(normalize_hashtag("".join(parts)) for parts in made))


def _order_forms(phrase: Sequence[str]) -> Iterator[Form]:
    """Move a verb from the front to the end and back: 'shuffling cards' -> cardshuffle."""
    plain = [word for word in phrase if word not in _LINKS]
    if not 2 <= len(plain) <= 3:
        return
    if may_be_verb(plain[0]):
        yield from _turned([*(base_form(word) for word in plain[1:]), plain[0]])
    if may_be_verb(plain[-1]):
        yield from _turned([plain[-1], *plain[:-1]])


def _turned(phrase: Sequence[str]) -> Iterator[Form]:
    bare = _bare(phrase)
    yield from (Form(tag, "noun_verb_order", bare) for tag in _inflections(phrase))


def _bare(phrase: Sequence[str]) -> tuple[str, ...]:
    return tuple(base_form(word) for word in phrase if word not in _LINKS)


def _shorter_forms(phrase: Sequence[str]) -> Iterator[Form]:
    """Leave words out: modifiers (generalization), light verbs (a noun stands for the phrase)."""
    verb = base_form(phrase[0])
    plain = [word for word in phrase if word not in _LINKS]
    head = _before_link(phrase)
    if verb in _LIGHT_VERBS and len(plain) > 1:
        for tag in _inflections(plain[1:]):
            yield Form(tag, "noun_substitution")
    if may_be_verb(phrase[0]) and verb not in _LIGHT_VERBS:
        yield from _doer_forms(plain)
    parts = [list(kept) for size in (3, 2, 1) for kept in combinations(plain, size)]
    for part in [head, *parts]:
        if len(part) == len(phrase) or not part:
            continue
        if base_form(part[0]) in _LIGHT_VERBS:
            continue
        if len(part) == 1 and (part[0] in _NOT_ALONE or base_form(part[0]) in _NOT_ALONE):
            continue
        for variant in (part, *_synonym_phrases(part)):
            for tag in _inflections(variant):
                yield Form(tag, "generalization")


def _doer_forms(plain: Sequence[str]) -> Iterator[Form]:
    """Name who or what does it: 'auctioning' -> auctioneer, 'opening bottle' -> bottleopener."""
    things = [base_form(word) for word in plain[1:]]
    for name in doers(plain[0]):
        yield Form(normalize_hashtag("".join([*things, name])), "noun_substitution")


def _before_link(phrase: Sequence[str]) -> list[str]:
    for place, word in enumerate(phrase):
        if word in _LINKS and place:
            return list(phrase[:place])
    return []


def _synonym_phrases(phrase: Sequence[str]) -> Iterator[list[str]]:
    """Put each word of a synonym row in the place of another, one place at a time."""
    bare = [base_form(word) for word in phrase]
    for row in synonyms():
        for synonym in row:
            old = words(synonym)
            for start in range(len(bare) - len(old) + 1):
                if bare[start : start + len(old)] != old:
                    continue
                for other in row:
                    if other != synonym:
                        yield [*phrase[:start], *words(other), *phrase[start + len(old) :]]


@lru_cache(maxsize=1)
def synonyms() -> tuple[tuple[str, ...], ...]:
    """Return the rows of words that name the same thing."""
    return tuple(tuple(row) for row in _shipped("synonyms.yaml"))


@lru_cache(maxsize=1)
def shipped_taxonomy() -> dict[str, tuple[str, ...]]:
    """Return umbrella action -> actions under it."""
    return {umbrella: tuple(names) for umbrella, names in _shipped("taxonomy.yaml").items()}


@lru_cache(maxsize=1)
def shipped_sensitive() -> dict[str, str]:
    """Return sensitive tag -> why it is one."""
    return {normalize_hashtag(row["hashtag"]): row["why"] for row in _shipped("sensitive.yaml")}


def _shipped(name: str) -> Any:
    file = resources.files("hashtag2action.hashtags") / "vocabulary" / name
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def specifications(
    known: Mapping[str, str], taxonomy: Mapping[str, Iterable[str]]
) -> Iterator[tuple[str, str, Form]]:
    """Yield (umbrella, group, form) for every umbrella of a taxonomy that is a known tag.

    Args:
        known: Tag -> its action group.
        taxonomy: Umbrella action -> actions under it.
    """
    for umbrella, names in taxonomy.items():
        tags = _inflections(words(umbrella)) if words(umbrella) else [normalize_hashtag(umbrella)]
        group = next((known[tag] for tag in tags if tag in known), None)
        if group is None:
            continue
        for name in names:
            if not words(name):
                yield umbrella, group, Form(normalize_hashtag(name), "specification")
                continue
            for form in sub_action_forms(name, umbrella):
                yield umbrella, group, form
