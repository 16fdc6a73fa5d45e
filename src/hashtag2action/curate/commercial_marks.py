"""Words and tags that mark a post as an advertisement, in many languages, for review.

The list ships as `vocabulary/commercial.yaml`; a file of the same form may stand in its place.
"""

import re
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
import yaml
from pydantic import Field, ValidationError

from hashtag2action.config import Config
from hashtag2action.errors import ConfigError

ByLanguage = dict[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], tuple[str, ...]]
_EDGE = r"[^\pL\pN\pM_]"


class CommercialMarks(Config):
    """What marks a post as an advertisement; each list by language, ISO 639-1."""

    hashtags: ByLanguage = Field(default_factory=dict)
    """Tags, without '#', case folded."""
    phrases: ByLanguage = Field(default_factory=dict)
    """Phrases that count wherever they stand as whole words."""
    phrases_without_spaces: ByLanguage = Field(default_factory=dict)
    """Phrases of languages that do not part words; they count wherever they stand."""
    leading: ByLanguage = Field(default_factory=dict)
    """Words that count as the first word before a sign, or in brackets."""

    def tags(self) -> tuple[str, ...]:
        """Return all tags, each once."""
        return _all(self.hashtags)

    def marked(self, descriptions: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
        """Say which texts carry a mark; null where there is no text."""
        found = [pc.match_substring_regex(descriptions, pattern) for pattern in self._patterns]
        masks = found or [pa.nulls(len(descriptions), pa.bool_())]
        marked = masks[0]
        for mask in masks[1:]:
            marked = pc.or_(marked, mask)
        return marked

    @cached_property
    def _patterns(self) -> list[str]:
        words = [*_all(self.phrases), *(f"#{tag}" for tag in self.tags())]
        first = _either(_all(self.leading))
        options = []
        if words:
            options.append(rf"(?i)(?:^|{_EDGE}){_either(words)}(?:$|{_EDGE})")
        if self.phrases_without_spaces:
            options.append(rf"(?i){_either(_all(self.phrases_without_spaces))}")
        if self.leading:
            options.append(rf"(?i)^\s*\*?{first}\*?\s*(?:[|/:*\x{{2013}}\x{{2014}}-]|$)")
            options.append(rf"(?i)[\[(\x{{3010}}\x{{FF08}}]\s*{first}\s*[\])\x{{3011}}\x{{FF09}}]")
        return options


def read_marks(path: Path | None) -> CommercialMarks:
    """Read a list of marks; None reads the one that ships.

    Raises:
        ConfigError: The file is missing or is not such a list.
    """
    shipped = resources.files("hashtag2action.curate") / "vocabulary" / "commercial.yaml"
    try:
        text = (shipped if path is None else path).read_text(encoding="utf-8")
        return CommercialMarks.model_validate(yaml.safe_load(text))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise ConfigError(
            f"filter_metadata.commercial_marks: {path} is no list of marks ({error}); expected "
            "YAML: hashtags, phrases, phrases_without_spaces and leading, each language -> words"
        ) from error


def _all(lists: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for words in lists.values() for word in words))


def _either(words: list[str] | tuple[str, ...]) -> str:
    # Words are joined by any white space.
    escaped = (r"\s+".join(map(re.escape, word.split())) for word in words)
    return f"(?:{'|'.join(escaped)})"
