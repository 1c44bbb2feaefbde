"""The extension module as Python sees it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tertulia.sfu import _sfu


@pytest.fixture
def engine() -> _sfu.Sfu:
    return _sfu.Sfu("127.0.0.1", 0)


def test_it_tells_its_addresses(engine: _sfu.Sfu) -> None:
    assert engine.addresses == [("127.0.0.1", engine.port)]
    assert _sfu.Sfu("127.0.0.1", 0, ["203.0.113.7", "2001:db8::7"]).addresses[1][0] == "2001:db8::7"
    assert _sfu.Sfu("0.0.0.0", 0, loopback=True).addresses[0][0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("bind", "port", "advertised", "error"),
    [
        ("localhost", 0, [], ValueError),
        ("127.0.0.1", 0, ["nowhere"], ValueError),
        ("192.0.2.250", 0, [], OSError),
        ("127.0.0.1", 65_536, [], OverflowError),
    ],
)
def test_what_it_cannot_be_started_with(bind: str, port: int, advertised: list[str], error: type[Exception]) -> None:
    with pytest.raises(error):
        _sfu.Sfu(bind, port, advertised)


def test_a_taken_port_is_named(engine: _sfu.Sfu) -> None:
    with pytest.raises(OSError, match=f"127.0.0.1:{engine.port}"):
        _sfu.Sfu("127.0.0.1", engine.port)


def test_unknown_sources_are_refused(engine: _sfu.Sfu) -> None:
    with pytest.raises(ValueError, match="telescope"):
        engine.offer("r", "t", "u", "s", "", tracks={"0": "telescope"})
    with pytest.raises(ValueError, match="telescope"):
        engine.view("t", [("u", "telescope", None)])


def test_events_are_values() -> None:
    slots = _sfu.Slots("r", "t", "u", "s", [_sfu.Slot("1", "audio", None, None)])
    assert slots == _sfu.Slots("r", "t", "u", "s", [_sfu.Slot("1", "audio", None, None)])
    assert slots != _sfu.Slots("r", "t", "u", "s", [])
    assert (slots.slots[0].mid, slots.slots[0].user_id) == ("1", None)
    with pytest.raises(AttributeError):
        slots.room = "other"  # type: ignore[misc]


def test_nothing_waits_at_first(engine: _sfu.Sfu) -> None:
    assert engine.drain(10) == []
    assert engine.events_lost == 0
    assert engine.stats()["peers"] == 0


def test_after_its_stop_it_takes_no_command(engine: _sfu.Sfu) -> None:
    engine.stop()
    calls: list[Callable[[], None]] = [
        lambda: engine.offer("r", "t", "u", "s", ""),
        lambda: engine.answer("t", ""),
        lambda: engine.candidate("t", ""),
        lambda: engine.view("t", []),
        lambda: engine.state("t", True),
        lambda: engine.close("t"),
        lambda: engine.end("r"),
    ]
    for call in calls:
        with pytest.raises(_sfu.Stopped):
            call()
    assert (engine.turns(), engine.stats()["peers"]) == ([], 0)
