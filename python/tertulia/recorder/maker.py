"""``python -m tertulia.recorder.maker DIRECTORY LAYOUT``: the process that makes the films of one recording.

It says on standard output how far it is, and at the end what it has made: see :mod:`tertulia.recorder.films`. It may be
killed at any time; the next one goes on from what is in the work directory. With ``--tracks`` it writes a file for each
track, too.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from tertulia.ids import UserId
from tertulia.recorder.film.compose import compose, digest
from tertulia.recorder.film.encode import whole
from tertulia.recorder.film.layout import Layout
from tertulia.recorder.films import Broken, File, Films, Fraction, Nothing, Said, TrackFile
from tertulia.recorder.place import WORK
from tertulia.recorder.raw import export
from tertulia.recorder.raw.errors import RawError
from tertulia.recorder.raw.recording import Recording, Track, read

NICE: Final = 10
"""Media and meetings come first."""
TRACKS_SHARE: Final = 0.1
"""What part of the work the files of the tracks are: they are copied, not encoded."""


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
        recording = read(directory)
    except RawError as error:
        return Nothing(str(error))
    playable = [track for track in recording.tracks if track.spans]
    if not playable:
        return Nothing("; ".join(recording.trouble) or "nobody sent anything that can be played")
    work = directory / WORK
    work.mkdir(exist_ok=True)
    memo = work / f"films-{digest(recording, layout, with_tracks)}.json"
    films = _remembered(memo, work)
    if films is None:
        films = _films(recording, playable if with_tracks else [], layout, work)
        with whole(memo) as partial:
            partial.write_bytes(msgspec.json.encode(films))
    return films


def _remembered(memo: Path, work: Path) -> Films | None:
    """What an earlier process has made, if it is all there."""
    if not memo.exists():
        return None
    films = msgspec.json.decode(memo.read_bytes(), type=Films)
    files = [films.composite, *(track.file for track in films.tracks)]
    return films if all((work / file.path).exists() for file in files) else None


def _films(recording: Recording, tracks: list[Track], layout: Layout, work: Path) -> Films:
    share = TRACKS_SHARE if tracks else 0.0
    trouble = list(recording.trouble)
    exported = []
    for number, track in enumerate(tracks, 1):
        try:
            exported.append(_export(recording, track, number, work))
        except RawError as error:
            trouble.append(str(error))
        _say(Fraction(share * number / len(tracks)))
    film = work / f"{layout}.mp4"
    made = compose(recording, layout, work, film, lambda done: _say(Fraction(share + (1.0 - share) * done)))
    return Films(File(film.name, recording.begins, made.duration), tuple(exported), tuple(trouble))


def _export(recording: Recording, track: Track, number: int, work: Path) -> TrackFile:
    name = f"tracks/{number}-{track.source}{export.suffix(track)}"
    path = work / name
    path.parent.mkdir(exist_ok=True)
    with whole(path) as partial:
        made = export.export_track(track, partial)
    file = File(name, recording.begins + made.begins, made.duration)
    return TrackFile(file, UserId(track.user_id), track.name, track.source)


def _say(what: Said) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
