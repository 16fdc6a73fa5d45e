"""What is known about words: lemmas, inflections, frequencies, scripts.

The libraries behind it ship their data, so nothing is fetched. They come with the extra [mine] and
are loaded at the first question.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from types import ModuleType

from hashtag2action.errors import MissingExtraError

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_ASIDE = re.compile(r"\(not [^)]*\)|\(in [^)]*\)")
MIN_ZIPF = 2.5
"""Words per billion on a log scale from which on a string counts as a word (chosen: below it the
lists hold mostly names and misspellings). Source of the scale: van Heuven et al. 2014."""


def words(class_name: str) -> list[str]:
    """Split a class name into lower-case words: 'BabyCrawling', 'brush_hair', 'playing piano'.

    Asides such as '(not slalom)' and the possessive 's are left out.
    """
    plain = _ASIDE.sub(" ", class_name).replace("'s", "")
    return [word.lower() for word in _WORD.findall(plain)]


@lru_cache(maxsize=65_536)
def base_form(word: str) -> str:
    """Return the word without its inflection: 'pressing' -> 'press', 'cards' -> 'card'.

    What the dictionary does not know is cut the way English adds '-ing' and '-s'.
    """
    known = _lemminflect().getAllLemmas(word)
    for kind in ("VERB", "NOUN"):
        for lemma in known.get(kind, ()):
            if lemma != word:
                return lemma
    if known or not word.isascii():
        return word
    stem = _without_ing(word)
    if stem != word:
        return stem
    is_plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if is_plural else word


def _without_ing(word: str) -> str:
    stem = word.removesuffix("ing")
    if stem == word or len(stem) < 3:
        return word
    if stem[-1] == stem[-2] and stem[-1] not in "lsz":
        return stem[:-1]
    return f"{stem}e" if zipf(f"{stem}e") > zipf(stem) else stem


@lru_cache(maxsize=65_536)
def is_verb(word: str) -> bool:
    """Whether the word is an '-ing' form, or one the dictionary has only as a verb."""
    if word.endswith("ing") and base_form(word) != word:
        return True
    return set(_lemminflect().getAllLemmas(word)) == {"VERB"}


@lru_cache(maxsize=65_536)
def may_be_verb(word: str) -> bool:
    """Whether the word, or the word without its '-ing', can be a verb."""
    return is_verb(word) or "VERB" in _lemminflect().getAllLemmas(word)


@lru_cache(maxsize=65_536)
def gerund(word: str) -> str:
    """Return the '-ing' form of a verb: 'brush' -> 'brushing'; what is no verb stays."""
    if (word.endswith("ing") and base_form(word) != word) or not may_be_verb(word):
        return word
    made = _lemminflect().getInflection(base_form(word), "VBG")
    return made[0] if made else word


@lru_cache(maxsize=65_536)
def plural(word: str) -> str:
    """Return the plural of a noun: 'squat' -> 'squats'; an '-ing' form stays."""
    if word.endswith(("ing", "s")):
        return word
    made = _lemminflect().getInflection(word, "NNS")
    return made[0] if made else word


@lru_cache(maxsize=65_536)
def doers(word: str) -> tuple[str, ...]:
    """Return the known words for who or what does a verb: 'auctioning' -> 'auctioneer'."""
    stem = base_form(word)
    short = stem.removesuffix("e")
    doubled = gerund(stem).removesuffix("ing")
    made = (f"{short}er", f"{doubled}er", f"{short}or", f"{short}ist", f"{short}eer")
    return tuple(dict.fromkeys(name for name in made if zipf(name) >= MIN_ZIPF))


@lru_cache(maxsize=262_144)
def zipf(word: str, language: str = "en") -> float:
    """Return how common a word is: 10-base logarithm of its uses per billion words; 0: unknown."""
    return float(_wordfreq().zipf_frequency(word, language))


def script_of(tag: str) -> str:
    """Return the script most letters of a tag are of, as Unicode names it: 'LATIN', 'HIRAGANA'.

    A tag without letters, such as one of emoji, is 'NONE'.
    """
    counts: dict[str, int] = {}
    for char in tag:
        if char.isalpha():
            name = unicodedata.name(char, "UNKNOWN").split(" ")[0]
            counts[name] = counts.get(name, 0) + 1
    return max(sorted(counts), key=lambda name: counts[name]) if counts else "NONE"


def join(parts: Sequence[str]) -> str:
    """Join words the way a tag does."""
    return "".join(parts)


@lru_cache(maxsize=1)
def _lemminflect() -> ModuleType:
    try:
        import lemminflect
    except ModuleNotFoundError as error:
        raise MissingExtraError("lemminflect", "mine") from error
    return lemminflect


@lru_cache(maxsize=1)
def _wordfreq() -> ModuleType:
    try:
        import wordfreq
    except ModuleNotFoundError as error:
        raise MissingExtraError("wordfreq", "mine") from error
    return wordfreq
