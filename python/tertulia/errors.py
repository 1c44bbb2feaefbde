"""All errors that Tertulia raises, as one tree, each with a stable code.

::

    TertuliaError
    ├── ConfigError            a setting is missing, unknown or wrong: one line at start
    ├── Unavailable            Redis, the database or an SFU node does not answer (503 / ``internal``)
    └── Refused                a client's mistake: told by REST as a problem, by the hub as an error
        ├── Unauthorized       unauthorized            401
        ├── BadToken           bad_token               401 (hub only)
        ├── TooLarge           too_large               413
        ├── UnsupportedMedia   unsupported_media_type  415
        ├── NotJson            not_json                400
        ├── Malformed          malformed               400 (hub only)
        ├── Invalid            invalid                 422, with the fields
        ├── InvalidSdp         invalid_sdp             422 (hub only)
        ├── NotFound           not_found               404
        ├── UnknownEvent       unknown_event           404 (hub only)
        ├── UnknownTarget      unknown_target          404 (hub only)
        ├── Forbidden          forbidden               403
        ├── RoleNotAllowed     role_not_allowed        403
        ├── RoomFull           room_full               409
        ├── NoSession          no_session              409
        ├── AlreadyRecording   already_recording       409
        ├── AlreadyExists      already_exists          409, with the field
        ├── AlreadyJoined      already_joined          409 (hub only)
        ├── NotJoined          not_joined              409 (hub only)
        ├── InProgress         in_progress             409 (an Idempotency-Key in flight)
        ├── MethodNotAllowed   method_not_allowed      405
        ├── NotAcceptable      not_acceptable          406
        └── RateLimited        rate_limited            429, with Retry-After
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple


class FieldError(NamedTuple):
    """What is wrong with one field; ``field`` is dotted (``settings.allowedRoles[0]``), ``""`` the body itself."""

    field: str
    message: str


class TertuliaError(Exception):
    """The root. ``str()`` says what happened, to what, and what to do."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    """Of an HTTP answer."""
    exit_status: int = 1
    """Of a command that fails with it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigError(TertuliaError):
    """A setting is missing, unknown or wrong. Restarting would not help."""

    code = "config"
    exit_status = 2


class Unavailable(TertuliaError):
    """Redis, the database or an SFU node does not answer."""

    code = "unavailable"
    status = 503


class Refused(TertuliaError):
    """A client asked for what it may not have, or in a wrong form. Nothing was changed."""

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """The fields that are wrong, if any."""
        return ()

    @property
    def field(self) -> str | None:
        """The first field that is wrong."""
        return self.errors[0].field if self.errors else None


class _FieldRefused(Refused):
    def __init__(self, errors: list[FieldError] | tuple[FieldError, ...]) -> None:
        super().__init__("; ".join(f"{e.field or 'body'}: {e.message}" for e in errors))
        self._errors = tuple(errors)

    @property
    def errors(self) -> tuple[FieldError, ...]:
        return self._errors


class Unauthorized(Refused):
    """The caller has no valid credential."""

    code, status = "unauthorized", 401


class BadToken(Refused):
    """A token that is not valid, or no longer."""

    code, status = "bad_token", 401


class TooLarge(Refused):
    """A body over the limit."""

    code, status = "too_large", 413


class UnsupportedMedia(Refused):
    """A body that is not said to be JSON."""

    code, status = "unsupported_media_type", 415


class NotJson(Refused):
    """A body that is not JSON."""

    code, status = "not_json", 400


class Malformed(Refused):
    """A frame or message that cannot be read."""

    code, status = "malformed", 400


class Invalid(_FieldRefused):
    """Fields with wrong values."""

    code, status = "invalid", 422


class InvalidSdp(Refused):
    """A session description that the SFU cannot use."""

    code, status = "invalid_sdp", 422


class NotFound(Refused):
    """There is no such thing, as far as the caller may know."""

    code, status = "not_found", 404


class UnknownEvent(Refused):
    """A call of a method that does not exist."""

    code, status = "unknown_event", 404


class UnknownTarget(Refused):
    """A ``targetUserId`` that the caller cannot reach."""

    code, status = "unknown_target", 404


class Forbidden(Refused):
    """The caller may not do this."""

    code, status = "forbidden", 403


class RoleNotAllowed(Refused):
    """The room's settings do not admit this role."""

    code, status = "role_not_allowed", 403


class RoomFull(Refused):
    """The room has as many participants as it may."""

    code, status = "room_full", 409


class NoSession(Refused):
    """Nobody is meeting in the room."""

    code, status = "no_session", 409


class AlreadyRecording(Refused):
    """The room is being recorded."""

    code, status = "already_recording", 409


class AlreadyExists(_FieldRefused):
    """An id, email or name that is taken."""

    code, status = "already_exists", 409


class AlreadyJoined(Refused):
    """The connection is in a room."""

    code, status = "already_joined", 409


class NotJoined(Refused):
    """The connection is not in a room."""

    code, status = "not_joined", 409


class InProgress(Refused):
    """Another request with the same Idempotency-Key is being answered."""

    code, status = "in_progress", 409


class MethodNotAllowed(Refused):
    """The path exists, but not with this method. ``allow``: the Allow header (RFC 9110, section 10.2.1)."""

    code, status = "method_not_allowed", 405

    def __init__(self, method: str, allow: str) -> None:
        super().__init__(f"{method} is not offered here; {allow} are")
        self.allow = allow


class NotAcceptable(Refused):
    """The answer exists in no form that the caller accepts."""

    code, status = "not_acceptable", 406


class RateLimited(Refused):
    """Too many requests; ``retry_after`` is in seconds."""

    code, status = "rate_limited", 429

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
