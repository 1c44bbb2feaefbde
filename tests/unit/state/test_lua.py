"""The scripts and their arguments."""

from __future__ import annotations

from importlib import resources
from typing import NamedTuple

import pytest

from tertulia.ids import ConnectionId, UserId
from tertulia.state import lua, scripts
from tertulia.state.keys import RegistryKeys, RoomKeys


class Swapped(NamedTuple):
    connection: str
    user: str
    reason: str


class Fewer(NamedTuple):
    user: str
    connection: str


class TextForNumber(NamedTuple):
    dead_after: str


class Right(NamedTuple):
    dead_after: int


@pytest.mark.parametrize("args", [Swapped, Fewer])
def test_arguments_that_the_script_does_not_declare_are_an_error(args: type[tuple[str, ...]]) -> None:
    with pytest.raises(ValueError, match=r"^leave\.lua declares the args"):
        lua.load("leave", RoomKeys, args, scripts.ROOM_ARGS)


def test_a_number_is_declared_as_one() -> None:
    with pytest.raises(ValueError, match=r"^alive\.lua declares the args"):
        lua.load("alive", RegistryKeys, TextForNumber)
    assert lua.load("alive", RegistryKeys, Right).text == scripts.ALIVE.text


def test_the_keys_are_checked_too() -> None:
    with pytest.raises(ValueError, match=r"^alive\.lua declares the keys"):
        lua.load("alive", RoomKeys, Right)


def test_names_are_numbered_through_all_files() -> None:
    lines = scripts.UPDATE.text.decode().splitlines()
    assert [line for line in lines if line.startswith("local ") and ("KEYS[" in line or "ARGV[" in line)] == [
        "local room = KEYS[1]",
        "local participants = KEYS[2]",
        "local seen = KEYS[3]",
        "local removed = KEYS[4]",
        "local chat = KEYS[5]",
        "local standing = KEYS[6]",
        "local channel = ARGV[1]",
        "local origin = ARGV[2]",
        "local ttl = ARGV[3]",
        "local user = ARGV[4]",
        "local connection = ARGV[5]",
        "local incarnation = ARGV[6]",
        "local muted = ARGV[7]",
        "local video_on = ARGV[8]",
        "local hand_raised = ARGV[9]",
        "local opt_out = ARGV[10]",
        "local display_name = ARGV[11]",
    ]


def test_what_is_passed_is_flat_and_in_order() -> None:
    leave = scripts.Leave(user=UserId("u"), reason="left", connection=ConnectionId("c"))
    assert scripts.LEAVE.values(leave) == ("u", "c", "left")
    restore = scripts.Restore("r", "n", "s", "false", "i", "", b"", members=("u", b"{}", "v", b"{}"))
    assert scripts.RESTORE.values(restore) == ("r", "n", "s", "false", "i", "", b"", "u", b"{}", "v", b"{}")
    assert "for i = 11, #ARGV do members[i - 10] = ARGV[i] end" in scripts.RESTORE.text.decode()


def test_every_file_is_a_script_or_a_part_of_one() -> None:
    texts = [script.text.decode() for script in scripts.ALL]
    for file in resources.files(lua).iterdir():
        if file.name.endswith(".lua"):
            assert any(file.read_text() in text for text in texts), file.name
