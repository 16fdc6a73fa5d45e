"""The language of a post's text. The model ships with its library, in the extra [mine]."""

from functools import lru_cache
from typing import TYPE_CHECKING

from hashtag2action.errors import MissingExtraError

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

MIN_LANGUAGE_CHARS = 12
"""Shortest text whose language is guessed (chosen: below it n-gram models mostly guess)."""
_MIN_LANGUAGE_SHARE = 0.5  # probability of the guess; chosen: likelier than all others together


def language_of(text: str) -> str | None:
    """Guess the language of a text, ISO 639-1; None where it is too short or unclear.

    Raises:
        MissingExtraError: The library is not installed.
    """
    plain = "".join(char for char in text if char.isalpha() or char.isspace())
    if len(plain.strip()) < MIN_LANGUAGE_CHARS:
        return None
    language, share = language_model().classify(plain[:500])
    return language if share >= _MIN_LANGUAGE_SHARE else None


@lru_cache(maxsize=1)
def language_model() -> "LanguageIdentifier":
    """Load the model, once per process.

    Raises:
        MissingExtraError: The library is not installed.
    """
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ModuleNotFoundError as error:
        raise MissingExtraError("py3langid", "mine") from error
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
