import xml.etree.ElementTree as ET

from hashtag2action.report.matrix import confusions, heat_map


def test_each_cell_says_what_was_taken_for_what():
    chart = heat_map([[3, 1], [0, 4]], ["jump", "walk"])
    cells = [cell for cell in ET.fromstring(chart).iter("rect") if cell.get("class") == "cell"]
    titles = [cell.findtext("title") for cell in cells]
    assert titles[1] == "jump taken for walk: 1 of 4"
    assert [cell.get("fill-opacity") for cell in cells] == ["0.750", "0.250", "0.000", "1.000"]


def test_a_matrix_of_many_classes_draws_only_what_happened():
    size = 101
    matrix = [[int(row == column) for column in range(size)] for row in range(size)]
    chart = heat_map(matrix, [f"class {index}" for index in range(size)])
    cells = [cell for cell in ET.fromstring(chart).iter("rect") if cell.get("class") == "cell"]
    assert len(cells) == size


def test_the_largest_confusion_comes_first():
    found = confusions([[3, 1, 0], [5, 2, 0], [0, 0, 9]], ["a", "b", "c"])
    assert [(one.true, one.predicted, one.count) for one in found] == [("b", "a", 5), ("a", "b", 1)]


def test_no_classes_make_no_matrix():
    assert heat_map([], []) == ""
