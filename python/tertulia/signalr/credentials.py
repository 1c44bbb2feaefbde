"""What a client sends as its credential (RFC 6750)."""

from __future__ import annotations

import re
from typing import Final

_BEARER: Final = re.compile(r"bearer +([\x21-\x7e]+) *", re.IGNORECASE)


def bearer(authorization: str) -> str | None:
    """The credential in an Authorization header; None: the header is of another kind."""
    match = _BEARER.fullmatch(authorization)
    return match[1] if match is not None else None


def credential(authorization: str | None, access_token: str | None) -> str | None:
    """A Bearer's, else ``access_token`` of the query, which browsers use where they cannot set headers. "" where the
    Authorization header is of another kind, None where nothing is sent."""
    return access_token if authorization is None else bearer(authorization) or ""
