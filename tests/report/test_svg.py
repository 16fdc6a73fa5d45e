from hypothesis import given
from hypothesis import strategies as st

from hashtag2action.report.svg import nice_step, number, short


@given(st.floats(1e-9, 1e9), st.integers(2, 40))
def test_a_nice_step_covers_a_span_in_about_as_many_steps(span: float, num_steps: int):
    step = nice_step(span, num_steps)
    assert span / step <= num_steps * 1.001
    assert span / step >= num_steps / 2.6


def test_numbers_are_written_shortly():
    shown = [number(value) for value in (1234567, 0.5, 12345.6, 0.0000123, 3.14159)]
    assert shown == ["1,234,567", "0.5", "12,346", "1.2e-5", "3.142"]


def test_labels_of_large_numbers_have_a_unit_sign():
    shown = [short(value) for value in (2**31, 5e6, 180.0, 1 / 3)]
    assert shown == ["2.15G", "5M", "180", "0.3333"]
