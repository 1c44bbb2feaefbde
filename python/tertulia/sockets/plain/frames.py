"""The plain dialect: one JSON object a text frame. Sans-IO: bytes ↔ calls, answers and events.

Well-formed calls take the fast path, straight into the contract's structs. Anything unusual (a NUL or a lone surrogate
in a text, deep nesting, a wrong type) takes the slow path, which says what is wrong.
"""

from __future__ import annotations

import functools
from typing import Any, Final, NamedTuple, Union

import msgspec
from msgspec import Raw, Struct

from tertulia import strict_json
from tertulia.contract.calls import CALLS, MAY_LACK_PAYLOAD, SendAnswer, SendOffer
from tertulia.contract.events import JoinResult
from tertulia.contract.fields import Wire
from tertulia.errors import FieldError, Invalid, Malformed, TertuliaError
from tertulia.hub.refusal import refusal
from tertulia.room.events import Event
from tertulia.strict_json import MAX_DEPTH, MAX_PARTS
from tertulia.validation import has_bad_text

MAX_FRAME: Final = 256 * 1024
"""Bytes of one message, fragments together."""
MAX_SKIMMED: Final = 16 * 1024
"""Bytes of a frame in which :func:`head_of` looks, whatever is in it; in a longer one if it has few values."""
MAX_COMMAS: Final = 4096
"""Of such a longer one: an offer has some hundred."""
MAX_ID: Final = 64
"""Characters of a call's id."""

Id = int | float | str


class Call(NamedTuple):
    """A frame as the hub takes it."""

    id: Id | None
    event: str
    payload: object


class Unreadable(NamedTuple):
    """A frame that is not a call, and why."""

    id: Id | None
    error: TertuliaError


class BadText(Exception):
    """The frame is not UTF-8, for which the socket is closed (1007)."""


class _Reply(Struct):
    reply_to: Id | None = msgspec.field(name="replyTo")
    result: Struct


class _Error(Struct, omit_defaults=True):
    code: str
    message: str
    field: str | None = None
    reason: str | None = None


class _Refused(Struct):
    reply_to: Id | None = msgspec.field(name="replyTo")
    error: _Error


class Head(Struct):
    """What is read of a call that came beyond the rate limit; ``event`` is any JSON."""

    id: Id | None = None
    event: Raw = Raw()

    @property
    def is_keep_alive(self) -> bool:
        """Whether it is one, as clients write it."""
        return bytes(self.event) == b'"KeepAlive"'


def _frame_kind(name: str, payload: type[Wire]) -> type[Struct]:
    """``{"event": name, "payload", "id"}``, read in one pass."""
    may_lack = payload in MAY_LACK_PAYLOAD
    fields: list[Any] = [("payload", payload | None, None) if may_lack else ("payload", payload)]
    return msgspec.defstruct(f"{name}Frame", [*fields, ("id", Id | None, None)], tag_field="event", tag=name)


_frames: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(
    Union[tuple(_frame_kind(name, payload) for name, payload in CALLS.items())]  # noqa: UP007 - of what is not known here
)
_heads: Final = msgspec.json.Decoder(Head)
_NO_HEAD: Final = Head()
_ABSENT: Final = {name: payload() for name, payload in CALLS.items() if payload in MAY_LACK_PAYLOAD}
_encode: Final = msgspec.json.Encoder().encode


def parse(data: bytes) -> Call | Unreadable:
    """A text frame as a call.

    Raises:
        BadText: it is not UTF-8.
    """
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as e:
            raise BadText from e
    if strict_json.has_many_parts(data):
        return Unreadable(_head(data).id, Malformed(f"the frame has more than {MAX_PARTS} values"))
    if _has_few_brackets(data):
        try:
            frame = _frames.decode(data)
        except (msgspec.MsgspecError, RecursionError):
            pass  # the slow path says what is wrong
        else:
            if _is_id(frame.id) and not _may_hold_nul(data, frame.payload):
                name = frame.__struct_config__.tag
                return Call(frame.id, name, frame.payload or _ABSENT[name])
    return _parse_slowly(data)


def head_of(data: bytes) -> Head:
    """The id and the event of a call that is not read, since it came beyond the rate limit: msgspec skips the rest.
    Nothing in it: there is none, or it would take too long to find."""
    if len(data) > MAX_SKIMMED and not (_has_few_brackets(data) and data.count(b",") <= MAX_COMMAS):
        return _NO_HEAD
    return _head(data)


def _head(data: bytes) -> Head:
    try:
        head = _heads.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return _NO_HEAD
    return head if _is_id(head.id) else _NO_HEAD


def event_frame(event: Event) -> bytes:
    """``{"event", "payload"}``."""
    return _event_head(event.name) + event.json() + b"}"


@functools.lru_cache(maxsize=64)
def _event_head(name: str) -> bytes:
    return b'{"event":' + _encode(name) + b',"payload":'


def reply_frame(call: Id | None, result: Struct) -> bytes | None:
    """``{"replyTo", "result"}``; None: no answer was asked for. JoinRoom is always answered."""
    if call is None and not isinstance(result, JoinResult):
        return None
    return _encode(_Reply(call, result))


def refusal_frame(call: Id | None, error: BaseException) -> bytes:
    """``{"replyTo", "error": {"code", "message", "field"?, "reason"?}}``."""
    return _encode(_Refused(call, _Error(*refusal(error))))


def _parse_slowly(data: bytes) -> Call | Unreadable:
    try:
        frame = strict_json.loads(data.decode())
    except strict_json.TooDeep:
        return Unreadable(None, Malformed(f"the frame is nested more than {MAX_DEPTH} levels deep"))
    except ValueError:
        return Unreadable(None, Malformed("the frame is not JSON"))
    if not isinstance(frame, dict):
        return Unreadable(None, Malformed("the frame is not a JSON object"))
    call = frame.get("id")
    if not _is_id(call):
        return Unreadable(
            None, Invalid([FieldError("id", f"must be a number or a string of at most {MAX_ID} characters")])
        )
    event = frame.get("event")
    if not isinstance(event, str) or has_bad_text(event):
        return Unreadable(call, Invalid([FieldError("event", "must be the name of a call")]))
    return Call(call, event, frame.get("payload"))


def _has_few_brackets(data: bytes) -> bool:
    """Whether ``data`` is certainly no deeper than allowed. Searching is ten times faster than counting, in an SDP."""
    brackets = 0
    for bracket in (b"{", b"["):
        at = data.find(bracket)
        while at >= 0:
            brackets += 1
            if brackets > MAX_DEPTH:
                return False
            at = data.find(bracket, at + 1)
    return True


def _may_hold_nul(data: bytes, payload: object) -> bool:
    """Whether a text in it may hold a NUL; msgspec itself refuses lone surrogates."""
    if isinstance(payload, SendOffer | SendAnswer):  # the large ones: faster in the text than in its JSON
        tracks = payload.tracks if isinstance(payload, SendOffer) else None
        return "\0" in payload.sdp or "\0" in payload.target_user_id or (tracks is not None and "\0" in "".join(tracks))
    return b"\\u0000" in data


def _is_id(call: object) -> bool:
    if isinstance(call, bool):
        return False
    if isinstance(call, float):
        return call - call == 0  # a number too large for a double has become infinite
    if isinstance(call, str):
        return len(call) <= MAX_ID and not has_bad_text(call)
    return call is None or isinstance(call, int)
