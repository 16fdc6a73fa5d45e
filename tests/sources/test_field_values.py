from datetime import UTC, datetime

import pytest

from hashtag2action.sources import field_values


@pytest.mark.parametrize(
    ("given", "number"),
    [
        (7, 7),
        ("7", 7),
        (" 1000.0 ", 1000),
        ("1,234,567", 1_234_567),
        ("541.2K", 541_200),
        ("1.3M", 1_300_000),
        ("12B", 12_000_000_000),
        ("2 k", 2_000),
        ("-1", -1),
        ("1e+06", 1_000_000),
        (3.0, 3),
    ],
)
def test_numbers_are_read_as_people_write_them(given: object, number: int) -> None:
    assert field_values.whole(given) == number


@pytest.mark.parametrize(
    "given",
    ["1,2 Mio", "1,2K", "1.2.3", "12,34", "many", "1.5", "1.2345K", 1.5, True, "", "0x10", "1e99",
     10**30, "9" * 5000, "\u0661\u0662", "inf"],
)  # fmt: skip
def test_number_that_may_mean_two_things_or_none_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="expected a whole number"):
        field_values.whole(given)


def test_number_of_thousands_of_digits_is_refused() -> None:
    with pytest.raises(ValueError, match="a number of 16,610 bits"):
        field_values.whole(10**5000)


@pytest.mark.parametrize(
    ("given", "duration_s"),
    [
        (65, 65.0),
        ("65.5", 65.5),
        ("01:05", 65.0),
        ("1:02:03", 3723.0),
        ("PT1M5S", 65.0),
        ("PT1H", 3600.0),
        ("P1DT0.5S", 86400.5),
        ("00:00", None),
        (0, None),
        (float("inf"), None),
    ],
)
def test_durations_come_in_four_spellings(given: object, duration_s: float | None) -> None:
    assert field_values.seconds(given) == duration_s


@pytest.mark.parametrize("given", ["1:2", "P", "PT", "one minute", "1m5s"])
def test_duration_that_cannot_be_read_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="expected seconds"):
        field_values.seconds(given)


@pytest.mark.parametrize(
    "given",
    [1608214517, "1608214517", "2020-12-17 14:15:17", "2020-12-17T14:15:17Z",
     "2020-12-17T15:15:17+01:00", "2020-12-17 14:15:17 UTC",
     datetime(2020, 12, 17, 14, 15, 17, tzinfo=UTC)],
)  # fmt: skip
def test_times_are_unix_seconds_or_iso_and_utc_without_a_zone(given: object) -> None:
    assert field_values.unix_seconds(given) == 1608214517


def test_eight_digits_are_a_date_and_milliseconds_are_refused() -> None:
    assert field_values.unix_seconds("20201217") == 1608163200
    for given in (1608214517000, "1608214517000", -1, "yesterday", "1e400000"):
        with pytest.raises(ValueError, match=r"no date|expected seconds since"):
            field_values.unix_seconds(given)


@pytest.mark.parametrize(
    "given",
    [
        ["Salsa", "#fyp"],
        "['Salsa', 'fyp']",
        '["Salsa", "fyp"]',
        "Salsa, fyp",
        "#Salsa#fyp",
        [{"name": "salsa"}, {"name": "fyp"}],
        "[{'hashtag_name': 'salsa'}, {'hashtag_name': 'fyp'}]",
        '[{"id": 1, "title": "salsa"}, {"id": 2, "title": "fyp"}]',
    ],
)
def test_lists_of_tags_come_in_three_spellings(given: object) -> None:
    assert field_values.hashtags(given) == ["salsa", "fyp"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([f"tag{number}" for number in range(10_000)], "10,000 tags"),
        (["x" * 1_000_000], "a tag of 1,000,000 characters"),
        ("[1, ", "not a list"),
        ("[" * 100_000, "not a list"),
        ("[__import__('os').system('true')]", "not a list"),
        ([{"id": 7}], "a mapping without a name"),
        ([["a"]], "a list in a list"),
    ],
)
def test_list_that_is_none_of_them_is_refused(given: object, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        field_values.hashtags(given)


@pytest.mark.parametrize(
    "given",
    ["../x", "a/../b", "/etc/passwd", "a\\b", "a\0b", "", "x" * 201, "a\u202eb", ".", "a//b"],
)
def test_id_that_may_lead_out_of_a_folder_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        field_values.identifier(given)


def test_id_that_looks_like_a_repeated_row_is_refused() -> None:
    assert field_values.identifier("a#b") == "a#b"
    with pytest.raises(ValueError, match="not an id"):
        field_values.identifier("a#1")


def test_id_read_as_a_decimal_number_is_refused() -> None:
    with pytest.raises(TypeError, match="lost its digits"):
        field_values.identifier(6.860369397781362e17)
