"""The JSON encoding (HubProtocol.md, "JSON Encoding"): one object a message, ended by 0x1E."""

from __future__ import annotations

import json
import re
from typing import ClassVar, Final

import msgspec
from msgspec.structs import replace

from tertulia.signalr.encoding import checked
from tertulia.signalr.errors import ProtocolError
from tertulia.signalr.framing import RECORD_SEPARATOR, RecordFramer
from tertulia.signalr.messages import UNREADABLE, Invocation, Message, StreamInvocation

_decoder: Final = msgspec.json.Decoder(Message)
_encoder: Final = msgspec.json.Encoder()


class _Envelope(msgspec.Struct):
    type: int


_envelope: Final = msgspec.json.Decoder(_Envelope)
KNOWN: Final = range(1, 10)
_LEVELS: Final = 3
"""Of nesting that are kept of a call too deep to parse: the message, its arguments, each of them empty."""
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]+|[\]}]+', re.DOTALL)
"""A string, or brackets that open or close. A string without an end matches too, so that nothing is scanned twice."""


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
        try:
            return checked(_decoder.decode(payload))
        except msgspec.ValidationError as error:
            if self._of_the_future(payload):
                return None
            return _call_or_error(payload, str(error))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return _call_or_error(payload, "Error reading JSON.")

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


def _call_or_error(payload: bytes, cause: str) -> Message:
    """A call that is to be refused alone. Raises ProtocolError: it is none."""
    call = _unreadable(payload)
    if call is None:
        raise ProtocolError(cause)
    return checked(call)


def _unreadable(payload: bytes) -> Message | None:
    """A call of which only the arguments cannot be read, such as half of a surrogate pair or too large a number:
    Python's own parser takes those. None: it is not JSON, or no call.
    """
    try:
        found = _parse(payload)
        if not (isinstance(found, dict) and found.get("type") in (1, 4) and isinstance(found.get("arguments"), list)):
            return None
        call: Message = _decoder.decode(_encoder.encode({**found, "arguments": []}))
    except (ValueError, RecursionError):  # msgspec's errors are of the first kind
        return None
    assert isinstance(call, Invocation | StreamInvocation)  # noqa: S101 - of these types, as was seen
    return replace(call, arguments=[UNREADABLE])


def _parse(payload: bytes) -> object:
    """The value; of what is nested too deep for the parser, only its first levels."""
    try:
        return json.loads(payload.decode(), parse_int=_integer)
    except RecursionError:
        return json.loads(_shallow(payload).decode(), parse_int=_integer)


def _shallow(payload: bytes) -> bytes:
    """``payload`` with all that is nested ``_LEVELS`` deep left empty. Takes linear time, and no recursion."""
    kept = []
    depth = begin = 0
    for token in _TOKEN.finditer(payload):
        start, end = token.span()
        before = depth
        if payload[start] in b"[{":
            depth += end - start
            if before < _LEVELS <= depth:
                kept.append(payload[begin : start + _LEVELS - before])
        elif payload[start] in b"]}":
            depth -= end - start
            if depth < _LEVELS <= before:
                begin = start + before - _LEVELS
    return b"".join((*kept, payload[begin:] if depth < _LEVELS else b""))


def _integer(digits: str) -> int:
    """Of one that is too long to be a type nothing is needed, and Python would take quadratic time."""
    return int(digits) if len(digits) < 20 else 0
