"""Stage 1: decide by what the platform says, before any byte of video is read.

Every rule is off until it is set, names itself in `reject_reason`, and is broken by what a post
says, never by what it leaves unsaid; to reject what is unsaid, write a rule with `missing`.
"""

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from hashtag2action.config import key_of
from hashtag2action.curate.commercial_marks import CommercialMarks, read_marks
from hashtag2action.curate.creator_quota import over_quota
from hashtag2action.curate.metadata_rules import DERIVED, Mask, Rule
from hashtag2action.curate.post_numbers import (
    TagLists,
    TagNumbers,
    age_days,
    aspect,
    likes_per_view,
    short_side_px,
)
from hashtag2action.curate.stage import Stage, Transform, first_reason
from hashtag2action.errors import ConfigError
from hashtag2action.records import POST, REJECT_REASON
from hashtag2action.sources.languages import language_model, language_of

GENERIC_HASHTAGS = (
    "explore", "explorepage", "foru", "forupage", "foryou", "foryoupage", "fy", "fyp", "fypage",
    "fypシ", "parati", "reels", "shorts", "tiktok", "trend", "trending", "viral", "viralvideo",
    "xyzbca",
)  # fmt: skip
"""Tags that ask for reach and say nothing about a video (chosen: the most used of that kind)."""
_ROWS_AT_ONCE = 1 << 18
"""Posts looked at in one go (chosen: a quarter of a million need about 50 MB beside the table, and
larger tables are not judged faster)."""
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class FilterMetadata(Stage):
    """Keep posts whose metadata promise a usable video, and name the tag each stands for."""

    name: ClassVar[str] = "filter_metadata"
    row_id: ClassVar[str] = "post_id"
    reads: ClassVar[tuple[str, ...]] = tuple(POST.names)
    adds: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("hashtag", pa.string(), metadata={"meaning": "Tag the post stands for."}),
            pa.field(
                "language",
                pa.string(),
                metadata={"meaning": "Language stated, or guessed where asked; ISO 639-1."},
            ),
            pa.field(
                "tag_spam_score",
                pa.float32(),
                metadata={"meaning": "Share of tags that are generic or beyond the usual number."},
            ),
        ]
    )

    hashtags: tuple[str, ...] = ()
    """Tags to keep, the most wanted first; empty keeps posts of any tag."""
    generic_hashtags: tuple[str, ...] = GENERIC_HASHTAGS
    """Tags never taken as what a post is about."""
    generic_prefixes: tuple[str, ...] = ("foryoupage", "foryourpage", "fypシ", "viralvideo")
    """Beginnings of further such tags (chosen: those that go on in sounds and emoji)."""
    min_duration_s: Annotated[float, Field(ge=0)] = 1.0
    """Shortest duration a platform may state, seconds."""
    max_duration_s: Annotated[float, Field(gt=0)] = 180.0
    """Longest duration, seconds (chosen: the longest upload from a short-form camera)."""
    reference_date: date | None = None
    """Day at whose beginning (UTC) posts are as old as `min_age_days` and `max_age_days` mean."""
    min_age_days: Annotated[float, Field(ge=0)] | None = None
    """Youngest post: views and likes of a younger one still grow."""
    max_age_days: Annotated[float, Field(ge=0)] | None = None
    """Oldest post."""
    min_views: Count = 0
    """Fewest views of a post; the paper's 5 million is a threshold on tags, not on posts."""
    min_likes_per_view: Fraction | None = None
    """Fewest likes per view."""
    max_likes_per_view: Fraction | None = None
    """Most likes per view; far more than usual are bought."""
    languages: tuple[str, ...] = ()
    """Languages to keep, ISO 639-1; empty keeps all."""
    language_from: Literal["source", "description"] = "source"
    """Where the language of a post is from: what the source states, or, where it states none, a
    guess from the description (extra `[mine]`), made for posts that break no other rule."""
    regions: tuple[str, ...] = ()
    """Country codes to keep; empty keeps all."""
    min_hashtags: Count = 0
    """Fewest tags of a post."""
    max_hashtags: Count | None = None
    """Most tags of a post."""
    max_wanted_hashtags: Count | None = None
    """Most tags of `hashtags` a post may have: one that names many actions shows few of them."""
    max_tag_spam_score: Fraction | None = None
    """Largest share of tags that are generic or beyond `usual_num_hashtags`."""
    usual_num_hashtags: Count = 11
    """Tags that say something, from which on further ones count as spam (chosen: 95 % of 5,000
    posts of two public data sets of 2020 and 2025 have at most as many)."""
    reject_commercial: bool = False
    """Reject posts that are marked as advertisements, by a tag or in the description."""
    commercial_marks: Path | None = None
    """List of such marks in place of the shipped one, `curate/vocabulary/commercial.yaml`."""
    licenses: tuple[str, ...] = ()
    """Licences to keep, in any case, where `*` stands for anything: `CC BY*`; empty keeps all,
    also posts without one."""
    min_short_side_px: Count = 0
    """Smallest shorter side a source may state, pixels."""
    min_aspect: Annotated[float, Field(gt=0)] | None = None
    """Smallest width divided by height a source may state."""
    max_aspect: Annotated[float, Field(gt=0)] | None = None
    """Largest width divided by height; 1 keeps upright and square videos."""
    withdrawn: Path | None = None
    """File of post ids, one a line, whose creators took them back."""
    rules: tuple[Rule, ...] = ()
    """Further rules, over any column."""
    max_creator_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    """Largest share one creator may have of the posts of a group that break no other rule; the
    most viewed stay. The stage then needs the whole table in memory, below 1 KB a post."""
    quota_group: Literal["hashtag", "region", "language", "platform"] | None = "hashtag"
    """What makes a group for `max_creator_fraction`; null: all posts are one."""

    @model_validator(mode="after")
    def _settings_agree(self) -> "FilterMetadata":
        for name in ("duration_s", "age_days", "likes_per_view", "hashtags", "aspect"):
            low, high = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
            if low is not None and high is not None and low > high:
                raise ValueError(f"min_{name} {low} is above max_{name} {high}")
        uses_age = any(rule.column == "age_days" for rule in self.rules)
        has_age = self.min_age_days is not None or self.max_age_days is not None or uses_age
        if has_age and self.reference_date is None:
            raise ValueError("an age needs reference_date, the day at which it is meant")
        return self

    def needs_whole_table(self) -> bool:
        """Only the quota does."""
        return self.max_creator_fraction is not None

    def key_fields(self) -> dict[str, Any]:
        """Return the settings; the list of marks by what it says, where it is used."""
        fields = super().key_fields()
        if self.reject_commercial:
            fields["commercial_marks_key"] = key_of(read_marks(self.commercial_marks))
        return fields

    def open(self, media: Path) -> Transform:
        """Return the filter."""
        withdrawn = pa.array(_ids(self.withdrawn), pa.string())
        marks = read_marks(self.commercial_marks) if self.reject_commercial else CommercialMarks()
        if self.language_from == "description":
            language_model()

        def transform(table: pa.Table) -> pa.Table:
            starts = range(0, max(table.num_rows, 1), _ROWS_AT_ONCE)
            slices = (table.slice(start, _ROWS_AT_ONCE) for start in starts)
            judged = pa.concat_tables([self._judge(rows, withdrawn, marks) for rows in slices])
            return self._with_quota(judged)

        return transform

    def _judge(self, posts: pa.Table, withdrawn: pa.Array, marks: CommercialMarks) -> pa.Table:
        tags = TagLists(
            self.hashtags, self.generic_hashtags, self.generic_prefixes, marks.tags()
        ).count(posts["hashtags"])
        seen = self._with_numbers(posts, tags)
        broken = [
            ("withdrawn", pc.is_in(posts["post_id"], withdrawn)),
            *self._named_rules(seen),
            *self._license_rules(posts),
        ]
        if self.reject_commercial:
            text = pc.fill_null(marks.marked(posts["description"]), False)
            broken.append(("commercial", pc.or_(text, pa.array(tags.is_commercial))))
        broken += [(rule.reason, rule.broken(seen)) for rule in self.rules]
        reasons = first_reason(posts, broken)[REJECT_REASON.name]
        language = self._language(posts, reasons)
        if self.languages:
            other = _outside(language, self.languages)
            reasons = pc.if_else(
                pc.and_(pc.is_null(reasons), other), pa.scalar("other_language"), reasons
            )
        seen = seen.append_column("language", language)
        for column in self.adds:
            posts = posts.append_column(column, seen[column.name])
        return posts.append_column(REJECT_REASON, reasons)

    def _with_numbers(self, posts: pa.Table, tags: TagNumbers) -> pa.Table:
        """Return the posts with the columns of DERIVED."""
        numbers = {
            "hashtag": tags.hashtag,
            "num_hashtags": pa.array(tags.num_all),
            "num_generic_hashtags": pa.array(tags.num_generic),
            "num_wanted_hashtags": pa.array(tags.num_wanted),
            "tag_spam_score": pa.array(tags.spam_score(self.usual_num_hashtags)),
            "likes_per_view": likes_per_view(posts),
            "age_days": age_days(posts, self.reference_date),
            "short_side_px": short_side_px(posts),
            "aspect": aspect(posts),
        }
        for column in DERIVED:
            posts = posts.append_column(column, numbers[column.name])
        return posts

    def _named_rules(self, seen: pa.Table) -> list[tuple[str, Mask]]:
        limits: list[tuple[str, str, float | None, float | None, str]] = [
            ("duration_s", "too_short", self.min_duration_s, self.max_duration_s, "too_long"),
            ("num_views", "too_few_views", self.min_views, None, ""),
            ("age_days", "too_young", self.min_age_days, self.max_age_days, "too_old"),
            (
                "likes_per_view",
                "too_few_likes_per_view",
                self.min_likes_per_view,
                self.max_likes_per_view,
                "too_many_likes_per_view",
            ),
            (
                "num_hashtags",
                "too_few_hashtags",
                self.min_hashtags,
                self.max_hashtags,
                "too_many_hashtags",
            ),
            ("num_wanted_hashtags", "", None, self.max_wanted_hashtags, "too_many_wanted_hashtags"),
            ("tag_spam_score", "", None, self.max_tag_spam_score, "tag_spam"),
            ("short_side_px", "too_small", self.min_short_side_px, None, ""),
            ("aspect", "too_narrow", self.min_aspect, self.max_aspect, "too_wide"),
        ]
        rules = []
        for column, low_reason, low, high, high_reason in limits:
            if low is not None and low > 0:
                rules.append((low_reason, pc.less(seen[column], low)))
            if high is not None:
                rules.append((high_reason, pc.greater(seen[column], high)))
        if self.regions:
            rules.append(("other_region", _outside(seen["region"], self.regions)))
        if self.hashtags:
            rules.append(("no_wanted_hashtag", pc.is_null(seen["hashtag"])))
        return rules

    def _license_rules(self, posts: pa.Table) -> list[tuple[str, Mask]]:
        if not self.licenses:
            return []
        globs = (re.escape(pattern).replace(r"\*", ".*") for pattern in self.licenses)
        allowed = pc.match_substring_regex(posts["license"], f"(?i)^(?:{'|'.join(globs)})$")
        has_none = pc.equal(pc.fill_null(posts["license"], ""), "")
        return [("no_license", has_none), ("other_license", pc.invert(allowed))]

    def _language(self, posts: pa.Table, reasons: pa.ChunkedArray) -> pa.ChunkedArray:
        stated = posts["stated_language"]
        if self.language_from == "source":
            return stated
        open_ones = pc.and_(pc.is_null(reasons), pc.is_null(stated))
        texts = pc.if_else(open_ones, posts["description"], None).to_pylist()
        guessed = [language_of(text) if text else None for text in texts]
        return pc.coalesce(stated, pa.chunked_array([pa.array(guessed, pa.string())]))

    def _with_quota(self, judged: pa.Table) -> pa.Table:
        if self.max_creator_fraction is None:
            return judged
        reasons = judged[REJECT_REASON.name]
        left = pc.indices_nonzero(pc.is_null(reasons))
        over = over_quota(judged.take(left), self.quota_group, self.max_creator_fraction)
        leaving = pc.is_in(
            pa.array(range(judged.num_rows), pa.uint64()), left.filter(pa.array(over))
        )
        reasons = pc.if_else(leaving, pa.scalar("over_creator_quota"), reasons)
        return judged.drop_columns([REJECT_REASON.name]).append_column(REJECT_REASON, reasons)


def _outside(column: Mask, allowed: tuple[str, ...]) -> Mask:
    inside = pc.is_in(column, pa.array(allowed, pa.string()))
    return pc.and_not(pc.is_valid(column), inside)


def _ids(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"filter_metadata.withdrawn: {path} cannot be read ({error}); "
            "expected a text file with one post id a line"
        ) from error
    return [line.strip() for line in lines if line.strip()]
