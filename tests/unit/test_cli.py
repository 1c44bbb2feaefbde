"""The table of commands: their flags, their help, and what is said of wrong use."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from tertulia import cli
from tertulia.config import SETTINGS, flag, settings_of
from tertulia.contract.fields import Layout

WORDS = [command.words for command in cli.COMMANDS]


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[object, str, str]:
    """The exit status, and what came on standard output and standard error."""
    with pytest.raises(SystemExit) as ended:
        cli.main(argv)
    return ended.value.code, *capsys.readouterr()


@pytest.mark.parametrize("command", cli.COMMANDS, ids=WORDS)
def test_help_lists_the_settings_that_the_command_reads_and_no_others(
    command: cli.Command, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = said(capsys, *command.words.split(), "--help")
    listed = set(re.findall(r"^  (--[a-z-]+)", out.partition("settings:")[2], re.MULTILINE))
    assert (status, listed) == (0, {flag(name) for name in settings_of(command.reads)})


@pytest.mark.parametrize("command", cli.COMMANDS, ids=WORDS)
def test_help_says_what_to_do_next(command: cli.Command, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = said(capsys, *command.words.split(), "--help")
    assert command.then.splitlines()[0] in out.partition("next:")[2]


def test_the_readers_of_the_settings() -> None:
    assert set(settings_of("database")) == {"database_url", "data_dir"}
    keys = {"master_key", "master_key_file"}
    assert set(settings_of("recording")) == {"database_url", "data_dir", "storage_url", "recordings_dir", *keys}
    assert set(settings_of("master-key")) == {"database_url", "data_dir", *keys}
    assert set(settings_of("room")) == {"database_url", "redis_url", "data_dir", "public_url", "port", *keys}
    assert not {"database_url", "storage_url", "port", "workers", "turn_secret"} & set(settings_of("sfu"))
    assert not {"sfu_bind", "sfu_ports", "sfu_workers", "recordings_dir"} & set(settings_of("web"))
    assert not {"redis_url", "port", "sfu_bind"} & set(settings_of("recorder"))
    assert set(settings_of("dev")) == {*settings_of("web"), *settings_of("sfu"), *settings_of("recorder")} - {"open"}
    assert set(SETTINGS) == {*settings_of("dev"), "open"}


def test_the_layouts_are_those_of_the_contract() -> None:
    assert get_args(Layout) == cli.LAYOUTS


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        ((), "tertulia: the following arguments are required: COMMAND: see `tertulia --help`"),
        (("key",), "tertulia key: the following arguments are required: COMMAND: see `tertulia key --help`"),
        (("sfu", "--port", "1"), "tertulia sfu: unrecognized arguments: --port 1: see `tertulia sfu --help`"),
        (("key", "revoke"), "tertulia key revoke: the following arguments are required: id: "),
        (("web", "--por", "1"), "tertulia web: unrecognized arguments: --por 1: see `tertulia web --help`"),
        (("web", "--port", "x"), "tertulia: --port: must be a whole number from 0 to 65535"),
    ],
)
def test_wrong_use_is_said_in_one_line(argv: tuple[str, ...], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capsys, *argv)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(line)
