"""Values as exports spell them: human numbers, durations, dates, lists and tags.

Each reader returns the value, None where the export says "unknown", or raises ValueError (TypeError
for a wrong type) with what it found. Nothing is guessed: "1,2 Mio" may be 1.2 million or a
mistake, so it is refused.
"""

import ast
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from hashtag2action.sources.base import MAX_HASHTAG_CHARS, MAX_HASHTAGS, normalize_hashtag

_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,20})?(?:[eE]\+?[0-9]{1,2})?")
_GROUPED_NUMBER = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3}){1,9}(?:\.[0-9]{1,20})?")
_SHORT_NUMBER = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)\s?([KkMmBb])")
_FACTORS = {"k": 1_000, "m": 1_000_000, "b": 1_000_000_000}
_CLOCK = re.compile(r"(?:([0-9]{1,4}):)?([0-9]{1,4}):([0-9]{2}(?:\.[0-9]{1,9})?)")
_ISO_DURATION = re.compile(
    r"P(?:([0-9]{1,4})D)?(?:T(?:([0-9]{1,4})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,8}(?:\.[0-9]{1,9})?)S)?)?"
)
_END_OF_YEAR_9999 = 253_402_300_800
_NAME_FIELDS = ("name", "hashtag_name", "hashtagName", "title", "tag")
"""Where a tag stands when a list holds mappings, in the order looked for."""


def _shown(given: Any) -> str:
    """Return the start of a value for a message, with nothing in it that is not printable."""
    if isinstance(given, int) and given.bit_length() > 1_000:
        return f"a number of {given.bit_length():,} bits"
    return ascii(str(given)[:40])


def whole(given: Any) -> int:
    """Read a whole number: 7, "7", "1,234", "541.2K", "1.3M", "12B".

    Raises:
        ValueError: It is none of these, not whole, or does not fit 64 bits.
    """
    number = _decimal(given)
    if number is None or number != number.to_integral_value():
        raise ValueError(f"expected a whole number such as 1234 or 1.2M, found {_shown(given)}")
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"expected a whole number of 64 bits, found {_shown(given)}")
    return int(number)


def _decimal(given: Any) -> Decimal | None:
    if isinstance(given, int) and not isinstance(given, bool):
        # Comparing first keeps a number of a million digits from being converted.
        return Decimal(given) if abs(given) <= 2**64 else Decimal(2**64)
    if isinstance(given, (float, Decimal)):
        number = Decimal(given)
        return number if number.is_finite() else None
    text = str(given)[:80].strip()
    if short := _SHORT_NUMBER.fullmatch(text):
        return Decimal(short[1]) * _FACTORS[short[2].lower()]
    if _GROUPED_NUMBER.fullmatch(text) or _PLAIN_NUMBER.fullmatch(text):
        return Decimal(text.replace(",", ""))
    return None


def seconds(given: Any) -> float | None:
    """Read a duration: 65, "65.0", "01:05", "1:02:03" or ISO 8601 "PT1M5S"; 0 means unsaid.

    Raises:
        ValueError: It is none of these.
    """
    text = str(given)[:80].strip()
    if clock := _CLOCK.fullmatch(text):
        found = 3600 * int(clock[1] or 0) + 60 * int(clock[2]) + float(clock[3])
    elif text.startswith("P") and len(text) > 2 and (parts := _ISO_DURATION.fullmatch(text)):
        days, hours, minutes, rest = (float(part or 0) for part in parts.groups())
        found = 86_400 * days + 3600 * hours + 60 * minutes + rest
    else:
        try:
            found = float(text)
        except ValueError as error:
            raise ValueError(f"expected seconds, 01:05 or PT1M5S, found {_shown(given)}") from error
    # Platforms say 0 where they do not know.
    return found if 0 < found < float("inf") else None


def unix_seconds(given: Any) -> int:
    """Read a time: seconds since 1970 or ISO 8601; without a zone it is UTC.

    Raises:
        ValueError: It is neither, or lies beyond the year 9999 (milliseconds, most likely).
    """
    if isinstance(given, datetime):
        moment = given
    elif isinstance(given, date):
        moment = datetime.combine(given, time())
    else:
        number = _number_or_none(given)
        if number is not None:
            if not 0 <= number < _END_OF_YEAR_9999:
                raise ValueError(f"{_shown(given)} s since 1970 is no date; milliseconds?")
            return int(number)
        text = str(given)[:40].strip().removesuffix(" UTC")
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(
                f"expected seconds since 1970 or a date such as 2025-05-16 12:42:16, "
                f"found {_shown(given)}"
            ) from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _number_or_none(given: Any) -> Decimal | None:
    if isinstance(given, (int, float)):
        return _decimal(given)
    try:
        number = Decimal(str(given)[:40].strip())
    except InvalidOperation:
        return None
    # "20201217" is a date, not a day in August 1970.
    is_date = isinstance(given, str) and re.fullmatch(r"(19|20)[0-9]{6}", given.strip())
    return None if is_date or not number.is_finite() else number


def strings(given: Any) -> list[str]:
    """Read a list: a real one, "['a', 'b']", "a b #c, d", or mappings with a name.

    Raises:
        ValueError: It looks like a list and cannot be read as one.
        TypeError: It holds lists.
    """
    if isinstance(given, (list, tuple)):
        return [_name(item) for item in given if item is not None]
    text = str(given).strip()
    if text.startswith("["):
        return [_name(item) for item in _literal(text) if item is not None]
    return text.replace(",", " ").replace("#", " ").split()


def _literal(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise ValueError(f"not a list: {_shown(text)}") from error
    if not isinstance(found, list):
        raise TypeError(f"not a list: {_shown(text)}")
    return found


def _name(item: Any) -> str:
    if not isinstance(item, Mapping):
        if isinstance(item, (list, tuple)):
            raise TypeError(f"a list in a list: {_shown(item)}")
        return str(item)
    for field in _NAME_FIELDS:
        if isinstance(item.get(field), str):
            return item[field]
    raise ValueError(f"a mapping without a name ({', '.join(_NAME_FIELDS)}): {_shown(item)}")


def hashtags(given: Any) -> list[str]:
    """Read a list of tags, normalized, each once, in order.

    Raises:
        ValueError: There are more than `MAX_HASHTAGS`, or one is longer than `MAX_HASHTAG_CHARS`.
    """
    found = strings(given)
    if len(found) > MAX_HASHTAGS:
        raise ValueError(f"{len(found):,} tags; a post has at most {MAX_HASHTAGS}")
    for text in found:
        if len(text) > MAX_HASHTAG_CHARS:
            raise ValueError(f"a tag of {len(text):,} characters: {_shown(text)}")
    tags = (normalize_hashtag(tag) for tag in found)
    return list(dict.fromkeys(tag for tag in tags if tag))


def identifier(given: Any) -> str:
    """Read an id that may stand in a file name: nothing in it leads out of a folder.

    Raises:
        ValueError: It is empty, too long, holds controls, backslashes or `..`, or ends in # and a
            number.
        TypeError: It was read as a decimal number and lost its last digits.
    """
    if isinstance(given, float):
        raise TypeError(f"an id read as a decimal number lost its digits: {_shown(given)}")
    text = str(given)
    parts = text.split("/")
    if (
        not 0 < len(text) <= 200
        or not text.isprintable()
        or "\\" in text
        or any(part in {"", ".", ".."} for part in parts)
        # So end the names of repeated rows: `a#1` would be withdrawn with `a`, and not by itself.
        or re.search(r"#\d+$", text)
    ):
        raise ValueError(f"not an id: {_shown(text)}")
    return text
