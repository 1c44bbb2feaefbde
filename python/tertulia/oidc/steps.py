"""What the core asks of the network. A procedure is a generator: it yields a request, is sent the reply, and returns
what it has found out. So it can be driven by a socket, or by a test."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Literal, TypeAlias, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Get(Struct, frozen=True):
    """Fetch ``url``, with an access token if ``bearer`` is one."""

    url: str
    bearer: str | None = None


class Post(Struct, frozen=True):
    """Send a form to ``url``; ``basic``: with this user name and password."""

    url: str
    form: Mapping[str, str]
    basic: tuple[str, str] | None = None


class Reply(Struct, frozen=True):
    """The answer to either."""

    status: int
    body: bytes


Request: TypeAlias = Get | Post
Steps: TypeAlias = Generator[Request, Reply, T]

Reason = Literal["unreachable", "broken", "denied", "expired", "not_allowed", "unknown"]
"""Why somebody could not sign in, as they are told:

- ``unreachable``: the provider does not answer, or says that it cannot now;
- ``broken``: what it says makes no sense, or is not for us: a matter for the operator;
- ``denied``: the provider, or the person there, has refused;
- ``expired``: it took too long, or was begun in another browser;
- ``not_allowed``: the provider knows them, but they are not of the organisation;
- ``unknown``: there is no such organisation, or it does not sign in here.
"""


class SignInFailed(Exception):
    """Somebody could not sign in. ``str()`` says why, for the log; it holds no secrets."""

    def __init__(self, reason: Reason, why: str) -> None:
        super().__init__(why)
        self.reason = reason
