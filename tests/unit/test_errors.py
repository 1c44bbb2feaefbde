"""The texts of errors that clients read are fixed: what a client wrote never comes back in them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tertulia
from tertulia.contract.fields import Wire
from tertulia.contract.requests import CreateRoom
from tertulia.errors import FieldError, Invalid, Refused
from tertulia.ids import new_uuid
from tertulia.signalr.errors import HandshakeRefused, HubException
from tertulia.validation import read

SOURCES = Path(tertulia.__file__).parent
OURS = {
    "allow",  # the methods of a path
    "bound",  # a limit
    "code",
    "event",  # the name of a call that exists
    "longest",
    "max_participants",
    "message",  # with its code: of another error in this list
    "most",
    "name",  # of a parameter of a path
    "protocol.name",  # of a hub protocol that is spoken
    "rate:g",
    "role",  # one of two
    "sent",  # numbers
    "wanted",
    "what",  # a word for what there is none of
    "e",  # json's own words: what was expected, and where
}
"""What may stand in a text: it is the server's own."""
OPERATOR = {"access.py", "admin.py", "operating.py", "recording_keys.py", "sign_in_admin.py", "verifying.py"}
"""Modules whose refusals only commands on the server read, of what was typed there."""
INTERNAL = {"messages.py", "commands.py", "participant.py"}
"""Modules that read what other processes of the fleet say; their errors go to the log."""


def kinds(of: type[BaseException]) -> Iterator[str]:
    yield of.__name__
    for kind in of.__subclasses__():
        yield from kinds(kind)


TOLD = {*kinds(Refused), FieldError.__name__, HandshakeRefused.__name__, HubException.__name__} - {"TertuliaError"}


def interpolated(source: str) -> Iterator[tuple[str, str]]:
    """Each error that a client is told, and an expression in its text that is no constant."""
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in TOLD:
            for argument in call.args:
                for part in ast.walk(argument):
                    if isinstance(part, ast.FormattedValue):
                        spec = f":{ast.unparse(part.format_spec)[2:-1]}" if part.format_spec else ""
                        expression = ast.unparse(part.value) + spec
                        if not expression.partition(":")[0].isupper():
                            yield call.func.id, expression


def test_no_text_holds_what_a_client_wrote() -> None:
    found = [
        (path.name, kind, expression)
        for path in SOURCES.rglob("*.py")
        if path.name not in OPERATOR | INTERNAL
        for kind, expression in interpolated(path.read_text())
        if expression not in OURS
    ]
    assert found == []


def test_a_text_with_what_a_client_wrote_is_found() -> None:
    assert list(interpolated('raise UnknownEvent(f"there is no call {payload!r}")')) == [("UnknownEvent", "payload")]
    assert list(interpolated('raise TooLarge(f"more than {MAX_BODY} bytes")')) == []


def faults(kind: type[Wire], value: Any) -> tuple[list[FieldError], str]:
    with pytest.raises(Invalid) as caught:
        read(kind, value)
    return list(caught.value.errors), caught.value.message


@pytest.mark.parametrize("key", ["<img src=x>", "k" * 65, "a b", "\u202eevil", ""])
def test_an_unknown_key_is_named_only_if_it_could_be_one(key: str) -> None:
    errors, message = faults(CreateRoom, {"hostId": new_uuid(), "settings": {key: 1}})
    assert errors == [FieldError("settings", "is not a known key")]
    assert message == "settings: is not a known key"


def test_an_unknown_key_that_may_be_misspelled_is_named() -> None:
    errors, _ = faults(CreateRoom, {"hostId": new_uuid(), "settings": {"maxParticipant": 1}})
    assert errors == [FieldError("settings.maxParticipant", "is not a known key")]


def test_a_word_that_is_not_one_of_the_choices_is_not_repeated() -> None:
    errors, message = faults(CreateRoom, {"hostId": new_uuid(), "settings": {"topology": "<evil>"}})
    assert errors == [FieldError("settings.topology", "must be one of 'sfu', 'p2p'")]
    assert "evil" not in message
