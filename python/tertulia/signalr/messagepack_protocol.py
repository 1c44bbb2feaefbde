"""The MessagePack encoding (HubProtocol.md, "MessagePack encoding"): one array a message, behind its length as a
VarInt.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tertulia.signalr import messages as m
from tertulia.signalr.encoding import TOO_MANY_VALUES, Head, checked, headed
from tertulia.signalr.errors import ProtocolError
from tertulia.signalr.framing import LengthFramer, with_length
from tertulia.signalr.messagepack_items import MAX_PARTS, next_item, pairs_at, parts_of

ERROR, VOID, RESULT = 1, 2, 3
"""A Completion's ResultKind."""


class _Array(Struct, array_like=True):
    """Items behind those of the struct belong to a later version, and are ignored."""


class _Invocation(_Array, tag=1):
    headers: m.Headers
    invocation_id: str | None
    target: str
    arguments: list[Any]
    stream_ids: list[str] | None = None


class _StreamItem(_Array, tag=2):
    headers: m.Headers
    invocation_id: str
    item: Any


class _Completion(_Array, tag=3):
    headers: m.Headers
    invocation_id: str
    kind: int
    result: Any | UnsetType = UNSET


class _StreamInvocation(_Array, tag=4):
    headers: m.Headers
    invocation_id: str
    target: str
    arguments: list[Any]
    stream_ids: list[str] | None = None


class _CancelInvocation(_Array, tag=5):
    headers: m.Headers
    invocation_id: str


class _Ping(_Array, tag=6):
    pass


class _Close(_Array, tag=7):
    error: str | None = None
    allow_reconnect: bool = False


class _Ack(_Array, tag=8):
    sequence_id: int


class _Sequence(_Array, tag=9):
    sequence_id: int


_decoder: Final = msgspec.msgpack.Decoder(
    _Invocation | _StreamItem | _Completion | _StreamInvocation | _CancelInvocation | _Ping | _Close | _Ack | _Sequence
)
_any: Final = msgspec.msgpack.Decoder()
_encoder: Final = msgspec.msgpack.Encoder()
KNOWN: Final = range(1, 10)


class MessagePackProtocol:
    """A :class:`~tertulia.signalr.encoding.HubProtocol`."""

    name: ClassVar[str] = "messagepack"
    binary: ClassVar[bool] = True
    ping: ClassVar[bytes] = b"\x02\x91\x06"

    def framer(self, bound: int) -> LengthFramer:
        """A new framer for one connection."""
        return LengthFramer(bound)

    def decode(self, payload: bytes) -> m.Message | None:
        """A message; None for a type that is not known. Raises ProtocolError."""
        if len(payload) > MAX_PARTS and parts_of(payload) > MAX_PARTS:
            return _of_many_values(payload)
        try:
            return checked(_message(_decoder.decode(payload)))
        except msgspec.ValidationError as error:
            if self._of_the_future(payload):
                return None
            return _of_head(payload, m.UNREADABLE, str(error))
        except _UNREADABLE:
            return _of_head(payload, m.UNREADABLE, "Error reading MessagePack.")

    def skim(self, payload: bytes) -> m.Message | None:
        """A message whose content is not read; None for a type that is not known. Raises ProtocolError."""
        try:
            message = headed(_head(payload), m.UNREAD)
        except _UNREADABLE as error:
            raise ProtocolError("Error reading MessagePack.") from error
        return message if message is not None else self.decode(payload)

    def parts_of(self, payload: bytes) -> int:
        """How many lists and maps, and values in them, there may be in it, counted unread."""
        return parts_of(payload)

    @staticmethod
    def _of_the_future(payload: bytes) -> bool:
        try:
            items = _any.decode(payload)
        except _UNREADABLE:
            return False
        return isinstance(items, list) and bool(items) and type(items[0]) is int and items[0] not in KNOWN

    def encode(self, message: m.Message) -> bytes:
        """A frame."""
        return with_length(_encoder.encode(_array(message)))


_UNREADABLE: Final = (
    msgspec.DecodeError,
    RecursionError,
    UnicodeDecodeError,
    # A map whose key is a list or a map.
    TypeError,
    # A timestamp out of Python's range.
    OverflowError,
    ValueError,
    # It ends too early.
    IndexError,
)


def _of_head(payload: bytes, mark: m.Unreadable | m.Unread, cause: str) -> m.Message:
    """A call, an item or a result that is to be refused alone, since only its content cannot be read, such as text that
    is not UTF-8. Raises ProtocolError: it is none of these."""
    try:
        message = headed(_head(payload), mark)
    except _UNREADABLE as error:
        raise ProtocolError(cause) from error
    if message is None:
        raise ProtocolError(cause)
    return message


def _of_many_values(payload: bytes) -> m.Message | None:
    """The same of a message that has more than MAX_PARTS; None: its type is not known. Raises ProtocolError."""
    try:
        head = _head(payload)
    except _UNREADABLE as error:
        raise ProtocolError(TOO_MANY_VALUES) from error
    if head.kind > KNOWN[-1]:
        return None
    message = headed(head, m.UNREADABLE)
    if message is None:
        raise ProtocolError(TOO_MANY_VALUES)
    return message


def _head(payload: bytes) -> Head:
    """What is in front of a message's content. Raises what is in _UNREADABLE: there is something else, or nothing."""
    first = payload[0]
    at = _ITEMS_AT.get(first, 1)
    count = int.from_bytes(payload[1:at]) if at > 1 else first & 0x0F
    if at == 1 and first & 0xF0 != 0x90:
        raise ValueError(first)
    kind, at = _item(payload, at)
    if kind not in (1, 2, 3, 4):
        return Head(kind if isinstance(kind, int) else 0, None, None, has_content=False)
    at = _end(payload, at, 1)  # the headers
    owner, at = _item(payload, at)
    named, before = None, 3
    if kind != 2:
        named, at = _item(payload, at)  # the target, or a Completion's ResultKind
        before = 4
    target = named if kind != 3 else None
    if not (owner is None or isinstance(owner, str)) or not (target is None or isinstance(target, str)):
        raise ValueError(owner)
    if kind == 3 and named not in (ERROR, VOID, RESULT):
        raise ProtocolError("Invalid invocation result kind.")
    has_content = count > before and at < len(payload)
    if kind == 3 and named == VOID:
        has_content = False
    elif kind == 3 and not has_content:
        raise ProtocolError("A result is missing.")
    return Head(kind, owner, target, has_content)


def _item(payload: bytes, at: int) -> tuple[Any, int]:
    """An item in front of the content, and where it ends."""
    end = _end(payload, at, 1)
    return _any.decode(payload[at:end]), end


MAX_IN_FRONT: Final = 64
"""Items in front of a call's arguments, its headers among them, where they are read one by one: no client sends any
headers, and this is done for messages that come beyond what may be sent, too."""
_ITEMS_AT: Final = {0xDC: 3, 0xDD: 5}
"""Where the items of an array begin, by its first octet: most have no further length."""
_IN_FRONT: Final = frozenset([*range(0x90), *range(0xA0, 0xC1), 0xD9, 0xDA, 0xDB, 0xDE, 0xDF])
"""First octets of small integers, maps, strings and None."""


def _end(payload: bytes, at: int, items: int) -> int:
    """The end of so many items in front of a call's arguments: small integers, None, strings, maps of these. Raises
    ValueError or IndexError: there is something else."""
    while items:
        if payload[at] not in _IN_FRONT:
            raise ValueError(payload[at])
        items += 2 * pairs_at(payload, at) - 1
        if items > MAX_IN_FRONT:
            raise ValueError(items)
        at = next_item(payload, at)
    return at


def _message(array: _Array) -> m.Message:
    if isinstance(array, _Invocation):
        return m.Invocation(
            array.target, array.arguments, array.invocation_id or None, array.stream_ids or None, array.headers or None
        )
    match array:
        case _StreamItem():
            return m.StreamItem(array.invocation_id, array.item)
        case _Completion():
            return _completion(array)
        case _StreamInvocation():
            return m.StreamInvocation(
                array.invocation_id, array.target, array.arguments, array.stream_ids or None, array.headers or None
            )
        case _CancelInvocation():
            return m.CancelInvocation(array.invocation_id)
        case _Close():
            return m.Close(array.error, array.allow_reconnect)
        case _Ack():
            return m.Ack(array.sequence_id)
        case _Sequence():
            return m.Sequence(array.sequence_id)
    return m.Ping()


def _completion(array: _Completion) -> m.Completion:
    match array.kind, array.result:
        case (2, _):
            return m.Completion(array.invocation_id)
        case (3, result) if result is not UNSET:
            return m.Completion(array.invocation_id, result)
        case (1, str(error)):
            return m.Completion(array.invocation_id, error=error)
    raise ProtocolError("Invalid invocation result kind.")


def _array(message: m.Message) -> list[Any]:
    # First the two that nearly every call takes.
    if isinstance(message, m.Completion):
        return _completed(message)
    if isinstance(message, m.Invocation):
        return [1, message.headers or {}, message.invocation_id, *_invoked(message)]
    match message:
        case m.StreamItem():
            return [2, {}, message.invocation_id, message.item]
        case m.StreamInvocation():
            return [4, message.headers or {}, message.invocation_id, *_invoked(message)]
        case m.CancelInvocation():
            return [5, {}, message.invocation_id]
        case m.Close():
            return [7, message.error, message.allow_reconnect]
        case m.Ack() | m.Sequence():
            return [8 if isinstance(message, m.Ack) else 9, message.sequence_id]
    return [6]


def _invoked(message: m.Invocation | m.StreamInvocation) -> tuple[str, list[Any], list[str]]:
    return message.target, message.arguments, message.stream_ids or []


def _completed(message: m.Completion) -> list[Any]:
    if message.error is not None:
        return [3, {}, message.invocation_id, ERROR, message.error]
    if message.result is UNSET:
        return [3, {}, message.invocation_id, VOID]
    return [3, {}, message.invocation_id, RESULT, message.result]
