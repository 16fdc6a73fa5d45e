from pathlib import Path

from hashtag2action.report.tags import tag_table


def test_each_tag_counts_posts_videos_clips_and_views(curation: Path):
    table = tag_table(curation)
    assert table.num_tags == 5
    first = table.lines[0]
    assert first.tag == "fyp"
    assert (first.num_posts, first.num_videos, first.num_clips, first.num_kept) == (12, 10, 18, 9)
    assert first.num_views == sum(1000 * (index + 1) for index in range(12))
    assert first.kept_share == 0.5
