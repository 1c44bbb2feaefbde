"""``python -m tertulia.recorder.maker DIRECTORY LAYOUT``: the process that makes the films of one recording.

It says on standard output how far it is, and at the end what it has made: see :mod:`tertulia.recorder.films`. It may be
killed at any time; the next one goes on from what is in the work directory. With ``--tracks`` it writes a file for each
track, too.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from tertulia.ids import UserId
from tertulia.recorder.film.compose import compose, digest
from tertulia.recorder.film.encode import whole
from tertulia.recorder.film.layout import Layout
from tertulia.recorder.films import Alive, Broken, File, Films, Finished, Fraction, Nothing, Said, TrackFile, read_films
from tertulia.recorder.place import WORK
from tertulia.recorder.raw import export
from tertulia.recorder.raw.errors import RawError
from tertulia.recorder.raw.recording import Recording, Track, read

NICE: Final = 10
"""Media and meetings come first."""
TRACKS_SHARE: Final = 0.1
"""What part of the work the files of the tracks are: they are copied, not encoded."""
LONGEST_REASON: Final = 4096
"""Characters of the reason why nothing was made: it is said in one line."""
ALIVE: Final = 1.0
"""Seconds between two signs of life, at least."""


class _Noted(Struct, frozen=True):
    """The file of a track, and the digest of what it was made of."""

    of: str
    track: TrackFile


def main(argv: list[str]) -> int:
    """Make the films, and return the exit status: 0 also if there is nothing to make."""
    directory, layout = Path(argv[0]), Layout(argv[1])
    _give_way()
    try:
        _say(_make(directory, layout, with_tracks="--tracks" in argv[2:]))
    except OSError as error:
        _say(Broken(f"{error.strerror or error}: {error.filename or directory}", is_disk=True))
        return 1
    return 0


def _give_way() -> None:
    """Let others have the processor first, and let the kernel end this process first if memory runs out."""
    os.nice(NICE)
    with contextlib.suppress(OSError):  # some containers do not allow it
        Path("/proc/self/oom_score_adj").write_text("1000")


def _make(directory: Path, layout: Layout, *, with_tracks: bool) -> Said:
    try:
        recording = read(directory, _Pulse())
    except RawError as error:
        return Nothing(str(error))
    playable = [track for track in recording.tracks if track.spans]
    if not playable:
        return Nothing(_shortened("; ".join(recording.trouble)) or "nobody sent anything that can be played")
    work = directory / WORK
    work.mkdir(exist_ok=True)
    memo = work / f"films-{digest(recording, layout, with_tracks)}.json"
    if not _is_made(memo, work):
        films = _films(recording, playable if with_tracks else [], layout, work)
        with whole(memo) as partial:
            partial.write_bytes(msgspec.json.encode(films))
    return Finished(memo.name)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]} …"


def _is_made(memo: Path, work: Path) -> bool:
    """Whether all is there that an earlier process has made."""
    try:
        films = read_films(memo)
    except (FileNotFoundError, ValueError):
        return False
    return all((work / file.path).exists() for file in (films.composite, *(track.file for track in films.tracks)))


def _films(recording: Recording, tracks: list[Track], layout: Layout, work: Path) -> Films:
    share = TRACKS_SHARE if tracks else 0.0
    trouble = list(recording.trouble)
    exported, of = [], digest(recording, "tracks")
    for count, track in enumerate(tracks, 1):
        try:
            exported.append(_export(recording, track, of, work))
        except RawError as error:
            trouble.append(str(error))
        _say(Fraction(share * count / len(tracks)))
    film = work / f"{layout}.mp4"
    made = compose(recording, layout, work, film, lambda done: _say(Fraction(share + (1.0 - share) * done)))
    return Films(File(film.name, recording.begins, made.duration), tuple(exported), tuple(trouble))


def _export(recording: Recording, track: Track, of: str, work: Path) -> TrackFile:
    """The file of a track, which is there already if an earlier process has made it of the same."""
    # It is the same each time, whichever other tracks there are: the track's row in SQL is found by it.
    name = f"tracks/{track.id.replace('/', '-')}-{track.source}{export.suffix(track)}"
    path, note = work / name, work / f"{name}.json"
    noted = _noted(note)
    if noted is not None and noted.of == of and path.exists():
        return noted.track
    path.parent.mkdir(exist_ok=True)
    note.unlink(missing_ok=True)  # the file that it is about is replaced
    with whole(path) as partial:
        made = export.export_track(track, partial)
    file = File(name, recording.begins + made.begins, made.duration)
    exported = TrackFile(file, UserId(track.user_id), track.name, track.source)
    with whole(note) as partial:
        partial.write_bytes(msgspec.json.encode(_Noted(of, exported)))
    return exported


def _noted(note: Path) -> _Noted | None:
    with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):  # other versions have other notes
        return msgspec.json.decode(note.read_bytes(), type=_Noted)
    return None


class _Pulse:
    """Says that the process is alive, at once and then once in a while."""

    def __init__(self) -> None:
        self._said_at = float("-inf")

    def __call__(self) -> None:
        now = time.monotonic()
        if now >= self._said_at + ALIVE:
            self._said_at = now
            _say(Alive())


def _say(what: Said) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
