"""The JSON encoding (HubProtocol.md, "JSON Encoding"): one object a message, ended by 0x1E."""

from __future__ import annotations

import json
from typing import ClassVar, Final, NoReturn

import msgspec
from msgspec import UNSET, UnsetType

from tertulia.signalr.encoding import TOO_MANY_VALUES, Head, checked, headed
from tertulia.signalr.errors import ProtocolError
from tertulia.signalr.framing import RECORD_SEPARATOR, RecordFramer
from tertulia.signalr.json_text import has_many_parts, parts_of, shallow
from tertulia.signalr.messages import UNREAD, UNREADABLE, Invocation, Message, Unread, Unreadable

_decoder: Final = msgspec.json.Decoder(Message)
_encoder: Final = msgspec.json.Encoder()


class _Envelope(msgspec.Struct):
    type: int


_envelope: Final = msgspec.json.Decoder(_Envelope)
KNOWN: Final = range(1, 10)
_MARKS: Final = (b"[", b"{", b"]", b"}", b",", b'"')
MAX_SKIPPED: Final = 5_000
"""Of these in a message that is skimmed: so many are skipped at once, a long text too."""
_MAX_DIGITS: Final = 40
"""Of an integer: Python takes quadratic time to read very long ones."""
_ENOUGH: Final = 400
"""The first digits of an integer of which no more have to be read: it is beyond a double's range."""


class _Head(msgspec.Struct, rename="camel"):
    """Any message, of which the rest is skipped. Raw values are not looked at."""

    type: int
    invocation_id: str | None = None
    target: str | None = None
    arguments: msgspec.Raw | UnsetType = UNSET
    item: msgspec.Raw | UnsetType = UNSET
    result: msgspec.Raw | UnsetType = UNSET
    error: str | UnsetType | None = UNSET


_head: Final = msgspec.json.Decoder(_Head)


class JsonProtocol:
    """A :class:`~tertulia.signalr.encoding.HubProtocol`."""

    name: ClassVar[str] = "json"
    binary: ClassVar[bool] = False
    ping: ClassVar[bytes] = b'{"type":6}' + RECORD_SEPARATOR

    def framer(self, bound: int) -> RecordFramer:
        """A new framer for one connection."""
        return RecordFramer(bound)

    def decode(self, payload: bytes) -> Message | None:
        """A message; None for a type that is not known. Raises ProtocolError."""
        if has_many_parts(payload):
            return None if self._of_the_future(payload) else _of_head(payload, UNREADABLE, TOO_MANY_VALUES)
        try:
            return checked(_decoder.decode(payload))
        except msgspec.ValidationError as error:
            if self._of_the_future(payload):
                return None
            return _with_arguments(_of_head(payload, UNREADABLE, str(error)), payload)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return _with_arguments(_of_head(payload, UNREADABLE, "Error reading JSON."), payload)

    def skim(self, payload: bytes) -> Message | None:
        """A message whose content is not read; None for a type that is not known. Raises ProtocolError."""
        if sum(map(payload.count, _MARKS)) > MAX_SKIPPED:
            raise ProtocolError("A message of many values came beyond what may be sent.")
        try:
            message = _headed(_head.decode(payload), UNREAD)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return _of_head(payload, UNREAD, "Error reading JSON.")
        return message if message is not None else self.decode(payload)

    def parts_of(self, payload: bytes) -> int:
        """How many lists and objects, and values in them, there may be in it, counted unread."""
        return parts_of(payload)

    @staticmethod
    def _of_the_future(payload: bytes) -> bool:
        """Whether the type is not known: later versions may add some, which are to be ignored."""
        try:
            return _envelope.decode(payload).type not in KNOWN
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return False

    def encode(self, message: Message) -> bytes:
        """A frame."""
        return _encoder.encode(message) + RECORD_SEPARATOR


def _of_head(payload: bytes, mark: Unreadable | Unread, cause: str) -> Message:
    """A call, an item or a result that is to be refused alone, since only its content cannot be read, such as half of a
    surrogate pair, too large a number, or what is no JSON. Raises ProtocolError: it is none of these."""
    for head_of in (_head.decode, lambda payload: _head.decode(shallow(payload))):
        try:
            message = _headed(head_of(payload), mark)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            continue
        if message is not None:
            return message
    raise ProtocolError(cause)


def _with_arguments(message: Message, payload: bytes) -> Message:
    """A call that cannot be read, with its arguments nevertheless if all that is wrong is that they hold half of a
    surrogate pair, or a number beyond a double's range, which is infinite then: the application knows in which field.
    """
    if not isinstance(message, Invocation):
        return message
    try:
        said = json.loads(payload, parse_constant=_refuse_constant, parse_int=_integer)
        arguments = said["arguments"]
        _encoder.encode(msgspec.convert(said | {"arguments": []}, Message))
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError, RecursionError):
        return message
    return msgspec.structs.replace(message, arguments=arguments) if isinstance(arguments, list) else message


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits[:_ENOUGH])


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _headed(head: _Head, mark: Unreadable | Unread) -> Message | None:
    content = {1: head.arguments, 2: head.item, 3: head.result, 4: head.arguments}.get(head.type, UNSET)
    error = None if head.error is UNSET else head.error or ""
    if head.type == 3 and content is not UNSET and error:
        raise ProtocolError("The 'error' and 'result' properties are mutually exclusive.")
    has_content = content is not UNSET or error is not None
    return headed(Head(head.type, head.invocation_id, head.target, has_content, error), mark)
