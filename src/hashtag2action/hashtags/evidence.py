"""What posts say about tags: reach, creators, regions, languages and company, by DuckDB.

Tables are Parquet files with the columns of POST. Tags are turned into numbers first, and pairs
are counted in passes, so that memory holds one pass at a time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field

from hashtag2action.config import Config
from hashtag2action.errors import MissingExtraError, SourceError

TAG_EVIDENCE = pa.schema(
    [
        ("hashtag", pa.string()),
        ("num_posts", pa.int64()),
        ("num_creators", pa.int64()),
        ("num_views", pa.int64()),
        ("num_regions", pa.int64()),
        ("num_languages", pa.int64()),
        ("specificity", pa.float64()),
        ("companions", pa.list_(pa.string())),
        ("companion_npmi", pa.list_(pa.float32())),
    ]
)
"""Evidence for one tag.

`specificity` is the mean, over the tags beside it, of their pointwise mutual information with the
tag, as a share of the most it can be, -log P(tag): 0 for a tag that stands beside everything as
often as chance has it, 1 for one that always stands beside the same few. Null: no company.
`companions` are the tags of the largest NPMI with it, best first, `companion_npmi` the values.

Source: normalized pointwise mutual information after Bouma, 2009; its mean over the companions of
one tag is ours.
"""


class StatisticsLimits(Config):
    """How the statistics of tags are counted."""

    runtime_fields = ("memory_gib", "threads", "num_passes")

    min_tag_posts: Annotated[int, Field(ge=1)] = 1
    """Fewest posts for a tag to enter pairs: rare company is what tells a tag from a habit."""
    min_pair_posts: Annotated[int, Field(ge=1)] = 3
    """Fewest posts in which two tags stand together to be companions (chosen: twice is chance)."""
    max_companions: Annotated[int, Field(ge=0)] = 8
    """Companions listed for a tag."""
    max_tags_per_post: Annotated[int, Field(ge=1)] = 40
    """Tags of one post that are counted, the first ones (chosen: no one reads more, and pairs grow
    with the square)."""
    memory_gib: Annotated[float, Field(gt=0)] = 3.0
    """Most memory DuckDB may take."""
    threads: Annotated[int, Field(ge=1)] = 2
    """Threads DuckDB may use."""
    num_passes: Annotated[int, Field(ge=1)] | None = None
    """Passes over the pairs; by default one for every 20 million pairs."""


_PAIRS_PER_PASS = 20_000_000

_TAG = """
CREATE TABLE tag AS
SELECT row_number() OVER (ORDER BY num_posts DESC, hashtag)::INTEGER AS id, *
FROM (
    SELECT hashtag, count(*) AS num_posts, sum(views)::BIGINT AS num_views
    FROM (
        SELECT unnest(list_slice(list_distinct(hashtags), 1, {max_tags})) AS hashtag,
               coalesce(num_views, 0) AS views
        FROM posts
    )
    GROUP BY hashtag
)
"""
_TAGGED = """
CREATE TABLE tagged AS
SELECT post, id, creator, region, language
FROM (
    SELECT row_number() OVER () AS post,
           unnest(list_slice(list_distinct(hashtags), 1, {max_tags})) AS hashtag,
           hash(creator) AS creator,
           CASE WHEN region IS NULL THEN NULL ELSE (hash(region) % 65536)::USMALLINT END AS region,
           CASE WHEN {language} IS NULL THEN NULL
                ELSE (hash({language}) % 65536)::USMALLINT END AS language
    FROM posts
)
JOIN tag USING (hashtag)
"""
_REACH = """
CREATE TABLE reach_{column} AS
SELECT id, count({column}) AS num_{column}
FROM (SELECT DISTINCT id, {column} FROM tagged)
GROUP BY id
"""
# A creator who posts the same tags again and again counts once in company.
_LISTS = """
CREATE TABLE lists AS
SELECT DISTINCT creator, ids
FROM (
    SELECT any_value(creator) AS creator, list_sort(list(id)) AS ids
    FROM tagged
    SEMI JOIN (SELECT id FROM tag WHERE num_posts >= {min_tag_posts}) USING (id)
    GROUP BY post
    HAVING count(*) > 1
)
"""
_MARGIN = """
CREATE TABLE margin AS
SELECT id, count(*) AS num_lists, sum(others)::BIGINT AS num_pairs
FROM (SELECT unnest(ids) AS id, len(ids) - 1 AS others FROM lists)
GROUP BY id
"""
# Every pair once, as one number: groups of one number are counted faster than groups of two.
_PAIR = """
CREATE OR REPLACE TABLE pair AS
SELECT (key >> 32)::INTEGER AS a, (key & 4294967295)::INTEGER AS b, num
FROM (
    SELECT key, count(*) AS num
    FROM (
        SELECT (ids[place]::BIGINT << 32) | unnest(ids[place + 1:])::BIGINT AS key
        FROM (SELECT ids, unnest(range(1, len(ids))) AS place FROM lists)
        WHERE ids[place] % {num_passes} = {number}
    )
    GROUP BY key
)
"""
# The background of a tag is the company of all others: no tag stands beside itself.
# Information is a sum over pairs, so passes add up; the best companions are chosen at the end.
_COMPANY = """
INSERT INTO company
SELECT
    one.id,
    sum(
        num / one.num_pairs
        * log2((num / one.num_pairs) / (two.num_pairs / nullif({num_pairs} - one.num_pairs, 0)))
    ),
    max_by(
        {{'other': two.id, 'npmi': {npmi}}}, {{'npmi': {npmi}, 'first': -two.id}}, {max_companions}
    ) FILTER (num >= {min_pair_posts})
FROM pair
JOIN margin AS one ON one.id = pair.{side}
JOIN margin AS two ON two.id = pair.{other_side}
GROUP BY one.id
"""
_NPMI = """
ln(num * {num_lists} / (one.num_lists * two.num_lists)) / nullif(-ln(num / {num_lists}), 0)
"""
_RESULT = """
SELECT tag.hashtag, tag.num_posts, tag.num_views, num_creator AS num_creators,
       num_region AS num_regions, num_language AS num_languages, specificity,
       coalesce(names.companions, []) AS companions,
       coalesce(names.companion_npmi, []) AS companion_npmi
FROM tag
JOIN reach_creator USING (id)
JOIN reach_region USING (id)
JOIN reach_language USING (id)
LEFT JOIN (
    SELECT company.id,
           round(sum(information) / any_value(log2({num_pairs} / num_pairs)), 9) AS specificity
    FROM company JOIN margin USING (id)
    GROUP BY company.id
) AS informed ON informed.id = tag.id
LEFT JOIN (
    SELECT listed.id,
           list(other.hashtag ORDER BY npmi DESC, other.id)[:{max_companions}] AS companions,
           list(npmi ORDER BY npmi DESC, other.id)[:{max_companions}] AS companion_npmi
    FROM (
        SELECT id, pairing.other AS other, pairing.npmi AS npmi
        FROM (SELECT id, unnest(best) AS pairing FROM company)
    ) AS listed
    JOIN tag AS other ON other.id = listed.other
    GROUP BY listed.id
) AS names ON names.id = tag.id
ORDER BY tag.id
"""


def tag_statistics(
    posts: Sequence[Path], scratch: Path, limits: StatisticsLimits | None = None
) -> pa.Table:
    """Count the evidence of every tag in posts on disk.

    Args:
        posts: Parquet files with POST's columns `hashtags`, `creator`, `region`, `num_views`; a
            column `language` (ISO 639-1) is counted where all files have it.
        scratch: Folder for what does not fit into memory.
        limits: How to count.

    Returns:
        A table of TAG_EVIDENCE, the most used tag first.

    Raises:
        SourceError: A file cannot be read.
    """
    limits = limits or StatisticsLimits()
    with open_posts(posts, scratch, limits) as connection:
        return _count(connection, limits)


@contextmanager
def open_posts(
    posts: Sequence[Path], scratch: Path, limits: StatisticsLimits | None = None
) -> Iterator[Any]:
    """Give a DuckDB connection in which the view `posts` is what the files hold.

    Raises:
        SourceError: A file cannot be read, or a question about it fails.
    """
    limits = limits or StatisticsLimits()
    duckdb = _duckdb()
    scratch.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    listed = ", ".join(_quoted(path.as_posix()) for path in posts)
    try:
        connection.execute(f"SET memory_limit='{limits.memory_gib}GiB'")
        connection.execute(f"SET threads={limits.threads}")
        connection.execute("SET preserve_insertion_order=false")
        connection.execute("SET temp_directory=" + _quoted(scratch.as_posix()))
        connection.execute(f"CREATE VIEW posts AS SELECT * FROM read_parquet([{listed}])")
        yield connection
    except duckdb.Error as error:
        place = posts[0] if posts else "no posts"
        raise SourceError(f"{place}: tags cannot be counted: {error}") from error
    finally:
        connection.close()


_TIMELINE = """
SELECT hashtag,
       least(({num_bins} * (created - low) // greatest(high - low, 1)), {num_bins} - 1)::INTEGER
           AS place,
       count(*)::INTEGER AS num_posts
FROM (SELECT unnest(list_distinct(hashtags)) AS hashtag, created_unix_s AS created FROM posts)
JOIN wanted USING (hashtag),
     (SELECT min(created_unix_s) AS low, max(created_unix_s) AS high FROM posts)
WHERE created IS NOT NULL
GROUP BY ALL
"""


def timelines(
    posts: Sequence[Path], scratch: Path, hashtags: Sequence[str], num_bins: int = 24
) -> dict[str, list[int]]:
    """Return tag -> posts in equal steps of time, from the first post of all to the last.

    Args:
        posts: Parquet files with `hashtags` and `created_unix_s`.
        scratch: Folder for what does not fit into memory.
        hashtags: Tags to count; those on no post with a time are absent.
        num_bins: Steps (chosen: a line as wide as a word has no room for more).

    Raises:
        SourceError: A file cannot be read.
    """
    found: dict[str, list[int]] = {}
    with open_posts(posts, scratch) as connection:
        connection.register("wanted", pa.table({"hashtag": pa.array(hashtags, pa.string())}))
        rows = connection.execute(_TIMELINE.format(num_bins=num_bins)).fetchall()
    for tag, place, num_posts in rows:
        found.setdefault(tag, [0] * num_bins)[place] = num_posts
    return found


def _count(connection: Any, limits: StatisticsLimits) -> pa.Table:
    columns = {row[0] for row in connection.execute("DESCRIBE posts").fetchall()}
    values = {
        "max_tags": limits.max_tags_per_post,
        "language": "language" if "language" in columns else "NULL",
        **limits.model_dump(include={"min_tag_posts", "min_pair_posts", "max_companions"}),
    }
    connection.execute(_TAG.format(**values))
    connection.execute(_TAGGED.format(**values))
    for column in ("creator", "region", "language"):
        connection.execute(_REACH.format(column=column))
    connection.execute(_LISTS.format(**values))
    connection.execute("DROP TABLE tagged")
    connection.execute(_MARGIN)
    totals = "SELECT coalesce(sum(num_pairs), 0)::DOUBLE FROM margin"
    num_pairs = connection.execute(totals).fetchone()[0]
    num_lists = connection.execute("SELECT count(*)::DOUBLE FROM lists").fetchone()[0]
    values |= {"num_pairs": num_pairs, "num_lists": num_lists}
    values["npmi"] = _NPMI.format(**values)
    connection.execute(
        "CREATE TABLE company (id INTEGER, information DOUBLE, "
        "best STRUCT(other INTEGER, npmi DOUBLE)[])"
    )
    num_passes = limits.num_passes or 1 + int(num_pairs // (2 * _PAIRS_PER_PASS))
    for number in range(num_passes):
        connection.execute(_PAIR.format(num_passes=num_passes, number=number))
        for side, other_side in (("a", "b"), ("b", "a")):
            connection.execute(_COMPANY.format(side=side, other_side=other_side, **values))
    connection.execute("DROP TABLE IF EXISTS pair")
    table = connection.sql(_RESULT.format(**values)).to_arrow_table()
    return table.select(TAG_EVIDENCE.names).cast(TAG_EVIDENCE)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _duckdb() -> ModuleType:
    try:
        import duckdb
    except ModuleNotFoundError as error:
        raise MissingExtraError("duckdb", "mine") from error
    return duckdb
