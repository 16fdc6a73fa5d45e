"""Frames of a row's scene, decoded when a page asks for them; nothing of them is stored on disk."""

from collections import OrderedDict
from pathlib import Path
from threading import Lock, Semaphore

from hashtag2action.errors import VideoError
from hashtag2action.report.sheets import jpeg, strip, video_of
from hashtag2action.report.tables import Row

SIZES = {"small": 72, "large": 168}
"""Shorter sides of a frame in pixels, by name. Chosen: the report's, and one to look closely at."""
MAX_STILLS = 512
"""Stills kept in memory. Chosen: some pages of them, 10 MB."""
MAX_DECODERS = 2
"""Videos decoded at once. Chosen: a page asks for sixty, and the machine does other work."""
ROW = ("video_path", "start_s", "end_s", "width_px", "height_px", "duration_s")
"""Columns that are read."""


class Stills:
    """Strips of frames as JPEGs; the last ones stay in memory."""

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._lock, self._turns = Lock(), Semaphore(MAX_DECODERS)

    def of(self, run: Path, row: Row, size: str) -> bytes:
        """Return the strip of a row's scene, or of its whole video before scenes were found.

        Raises:
            VideoError: There is no video, or no frame of it can be decoded.
        """
        path = video_of(run, row)
        row = spanned(row)
        state = path.stat()
        name = (path, state.st_mtime_ns, state.st_size, row["start_s"], row["end_s"], size)
        with self._lock:
            if name in self._made:
                self._made.move_to_end(name)
                return self._made[name]
        with self._turns:
            try:
                made = jpeg(strip(path, row, SIZES[size]))
            except OSError as error:
                raise VideoError(f"{path.name}: {error.strerror}") from error
        with self._lock:
            self._made[name] = made
            while len(self._made) > MAX_STILLS:
                self._made.popitem(last=False)
        return made


def spanned(row: Row) -> Row:
    """Give a row without a scene the span that its platform states."""
    if row["start_s"] is None and row["duration_s"]:
        return {**row, "start_s": 0.0, "end_s": row["duration_s"]}
    return row
