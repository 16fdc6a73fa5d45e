"""How many bytes a run may hold, counted over all its processes and over restarts."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from hashtag2action.errors import OverTotalBytesError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS held (name TEXT PRIMARY KEY, num_bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS total (only INTEGER PRIMARY KEY CHECK (only = 1), num_bytes INTEGER);
INSERT OR IGNORE INTO total VALUES (1, 0);
"""
_LOCK_S = 60.0  # another process holds the database for milliseconds
LEDGER = ".bytes.sqlite"
"""Name of the database file."""


class ByteBudget:
    """A ledger of what each file holds, in one database file; null sets no limit.

    Bytes are held before they are written, so together never more lie on disk than allowed; a
    file that is begun again after a kill takes its own place in the ledger.
    """

    def __init__(self, path: Path, max_total_bytes: int | None) -> None:
        self._path = path
        self._max_total_bytes = max_total_bytes
        if max_total_bytes is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as database:
                database.executescript(_SCHEMA)

    def hold(self, name: str, num_bytes: int) -> None:
        """Hold bytes for a file, in place of those held for it before.

        Raises:
            OverTotalBytesError: It would be more than is allowed; what was held stays.
        """
        if self._max_total_bytes is None:
            return
        with closing(self._connect()) as database:
            database.execute("BEGIN IMMEDIATE")
            row = database.execute("SELECT num_bytes FROM held WHERE name = ?", (name,)).fetchone()
            more = num_bytes - (row[0] if row else 0)
            total = database.execute("SELECT num_bytes FROM total").fetchone()[0] + more
            if more > 0 and total > self._max_total_bytes:
                database.execute("ROLLBACK")
                raise OverTotalBytesError("the run may hold no more bytes")
            database.execute("REPLACE INTO held VALUES (?, ?)", (name, num_bytes))
            database.execute("UPDATE total SET num_bytes = ?", (total,))
            database.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=_LOCK_S, isolation_level=None)


def forget(ledger: Path, is_gone: Callable[[str], bool]) -> bool:
    """Take files out of a ledger and give their bytes free; returns whether there were any."""
    with closing(sqlite3.connect(ledger, timeout=_LOCK_S, isolation_level=None)) as database:
        rows = database.execute("SELECT name, num_bytes FROM held").fetchall()
        gone = [(name, num_bytes) for name, num_bytes in rows if is_gone(name)]
        if not gone:
            return False
        # What is deleted is overwritten, not only given free.
        database.execute("PRAGMA secure_delete = ON")
        database.execute("BEGIN IMMEDIATE")
        database.executemany("DELETE FROM held WHERE name = ?", [(name,) for name, _ in gone])
        freed = sum(num_bytes for _, num_bytes in gone)
        database.execute("UPDATE total SET num_bytes = num_bytes - ?", (freed,))
        database.execute("COMMIT")
        database.execute("VACUUM")
    return True
