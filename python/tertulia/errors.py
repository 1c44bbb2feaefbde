"""The one tree of errors that Tertulia raises, each with a stable code.

::

    TertuliaError
    ├── ConfigError            a setting is missing, unknown or wrong: one line at start
    ├── Unavailable            Redis, the database or an SFU node does not answer (503 / ``internal``)
    ├── StorageError           blob storage did not do what it was asked to
    └── Refused                a client is told: by REST as a problem, by the hub as an error
        ├── Unauthorized       unauthorized            401
        ├── BadToken           bad_token               401 (hub only)
        │   └── UserRemoved    bad_token, ``removed``
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
        ├── QuotaExceeded      quota_exceeded          403
        ├── PasswordRequired   password_required       403 (the link of an invite)
        ├── WrongPassword      wrong_password          403
        ├── RoomFull           room_full               409
        ├── RoomLocked         room_locked             409
        ├── EntryDenied        entry_denied            403 (hub only)
        ├── WaitedTooLong      waited_too_long         408 (hub only)
        ├── WaitingRoomFull    waiting_room_full       409 (hub only)
        ├── NoSession          no_session              409
        ├── AlreadyRecording   already_recording       409
        ├── AlreadyExists      already_exists          409, with the field
        ├── AlreadyJoined      already_joined          409 (hub only)
        ├── NotJoined          not_joined              409 (hub only)
        ├── InProgress         in_progress             409 (an Idempotency-Key in flight)
        ├── MethodNotAllowed   method_not_allowed      405
        ├── NotAcceptable      not_acceptable          406
        ├── RateLimited        rate_limited            429, with Retry-After
        ├── NoSuchRange        range_not_satisfiable   416, with Content-Range
        ├── HeadTooLarge       too_large               431
        └── Crowded            unavailable             503, with Retry-After
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
    """A setting is missing, unknown or wrong."""

    code = "config"
    exit_status = 2


class Unavailable(TertuliaError):
    """Redis, the database or an SFU node does not answer."""

    code = "unavailable"
    status = 503


class StorageError(TertuliaError):
    """Blob storage did not do what it was asked to.

    ``is_retryable``: the same call may work later, without anybody changing a setting.
    """

    code = "storage"
    status = 503

    def __init__(self, message: str, *, is_retryable: bool) -> None:
        super().__init__(message)
        self.is_retryable = is_retryable


class Refused(TertuliaError):
    """A client asked for something that it cannot have, or in the wrong form. Nothing was changed."""

    reason: str | None = None
    """What a client may have to know beyond the code: a word of its own."""

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """The fields at fault, if any."""
        return ()

    @property
    def field(self) -> str | None:
        """The first field at fault."""
        return self.errors[0].field if self.errors else None


class _FieldRefused(Refused):
    def __init__(self, errors: list[FieldError] | tuple[FieldError, ...]) -> None:
        super().__init__("; ".join(f"{e.field or 'body'}: {e.message}" for e in errors))
        self._errors = tuple(errors)

    @property
    def errors(self) -> tuple[FieldError, ...]:
        return self._errors


class Unauthorized(Refused):
    """No credential, or one that is not valid."""

    code, status = "unauthorized", 401

    @classmethod
    def by(cls, error: BadToken) -> Unauthorized:
        """The credential is a token that is not valid."""
        refused = cls(error.message)
        refused.reason = error.reason
        return refused


class BadToken(Refused):
    """A token that is not valid."""

    code, status = "bad_token", 401


class UserRemoved(BadToken):
    """Of somebody who was removed from the meeting since they were admitted."""

    reason = "removed"

    def __init__(self) -> None:
        super().__init__("you were removed from this meeting")


class TooLarge(Refused):
    """The body is too large."""

    code, status = "too_large", 413


class UnsupportedMedia(Refused):
    """The body is not declared as JSON in UTF-8."""

    code, status = "unsupported_media_type", 415


class NotJson(Refused):
    """The body is not JSON."""

    code, status = "not_json", 400


class Malformed(Refused):
    """A frame or an argument cannot be read."""

    code, status = "malformed", 400


class Invalid(_FieldRefused):
    """Fields are wrong."""

    code, status = "invalid", 422


class InvalidSdp(Refused):
    """An SDP that the SFU refuses."""

    code, status = "invalid_sdp", 422


class NotFound(Refused):
    """What was named does not exist."""

    code, status = "not_found", 404


class UnknownEvent(Refused):
    """The hub has no such call."""

    code, status = "unknown_event", 404


class UnknownTarget(Refused):
    """Nobody in the room has that id."""

    code, status = "unknown_target", 404


class Forbidden(Refused):
    """The caller may not do this."""

    code, status = "forbidden", 403


class PasswordRequired(Refused):
    """The invite is opened by a password only."""

    code, status = "password_required", 403


class WrongPassword(Refused):
    """This is not the invite's password."""

    code, status = "wrong_password", 403


class RoleNotAllowed(Refused):
    """The room's settings do not allow the role."""

    code, status = "role_not_allowed", 403


class QuotaExceeded(Refused):
    """The tenant has as much as it may."""

    code, status = "quota_exceeded", 403


class RoomFull(Refused):
    """The room has as many participants as it may."""

    code, status = "room_full", 409


class RoomLocked(Refused):
    """Nobody new may join now."""

    code, status = "room_locked", 409


class EntryDenied(Refused):
    """A host has not admitted who waited."""

    code, status = "entry_denied", 403


class EndedBeforeEntry(EntryDenied):
    """The meeting was ended while they waited."""

    reason = "ended"

    def __init__(self) -> None:
        super().__init__("the meeting has ended")


class WaitedTooLong(Refused):
    """Nobody has admitted who waited."""

    code, status = "waited_too_long", 408


class WaitingRoomFull(Refused):
    """As many wait as may."""

    code, status = "waiting_room_full", 409


class NoSession(Refused):
    """No meeting is on."""

    code, status = "no_session", 409


class AlreadyRecording(Refused):
    """The meeting is being recorded."""

    code, status = "already_recording", 409


class AlreadyExists(_FieldRefused):
    """The id or the email is taken."""

    code, status = "already_exists", 409


class AlreadyJoined(Refused):
    """The connection has joined a room."""

    code, status = "already_joined", 409


class NotJoined(Refused):
    """The connection has not joined a room."""

    code, status = "not_joined", 409


class InProgress(Refused):
    """The same request is being carried out."""

    code, status = "in_progress", 409


class MethodNotAllowed(Refused):
    """The path does not offer the method. ``allow``: the value of the Allow header (RFC 9110, section 10.2.1)."""

    code, status = "method_not_allowed", 405

    def __init__(self, allow: str) -> None:
        super().__init__(f"the method is not allowed here; these are: {allow}")
        self.allow = allow


class NotAcceptable(Refused):
    """The Accept header does not allow JSON."""

    code, status = "not_acceptable", 406


class RateLimited(Refused):
    """Too many requests or calls; ``retry_after`` is in seconds."""

    code, status = "rate_limited", 429

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NoSuchRange(Refused):
    """A file of ``size`` bytes has none in the range that was asked for."""

    code, status = "range_not_satisfiable", 416

    def __init__(self, size: int) -> None:
        super().__init__("the file has no byte in this range: Content-Range says how many it has")
        self.size = size


class HeadTooLarge(Refused):
    """The request line and headers are larger than allowed."""

    code, status = "too_large", 431


class Crowded(Refused):
    """Too many connections; ``retry_after`` is in seconds."""

    code, status = "unavailable", 503

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
