"""Tests of what a walk shows of a picture."""

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from hashtag2action.video.decode import to_rgb
from hashtag2action.video.walk import Scratch, TimedFrame, plane_of

UNSAID, BT709 = 2, 1


def _painted(pixel_format: str, colorspace: int, height: int) -> av.VideoFrame:
    y, x = np.mgrid[:height, : height // 2] / height
    shades = np.stack([np.sin(6 * x + k) * np.cos(4 * y - k) for k in range(3)], axis=2)
    rgb = (128 + 100 * shades).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)
    frame.colorspace = colorspace
    return frame


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_one_scaler_for_all_pictures_gives_what_one_for_each_gives(pixel_format: str) -> None:
    scaler = VideoReformatter()
    for colorspace, height in ((UNSAID, 320), (BT709, 320), (BT709, 640), (UNSAID, 320)):
        frame = _painted(pixel_format, colorspace, height)
        small = TimedFrame(0.0, frame, scaler).rgb(160)
        np.testing.assert_array_equal(small, to_rgb(frame, (80, 160)))


def test_small_pictures_are_not_scaled_up() -> None:
    assert TimedFrame(0.0, _painted("yuv420p", UNSAID, 320)).rgb(1000).shape == (320, 160, 3)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_a_kept_picture_gives_the_same_colors(pixel_format: str) -> None:
    for colorspace in (UNSAID, BT709):
        timed = TimedFrame(0.0, _painted(pixel_format, colorspace, 640))
        kept = timed.small(160)
        assert plane_of(kept, 0).shape == (160, 80)
        difference = to_rgb(kept).astype(int) - timed.rgb(160)
        assert np.abs(difference).mean() < 2
        assert np.abs(difference).max() <= 12


@pytest.mark.parametrize("colorspace", [UNSAID, BT709])
def test_a_picture_of_twice_the_size_is_kept_as_any_other(colorspace: int) -> None:
    timed = TimedFrame(0.0, _painted("yuv420p", colorspace, 640))
    difference = to_rgb(timed.small(320)).astype(int) - timed.rgb(320)
    assert np.abs(difference).mean() < 2
    assert np.abs(difference).max() <= 12


def test_kept_pictures_are_not_scaled_up() -> None:
    assert TimedFrame(0.0, _painted("yuv420p", UNSAID, 320)).small(1000).height == 320


@pytest.mark.parametrize(("pixel_format", "too_deep"), [("yuv420p", 0), ("yuv420p10le", 2)])
def test_planes_are_every_nth_pixel_of_every_nth_row(pixel_format: str, too_deep: int) -> None:
    frame = _painted(pixel_format, BT709, 640)
    whole = (frame.to_ndarray() >> too_deep).astype(np.uint8)
    expected = whole[:640], *whole[640:].reshape(2, 320, 160)
    for plane, one in zip(TimedFrame(0.0, frame).planes(7), expected, strict=True):
        np.testing.assert_array_equal(plane, one[::7, ::7])


def test_a_scratch_copies_planes_of_any_layout_one_after_the_other() -> None:
    scratch = Scratch()
    plane = np.arange(6 * 8, dtype=np.uint8).reshape(6, 8)
    for view in (plane, plane[::2], plane[:, ::2], np.rot90(plane), plane[::-1]):
        copy = scratch.copy_of(view)
        np.testing.assert_array_equal(copy, view)
        assert copy.flags.c_contiguous
        assert not np.shares_memory(copy, plane)
    assert scratch.copy_of(plane[1:]) is scratch.copy_of(plane[:-1])
