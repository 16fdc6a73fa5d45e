from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hashtag2action.config import load
from hashtag2action.curate.filter_metadata import FilterMetadata
from hashtag2action.curate.metadata_rules import Rule
from hashtag2action.curate.run import run_stage
from hashtag2action.engines.local import LocalEngine
from hashtag2action.errors import ConfigError
from hashtag2action.manifest import Manifest
from hashtag2action.records import POST, REJECT_REASON

DAY = "2026-01-11"
CREATED = 1767225600


def posts(*rows: dict) -> pa.Table:
    return pa.Table.from_pylist(
        [{"post_id": str(number), "hashtags": []} | row for number, row in enumerate(rows)],
        schema=POST,
    )


def reasons(stage: FilterMetadata, table: pa.Table) -> list[str | None]:
    return stage.open(Path("unused"))(table)["reject_reason"].to_pylist()


def test_each_rule_names_itself_and_what_a_post_does_not_say_breaks_none(tmp_path: Path) -> None:
    withdrawn = tmp_path / "withdrawn.txt"
    withdrawn.write_text("4\n\n")
    stage = FilterMetadata(
        min_duration_s=3, max_duration_s=60, min_views=100, regions=("DE",), withdrawn=withdrawn
    )
    table = posts(
        {"duration_s": 5.0, "num_views": 100, "region": "DE"},
        {"duration_s": 2.9},
        {"duration_s": 60.5},
        {"num_views": 99},
        {},
        {"region": "US"},
        {},
    )
    expected = [None, "too_short", "too_long", "too_few_views", "withdrawn", "other_region", None]
    assert reasons(stage, table) == expected


def test_tag_of_a_post_is_the_first_that_says_anything() -> None:
    table = posts({"hashtags": ["fyp", "salsa", "tango"]}, {"hashtags": ["viral"]}, {})
    made = FilterMetadata().open(Path("unused"))(table)
    assert made["hashtag"].to_pylist() == ["salsa", None, None]
    assert made["reject_reason"].null_count == 3


def test_wanted_tags_win_in_their_order_and_posts_without_one_leave() -> None:
    stage = FilterMetadata(hashtags=("tango", "salsa"))
    table = posts({"hashtags": ["salsa", "tango"]}, {"hashtags": ["polka"]})
    made = stage.open(Path("unused"))(table)
    assert made["hashtag"].to_pylist() == ["tango", None]
    assert made["reject_reason"].to_pylist() == [None, "no_wanted_hashtag"]


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match="is above"):
        FilterMetadata(min_duration_s=9, max_duration_s=3)
    with pytest.raises(ConfigError, match="one post id a line"):
        FilterMetadata(withdrawn=Path("absent.txt")).open(Path("unused"))


def one(stage: FilterMetadata, **values: object) -> str | None:
    return reasons(stage, posts(values))[0]


@pytest.mark.parametrize(
    ("settings", "values", "reason"),
    [
        ({"reference_date": DAY, "min_age_days": 10.5}, {"created_unix_s": CREATED}, "too_young"),
        ({"reference_date": DAY, "max_age_days": 9.5}, {"created_unix_s": CREATED}, "too_old"),
        ({"reference_date": DAY, "max_age_days": 10}, {"created_unix_s": CREATED}, None),
        ({"min_likes_per_view": 0.1}, {"num_likes": 9, "num_views": 100}, "too_few_likes_per_view"),
        ({"max_likes_per_view": 0.5}, {"num_likes": 6, "num_views": 10}, "too_many_likes_per_view"),
        ({"min_likes_per_view": 0.1}, {"num_likes": 9, "num_views": 0}, None),
        ({"languages": ("de",)}, {"stated_language": "fr"}, "other_language"),
        ({"min_hashtags": 1}, {"hashtags": None}, "too_few_hashtags"),
        ({"max_hashtags": 2}, {"hashtags": ["a", "b", "c"]}, "too_many_hashtags"),
        ({"max_tag_spam_score": 0.5}, {"hashtags": ["fyp", "viral", "yoga"]}, "tag_spam"),
        ({"max_tag_spam_score": 0.5}, {"hashtags": ["fyp", "foryoupage❤", "gym", "yoga"]}, None),
        ({"max_tag_spam_score": 0.2, "usual_num_hashtags": 0}, {"hashtags": ["a"]}, "tag_spam"),
        ({"licenses": ("CC BY*", "consent *")}, {"license": "cc by-sa 4.0"}, None),
        ({"licenses": ("CC BY*",)}, {"license": "reserved (not CC BY)"}, "other_license"),
        ({"licenses": ("CC.BY",)}, {"license": "CC BY"}, "other_license"),
        ({"licenses": ("*",)}, {"license": ""}, "no_license"),
        ({"min_short_side_px": 36}, {"stated_width_px": 64, "stated_height_px": 24}, "too_small"),
        ({"max_aspect": 1}, {"stated_width_px": 1920, "stated_height_px": 1080}, "too_wide"),
        ({"min_aspect": 0.5}, {"stated_width_px": 100, "stated_height_px": 1000}, "too_narrow"),
        ({"min_aspect": 0.5}, {"stated_width_px": 100}, None),
    ],
)  # fmt: skip
def test_named_rules_and_what_just_passes(settings: dict, values: dict, reason: str | None) -> None:
    assert one(FilterMetadata.model_validate(settings), **values) == reason


def test_post_that_names_many_wanted_actions_leaves() -> None:
    stage = FilterMetadata(hashtags=("a", "b"), max_wanted_hashtags=1)
    assert one(stage, hashtags=["b", "a"]) == "too_many_wanted_hashtags"
    assert one(stage, hashtags=["b", "c"]) is None


@pytest.mark.parametrize(
    ("values", "is_commercial"),
    [
        ({"hashtags": ["yoga", "ad"]}, True),
        ({"hashtags": ["werbung"]}, True),
        ({"hashtags": ["реклама"]}, True),
        ({"hashtags": ["adventure", "roadtrip", "prague"]}, False),
        ({"description": "my new mat #Ad"}, True),
        ({"description": "road to #adventure"}, False),
        ({"description": "Paid  Partnership with a shoe shop"}, True),
        ({"description": "Anzeige | so geht der Spagat"}, True),
        ({"description": "[AD] morning routine"}, True),
        ({"description": "(Werbung) Spagat"}, True),
        ({"description": "Meine Anzeige bei der Polizei"}, False),
        ({"description": "ich mache keine Werbungen"}, False),
        ({"description": "유료 광고 포함 요가"}, True),
        ({"description": "【PR】ヨガ"}, True),
        ({"description": "Bài tập bụng, MÃ GIẢM GIÁ trong bio"}, True),
        ({"description": "reading advertisements of 1920"}, False),
    ],
)
def test_advertisements_are_known_by_their_marks(values: dict, is_commercial: bool) -> None:
    expected = "commercial" if is_commercial else None
    assert one(FilterMetadata(reject_commercial=True), **values) == expected
    assert one(FilterMetadata(), **values) is None


def test_own_list_of_marks_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "marks.yaml"
    path.write_text("hashtags: {en: [mine]}\n")
    stage = FilterMetadata(reject_commercial=True, commercial_marks=path)
    assert one(stage, hashtags=["mine"], description="paid partnership") == "commercial"
    assert one(stage, hashtags=["ad"], description="paid partnership") is None
    before = stage.key_fields()
    path.write_text("hashtags: {en: [yours]}\n")
    assert stage.key_fields() != before
    path.write_text("tags: [mine]\n")
    with pytest.raises(ConfigError, match="no list of marks"):
        stage.open(tmp_path)


def test_language_is_guessed_only_where_asked_and_unstated() -> None:
    german = "Heute zeige ich euch mein Training fuer zu Hause"
    table = posts(
        {"description": german},
        {"description": german, "stated_language": "en"},
        {"description": german, "duration_s": 500.0},
        {"description": "ok"},
    )
    stage = FilterMetadata(languages=("de",), language_from="description")
    made = stage.open(Path("unused"))(table)
    assert made["language"].to_pylist() == ["de", "en", None, None]
    assert made["reject_reason"].to_pylist() == [None, "other_language", "too_long", None]


def test_recipe_rules_look_at_any_column_with_their_own_reason(tmp_path: Path) -> None:
    recipe = tmp_path / "filter.yaml"
    recipe.write_text(
        "rules:\n"
        "  - {column: num_comments, comparison: below, value: 3, reason: nobody_speaks}\n"
        "  - {column: hashtags, comparison: matches, value: '^prank', reason: prank}\n"
        "  - {column: region, comparison: missing, reason: no_region}\n"
        "  - {column: platform, comparison: not_in, value: [tiktok, web], reason: elsewhere}\n"
    )
    stage = load(FilterMetadata, recipe)
    table = posts(
        {"num_comments": 3, "region": "DE", "platform": "web"},
        {"num_comments": 2, "region": "DE", "hashtags": ["prank"]},
        {"hashtags": ["yoga", "pranks"], "region": "DE"},
        {"num_comments": 9},
        {"region": "DE", "platform": "tube"},
    )
    expected = [None, "nobody_speaks", "prank", "no_region", "elsewhere"]
    assert reasons(stage, table) == expected


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{column: num_sharks, comparison: below, value: 1, reason: a}", "there are post_id, "),
        ("{column: region, comparison: below, value: 1, reason: a}", "compares numbers"),
        ("{column: region, comparison: is, value: 1, reason: a}", "region is string"),
        ("{column: region, comparison: in, value: DE, reason: a}", "takes a list"),
        ("{column: region, comparison: missing, value: DE, reason: a}", "takes no value"),
        ("{column: region, comparison: matches, value: '(', reason: a}", "no regular expression"),
        ("{column: num_views, comparison: matches, value: a, reason: a}", "looks into text"),
        ("{column: num_views, comparison: roughly, value: 1, reason: a}", "comparison"),
        ("{column: age_days, comparison: above, value: 1, reason: a}", "needs reference_date"),
        ("{column: region, comparison: is, value: DE, reason: Not So}", "reason"),
    ],
)
def test_rule_that_fits_no_column_is_a_wrong_recipe(
    rule: str, message: str, tmp_path: Path
) -> None:
    recipe = tmp_path / "filter.yaml"
    recipe.write_text(f"rules: [{rule}]\n")
    with pytest.raises(ConfigError, match=message):
        load(FilterMetadata, recipe)


@given(st.data())
def test_rules_on_tags_equal_a_plain_loop(data: st.DataObject) -> None:
    tags = st.none() | st.lists(st.sampled_from("abc"), max_size=3)
    rows = data.draw(st.lists(tags, min_size=1, max_size=8))
    name = data.draw(st.sampled_from(["is", "is_not", "in", "not_in", "matches", "not_matches"]))
    value = ("a", "b") if name.endswith("in") else "a"
    rule = Rule(column="hashtags", comparison=name, value=value, reason="x")
    table = pa.table({"hashtags": pa.array(rows, pa.list_(pa.string()))})
    found = [mask is True for mask in rule.broken(table).to_pylist()]

    def is_hit(tag: str) -> bool:
        return tag in value

    expected = [
        bool(row) and (not any(map(is_hit, row)) if "not" in name else any(map(is_hit, row)))
        for row in rows
    ]
    assert found == expected


def test_rows_do_not_depend_on_how_they_are_batched() -> None:
    table = posts(*({"hashtags": [str(n % 3), "fyp"], "num_views": n} for n in range(30)))
    transform = FilterMetadata(hashtags=("1", "2"), min_views=9).open(Path("unused"))
    parts = pa.concat_tables([transform(table.slice(start, 7)) for start in range(0, 30, 7)])
    assert parts.to_pylist() == transform(table).to_pylist()
    assert transform(table.slice(0, 0)).num_rows == 0


def test_no_creator_has_more_than_the_share_of_a_group(tmp_path: Path) -> None:
    rows = [
        {"hashtags": ["yoga"], "creator": "many", "num_views": n % 5, "duration_s": 9.0}
        for n in range(10)
    ]
    rows += [{"hashtags": ["yoga"], "creator": f"one-{n}"} for n in range(6)]
    rows += [{"hashtags": ["surf"], "creator": "many", "duration_s": 500.0}]
    rows += [{"hashtags": ["surf"], "creator": "many"}, {"hashtags": ["surf"]}]
    stage = FilterMetadata(max_creator_fraction=0.25)
    assert stage.needs_whole_table()
    found = reasons(stage, posts(*rows))
    # 2 of 8 posts are a quarter; the most viewed stay, the first by id of equally viewed ones.
    stays = [number for number in range(10) if found[number] is None]
    assert stays == [4, 9]
    assert found[10:16] == [None] * 6
    assert found[16:] == ["too_long", None, None]
    shuffled = np.random.default_rng(1).permutation(len(rows))
    again = reasons(stage, posts(*rows).take(pa.array(shuffled)))
    assert [again[place] for place in np.argsort(shuffled)] == found


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xy")), min_size=1, max_size=60),
    st.sampled_from([0.1, 0.25, 0.4, 0.5, 1.0]),
)
def test_quota_holds_for_what_stays_and_takes_no_more_than_it_must(
    pairs: list[tuple[str, str]], fraction: float
) -> None:
    table = posts(*({"creator": one, "region": other} for one, other in pairs))
    stage = FilterMetadata(max_creator_fraction=fraction, quota_group="region")
    found = reasons(stage, table)
    for region in "xy":
        before = Counter(one for one, other in pairs if other == region)
        after = Counter(
            one for (one, other), why in zip(pairs, found, strict=True)
            if other == region and why is None
        )  # fmt: skip
        limit = max(after.values(), default=0)
        assert limit <= max(1, fraction * after.total())
        assert after == {one: min(limit, count) for one, count in before.items()}
        more = {one: min(limit + 1, count) for one, count in before.items()}
        assert more == after or limit + 1 > fraction * sum(more.values())


def test_run_with_a_quota_sees_all_parts(tmp_path: Path) -> None:
    parent = Manifest(tmp_path / "00-posts")
    parent.begin("posts", "key", "", {})
    table = posts(*({"creator": "a" if n < 6 else f"b{n}", "num_views": n} for n in range(12)))
    for number in range(4):
        part = table.slice(3 * number, 3)
        rejected = part.slice(0, 0).append_column(REJECT_REASON, pa.nulls(0, pa.string()))
        parent.write_part(f"part-{number:05d}", part, rejected)
    parent.finish(12)
    stage = FilterMetadata(max_creator_fraction=0.25, quota_group=None)
    engine = LocalEngine(num_workers=1)
    made = run_stage(stage, parent, tmp_path / "01-filter_metadata", engine, lambda *_: None)
    assert made.read()["post_id"].to_pylist() == ["4", "5", "6", "7", "8", "9", "10", "11"]
    assert made.receipt()["reasons"] == {"over_creator_quota": 4}
