import itertools

import pytest

from tertulia.contract.calls import CALLS
from tertulia.ids import RoomId, UserId
from tertulia.room import rate as rates
from tertulia.room.rate import (
    FAILED_JOIN,
    TO_ALL,
    Rate,
    UserRates,
    Verdict,
    Who,
    cost_of,
    cost_of_bytes,
    cost_of_parts,
    cost_of_seat,
)
from tertulia.strict_json import parts_of


def new_rate() -> Rate:
    return Rate(0, 100, 500, 1e9)


def user(number: int) -> Who:
    return RoomId("room"), UserId(f"user {number}")


def admitted(rate: Rate, cost: int, seconds: float) -> int:
    """How many calls of ``cost`` are admitted, one each millisecond, at 100 a second and 500 at once."""
    verdicts = [rate.call(step / 1000, cost) for step in range(int(seconds * 1000))]
    return verdicts.count(Verdict.ADMIT)


def test_a_call_counts_for_those_who_hear_of_it() -> None:
    assert set(CALLS) >= TO_ALL
    assert [cost_of("SendChat", members) for members in (2, 9, 10, 100, 1000)] == [1, 1, 2, 11, 101]
    assert [cost_of(event, 1000) for event in ("UpdateState", "RaiseHand")] == [21, 40]
    assert [cost_of("UpdateState", members) for members in (49, 50, 500)] == [1, 2, 11]
    others = ("KeepAlive", "SendIceCandidate", "SetView", "NoSuchCall")
    assert [cost_of(event, 1000) for event in others] == [1, 1, 4, 1]
    assert [cost_of("LeaveRoom", members) for members in (2, 1000)] == [1, 101]
    assert [cost_of_seat(members) for members in (2, 100, 1000)] == [25, 45, 225]


def test_a_hand_goes_up_and_down_as_often_as_people_raise_one() -> None:
    """As a connection counts it: the frame, then what the call costs beside."""

    def raised(seconds: float) -> int:
        rate, hands = new_rate(), 0
        for step in range(int(seconds * 1000)):
            if rate.call(step / 1000, cost_of_bytes(60)) is Verdict.ADMIT:
                rate.charge(cost_of("RaiseHand", 4) - 1)
                hands += 1
        return hands

    assert raised(0.1) in (25, 26)
    assert raised(10) in (75, 76)


def test_whatever_was_called_a_keep_alive_is_admitted() -> None:
    rate = new_rate()
    assert rate.call(0.0, 5000) is Verdict.ADMIT
    assert [rate.keep_alive(0.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert all(rate.keep_alive(float(second)) for second in range(1, 40))
    assert rate.call(40.0) is Verdict.REFUSE
    assert rate.is_full(51.0)
    assert rate.keep_alive(51.0)
    assert [rate.is_full(now) for now in (51.5, 52.0)] == [False, True]


@pytest.mark.parametrize("members", [4, 100, 1000])
@pytest.mark.parametrize(("event", "share"), [("SendChat", 10), ("UpdateState", 50), ("RaiseHand", 50)])
def test_what_one_member_has_others_told_is_bounded_in_any_room(event: str, share: int, members: int) -> None:
    frames = admitted(new_rate(), cost_of(event, members), 100) * members
    assert frames <= (500 + 100 * 100) * share + members


def test_a_call_that_is_dearer_than_the_burst_is_admitted_once_and_paid_for() -> None:
    rate = new_rate()
    assert rate.call(0.0, 5000) is Verdict.ADMIT
    admits = (step for step in itertools.count(1) if rate.call(float(step)) is Verdict.ADMIT)
    assert next(admits) == 46


def test_refused_joins_are_few() -> None:
    rate, admits = new_rate(), 0
    for step in range(15_000):
        if rate.call(step / 1000) is Verdict.ADMIT:
            admits += 1
            rate.charge(FAILED_JOIN)
    assert admits <= (500 + 1500) / FAILED_JOIN + 1


def test_a_message_counts_by_its_bytes_whatever_is_in_it() -> None:
    assert [cost_of_bytes(size) for size in (0, 3_999, 4_000, 200_000, 262_144)] == [1, 1, 2, 51, 66]


def test_a_message_counts_by_the_lists_objects_and_values_in_it() -> None:
    texts = (b"", b'{"a":[1,2]}', b"[],[]" * 100, b"1," * 5_000)
    assert [cost_of_parts(parts_of(text)) for text in texts] == [0, 0, 3, 50]


def test_whoever_connects_again_and_again_has_one_bucket() -> None:
    users, admits = UserRates(100, 500, 10), 0
    for connection in range(50):  # one each 20 ms, which calls as much as it may
        now = connection / 50
        rate = users.hold(user(1), now)
        admits += [rate.call(now) for _ in range(470)].count(Verdict.ADMIT)
        users.let_go(user(1), now)
    assert admits == pytest.approx(500 + 100, abs=3)


def test_two_connections_of_a_user_share_a_bucket_and_another_user_has_another() -> None:
    users = UserRates(100, 500, 10)
    first, second, other = users.hold(user(1), 0), users.hold(user(1), 0), users.hold(user(2), 0)
    assert first is second
    assert first is not other
    users.let_go(user(1), 0)
    first.charge(500)
    users.let_go(user(1), 0)
    assert users.hold(user(1), 1) is first


def test_who_is_gone_is_forgotten_once_their_bucket_is_full() -> None:
    users = UserRates(100, 500, 10)
    users.hold(user(0), 0)
    users.let_go(user(0), 0)
    assert len(users) == 0
    for number in range(100):
        users.hold(user(number), 0).charge(100)
        users.let_go(user(number), 0)
    assert len(users) == 100
    for number in range(100, 200):
        users.hold(user(number), 1.5).charge(1)
        users.let_go(user(number), 1.5)
    assert len(users) <= 101


def test_so_many_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_USERS", 10)
    users = UserRates(100, 500, 10)
    for number in range(100):
        users.hold(user(number), 0).charge(400)
        users.let_go(user(number), 0)
        assert len(users) <= 10


def test_a_refusal_outlives_the_connection() -> None:
    users, verdicts = UserRates(100, 500, 10), []
    rate = users.new(0)
    for step in range(2_200):
        rate = users.hold(user(1), step / 200)
        verdicts.append(rate.call(step / 200, cost=500))
        users.let_go(user(1), step / 200)
    assert verdicts.index(Verdict.CLOSE) == pytest.approx(2_000, abs=10)
    assert rate.is_over
