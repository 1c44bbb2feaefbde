# ruff: noqa: PYI021 - a compiled module has its documentation here
"""The media engine: Rust threads that forward media and never take the GIL. Each SFU node has one of its own."""

from collections.abc import Sequence
from os import PathLike
from typing import Literal, final

__all__ = [
    "ActiveSpeakers",
    "Answer",
    "Failed",
    "Forwarded",
    "Inflow",
    "LayersWanted",
    "Limited",
    "LimitedVideo",
    "Lost",
    "NoCommonCodec",
    "Offer",
    "Overloaded",
    "RecordingTrouble",
    "Refused",
    "Restarted",
    "Sfu",
    "Slot",
    "Slots",
    "Stopped",
    "TransportState",
    "VideosLimited",
    "VideosPaused",
    "WantedLayers",
]

class Overloaded(Exception):
    """A worker is so far behind that it cannot even refuse a command by event; nothing was changed."""

class Stopped(Exception):
    """The SFU is stopped."""

@final
class Answer:
    """The answer to a client's offer."""

    def __new__(cls, room: str, transport: str, user_id: str, seat: str, sdp: str) -> Answer: ...
    @property
    def room(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def seat(self) -> str: ...
    @property
    def sdp(self) -> str: ...

@final
class Offer:
    """The server's own offer to a plain client."""

    def __new__(cls, room: str, transport: str, user_id: str, seat: str, sdp: str) -> Offer: ...
    @property
    def room(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def seat(self) -> str: ...
    @property
    def sdp(self) -> str: ...

@final
class Slot:
    """One slot; ``user_id`` and ``source`` are None while it is empty."""

    def __new__(cls, mid: str, kind: str, user_id: str | None, source: str | None) -> Slot: ...
    @property
    def mid(self) -> str: ...
    @property
    def kind(self) -> Literal["audio", "video"]: ...
    @property
    def user_id(self) -> str | None: ...
    @property
    def source(self) -> str | None: ...

@final
class Slots:
    """The whole slot assignment of one client."""

    def __new__(cls, room: str, transport: str, user_id: str, seat: str, slots: Sequence[Slot]) -> Slots: ...
    @property
    def room(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def seat(self) -> str: ...
    @property
    def slots(self) -> list[Slot]: ...

@final
class WantedLayers:
    """The layers of one video that are wanted, by their RIDs, and whether any is."""

    def __new__(cls, mid: str, source: str, rids: Sequence[str], is_wanted: bool) -> WantedLayers: ...
    @property
    def mid(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def rids(self) -> list[str]: ...
    @property
    def is_wanted(self) -> bool: ...

@final
class LayersWanted:
    """The layers that one client is to send of each of its videos."""

    def __new__(
        cls, room: str, transport: str, user_id: str, seat: str, videos: Sequence[WantedLayers]
    ) -> LayersWanted: ...
    @property
    def room(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def seat(self) -> str: ...
    @property
    def videos(self) -> list[WantedLayers]: ...

@final
class VideosPaused:
    """The videos that a client is not sent, since they do not fit through its line: user and source of each."""

    def __new__(
        cls, room: str, transport: str, user_id: str, seat: str, videos: Sequence[tuple[str, str]]
    ) -> VideosPaused: ...
    @property
    def room(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def seat(self) -> str: ...
    @property
    def videos(self) -> list[tuple[str, str]]: ...

@final
class LimitedVideo:
    """A video of which less is sent: the height of the picture, if that is smaller than the tile wants, and whether
    frames are left out."""

    def __new__(cls, user_id: str, source: str, height: int | None, fewer_frames: bool) -> LimitedVideo: ...
    @property
    def user_id(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def height(self) -> int | None: ...
    @property
    def fewer_frames(self) -> bool: ...

@final
class VideosLimited:
    """The videos of which a client is sent less than its tiles want, since its line takes no more."""

    def __new__(
        cls, room: str, transport: str, user_id: str, seat: str, videos: Sequence[LimitedVideo]
    ) -> VideosLimited: ...
    @property
    def room(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def seat(self) -> str: ...
    @property
    def videos(self) -> list[LimitedVideo]: ...

@final
class ActiveSpeakers:
    """Who speaks in a room, loudest first."""

    def __new__(cls, room: str, user_ids: Sequence[str]) -> ActiveSpeakers: ...
    @property
    def room(self) -> str: ...
    @property
    def user_ids(self) -> list[str]: ...

@final
class TransportState:
    """A change of a peer's media path; ``reason`` only with ``closed``."""

    def __new__(
        cls, room: str, transport: str, user_id: str, seat: str, state: str, reason: str | None
    ) -> TransportState: ...
    @property
    def room(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def seat(self) -> str: ...
    @property
    def state(self) -> Literal["connected", "disconnected", "closed"]: ...
    @property
    def reason(self) -> str | None: ...

@final
class Inflow:
    """What came into a room that is held to a rate (:meth:`Sfu.limit`), in kbit a second, dropped or not. Told each
    second.
    """

    def __new__(cls, room: str, kilobits: int) -> Inflow: ...
    @property
    def room(self) -> str: ...
    @property
    def kilobits(self) -> int: ...

@final
class Forwarded:
    """The packets of media that a room has brought in and sent out since it began. Told by :meth:`Sfu.weigh`."""

    def __new__(cls, room: str, packets: int) -> Forwarded: ...
    @property
    def room(self) -> str: ...
    @property
    def packets(self) -> int: ...

@final
class Limited:
    """More media comes in than may: from one track (``scope`` is its source), from all that a peer sends (``peer``), or
    into the room (``room``; the peer is the one that sent last). What is beyond the limit is dropped. Told once, and
    again when the limit was kept for ten seconds.
    """

    def __new__(cls, room: str, transport: str, user_id: str, seat: str, scope: str) -> Limited: ...
    @property
    def room(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def seat(self) -> str: ...
    @property
    def scope(self) -> str: ...

@final
class Refused:
    """A command was refused. There is none for a transport that is not open: nobody could be told."""

    def __new__(cls, room: str, transport: str, user_id: str, seat: str, code: str, message: str) -> Refused: ...
    @property
    def room(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def seat(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...

@final
class NoCommonCodec:
    """A client is not sent a track, since it cannot decode it. ``publisher``: whose; ``codec``: how it is sent;
    ``accepted``: what the client takes there instead, of the codecs that the SFU knows."""

    def __new__(
        cls,
        room: str,
        transport: str,
        user_id: str,
        seat: str,
        publisher: str,
        source: str,
        codec: str,
        accepted: Sequence[str],
    ) -> NoCommonCodec: ...
    @property
    def room(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def seat(self) -> str: ...
    @property
    def publisher(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def codec(self) -> str: ...
    @property
    def accepted(self) -> list[str]: ...

@final
class Lost:
    """So many events were dropped here because nobody drained them."""

    def __new__(cls, count: int) -> Lost: ...
    @property
    def count(self) -> int: ...

@final
class Restarted:
    """The media thread failed outside of a peer, and goes on without peers."""

    def __new__(cls, reason: str) -> Restarted: ...
    @property
    def reason(self) -> str: ...

@final
class Failed:
    """The media thread has failed for good; its peers are closed. Replace the process."""

    def __new__(cls, reason: str) -> Failed: ...
    @property
    def reason(self) -> str: ...

@final
class RecordingTrouble:
    """A recording is not (``disk_full``, ``disk_error``), or not wholly (``disk_slow``), written here.

    The call goes on. ``detail`` is what the system said, for the operator.
    """

    def __new__(cls, room: str, recording: str, reason: str, detail: str) -> RecordingTrouble: ...
    @property
    def room(self) -> str: ...
    @property
    def recording(self) -> str: ...
    @property
    def reason(self) -> Literal["disk_full", "disk_error", "disk_slow"]: ...
    @property
    def detail(self) -> str: ...

@final
class Sfu:
    """The engine of an SFU node: one media thread, with a UDP port and a passive TCP listener on the same port number.

    Commands are taken in order; their outcome comes by event, also where the queue is full (:class:`Refused` with
    ``overloaded``). Each raises :class:`Overloaded` when not even that is possible, or nobody would be told, and
    :class:`Stopped` after :meth:`stop` or once the thread has failed.
    """

    def __new__(
        cls,
        bind_ip: str,
        port: int,
        advertised_ips: Sequence[str] = ...,
        *,
        loopback: bool = False,
        recordings_dir: str | PathLike[str] | None = None,
        node: str = "",
        track_kilobits: int | None = None,
        peer_kilobits: int | None = None,
        room_kilobits: int | None = None,
    ) -> Sfu:
        """Bind the port (0: a free one) and start the thread, and those that read SDP and write recordings for it.

        Clients are told ``advertised_ips``; without them the bound address or, bound to all, every interface's but
        loopback. With ``loopback`` (development) 127.0.0.1 too.

        Recordings are written in ``recordings_dir``, which other nodes may share: ``node`` is this one's name there
        (letters, digits, ``-`` and ``_``). Where that cannot be done, or is None, each recording is answered by
        :class:`RecordingTrouble`.

        ``track_kilobits``, ``peer_kilobits`` and ``room_kilobits`` bound what one track, one peer and one room may
        bring in each second, in kbit (None: the engine's default); see :class:`Limited`.

        Raises:
            ValueError: what is no IP address.
            OSError: the port cannot be bound, there is no address to advertise, or ``node`` is no name.
        """

    def offer(
        self,
        room: str,
        transport: str,
        user_id: str,
        seat: str,
        sdp: str,
        *,
        name: str = "",
        recording: str | None = None,
        slots: bool = False,
        tracks: dict[str, str] = ...,
    ) -> None:
        """The client's offer: opens the peer if the transport is new. ``tracks``: mid → source.

        ``seat`` comes back with each event for the peer. ``name`` is the user's, for people. ``recording`` is what its
        media is recorded in from its first packet on; None changes nothing.

        Raises:
            ValueError: a source that is none of microphone, camera, screen, screen-audio.
        """

    def answer(self, transport: str, sdp: str) -> None:
        """The client's answer to the last :class:`Offer`."""

    def candidate(self, transport: str, candidate: str) -> None:
        """A candidate line of the client; empty for the end of candidates."""

    def view(self, transport: str, videos: Sequence[tuple[str, str, int | None]]) -> None:
        """Which videos (userId, source, height of the tile in pixels) the client wants in its slots, most wanted first.

        Raises:
            ValueError: a source that is none.
        """

    def state(self, transport: str, is_muted: bool | None = None, is_video_on: bool | None = None) -> None:
        """What the user said by UpdateState: muted media is not forwarded. None: not said."""

    def block(self, transport: str, sources: list[str]) -> None:
        """What the user may not publish, whatever the client says; the whole of it each time."""

    def record(self, transport: str, recording: str | None, name: str = "") -> None:
        """What a peer's media is recorded in from now on; None: in nothing. Its client has been told before. ``name``:
        its user's by now; "": as it was."""

    def limit(self, room: str, kilobits: int) -> None:
        """Hold what comes into a room, if it is open, to a rate below ``room_kilobits``: see :class:`Inflow`. A tenth
        of it is for audio."""

    def weigh(self) -> None:
        """Tell of each room how much is forwarded in it: :class:`Forwarded`."""

    def stop_recording(self, room: str, recording: str) -> None:
        """End a recording. It does not begin again here."""

    def close(self, transport: str) -> None:
        """Close one peer."""

    def end(self, room: str) -> None:
        """Close every peer of the room."""

    def fileno(self) -> int:
        """A descriptor that is readable while events wait. The object owns it: do not read or close it."""

    def drain(
        self, max: int
    ) -> list[
        Answer
        | Offer
        | Slots
        | LayersWanted
        | VideosPaused
        | VideosLimited
        | ActiveSpeakers
        | TransportState
        | Inflow
        | Forwarded
        | Limited
        | Refused
        | NoCommonCodec
        | Lost
        | Restarted
        | Failed
        | RecordingTrouble
    ]:
        """Take at most ``max`` events, oldest first."""

    def wake(self) -> None:
        """Have the media thread, and the one that reads SDP, turn once, unless it stands still: see :meth:`turns`."""

    def turns(self) -> list[int]:
        """How often the media thread has turned, and the one that reads SDP; empty after :meth:`stop`."""

    def stats(self) -> dict[str, int]:
        """The counters by name, as of the media thread's last turn."""

    def recording_stats(self) -> dict[str, int]:
        """What the writing of recordings counts; empty after :meth:`stop`.

        ``running`` parts, ``packets`` and ``bytes`` written, ``packets_lost`` because the disk was too slow,
        ``parts_failed``, and ``delay_ms``: how long the oldest that is not written yet has waited.
        """

    @property
    def events_lost(self) -> int:
        """How many events were dropped in all because nobody drained them."""

    @property
    def port(self) -> int:
        """The real port."""

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """What clients are told: every advertised address, with the port."""

    def stop(self) -> None:
        """Close every peer, end the recordings and the threads; waits for them, 4 s at most.

        Waiting events can still be drained.

        Raises:
            OSError: a thread did not end in time, or had ended with an error before.
        """
