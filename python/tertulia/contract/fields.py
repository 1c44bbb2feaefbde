"""What the fields of bodies and payloads may hold."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

UUID_PATTERN: Final = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"

MAX_SDP: Final = 200_000
"""Characters: enough for an offer of a few hundred m-lines, and with its envelope it fits into a frame of 256 KiB."""

Uuid = Annotated[
    str,
    Meta(pattern=UUID_PATTERN, min_length=36, max_length=36, extra_json_schema={"format": "uuid"}),
]
"""36 characters: ``$`` alone would let a final newline pass."""
NO_NUL: Final = {"pattern": r"^[^\u0000]*$"}
"""For OpenAPI: :mod:`tertulia.validation` refuses NUL everywhere."""
DisplayName = Annotated[str, Meta(min_length=1, max_length=100, extra_json_schema=NO_NUL)]
Region = Annotated[str, Meta(min_length=1, max_length=64, extra_json_schema=NO_NUL)]
EMAIL_PATTERN: Final = r"^[^@\s\u0000-\u001f\u007f\u0085\ufeff]+@[^@\s\u0000-\u001f\u007f\u0085\ufeff]+$"
"""The excluded characters are spelled out, because whitespace is not the same in Python and in JSON Schema."""
Email = Annotated[str, Meta(min_length=3, max_length=254, pattern=EMAIL_PATTERN)]
Token = Annotated[str, Meta(min_length=1, max_length=8192)]
Sdp = Annotated[str, Meta(max_length=MAX_SDP)]
Target = Annotated[str, Meta(min_length=1, max_length=64)]
Title = Annotated[str, Meta(min_length=1, max_length=200, extra_json_schema=NO_NUL)]
TIME_FORMAT: Final = {"format": "date-time"}
Time = Annotated[str, Meta(min_length=1, max_length=64, extra_json_schema=TIME_FORMAT)]
"""RFC 3339: :mod:`tertulia.validation` sees to it that it is one."""

AllowedRole = Literal["host", "guest"]
Role = Literal["host", "attendee"]
Topology = Literal["sfu", "p2p"]
Who = Literal["everyone", "host"]
"""Who may do something in a meeting."""
RoomStatus = Literal["SCHEDULED", "ACTIVE", "COMPLETED"]
LeaveReason = Literal["left", "closed", "timeout", "removed", "ended"]
Source = Literal["microphone", "camera", "screen", "screen-audio"]
Layout = Literal["grid", "speaker", "single", "screen-first"]
"""How a recording shows who is in it."""
RecordingStatus = Literal["recording", "processing", "ready", "failed", "empty"]
RecordingStage = Literal["waiting", "composing", "uploading"]
RecordingTroubleReason = Literal["disk_full", "disk_error", "disk_slow"]
Emoji = Literal["👍", "👎", "❤️", "😂", "😮", "😢", "🎉", "👏"]
"""What people react with. A fixed few: anything else would be chat by another name."""


class Wire(Struct, rename="camel", kw_only=True, frozen=True):
    """A message; unknown keys are ignored."""


class Strict(Struct, rename="camel", kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A message whose unknown keys are refused."""
