"""The mirror of a room: every message and answer, in every order in which they may come."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec.structs import replace

from tertulia.ids import ConnectionId, HubId, SeatId, UserId
from tertulia.room.messages import HandMessage, JoinedMessage, LeftMessage, NameMessage, StateMessage
from tertulia.room.mirror import Came, Changed, Hand, MemberMessage, Mirror, Renamed, Superseded, Went
from tertulia.room.participant import Participant


def person(user: str, connection: str = "c1", hub: str = "h1", **more: Any) -> Participant:
    values = {"role": "attendee", "is_muted": False, "is_video_on": False, "joined_at": "2026-01-01T00:00:00.000Z"}
    return Participant(
        user_id=UserId(user),
        connection_id=ConnectionId(connection),
        display_name=user,
        hub=HubId(hub),
        seat=SeatId(f"seat-{connection}"),
        resume="",
        **{**values, **more},
    )


def joined(member: Participant, resumed: bool = False) -> JoinedMessage:
    return JoinedMessage(origin=member.hub, user_id=member.user_id, participant=member, resumed=resumed)


def left(member: Participant, reason: Any = "left") -> LeftMessage:
    return LeftMessage.of(member, reason, member.hub)


def state(user: str, muted: bool, video: bool = False) -> StateMessage:
    return StateMessage(origin="h1", user_id=UserId(user), is_muted=muted, is_video_on=video)


def hand(user: str, hub: str) -> HandMessage:
    return HandMessage(origin=hub, user_id=UserId(user), raised=True)


def name(user: str, display_name: str) -> NameMessage:
    return NameMessage(origin="h1", user_id=UserId(user), display_name=display_name)


ANN, BOB = person("ann"), person("bob")


def test_somebody_new_is_shown_and_the_known_is_not() -> None:
    mirror = Mirror([ANN])
    assert mirror.heard(joined(BOB), own=False) == [Came(BOB)]
    assert mirror.heard(joined(BOB), own=False) == []
    assert mirror.heard(joined(ANN), own=False) == []
    assert mirror.members == {"ann": ANN, "bob": BOB}


def test_another_connection_supersedes_and_is_not_shown() -> None:
    mirror = Mirror([ANN])
    again = person("ann", "c2", "h2")
    assert mirror.heard(joined(again, resumed=True), own=False) == [Superseded(ANN, again, True)]
    assert mirror.heard(left(ANN), own=False) == []  # a leave applies only to the connection that holds the seat
    assert mirror.heard(left(again, "removed"), own=False) == [Went(again, "removed")]
    assert mirror.members == {}


def test_another_name_is_shown_once() -> None:
    mirror = Mirror([ANN])
    anna = replace(ANN, display_name="Anna")
    assert mirror.heard(name("ann", "Anna"), own=False) == [Renamed(anna)]
    assert mirror.heard(name("ann", "Anna"), own=False) == []
    assert mirror.snapshot([replace(anna, display_name="Ann")]) == [Renamed(replace(anna, display_name="Ann"))]


def test_state_and_hands_are_shown_once() -> None:
    mirror = Mirror([ANN])
    muted = replace(ANN, is_muted=True)
    assert mirror.heard(state("ann", True), own=False) == [Changed(muted)]
    assert mirror.heard(state("ann", True), own=False) == []
    up = replace(muted, hand_raised=True)
    assert mirror.heard(hand("ann", "h2"), own=False) == [Hand(up)]
    assert mirror.heard(hand("ann", "h2"), own=False) == []
    for message in (state("nobody", True), hand("nobody", "h2"), left(BOB)):
        assert mirror.heard(message, own=False) == []


@pytest.mark.parametrize("answer_first", [True, False])
def test_an_own_change_counts_once_whichever_comes_first(answer_first: bool) -> None:
    mirror = Mirror([ANN])
    changes: list[MemberMessage] = [joined(BOB), state("bob", True), hand("bob", "h1"), name("bob", "Rob"), left(BOB)]
    for change in changes:
        if answer_first:
            assert len(mirror.own(change)) == 1
            assert mirror.heard(change, own=True) == []
        else:
            assert len(mirror.heard(change, own=True)) == 1
            assert mirror.own(change) == []
    assert mirror.members == {"ann": ANN}


def test_what_the_channel_says_before_it_has_caught_up_is_old() -> None:
    """Ann moved from c1 to c2 on another hub, then to c3 here; the answer for c3 is quicker than the channel's c2."""
    mirror = Mirror([ANN])
    second, third = person("ann", "c2", "h2"), person("ann", "c3")
    assert mirror.own(joined(third)) == [Superseded(ANN, third, False)]
    assert mirror.heard(joined(second), own=False) == []
    assert mirror.heard(state("ann", True), own=False) == []
    assert mirror.heard(joined(third), own=True) == []
    assert mirror.members["ann"] == third
    fourth = person("ann", "c4", "h2")
    assert mirror.heard(joined(fourth), own=False) == [Superseded(third, fourth, False)]


def test_an_answer_that_comes_after_the_next_change_changes_nothing() -> None:
    mirror = Mirror([])
    first, second = person("ann", "c1"), person("ann", "c2", "h2")
    assert mirror.heard(joined(first), own=True) == [Came(first)]
    assert mirror.heard(joined(second), own=False) == [Superseded(first, second, False)]
    assert mirror.own(joined(first)) == []
    assert mirror.members["ann"] == second


def test_a_removal_that_crosses_a_take_over_on_another_hub_leaves_nobody() -> None:
    mirror = Mirror([ANN])
    second = person("ann", "c2", "h2")
    gone = left(second, "removed")
    assert mirror.own(gone) == []
    assert mirror.heard(joined(second), own=False) == [Superseded(ANN, second, False)]
    assert mirror.heard(gone, own=True) == [Went(second, "removed")]
    assert mirror.members == {}
    again = person("ann", "c2", "h2")  # the same socket, removed by this hub once more
    assert mirror.heard(joined(again), own=False) == [Came(again)]
    assert mirror.own(gone) == [Went(again, "removed")]
    assert mirror.heard(gone, own=True) == []


@pytest.mark.parametrize("answer_first", [True, False])
def test_who_was_written_again_leaves_and_joins_on_the_same_socket(answer_first: bool) -> None:
    mirror = Mirror([ANN])
    mirror.lost(["ann"], until=30)
    assert mirror.heard(replace(joined(ANN), resumed=True, restored=True), own=True) == []
    for change, effect in ((left(ANN), Went(ANN, "left")), (joined(ANN), Came(ANN))):
        if answer_first:
            assert mirror.own(change) == [effect]
            assert mirror.heard(change, own=True) == []
        else:
            assert mirror.heard(change, own=True) == [effect]
            assert mirror.own(change) == []
    assert mirror.members == {"ann": ANN}


def test_a_snapshot_shows_the_difference() -> None:
    eve = person("eve")
    mirror = Mirror([ANN, BOB])
    moved = replace(person("ann", "c9", "h2"), is_muted=True)
    assert mirror.snapshot([moved, eve]) == [
        Went(BOB, "timeout"),
        Changed(moved),
        Superseded(ANN, moved, False),
        Came(eve),
    ]
    assert mirror.members == {"ann": moved, "eve": eve}


def test_after_a_loss_the_others_are_believed_for_a_while() -> None:
    mirror = Mirror([ANN, BOB, person("eve")])
    mirror.lost(["ann"], until=30)
    assert mirror.doubt(now=29) == []
    assert mirror.heard(joined(BOB), own=False) == []  # written again by its hub: nothing to show
    assert mirror.doubt(now=30) == [Went(person("eve"), "timeout")]
    assert mirror.doubt(now=31) == []
    assert mirror.members.keys() == {"ann", "bob"}


def test_a_snapshot_after_a_loss_believes_the_others_no_longer_than_before() -> None:
    mirror = Mirror([ANN, BOB, person("eve")])
    mirror.lost(["ann"], until=30)
    assert mirror.snapshot([ANN, BOB]) == []
    assert mirror.snapshot([ANN]) == [Went(BOB, "timeout")]
    assert mirror.doubt(now=30) == [Went(person("eve"), "timeout")]


@pytest.mark.parametrize(("has_written", "gone"), [(True, []), (False, ["bob"])])
def test_who_came_since_the_members_were_written_again_is_in_no_doubt(has_written: bool, gone: list[str]) -> None:
    """The answer to that comes late. Without the word of the channel, bob may have come to the state that was lost."""
    ann = person("ann")
    mirror = Mirror([ann])
    mirror.writing()
    if has_written:
        mirror.heard(JoinedMessage(origin="h1", user_id=ann.user_id, participant=ann, restored=True), own=True)
    mirror.heard(joined(person("bob", "c2", "h2")), own=False)
    mirror.lost(["ann"], until=30)
    assert mirror.doubt(now=30) == [Went(person(user, "c2", "h2"), "timeout") for user in gone]


def test_a_second_loss_does_not_prolong_the_doubt() -> None:
    mirror = Mirror([ANN, BOB])
    mirror.lost(["ann"], until=30)
    mirror.lost(["ann"], until=60)
    assert mirror.doubt(now=30) == [Went(BOB, "timeout")]


def test_who_is_seen_is_not_doubted() -> None:
    mirror = Mirror([ANN, BOB])
    mirror.lost(["ann"], until=30)
    assert mirror.present([BOB, person("eve")]) == [Came(person("eve"))]
    assert mirror.doubt(now=99) == []


@pytest.mark.parametrize("seed", range(200))
def test_hubs_that_hear_the_same_channel_end_with_the_same_members(seed: int) -> None:
    """Random changes by two hubs; each hears the channel in order and gets the answers to its own at any moment after
    they happened."""
    rng = random.Random(seed)
    truth: dict[str, Participant] = {}
    channel: list[MemberMessage] = []
    for number in range(rng.randrange(5, 40)):
        user, hub = rng.choice("abc"), rng.choice(["h1", "h2"])
        member = truth.get(user)
        if member is None or rng.random() < 0.3:
            truth[user] = person(user, f"c{number}", hub)
            channel.append(joined(truth[user]))
        elif rng.random() < 0.4:
            channel.append(replace(left(member), origin=rng.choice(["h1", "h2"])))
            del truth[user]
        else:
            truth[user] = replace(member, is_muted=not member.is_muted)
            channel.append(
                StateMessage(origin=member.hub, user_id=member.user_id, is_muted=not member.is_muted, is_video_on=False)
            )
    for hub in ("h1", "h2"):
        mirror = Mirror([])
        shown: set[str] = set()
        answers = [i for i, m in enumerate(channel) if m.origin == hub]
        heard = 0
        while heard < len(channel) or answers:
            # An answer may come a little before or any time after the channel told of the change.
            if answers and (heard == len(channel) or (answers[0] <= heard + 2 and rng.random() < 0.5)):
                effects = mirror.own(channel[answers.pop(0)])
            else:
                effects = mirror.heard(channel[heard], channel[heard].origin == hub)
                heard += 1
            for effect in effects:
                if isinstance(effect, Came):
                    assert effect.participant.user_id not in shown
                    shown.add(effect.participant.user_id)
                elif isinstance(effect, Went):
                    shown.remove(effect.participant.user_id)
        assert {u: m.connection_id for u, m in mirror.members.items()} == {u: m.connection_id for u, m in truth.items()}
        assert {u: m.is_muted for u, m in mirror.members.items()} == {u: m.is_muted for u, m in truth.items()}
        assert shown == truth.keys()


def test_who_was_met_before_the_channel_told_of_them_is_untold_until_it_does() -> None:
    """A client that returns elsewhere may be told of them there."""
    mirror = Mirror([ANN])
    assert mirror.meet([BOB]) == [Came(BOB)]
    assert mirror.untold() == [("joined", "bob")]
    assert mirror.heard(joined(person("bob", "c0")), own=False) == [Superseded(BOB, person("bob", "c0"), resumed=False)]
    assert mirror.untold() == [("joined", "bob")]
    assert mirror.heard(joined(BOB), own=False) == [Superseded(person("bob", "c0"), BOB, resumed=False)]
    assert mirror.untold() == []
    mirror.meet([person("eve")])
    mirror.caught_up()
    assert mirror.untold() == []
