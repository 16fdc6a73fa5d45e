import math
import re
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from hashtag2action.report.charts import Series, Threshold, curves, histogram

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=40)


def _bars(chart: str, kind: str) -> list[str]:
    found = ET.fromstring(chart).iter("rect")
    return [str(bar.findtext("title")) for bar in found if bar.get("class") == kind]


def _count(chart: str, kind: str) -> int:
    return sum(int(title.split()[-2]) for title in _bars(chart, kind))


@given(VALUES, VALUES, st.floats(0, 1e6), st.booleans())
def test_every_value_stands_in_exactly_one_bar(
    kept: list[float], rejected: list[float], bound: float, is_logarithmic: bool
):
    bounds = [Threshold("min", bound, is_minimum=True)]
    groups = {"kept": kept, "rejected": rejected}
    chart = histogram(groups, bounds, "x", is_logarithmic=is_logarithmic)
    assert _count(chart, "kept") == len(kept)
    assert _count(chart, "rejected") == len(rejected)


@given(st.integers(10, 190).map(lambda count: count / 200))
def test_no_bar_lies_on_both_sides_of_a_threshold(bound: float):
    values = [index / 200 for index in range(201)]
    kept = [value for value in values if value >= bound]
    rejected = [value for value in values if value < bound]
    groups = {"kept": kept, "rejected": rejected}
    chart = histogram(groups, [Threshold("min", bound, is_minimum=True)], "share")
    places = [set(re.findall(r"^\S+ to \S+:", title)) for title in _bars(chart, "kept")]
    others = [set(re.findall(r"^\S+ to \S+:", title)) for title in _bars(chart, "rejected")]
    assert not set().union(*places) & set().union(*others)


def test_a_threshold_far_from_all_values_is_named_at_the_edge():
    chart = histogram({"kept": [4.0, 6.0]}, [Threshold("max 180", 180.0, is_minimum=False)], "s")
    assert "max 180 \N{RIGHTWARDS ARROW}" in chart
    assert 'class="bound"' not in chart


def test_no_values_make_no_chart():
    assert histogram({"kept": []}, [], "x") == ""
    assert curves([Series("a", [], [])], "loss") == ""


def test_values_that_are_not_finite_are_left_out_of_a_curve():
    chart = curves([Series("a", [1, 2, 3], [0.5, math.nan, 0.25])], "loss")
    (line,) = ET.fromstring(chart).iter("polyline")
    assert len(str(line.get("points")).split()) == 2


def test_names_in_charts_are_escaped():
    chart = curves([Series("<b>&", [1, 2], [1, 2])], "<i>")
    assert "<b>" not in chart
    assert "<i>" not in chart
    ET.fromstring(chart)


def test_a_unit_stands_below_the_axis_and_the_name_is_spoken():
    chart = histogram({"kept": [4.0, 6.0]}, [], "Duration, seconds", unit="seconds")
    assert ">seconds</text>" in chart
    assert 'aria-label="Histogram of Duration, seconds: 2 kept."' in chart
