"""The JSON encoding (HubProtocol.md, "JSON Encoding"): one object a message, ended by 0x1E."""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec

from tertulia.signalr.encoding import checked
from tertulia.signalr.errors import ProtocolError
from tertulia.signalr.framing import RECORD_SEPARATOR, RecordFramer
from tertulia.signalr.messages import Message

_decoder: Final = msgspec.json.Decoder(Message)
_encoder: Final = msgspec.json.Encoder()


class _Envelope(msgspec.Struct):
    type: int


_envelope: Final = msgspec.json.Decoder(_Envelope)
KNOWN: Final = range(1, 10)


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
            raise ProtocolError(str(error)) from error
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise ProtocolError("Error reading JSON.") from error

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
