"""A rule over one column of the posts' metadata, written in the recipe with its own reason."""

from collections.abc import Callable
from typing import Annotated, Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from hashtag2action.config import Config
from hashtag2action.records import POST

DERIVED = pa.schema(
    [
        ("hashtag", pa.string()),
        ("num_hashtags", pa.int64()),
        ("num_generic_hashtags", pa.int64()),
        ("num_wanted_hashtags", pa.int64()),
        ("tag_spam_score", pa.float32()),
        ("likes_per_view", pa.float64()),
        ("age_days", pa.float64()),
        ("short_side_px", pa.int64()),
        ("aspect", pa.float64()),
    ]
)
"""Columns the filter makes of a post's own: what rules may name beside them."""

RULE_COLUMNS = pa.schema([*POST, *DERIVED])

Scalar = bool | int | float | str
Mask: TypeAlias = pa.ChunkedArray | pa.Array

_ORDERS: dict[str, Callable[[Mask, pa.Scalar], Mask]] = {
    "below": pc.less,
    "above": pc.greater,
    "is": pc.equal,
    "is_not": pc.not_equal,
}


class Rule(Config):
    """Posts of which this is true leave with the reason; what a post does not say is not true."""

    column: str
    """A column of the posts, or one the filter makes of them, such as `likes_per_view`."""
    comparison: Literal[
        "below", "above", "is", "is_not", "in", "not_in", "matches", "not_matches", "missing"
    ]
    """What the column is compared by; `matches` takes a regular expression (RE2), `missing` takes
    no value. Of tags, `is`, `in` and `matches` are true if they are true of any tag, and `is_not`,
    `not_in` and `not_matches` if they are true of all."""
    value: Scalar | tuple[Scalar, ...] | None = None
    """What it is compared with; `in` and `not_in` take a list."""
    reason: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    """What the posts leave with."""

    @model_validator(mode="after")
    def _fits_its_column(self) -> "Rule":
        if self.column not in RULE_COLUMNS.names:
            raise ValueError(
                f"posts have no column {self.column!r}; there are {', '.join(RULE_COLUMNS.names)}"
            )
        kind = self._kind
        is_list = self.comparison in {"in", "not_in"}
        if self.comparison == "missing":
            if self.value is not None:
                raise ValueError("`missing` takes no value")
            return self
        if is_list != isinstance(self.value, tuple) or self.value is None:
            raise ValueError(f"`{self.comparison}` takes {'a list' if is_list else 'one value'}")
        if self.comparison in {"below", "above"} and not _is_number(kind):
            raise ValueError(f"`{self.comparison}` compares numbers; {self.column} is {kind}")
        if self.comparison in {"matches", "not_matches"} and not pa.types.is_string(kind):
            raise ValueError(f"`{self.comparison}` looks into text; {self.column} is {kind}")
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        if any(isinstance(value, str) == _is_number(kind) for value in values):
            raise ValueError(f"{self.column} is {kind}, the value is {self.value!r}")
        if self.comparison in {"matches", "not_matches"}:
            try:
                pc.match_substring_regex(pa.array([""]), str(self.value))
            except pa.ArrowInvalid as error:
                raise ValueError(f"{self.value!r} is no regular expression: {error}") from error
        return self

    @property
    def _kind(self) -> pa.DataType:
        kind = RULE_COLUMNS.field(self.column).type
        return kind.value_type if pa.types.is_list(kind) else kind

    def broken(self, table: pa.Table) -> Mask:
        """Return a mask of the posts that leave."""
        column = table[self.column]
        if not pa.types.is_list(column.type):
            return self._compare(column)
        if self.comparison == "missing":
            return pc.equal(pc.fill_null(pc.list_value_length(column), 0), 0)
        lists = column.combine_chunks()
        hits = pc.fill_null(self._positive._compare(pc.list_flatten(lists)), False)
        owners = pc.unique(pc.list_parent_indices(lists).filter(hits))
        any_hit = pc.is_in(pa.array(range(len(lists)), pa.int64()), owners.cast(pa.int64()))
        has_tags = pc.greater(pc.list_value_length(lists), 0)
        return any_hit if self._positive is self else pc.and_not(has_tags, any_hit)

    @property
    def _positive(self) -> "Rule":
        names = {"is_not": "is", "not_in": "in", "not_matches": "matches"}
        name = names.get(self.comparison)
        return self if name is None else self.model_copy(update={"comparison": name})

    def _compare(self, column: Mask) -> Mask:
        if self.comparison == "missing":
            return pc.is_null(column)
        if self.comparison in _ORDERS:
            return _ORDERS[self.comparison](column, pa.scalar(self.value))
        if self.comparison in {"in", "not_in"}:
            assert isinstance(self.value, tuple)
            kind = pa.float64() if _is_number(self._kind) else column.type
            found = pc.is_in(column.cast(kind), pa.array(self.value, kind))
        else:
            found = pc.match_substring_regex(column, str(self.value))
        known = pc.is_valid(column)
        is_negative = self.comparison in {"not_in", "not_matches"}
        return pc.and_not(known, found) if is_negative else pc.and_(known, found)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)
