"""The plain dialect's parser and frames. The parser is fuzzed: whatever comes, it is a call, a named fault, or not
UTF-8."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tertulia.contract.calls import CALLS, Empty, JoinRoom, SendOffer, UpdateState
from tertulia.contract.events import JoinResult
from tertulia.contract.settings import Settings
from tertulia.errors import FieldError, Invalid, Malformed, RoomFull, Unavailable, UserRemoved
from tertulia.room.events import Event
from tertulia.sockets.plain import frames

USER = "6f1c2b6e-0000-4000-8000-000000000000"

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def _read(data: bytes) -> frames.Call:
    call = frames.parse(data)
    assert isinstance(call, frames.Call)
    return call


def _is_sound(call: frames.Call | frames.Unreadable) -> None:
    assert call.id is None or isinstance(call.id, int | float | str)
    assert not isinstance(call.id, bool)
    error: Exception = Malformed("x")
    if isinstance(call, frames.Call):
        assert isinstance(call.event, str)
    else:
        assert isinstance(call.error, Malformed | Invalid)
        error = call.error
    json.loads(frames.refusal_frame(call.id, error))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.binary(max_size=300))
@example(b'{"event":"KeepAlive","id":1e999}')
@example(b'{"event":"KeepAlive","id":' + b"9" * 5000 + b"}")
@example(b'{"event":"KeepAlive","payload":{"a":' + b"[" * 5000)
@example(b"\xef\xbb\xbf{}")
def test_any_bytes(data: bytes) -> None:
    try:
        call = frames.parse(data)
    except frames.BadText:
        with pytest.raises(UnicodeDecodeError):
            data.decode()
        return
    _is_sound(call)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.fixed_dictionaries(
        {}, optional={"event": VALUES | st.sampled_from(sorted(CALLS)), "payload": VALUES, "id": VALUES, "x": VALUES}
    )
)
def test_any_object(frame: dict[str, Any]) -> None:
    data = json.dumps(frame).encode()
    call = frames.parse(data)
    _is_sound(call)
    if isinstance(call, frames.Call):
        assert call.event == frame["event"]
        assert call.id == frame.get("id")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_broken_calls(data: st.DataObject) -> None:
    """A good call with a few bytes changed, cut or doubled."""
    good = bytearray(
        json.dumps({"event": "SendOffer", "payload": {"targetUserId": USER, "sdp": "v=0\r\n\u00e9"}, "id": 7}).encode()
    )
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(good) - 1))
        good[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not good:
            return
    test_any_bytes.hypothesis.inner_test(bytes(good))  # type: ignore[attr-defined]


def test_the_fast_path_gives_the_contracts_structs() -> None:
    call = _read(
        json.dumps({"event": "SendOffer", "payload": {"targetUserId": USER, "sdp": "v=0"}, "id": "a"}).encode()
    )
    assert call == ("a", "SendOffer", SendOffer(target_user_id=USER, sdp="v=0"))
    assert _read(b'{"event":"UpdateState","payload":{}}').payload == UpdateState()


@pytest.mark.parametrize(
    "payload",
    [None, 7, "x", [], {"sdp": 7}, {"targetUserId": USER, "sdp": "\0"}, {"targetUserId": USER, "sdp": "\ud800"}],
)
def test_what_is_wrong_with_a_payload_is_the_hubs_to_say(payload: Any) -> None:
    call = _read(json.dumps({"event": "SendOffer", "payload": payload}).encode())
    assert (call.event, call.payload) == ("SendOffer", payload)


def test_escapes_that_are_harmless() -> None:
    call = _read(b'{"event":"SendOffer","payload":{"targetUserId":"x","sdp":"\\u00e9 \\ud83d\\ude00"}}')
    assert call.payload == SendOffer(target_user_id="x", sdp="\u00e9 \U0001f600")


@pytest.mark.parametrize("much", ["[]", "1", '{"a":{}}', '"x"', "1e999", '"\\ud800"'])
@pytest.mark.parametrize("event", ["KeepAlive", "SendOffer", "Nothing"])
def test_a_call_of_more_values_than_any_has_is_malformed_and_unread(event: str, much: str) -> None:
    data = f'{{"event":"{event}","payload":[{",".join([much] * 5_001)}],"id":7}}'
    call = frames.parse(data.encode())
    assert isinstance(call, frames.Unreadable)
    assert str(call.error) == "the frame has more than 5000 values"
    assert call.id == (None if "ud800" in much else 7)


def test_an_sdp_is_one_value_whatever_is_in_it() -> None:
    sdp = "v=0\r\n" + ',[{"' * 49_000
    frame = {"event": "SendOffer", "payload": {"targetUserId": USER, "sdp": sdp}, "id": 7}
    call = _read(json.dumps(frame).encode())
    assert (call.id, call.event) == (7, "SendOffer")


def test_many_brackets_within_the_depth() -> None:
    candidate = {str(n): [[n]] for n in range(50)}
    frame = {"event": "SendIceCandidate", "payload": {"targetUserId": "x", "candidate": candidate}}
    call = _read(json.dumps(frame).encode())
    assert call.payload == frame["payload"]


def test_brackets_in_text_are_no_depth() -> None:
    frame = {"event": "SendChat", "payload": {"text": "[" * 100 + "{" * 100}}
    assert _read(json.dumps(frame).encode()).event == "SendChat"


def test_frames() -> None:
    assert frames.reply_frame(7, Empty()) == b'{"replyTo":7,"result":{}}'
    assert frames.reply_frame("x", Empty()) == b'{"replyTo":"x","result":{}}'
    assert frames.reply_frame(None, Empty()) is None
    result = JoinResult(
        user_id="u",
        role="host",
        participants=[],
        resume_token="r",
        keep_alive_seconds=10,
        is_recording=False,
        settings=Settings(),
    )
    shown = {"userId": "u", "role": "host", "participants": [], "resumeToken": "r", "keepAliveSeconds": 10}
    assert json.loads(frames.reply_frame(None, result) or b"") == {
        "replyTo": None,
        "result": shown | {"isRecording": False, "settings": json.loads(msgspec.json.encode(Settings()))},
    }
    assert frames.event_frame(Event("X", {"a": 1})) == b'{"event":"X","payload":{"a":1}}'


def test_refusals() -> None:
    full = json.loads(frames.refusal_frame(1, RoomFull("full")))
    assert full == {"replyTo": 1, "error": {"code": "room_full", "message": "full"}}
    invalid = json.loads(frames.refusal_frame(None, Invalid([FieldError("a.b", "is wrong"), FieldError("c", "too")])))
    assert invalid["error"] == {"code": "invalid", "message": "a.b: is wrong; c: too", "field": "a.b"}
    removed = json.loads(frames.refusal_frame(1, UserRemoved()))["error"]
    assert (removed["code"], removed["reason"]) == ("bad_token", "removed")
    for hidden in (ValueError("secret"), Unavailable("redis://user:secret@host does not answer")):
        told = frames.refusal_frame(1, hidden)
        assert json.loads(told)["error"]["code"] == "internal"
        assert b"secret" not in told


def test_join_room_with_everything() -> None:
    payload = {"roomId": USER, "token": "t", "resumeToken": None, "isMuted": True, "isVideoOn": None, "unknown": [1]}
    call = _read(json.dumps({"event": "JoinRoom", "payload": payload}).encode())
    assert call.payload == JoinRoom(room_id=USER, token="t", is_muted=True)
