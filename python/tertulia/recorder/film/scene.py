"""When the picture is laid out how: the layouts of a whole recording. Pure."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tertulia.recorder.film.layout import NOTHING, Arrangement, Layout, Present, Rect, Tile, arrange
from tertulia.recorder.raw.recording import Recording, Span, Speaking, Track

HOLD_SECONDS = 2.0
"""A speaker stays at least so long: a shorter change, at each "yes", makes viewers restless."""
BRIDGE_SECONDS = 2.0
"""Who is away for less, as when a room moves to another node or a page is reloaded, keeps their place."""


class Place(NamedTuple):
    """One cell of a scene. ``track`` is the video that goes there; None: an avatar."""

    rect: Rect
    user_id: str
    name: str
    track: str | None
    is_screen: bool


class Scene(NamedTuple):
    """How the picture is laid out from ``at`` on, until the next scene. ``hidden`` counts those without a place."""

    at: float
    places: tuple[Place, ...]
    hidden: int


class Turn(NamedTuple):
    """Who is the speaker from ``at`` on."""

    at: float
    user_id: str


def scenes(recording: Recording, layout: Layout) -> list[Scene]:
    """The scenes of a recording. The first begins at 0; each differs from the one before."""
    cast = _Cast(recording)
    turns = speaker_turns(recording.speakers)
    voices: dict[str, None] = {}
    before = NOTHING
    made: list[Scene] = []
    due = 0
    for at in _moments(cast, turns, recording.duration):
        for turn in turns[due:]:
            if turn.at > at:
                break
            due += 1
            voices.pop(turn.user_id, None)
            voices[turn.user_id] = None
        before = arrange(layout, cast.present(at, reversed(voices)), before)
        scene = Scene(at, cast.places(at, before), len(before.hidden))
        if not made or made[-1][1:] != scene[1:]:
            made.append(scene)
    return made


def speaker_turns(speakers: Sequence[Speaking]) -> list[Turn]:
    """Who is the speaker when: the loudest, each for at least ``HOLD_SECONDS``, and on through silence."""
    turns: list[Turn] = []
    for speaking, following in itertools.zip_longest(speakers, speakers[1:]):
        loudest = next(iter(speaking.user_ids), None)
        if loudest is None or (turns and turns[-1].user_id == loudest):
            continue
        at = max(speaking.at, turns[-1].at + HOLD_SECONDS) if turns else speaking.at
        if following is None or at < following.at:
            turns.append(Turn(at, loudest))
    return turns


def bridged(spans: Iterable[Span], gap: float = BRIDGE_SECONDS) -> tuple[Span, ...]:
    """The same spans in order, those that are less than ``gap`` apart made one."""
    whole: list[Span] = []
    for span in sorted(spans, key=lambda span: span.begin):
        if whole and span.begin - whole[-1].end < gap:
            whole[-1] = Span(whole[-1].begin, max(whole[-1].end, span.end))
        else:
            whole.append(span)
    return tuple(whole)


class _Cast:
    """Who is there when, with which pictures."""

    def __init__(self, recording: Recording) -> None:
        self.names = {person.user_id: person.name for person in recording.people}
        self.tracks = {track.id: track for track in recording.tracks if track.kind == "video" and track.spans}
        self.spans = {person.user_id: bridged(person.spans) for person in recording.people}
        self._cameras: defaultdict[str, list[Track]] = defaultdict(list)
        for track in self.tracks.values():
            if track.source != "screen":
                self._cameras[track.user_id].append(track)
        self._screens = [track for track in self.tracks.values() if track.source == "screen"]

    def present(self, at: float, voices: Iterable[str]) -> Present:
        came = {user_id: span.begin for user_id, spans in self.spans.items() if (span := _covering(spans, at))}
        people = tuple(Tile(user_id) for user_id in sorted(came, key=lambda user_id: came[user_id]))
        there = set(people)
        began = {track.id: span.begin for track in self._screens if (span := _covering(track.spans, at))}
        screens = tuple(
            Tile(track_id, is_screen=True) for track_id in sorted(began, key=lambda track_id: began[track_id])
        )
        return Present(people, screens, tuple(tile for voice in voices if (tile := Tile(voice)) in there))

    def places(self, at: float, arrangement: Arrangement) -> tuple[Place, ...]:
        return tuple(self._place(at, cell.tile, cell.rect) for cell in arrangement.cells)

    def _place(self, at: float, tile: Tile, rect: Rect) -> Place:
        if tile.is_screen:
            track = self.tracks[tile.id]
            return Place(rect, track.user_id, self.names.get(track.user_id, track.name), tile.id, is_screen=True)
        return Place(rect, tile.id, self.names[tile.id], self._camera(tile.id, at), is_screen=False)

    def _camera(self, user_id: str, at: float) -> str | None:
        """That of their cameras which began last: the one before may not have ended in an orderly way."""
        on = [
            (span.begin, track.id)
            for track in self._cameras[user_id]
            if (span := _covering(track.spans, at)) is not None
        ]
        return max(on)[1] if on else None


def _covering(spans: Iterable[Span], at: float) -> Span | None:
    return next((span for span in spans if span.begin <= at < span.end), None)


def _moments(cast: _Cast, turns: Iterable[Turn], duration: float) -> Iterator[float]:
    """When something may change, in order, within the film."""
    spans = [span for track in cast.tracks.values() for span in track.spans]
    spans += [span for mine in cast.spans.values() for span in mine]
    bounds = {0.0, *(turn.at for turn in turns), *(at for span in spans for at in (span.begin, span.end))}
    return iter(sorted(at for at in bounds if 0 <= at < duration or at == 0))
