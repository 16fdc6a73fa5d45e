import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashtag2action.hashtags.words import base_form, doers, gerund, script_of, words


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BabyCrawling", ["baby", "crawling"]),
        ("brush_hair", ["brush", "hair"]),
        ("YoYo", ["yo", "yo"]),
        ("archery", ["archery"]),
        ("massaging person's head", ["massaging", "person", "head"]),
        ("skiing (not slalom or crosscountry)", ["skiing"]),
    ],
)
def test_class_names_split_into_words(name: str, expected: list[str]) -> None:
    assert words(name) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("pressing", "press"),
        ("cards", "card"),
        ("bartending", "bartend"),
        ("dancing", "dance"),
        ("gymnastics", "gymnastics"),
        ("billiards", "billiards"),
    ],
)
def test_inflections_are_taken_off(word: str, expected: str) -> None:
    assert base_form(word) == expected


def test_gerunds_and_doers_are_words_people_use() -> None:
    assert gerund("cut") == "cutting"
    assert gerund("gymnastics") == "gymnastics"
    assert "auctioneer" in doers("auctioning")
    assert doers("applauding") == ()


def test_scripts_are_told_apart() -> None:
    assert script_of("ダンス") == "KATAKANA"
    assert script_of("\u0439\u043e\u0433\u04302024") == "CYRILLIC"
    assert script_of("🏀🔥") == "NONE"


@given(st.text(max_size=40))
def test_any_tag_has_a_script(tag: str) -> None:
    assert script_of(tag)
