"""Room messages survive encoding, whatever is in them; what is not one is refused."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.contract.calls import Permissions
from tertulia.contract.events import Knock
from tertulia.errors import Malformed
from tertulia.ids import ConnectionId, HubId, SeatId, UserId
from tertulia.room import messages as m
from tertulia.room import participant as p

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
maybe = st.none() | text
knocks = st.builds(Knock, user_id=text, display_name=text, is_guest=st.booleans(), since=text)
permissions = st.builds(Permissions, unmute=st.none() | st.booleans(), video=st.none() | st.booleans())
participants = st.builds(
    p.Participant,
    user_id=text,
    connection_id=text,
    role=st.sampled_from(["host", "attendee"]),
    is_muted=st.booleans(),
    is_video_on=st.booleans(),
    joined_at=text,
    display_name=text,
    hub=text,
    seat=text,
    resume=text,
    hand_raised=st.booleans(),
    said_video_off=st.booleans(),
    is_spotlit=st.booleans(),
    permissions=permissions,
)
raw = st.sampled_from([b"{}", b'{"a":[1,null]}', b'"x"']).map(msgspec.Raw)
MESSAGES = {
    m.JoinedMessage: st.builds(
        m.JoinedMessage,
        origin=text,
        user_id=text,
        participant=participants,
        replaced=st.none() | participants,
        resumed=st.booleans(),
        restored=st.booleans(),
    ),
    m.LeftMessage: st.builds(
        m.LeftMessage,
        origin=text,
        user_id=text,
        connection_id=text,
        seat=text,
        reason=st.sampled_from(["left", "closed", "timeout", "removed", "ended"]),
    ),
    m.StateMessage: st.builds(
        m.StateMessage,
        origin=text,
        user_id=text,
        is_muted=st.booleans(),
        is_video_on=st.booleans(),
        said_video_off=st.booleans(),
    ),
    m.HandMessage: st.builds(m.HandMessage, origin=text, user_id=text, raised=st.booleans()),
    m.NameMessage: st.builds(m.NameMessage, origin=text, user_id=text, display_name=text),
    m.EndedMessage: st.builds(m.EndedMessage, origin=text, session_id=text, reason=text),
    m.OptOutMessage: st.builds(m.OptOutMessage, origin=text, user_id=text, opt_out=st.booleans()),
    m.RecordingMessage: st.builds(
        m.RecordingMessage, origin=text, session_id=text, is_recording=st.booleans(), recording_id=maybe
    ),
    m.NodeMessage: st.builds(m.NodeMessage, origin=text, sfu_node=text, sfu_region=text),
    m.EventMessage: st.builds(
        m.EventMessage, origin=text, event=text, payload=raw, to=maybe, exclude=maybe, seat=maybe
    ),
    m.ReadMessage: st.builds(m.ReadMessage, origin=text, mark=text),
    m.HandoverMessage: st.builds(
        m.HandoverMessage,
        origin=text,
        connection_id=text,
        frames=st.lists(st.tuples(text, raw), max_size=3),
        first=st.integers(0, 9),
        lost_at=st.integers(0, 9),
        in_doubt=st.booleans(),
        unsaid=st.lists(st.integers(0, 9)),
    ),
    m.ControlMessage: st.builds(
        m.ControlMessage,
        origin=text,
        user_id=text,
        role=st.sampled_from(["host", "attendee"]),
        is_spotlit=st.booleans(),
        permissions=permissions,
    ),
    m.SettingsMessage: st.builds(m.SettingsMessage, origin=text),
    m.WaitingMessage: st.builds(m.WaitingMessage, origin=text, knocks=st.lists(knocks, max_size=3)),
    m.AdmittedMessage: st.builds(m.AdmittedMessage, origin=text, user_ids=st.lists(text, max_size=3)),
    m.DeniedMessage: st.builds(m.DeniedMessage, origin=text, user_id=text),
}


def test_every_message_is_covered() -> None:
    assert set(MESSAGES) == set(m.RoomMessage.__args__)


@given(st.one_of(*MESSAGES.values()))
def test_what_is_encoded_is_decoded(message: m.RoomMessage) -> None:
    data = m.encode(message)
    assert m.decode(data) == message
    assert b"\n" not in data


@given(participants)
def test_participants_too(participant: p.Participant) -> None:
    assert p.decode_participant(p.encode_participant(participant)) == participant


def test_the_names_on_the_wire() -> None:
    participant = p.Participant(
        user_id=UserId("u"),
        connection_id=ConnectionId("c"),
        role="host",
        is_muted=True,
        is_video_on=False,
        joined_at="2026-01-02T03:04:05.678Z",
        display_name="Ada",
        hub=HubId("h"),
        seat=SeatId("s"),
        resume="r",
    )
    assert set(msgspec.json.decode(p.encode_participant(participant))) == {
        *("userId", "connectionId", "role", "isMuted", "isVideoOn", "joinedAt"),
        *("displayName", "hub", "seat", "resume", "handRaised", "saidVideoOff", "recordingOptOut", "isGuest"),
        *("admittedAtMs", "isSpotlit", "permissions"),
    }
    assert participant.view().display_name == "Ada"
    message = m.EventMessage(origin="h", event="Chat", payload=msgspec.Raw(b'{"x":1}'), to=UserId("u"))
    assert msgspec.json.decode(m.encode(message)) == {
        "t": "event",
        "origin": "h",
        "event": "Chat",
        "payload": {"x": 1},
        "to": "u",
        "exclude": None,
        "seat": None,
    }


@given(st.binary(max_size=40))
def test_other_bytes_are_malformed(data: bytes) -> None:
    for decode in (m.decode, p.decode_participant):
        with pytest.raises(Malformed):
            decode(data)


@pytest.mark.parametrize(
    "data", [b'{"t":"other","origin":"x"}', b'{"origin":"x"}', b'{"t":"hand","origin":"x","userId":"u","raised":"no"}']
)
def test_wrong_objects_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        m.decode(data)


def test_unknown_fields_of_a_newer_version_are_ignored() -> None:
    data = b'{"t":"hand","new":[1],"origin":"x","userId":"u","raised":true}'
    assert m.decode(data) == m.HandMessage(origin="x", user_id=UserId("u"), raised=True)
