import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashtag2action.hashtags.forms import (
    class_forms,
    shipped_sensitive,
    shipped_taxonomy,
    sub_action_forms,
)
from hashtag2action.sources.base import normalize_hashtag


@pytest.mark.parametrize(
    ("name", "tag", "principle"),
    [
        ("PushUps", "pushups", "as_written"),
        ("bench pressing", "benchpress", "consolidation"),
        ("BlowingCandles", "blowcandle", "consolidation"),
        ("baby waking up", "babywakeup", "consolidation"),
        ("barbequing", "bbq", "consolidation"),
        ("dunking basketball", "basketball", "generalization"),
        ("biking through snow", "biking", "generalization"),
        ("country line dancing", "countrydance", "generalization"),
        ("playing piano", "piano", "noun_substitution"),
        ("auctioning", "auctioneer", "noun_substitution"),
        ("shuffling cards", "cardshuffle", "noun_verb_order"),
        ("BasketballDunk", "dunkbasketball", "noun_verb_order"),
        ("canoeing or kayaking", "canoeing", "as_written"),
        ("catching or throwing baseball", "throwingbaseball", "as_written"),
        ("punching person (boxing)", "boxing", "generalization"),
    ],
)
def test_each_principle_makes_the_forms_it_is_named_for(
    name: str, tag: str, principle: str
) -> None:
    assert {form.hashtag: form.principle for form in class_forms(name)}[tag] == principle


def test_the_first_form_is_the_name_as_it_is_written() -> None:
    assert class_forms("brushing teeth")[0].hashtag == "brushingteeth"


def test_light_verbs_and_bare_modifiers_name_no_action() -> None:
    tags = {form.hashtag for form in class_forms("playing piano")}
    assert "playing" not in tags
    assert "play" not in tags


def test_sentences_make_no_tags() -> None:
    assert class_forms("Bending something so that it deforms") == []


def test_sub_actions_are_tried_with_and_without_their_umbrella() -> None:
    tags = {form.hashtag for form in sub_action_forms("cha cha", "dance")}
    assert {"chacha", "chachadance"} <= tags
    assert "tap" in {form.hashtag for form in sub_action_forms("tap dance", "dance")}


def test_the_shipped_lists_are_whole_and_say_why() -> None:
    assert {"cha cha", "salsa", "tango", "waltz"} <= set(shipped_taxonomy()["ballroom dance"])
    assert all(shipped_sensitive().values())


@given(st.text(max_size=80))
def test_any_name_makes_normal_tags_or_none(name: str) -> None:
    for form in class_forms(name):
        assert form.hashtag == normalize_hashtag(form.hashtag)
        assert len(form.hashtag) >= 3
