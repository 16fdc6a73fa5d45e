import base64
from pathlib import Path

import cv2
import numpy as np

from hashtag2action.report.sheets import choose, duplicate_pairs, kept_sheet, rejected_sheets


def _picture(uri: str) -> np.ndarray:
    data = base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def _rows(*tags: list[str]) -> list[dict[str, object]]:
    return [
        {"clip_id": f"v{index}-000", "video_id": f"v{index}", "hashtags": names}
        for index, names in enumerate(tags)
    ]


def test_kept_clips_are_strips_of_frames(curation: Path):
    sheet = kept_sheet(curation)
    assert sheet is not None
    assert sheet.num_clips == len(sheet.cards) == 9
    assert all(_picture(card.image).shape[1] > 200 for card in sheet.cards)


def test_rejected_clips_stand_under_their_rule_and_duplicates_apart(curation: Path):
    assert [sheet.rule for sheet in rejected_sheets(curation)] == ["no_person", "still"]


def test_a_duplicate_stands_beside_its_original(curation: Path):
    (pair,), count = duplicate_pairs(curation)
    assert count == 1
    assert pair.original.clip_id != pair.duplicate.clip_id
    assert pair.distance == "distance 3"


def test_a_video_that_is_gone_leaves_a_card_that_says_so(curation: Path):
    for path in (curation.parent.parent / "bytes").iterdir():
        path.unlink()
    sheet = kept_sheet(curation)
    assert sheet is not None
    assert sheet.cards[0].image == ""
    assert "no longer" in sheet.cards[0].fault
    assert str(curation) not in sheet.cards[0].fault


def test_clips_are_chosen_in_turn_over_rare_tags():
    rows = _rows(*[["fyp", "squat"]] * 8, ["fyp", "punch"], ["fyp", "punch"])
    chosen = choose(rows, 4)
    assert sorted(row["hashtags"][1] for row in chosen) == ["punch", "punch", "squat", "squat"]


def test_the_choice_does_not_depend_on_the_order_of_rows():
    rows = _rows(*[["squat"]] * 9, ["punch"], [])
    assert choose(rows, 5) == choose(rows[::-1], 5)


def test_one_video_gives_one_clip_while_others_are_left():
    rows = _rows(["squat"], ["squat"])
    rows.append({**rows[0], "clip_id": "v0-001"})
    assert {row["video_id"] for row in choose(rows, 2)} == {"v0", "v1"}
