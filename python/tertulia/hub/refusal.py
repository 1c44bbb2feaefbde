"""The one place where errors become what a hub client is told."""

from __future__ import annotations

from typing import NamedTuple

from tertulia.errors import Refused


class Refusal(NamedTuple):
    """``code`` is stable, ``message`` is for people, ``field`` is the first field at fault, ``reason`` a word more."""

    code: str
    message: str
    field: str | None = None
    reason: str | None = None


def refusal(error: BaseException) -> Refusal:
    """What the client sees: our refusals as they are; anything else is ``internal``, its text hidden."""
    if isinstance(error, Refused):
        return Refusal(error.code, error.message, error.field, error.reason)
    return Refusal("internal", "something went wrong on the server; try again")
