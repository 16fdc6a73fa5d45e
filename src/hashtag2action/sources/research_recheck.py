"""Look posts up again on a beat, and withdraw those that their creators took back.

Everything follows from the answers on disk: when a post was seen last, which look-ups are complete
and which posts they did not bring back. A look-up counts only when its last page is there: a short
page is not a deletion. What the answers say of a withdrawn post is taken out of them: its id and
day stay, marked, so that a replay gives a row rejected as `withdrawn`.
"""

import json
import logging
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from hashtag2action.config import key_of
from hashtag2action.sources.base import hash_post_id
from hashtag2action.sources.field_values import identifier, unix_seconds
from hashtag2action.sources.page_store import Answer, PageStore
from hashtag2action.sources.paid_client import PaidClient
from hashtag2action.sources.query import MAX_DAYS
from hashtag2action.sources.research_query import MAX_COUNT, Condition, Query
from hashtag2action.sources.research_windows import Videos, WindowWalk, read_answer

_log = logging.getLogger(__name__)

WITHDRAWN = "is_withdrawn"
"""Marks a post in a kept answer whose creator took it back."""
PREFIX = "recheck-"
"""Begins the keys of look-ups, so that they are not taken for pages of a cell."""


@dataclass
class _Seen:
    """What the answers on disk say about posts, by the platform's ids."""

    created: dict[str, date] = field(default_factory=dict)
    last_day: dict[str, date] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    num_failures: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def note(self, answer: Answer) -> None:
        """Note the posts of a cell's page."""
        for post_id, created in _created(answer):
            self.created[post_id] = created
            self.last_day[post_id] = max(_date(answer.day), self.last_day.get(post_id, date.min))

    def settle(self, ids: tuple[str, ...], found: set[str], day: date) -> None:
        """Note a complete look-up."""
        self.withdrawn |= set(ids) - found
        for post_id in ids:
            self.last_day[post_id] = max(day, self.last_day.get(post_id, date.min))


def recheck(
    paid: PaidClient,
    store: PageStore,
    file: Path,
    wanted: set[str],
    recheck_days: int,
    id_salt: str | None,
) -> list[str]:
    """Look up the wanted posts that were not seen for `recheck_days`.

    Args:
        paid: Asks.
        store: Holds the answers.
        file: Where the withdrawn ids are listed, one a line.
        wanted: Ids as they stand in the posts table.
        recheck_days: The beat.
        id_salt: Secret that ids are hashed with in the table, or None.

    Raises:
        QuotaExhaustedError: Today's quota is used up; what was found so far is in the file.
        SourceError: The platform refuses, or cannot be reached.
    """
    seen = _read_store(store)
    names = {
        post_id: hash_post_id(post_id, id_salt) if id_salt is not None else post_id
        for post_id in seen.created
    }
    today = _date(paid.today())
    due = [
        post_id
        for post_id, name in names.items()
        if name in wanted
        and post_id not in seen.withdrawn
        and (today - seen.last_day[post_id]).days >= recheck_days
    ]
    due.sort(key=lambda post_id: (seen.created[post_id], post_id))
    try:
        for batch in _batches(due, seen.created):
            _look_up(paid, batch, seen)
    finally:
        withdrawn = sorted(names[post_id] for post_id in seen.withdrawn)
        _write_lines(file, withdrawn)
        _forget(store, seen.withdrawn)
    return withdrawn


def _batches(ids: list[str], created: dict[str, date]) -> Iterator[tuple[str, ...]]:
    """Cut ids in the order of their days into batches of one window and at most 100 ids."""
    batch: list[str] = []
    for post_id in ids:
        too_late = batch and created[post_id] - created[batch[0]] >= timedelta(days=MAX_DAYS)
        if too_late or len(batch) == MAX_COUNT:
            yield tuple(batch)
            batch = []
        batch.append(post_id)
    if batch:
        yield tuple(batch)


def _look_up(paid: PaidClient, ids: tuple[str, ...], seen: _Seen) -> None:
    last_day = max(seen.last_day[post_id] for post_id in ids)
    key = PREFIX + key_of(ids, last_day.isoformat(), seen.num_failures[ids])
    days = [seen.created[post_id] for post_id in ids]
    walk = WindowWalk(_query(ids), min(days), max(days))
    found: set[str] = set()
    place, day = 0, last_day
    while not walk.is_done:
        answer, _ = paid.ask(key, place, walk.request().body())
        place += 1
        walk.take(answer)
        found |= _ids(answer)
        day = _date(answer.day)
    if faults := walk.take_faults():
        _log.warning("%d posts could not be looked up (%s); later", len(ids), "; ".join(faults))
        return
    seen.settle(ids, found, day)


def _forget(store: PageStore, withdrawn: set[str]) -> None:
    """Take withdrawn posts out of the answers on disk, all but id and day."""
    for key in store.questions():
        for number, answer in enumerate(_answers(store, key)):
            page = read_answer(answer)
            if not isinstance(page, Videos):
                continue
            found = [
                video
                for video in page.videos
                if isinstance(video, dict)
                and WITHDRAWN not in video
                and str(video.get("id")) in withdrawn
            ]
            if not found:
                continue
            values = json.loads(answer.body)
            values["data"]["videos"] = [
                {"id": video["id"], "create_time": video.get("create_time"), WITHDRAWN: True}
                if video in found
                else video
                for video in page.videos
            ]
            body = json.dumps(values, separators=(",", ":"))
            store.replace(key, number, replace(answer, body=body))


def _query(ids: tuple[str, ...]) -> Query:
    condition = Condition(operation="IN", field_name="video_id", field_values=ids)
    return Query.model_validate({"and": (condition,)})


def _read_store(store: PageStore) -> _Seen:
    seen = _Seen()
    look_ups = []
    for key in store.questions():
        answers = _answers(store, key)
        if key.startswith(PREFIX):
            look_ups.append(list(answers))
        else:
            for answer in answers:
                seen.note(answer)
    for answers in sorted(look_ups, key=lambda answers: answers[-1].day):
        _replay(answers, seen)
    return seen


def _replay(answers: list[Answer], seen: _Seen) -> None:
    """Take the answers of one look-up again."""
    request = answers[0].request
    ids = tuple(request["query"]["and"][0]["field_values"])
    walk = WindowWalk(_query(ids), _date(request["start_date"]), _date(request["end_date"]))
    found: set[str] = set()
    for answer in answers:
        walk.take(answer)
        found |= _ids(answer)
    if not walk.is_done:
        return
    if walk.take_faults():
        seen.num_failures[ids] += 1
        return
    seen.settle(ids, found, _date(answers[-1].day))


def _created(answer: Answer) -> Iterator[tuple[str, date]]:
    """Yield id and day of the posts of an answer; those without a usable date are passed over."""
    page = read_answer(answer)
    for video in page.videos if isinstance(page, Videos) else ():
        if isinstance(video, dict):
            try:
                moment = datetime.fromtimestamp(unix_seconds(video.get("create_time")), UTC)
                post_id = identifier(video.get("id"))
            except (ValueError, TypeError, OverflowError):
                continue
            if post_id.isascii() and post_id.isdigit():
                yield post_id, moment.date()


def _ids(answer: Answer) -> set[str]:
    return {post_id for post_id, _ in _created(answer)}


def _answers(store: PageStore, key: str) -> Iterator[Answer]:
    number = 0
    while (answer := store.get(key, number)) is not None:
        yield answer
        number += 1


def _date(day: str) -> date:
    return datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date()


def _write_lines(file: Path, lines: list[str]) -> None:
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    beside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    beside.replace(file)
