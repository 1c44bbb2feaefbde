"""The plain dialect: one JSON object a text frame. Sans-IO: bytes ↔ calls, answers and events.

Well-formed calls take the fast path, straight into the contract's structs. Whatever is unusual (a NUL or a lone
surrogate in a text, deep nesting, a wrong type) takes the slow one, which says what is wrong.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple, NoReturn, Union

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tertulia.contract import CALLS, Empty, JoinResult, SendAnswer, SendOffer, Wire
from tertulia.errors import FieldError, Invalid, Malformed, TertuliaError
from tertulia.hub.refusal import refusal
from tertulia.room.events import Event
from tertulia.validation import has_bad_text

MAX_FRAME: Final = 256 * 1024
"""Bytes of one message, fragments together."""
MAX_DEPTH: Final = 32
"""Levels of JSON, the outer object being the first."""
MAX_ID: Final = 64
"""Characters of a call's id."""

DIALECT: Final = "plain"

Id = int | float | str


class Call(NamedTuple):
    """A frame as the hub takes it. With ``error`` the rest but ``id`` means nothing."""

    id: Id | None
    event: str
    payload: object
    error: TertuliaError | None = None


class BadText(Exception):
    """The frame is not UTF-8: the socket is to be closed (1007)."""


class _Reply(Struct):
    reply_to: Id | None = msgspec.field(name="replyTo")
    result: Struct


class _Error(Struct, omit_defaults=True):
    code: str
    message: str
    field: str | UnsetType = UNSET


class _Refused(Struct):
    reply_to: Id | None = msgspec.field(name="replyTo")
    error: _Error


class _Event(Struct):
    event: str
    payload: Any


def _frame_kind(name: str, payload: type[Wire]) -> type[Struct]:
    """``{"event": name, "payload", "id"}``, read in one pass."""
    fields: list[Any] = [("payload", payload | None, None) if payload is Empty else ("payload", payload)]
    return msgspec.defstruct(f"{name}Frame", [*fields, ("id", Id | None, None)], tag_field="event", tag=name)


_frames: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(
    Union[tuple(_frame_kind(name, payload) for name, payload in CALLS.items())]  # noqa: UP007 - of what is not known here
)
_EMPTY: Final = Empty()
_encode: Final = msgspec.json.Encoder().encode


def parse(data: bytes) -> Call:
    """A text frame as a call; what is wrong with it is in ``Call.error``.

    Raises:
        BadText: it is not UTF-8.
    """
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as e:
            raise BadText from e
    if _has_few_brackets(data):
        try:
            frame = _frames.decode(data)
        except (msgspec.MsgspecError, RecursionError):
            pass  # the slow path says what is wrong
        else:
            if _is_id(frame.id) and not _may_hold_nul(data, frame.payload):
                return Call(frame.id, frame.__struct_config__.tag, frame.payload or _EMPTY)
    return _parse_slowly(data)


def event_frame(event: Event) -> bytes:
    """``{"event", "payload"}``."""
    return _encode(_Event(event.name, event.payload))


def reply_frame(call: Id | None, result: Struct) -> bytes | None:
    """``{"replyTo", "result"}``; None: nobody asked. JoinRoom is always answered."""
    if call is None and not isinstance(result, JoinResult):
        return None
    return _encode(_Reply(call, result))


def refusal_frame(call: Id | None, error: BaseException) -> bytes:
    """``{"replyTo", "error": {"code", "message", "field"?}}``."""
    code, message, field = refusal(error)
    return _encode(_Refused(call, _Error(code, message, UNSET if field is None else field)))


def _parse_slowly(data: bytes) -> Call:
    try:
        frame = json.loads(data.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return _wrong(None, Malformed("the frame is not JSON"))
    if not isinstance(frame, dict):
        return _wrong(None, Malformed("the frame is not a JSON object"))
    if _is_deeper(frame, MAX_DEPTH):
        return _wrong(None, Malformed(f"the frame is more than {MAX_DEPTH} levels deep"))
    call = frame.get("id")
    if not _is_id(call):
        return _wrong(None, Invalid([FieldError("id", f"must be a number or a string of at most {MAX_ID} characters")]))
    event = frame.get("event")
    if not isinstance(event, str) or has_bad_text(event):
        return _wrong(call, Invalid([FieldError("event", "must be the name of a call")]))
    return Call(call, event, frame.get("payload"))


def _wrong(call: Id | None, error: TertuliaError) -> Call:
    return Call(call, "", None, error)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON (RFC 8259, section 6)")


def _has_few_brackets(data: bytes) -> bool:
    """Whether ``data`` is surely no deeper than allowed. Searched rather than counted: ten times faster in an SDP."""
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


def _is_deeper(value: object, levels: int) -> bool:
    """Whether ``value`` has more than so many levels; level by level, so that no depth exhausts the stack."""
    level: list[Any] = [value]
    for _ in range(levels):
        level = [
            item
            for container in level
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True
