"""Withdraw posts from folders: find what belongs to them, remember, remove, write anew."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hashtag2action.curate.dataset import dataset_settings, write_dataset
from hashtag2action.curate.withdrawal.purge import delete_files, purge_run
from hashtag2action.curate.withdrawal.scrub import scrub_folder
from hashtag2action.curate.withdrawal.subject import (
    Names,
    Subject,
    find_copies,
    find_subjects,
    ids_meant,
    ids_of_others,
    run_folders,
    stages_of,
)
from hashtag2action.curate.withdrawal.tombstones import FILE_NAME, Tombstones
from hashtag2action.errors import ConfigError
from hashtag2action.manifest import write_text

_LEVELS_A_REPORT_SPANS = 2  # from its folder down to a run; source: report/discover.py
_TAKEN_DOWN = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Report taken down</title>
<p>This report was taken down, for a post was withdrawn from what it shows.
<code>h2a report FOLDER</code> writes it anew.</p></html>
"""


@dataclass
class Withdrawal:
    """What a withdrawal did."""

    posts: list[str] = field(default_factory=list)
    """Posts taken out, copies included."""
    copies: list[str] = field(default_factory=list)
    """Posts that show the same pictures."""
    unknown: list[str] = field(default_factory=list)
    """Ids that were given and that no table and no tombstone has; later runs refuse them, too."""
    num_runs: int = 0
    """Runs in the folders; they remember the posts, and other folders do not."""
    num_rows: int = 0
    num_files: int = 0
    originals: list[str] = field(default_factory=list)
    """Files of these posts outside the folders named; they were left."""
    stale: list[Path] = field(default_factory=list)
    """Pages to write anew: reports that were taken down because they showed or counted what is
    gone, by this call or by one that was killed, and the cards of every dataset written anew."""


def withdraw(
    given: Sequence[str], folders: Sequence[Path], *, copies_too: bool = True
) -> Withdrawal:
    """Remove posts and all that was made from them from every folder named.

    Killed at any moment, the same call finishes what was begun.

    Args:
        given: Ids of posts, or of clips, whose posts are then meant.
        folders: Runs, folders of runs, or any other folders.
        copies_too: Withdraw posts that show the same pictures as well, or only list them.

    Raises:
        ConfigError: A folder does not exist.
        ManifestError: A run is damaged.
    """
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"{folder}: no such folder to withdraw from")
    runs = run_folders(folders)
    stones = {run: Tombstones.read(run / FILE_NAME) for run in runs}
    meant = {name: ids_meant([name], runs) for name in given}
    given = [name for names in meant.values() for name in names]
    subjects = find_subjects(given, runs, list(stones.values()))
    known = {post_id for post_id, subject in subjects.items() if subject.num_rows}
    known |= {clip_id for subject in subjects.values() for clip_id in subject.clip_ids}
    prints = [scene for subject in subjects.values() for scene in subject.prints]
    prints += [scene for one in stones.values() for scene in one.prints()]
    digests = {digest for subject in subjects.values() for digest in subject.sha256s}
    copies = find_copies(prints, digests, subjects.keys(), runs)
    done = Withdrawal(copies=sorted(copies), num_runs=len(runs))
    known |= {name for name in given if any(one.knows_id(name) for one in stones.values())}
    done.unknown = [name for name, names in meant.items() if known.isdisjoint(names)]
    if copies_too and copies:
        subjects |= find_subjects(done.copies, runs, ())
    done.posts = sorted(subjects)
    for run, tombstones in stones.items():
        tombstones.add(subject.remains() for subject in subjects.values())
        tombstones.write(run / FILE_NAME)
    _remove(subjects, folders, stones, done)
    return done


def _remove(
    subjects: Mapping[str, Subject],
    folders: Sequence[Path],
    stones: Mapping[Path, Tombstones],
    done: Withdrawal,
) -> None:
    """Remove files first and rows last: what is left after a kill still says whose it is."""
    done.num_files, left = delete_files(subjects, list(folders))
    done.originals = [str(path) for path in left]
    done.stale = _take_down_pages(folders, list(stones))
    clip_ids = {clip_id for subject in subjects.values() for clip_id in subject.clip_ids}
    others = ids_of_others(list(stones), subjects)
    names = Names(subjects, clip_ids, others)
    digests = {digest for subject in subjects.values() for digest in subject.sha256s}

    def is_theirs(digest: str) -> bool:
        return digest in digests or any(one.knows_file(digest) for one in stones.values())

    for folder in folders:
        done.num_files += len(scrub_folder(folder, names, stones.keys(), is_theirs))
    for run, tombstones in stones.items():
        done.num_rows += purge_run(run, subjects, tombstones)
        if _is_exported(run) and (run / "dataset" / "dataset.json").exists():
            write_dataset(dataset_settings(run), run)
            done.stale = sorted({*done.stale, *_cards(run)})
        elif (run / "dataset").exists():
            shutil.rmtree(run / "dataset")


def enforce(run: Path, others: Sequence[Tombstones] = ()) -> list[str]:
    """Take out of a run what its own tombstones, or others, know; returns the posts.

    Called before and after the analysis, when fingerprints are there to be compared.
    """
    own = Tombstones.read(run / FILE_NAME)
    known = [one for one in (own, *others) if len(one)]
    if not known:
        return []
    subjects: dict[str, Subject] = find_subjects((), [run], known)
    prints = [scene for one in known for scene in one.prints()]
    copies = find_copies(prints, (), subjects.keys(), [run])
    posts = sorted({*subjects, *copies})
    return withdraw(posts, [run]).posts if posts else []


def _is_exported(run: Path) -> bool:
    return any(
        stage.root.name.endswith("-export_clips") and stage.is_finished for stage in stages_of(run)
    )


def _take_down_pages(folders: Sequence[Path], runs: Sequence[Path]) -> list[Path]:
    """Remove cards, and leave in place of each report a page that names nobody.

    A report that is only gone would be forgotten by a call that is killed here.
    """
    places = {place for run in runs for place in (run, *run.parents[:_LEVELS_A_REPORT_SPANS])}
    named = [place for place in places if any(place.is_relative_to(folder) for folder in folders)]
    reports = {place / "report.html" for place in (*named, *runs)}
    cards = {card for run in runs for card in _cards(run)}
    found = sorted(page for page in reports | cards if page.exists())
    for page in found:
        if page in cards:
            page.unlink()
        else:
            write_text(page, _TAKEN_DOWN)
    return found


def _cards(run: Path) -> list[Path]:
    return [run / "dataset" / name for name in ("README.md", "croissant.json")]
