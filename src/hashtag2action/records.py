"""The tables: every column that travels along the line, with its unit and meaning.

Rules: a stage appends columns and never rewrites one; ids derive from content or parents, never
from chance; times are seconds; author names never enter a table (`sources` hashes them).
"""

import pyarrow as pa


def _column(name: str, kind: pa.DataType, meaning: str) -> pa.Field:
    return pa.field(name, kind, metadata={"meaning": meaning})


HASHTAG = pa.schema(
    [
        _column("hashtag", pa.string(), "Tag without '#', NFKC, case folded."),
        _column("action_group", pa.string(), "Action the tag stands for; the head of its group."),
        _column("origin", pa.string(), "Where the candidate came from, for example a class list."),
        _column("num_posts", pa.int64(), "Posts that carry the tag."),
        _column("num_creators", pa.int64(), "Distinct creators of those posts."),
        _column("num_views", pa.int64(), "Sum of the views of those posts."),
        _column("num_regions", pa.int64(), "Distinct regions of those posts."),
    ]
)
"""One candidate hashtag and the evidence for it."""

POST = pa.schema(
    [
        _column("post_id", pa.string(), "Id on the platform, or the file's relative path."),
        _column("platform", pa.string(), "Platform the post came from, for example 'tiktok'."),
        _column(
            "hashtags", pa.list_(pa.string()), "Tags without '#', NFKC, case folded, in order."
        ),
        _column("description", pa.string(), "Text of the post without @mentions and URLs."),
        _column("created_unix_s", pa.int64(), "Upload time, seconds since 1970 UTC."),
        _column("region", pa.string(), "Country code of the creator, ISO 3166 alpha-2."),
        _column("duration_s", pa.float64(), "Duration the platform states, seconds."),
        _column("num_views", pa.int64(), "Views at collection time."),
        _column("num_likes", pa.int64(), "Likes at collection time."),
        _column("num_comments", pa.int64(), "Comments at collection time."),
        _column("num_shares", pa.int64(), "Shares at collection time."),
        _column("creator", pa.string(), "Salted hash of the user name; equal for equal creators."),
        _column("license", pa.string(), "Licence or consent note, where the source states one."),
        _column("file", pa.string(), "Where the video is: a path on this machine or an address."),
        _column("stated_language", pa.string(), "Language the source states, ISO 639-1."),
        _column("stated_width_px", pa.int64(), "Width the source states, pixels."),
        _column("stated_height_px", pa.int64(), "Height the source states, pixels."),
        _column("stated_sha256", pa.string(), "SHA-256 of the video the source states."),
    ]
)
"""What a platform says about one post."""

VIDEO = pa.schema(
    [
        _column("video_id", pa.string(), "Equals post_id: one post, one video."),
        _column("video_path", pa.string(), "Local path of the video's bytes."),
        _column("video_sha256", pa.string(), "SHA-256 of the bytes."),
        _column("size_bytes", pa.int64(), "Size of the file."),
    ]
)
"""What `fetch_videos` adds to a post."""

CLIP = pa.schema(
    [
        _column("clip_id", pa.string(), "<video_id>-<scene index, 3 digits>."),
        _column("scene_index", pa.int32(), "Place of the scene in its video, from 0."),
        _column("num_scenes", pa.int32(), "Scenes found in the video."),
        _column("start_s", pa.float64(), "First frame of the scene, seconds in the video."),
        _column("end_s", pa.float64(), "End of the scene, seconds in the video, half open."),
        _column("num_frames", pa.int32(), "Frames decoded between start_s and end_s."),
        _column("is_longest_scene", pa.bool_(), "True for one scene per video: the longest."),
        _column("opening_transition", pa.string(), "How the scene begins: start, cut, dissolve."),
        _column("cut_score", pa.float32(), "Score of the opening transition; 0 at the start."),
        _column("frame_rate", pa.float64(), "Mean frame rate of the video, frames per second."),
        _column("width_px", pa.int32(), "Width after rotation."),
        _column("height_px", pa.int32(), "Height after rotation."),
        _column("codec", pa.string(), "Codec name, for example 'h264'."),
        _column("num_frames_promised", pa.int64(), "Frames the container promises; null: unsaid."),
        _column("num_frames_seen", pa.int64(), "Frames of the whole video that decoded."),
        _column("num_sampled_frames", pa.int32(), "Frames of the scene looked at for persons."),
        _column(
            "person_fraction", pa.float32(), "Share of sampled frames with a person; null: unseen."
        ),
        _column("max_persons", pa.int32(), "Most persons in one sampled frame."),
        _column("person_score", pa.float32(), "Mean best person score over sampled frames."),
        _column("person_height_fraction", pa.float32(), "Median height of the tallest person box."),
        _column(
            "face_fraction",
            pa.float32(),
            "Share with a face, of sampled frames closely looked at; null: none was.",
        ),
        _column(
            "hand_fraction",
            pa.float32(),
            "Share with a hand, of sampled frames closely looked at; null: none was.",
        ),
        _column(
            "person_track_times_s",
            pa.list_(pa.float32()),
            "Times at which the person who is seen most was found, seconds in the video.",
        ),
        _column(
            "person_track_boxes",
            pa.list_(pa.list_(pa.float32())),
            "That person's box at each of them: x0, y0, x1, y1 in shares of the frame.",
        ),
        _column("motion_score", pa.float32(), "Mean luma change over 0.1 s, 0 to 255."),
        _column("still_fraction", pa.float32(), "Share of 0.1 s steps in which nothing moves."),
        _column("brightness", pa.float32(), "Mean luma, 0 to 255."),
        _column("contrast", pa.float32(), "Mean standard deviation of luma within a frame."),
        _column("black_fraction", pa.float32(), "Share of frames that are black."),
        _column(
            "camera_motion",
            pa.float32(),
            "Mean way of the picture that the camera makes, shorter sides per second.",
        ),
        _column(
            "subject_motion",
            pa.float32(),
            "Mean way beyond that of the tenth that moves most, shorter sides per second.",
        ),
        _column(
            "photo_fraction",
            pa.float32(),
            "Share of steps in which nothing moves but the picture as a whole.",
        ),
        _column("crop_left", pa.float32(), "Share of the upright width that a bar takes, left."),
        _column("crop_top", pa.float32(), "Share of the upright height that a bar takes, above."),
        _column("crop_right", pa.float32(), "Share of the upright width that a bar takes, right."),
        _column("crop_bottom", pa.float32(), "Share of the height that a bar takes, below."),
        _column("overlay_fraction", pa.float32(), "Share of the picture under text and stickers."),
        _column("drawn_score", pa.float32(), "Fields of one color among those without edges."),
        _column("dark_fraction", pa.float32(), "Share of the inner picture that is clipped dark."),
        _column("bright_fraction", pa.float32(), "Share that is clipped bright."),
        _column("sharpness", pa.float32(), "Variance of the Laplacian at 360 px, inside the bars."),
        _column("unsafe_score", pa.float32(), "Highest safety score of a frame; null: unseen."),
        _column("unsafe_mean_score", pa.float32(), "Mean safety score over sampled frames."),
        _column(
            "fingerprints",
            pa.binary(),
            "The slow cosine waves of each time's picture, a byte each around their mean.",
        ),
        _column(
            "fingerprint_times_s",
            pa.list_(pa.float32()),
            "Time of each picture of the fingerprint, seconds in the video.",
        ),
    ]
)
"""What `analyze_videos` measures for one scene."""

HEAVY_COLUMNS = ("fingerprints", "fingerprint_times_s")
"""Columns that stay in the table of the stage that made them: later tables name it, and reading
these columns from them reads there. At 4 kB a clip they would be most of what each stage writes."""

REJECT_REASON = pa.field(
    "reject_reason",
    pa.string(),
    metadata={"meaning": "Why the row left, '<rule>' or '<rule>:<detail>'; null in kept rows."},
)


def check(table: pa.Table, schema: pa.Schema) -> None:
    """Assert that a table has the columns of a schema, with their types.

    A table that fails is a programming error of the stage that made it.
    """
    for column in schema:
        assert column.name in table.column_names, f"column {column.name} is missing"
        found = table.schema.field(column.name).type
        assert found == column.type, f"column {column.name} is {found}, expected {column.type}"


def empty(schema: pa.Schema) -> pa.Table:
    """Return a table of no rows with the columns of a schema."""
    return schema.empty_table()
