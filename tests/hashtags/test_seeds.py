import pytest

from hashtag2action.hashtags.seeds import class_names, seed_tags, tag_forms, words


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BabyCrawling", ["baby", "crawling"]),
        ("brush_hair", ["brush", "hair"]),
        ("YoYo", ["yo", "yo"]),
        ("TaiChi", ["tai", "chi"]),
        ("archery", ["archery"]),
        ("massaging person's head", ["massaging", "person", "s", "head"]),
    ],
)
def test_class_names_split_into_words(name: str, expected: list[str]) -> None:
    assert words(name) == expected


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("PushUps", "pushups"),
        ("pushup", "pushups"),
        ("BabyCrawling", "babycrawling"),
        ("running on treadmill", "runontreadmill"),
        ("wave", "waves"),
        ("biking", "bike"),
        ("swimming", "swim"),
        ("dancing", "dance"),
    ],
)
def test_forms_hold_the_tag_a_creator_would_write(name: str, form: str) -> None:
    assert form in tag_forms(name)


def test_sentences_make_no_tags() -> None:
    assert tag_forms("Bending something so that it deforms") == []


def test_vocabularies_ship_whole() -> None:
    sizes = {name: len(class_names(name)) for name in ("ucf101", "hmdb51", "kinetics400", "ssv2")}
    assert sizes == {"ucf101": 101, "hmdb51": 51, "kinetics400": 400, "ssv2": 174}


def test_own_groups_win_over_class_lists() -> None:
    seeds = seed_tags(["ucf101"], {"press-ups": ["pushups"]})
    assert seeds["pushups"] == ("press-ups", "recipe")
    assert seeds["babycrawling"] == ("babycrawling", "ucf101: BabyCrawling")
