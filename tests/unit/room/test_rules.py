"""Targets, permissions, the rate limit."""

from __future__ import annotations

import pytest

from tertulia.contract.calls import CALLS
from tertulia.contract.settings import Settings
from tertulia.errors import Forbidden, UnknownTarget
from tertulia.ids import NodeId, SeatId, transport_id
from tertulia.room import permissions, targets
from tertulia.room.rate import Rate, Verdict
from tests.unit.room.test_mirror import person

SEAT, NODE = SeatId("seat"), NodeId("n1")


def test_a_transport_is_ones_own_or_nothing() -> None:
    own = transport_id(SEAT, NODE)
    assert targets.transport("sfu", SEAT, NODE, "sfu") == (NODE, own)
    assert targets.transport(own, SEAT, NODE, "sfu") == (NODE, own)
    for target, node, topology in (
        (transport_id(SeatId("other"), NODE), NODE, "sfu"),
        (transport_id(SEAT, NodeId("old")), NODE, "sfu"),
        (own.upper(), NODE, "sfu"),
        ("sfu", None, "sfu"),
        ("sfu", NODE, "p2p"),
    ):
        with pytest.raises(UnknownTarget):
            targets.transport(target, SEAT, node, topology)  # type: ignore[arg-type]


def test_what_is_meant_for_the_sfu() -> None:
    assert targets.is_sfu("sfu")
    assert targets.is_sfu("sfu_x")
    assert not targets.is_sfu("SFU")
    assert not targets.is_sfu("6f1c2b6e-0000-4000-8000-000000000000")


def test_other_members_in_any_case() -> None:
    members = {"ann": person("ann"), "bob": person("bob")}
    assert targets.other_member("BOB", "ann", members) == members["bob"]
    for nobody in ("ann", "ANN", "eve", ""):
        with pytest.raises(UnknownTarget):
            targets.other_member(nobody, "ann", members)


def test_the_hosts_calls_are_calls() -> None:
    assert CALLS.keys() > permissions.HOST_CALLS
    for call in CALLS:
        permissions.check_call(call, "host")
        if call in permissions.HOST_CALLS:
            with pytest.raises(Forbidden):
                permissions.check_call(call, "attendee")
        else:
            permissions.check_call(call, "attendee")


@pytest.mark.parametrize(
    ("allowed", "role", "is_the_host", "admitted"),
    [
        (("host", "guest"), "host", False, True),
        (("host", "guest"), "attendee", False, True),
        (("guest",), "host", False, False),
        (("guest",), "host", True, True),
        (("host",), "attendee", False, False),
    ],
)
def test_roles(allowed: tuple[str, ...], role: str, is_the_host: bool, admitted: bool) -> None:
    settings = Settings(allowed_roles=allowed)  # type: ignore[arg-type]
    entry = permissions.entry_of(settings, role, is_the_host)  # type: ignore[arg-type]
    assert entry == ("open" if admitted else "closed")


def _run(rate: Rate, start: float, per_second: float, seconds: float) -> list[Verdict]:
    return [rate.call(start + i / per_second) for i in range(int(per_second * seconds))]


def test_a_burst_of_500_then_100_a_second() -> None:
    rate = Rate(0, 100, 500, 10)
    verdicts = [rate.call(0) for _ in range(600)]
    assert verdicts.count(Verdict.ADMIT) == 500
    assert verdicts[500:] == [Verdict.REFUSE] * 100
    assert _run(rate, 1, 1000, 5).count(Verdict.ADMIT) == pytest.approx(600, abs=2)  # 100 saved, then 100 a second


def test_a_hundred_a_second_is_never_refused() -> None:
    assert set(_run(Rate(0, 100, 500, 10), 0, 100, 60)) == {Verdict.ADMIT}


def test_ten_seconds_of_refusals_close() -> None:
    rate = Rate(0, 100, 500, 10)
    verdicts = _run(rate, 0, 200, 20)
    first = verdicts.index(Verdict.REFUSE)
    close = verdicts.index(Verdict.CLOSE)
    assert (close - first) / 200 == pytest.approx(10, abs=0.02)


def test_a_pause_begins_anew() -> None:
    rate = Rate(0, 100, 500, 10)
    assert Verdict.CLOSE not in _run(rate, 0, 200, 14)
    assert Verdict.CLOSE not in _run(rate, 20, 200, 10)


def test_idle_time_saves_no_more_than_a_burst() -> None:
    rate = Rate(0, 100, 500, 10)
    verdicts = [rate.call(1_000_000) for _ in range(501)]
    assert verdicts[-1] is Verdict.REFUSE
