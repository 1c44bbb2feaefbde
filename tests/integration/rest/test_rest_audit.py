"""Who did what: read by REST, and in the log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.rest.conftest import Rest, Start, hub_call, new_id

LOCAL = {"127.0.0.1", "::1"}


def entries(rest: Rest, room: str, count: int, **query: Any) -> list[dict[str, Any]]:
    """The room's entries, the oldest first, once there are so many."""
    return rest.audited(lambda entry: entry["roomId"] == room, count, **query)


def test_what_is_done_by_rest_is_audited(rest: Rest) -> None:
    room, user = rest.room(isRecordingEnabled=True), new_id()
    base = f"/v1/rooms/{room}"
    answer = rest.call("POST", f"{base}/invites", {"role": "attendee"})
    invite = answer.json()["id"]
    rest.ok("DELETE", f"{base}/invites/{invite}", status=204)
    with rest.meeting(room, new_id(), user):
        rest.ok("DELETE", f"{base}/participants/{user}?ban=true", status=204)
        recording = rest.ok("POST", f"{base}/recordings", status=202)["id"]
        rest.ok("POST", f"{base}/recordings/{recording}/stop", status=202)
        rest.ok("POST", f"{base}/recordings/{recording}/compose", {"layout": "single"}, 202)
        rest.ok("DELETE", f"{base}/recordings/{recording}", status=204)
        rest.ok("POST", f"{base}/end", status=204)
    rest.ok("DELETE", base, status=204)
    found = entries(rest, room, 9)
    assert [(it["action"], it["target"]) for it in found] == [
        ("invite.created", invite),
        ("invite.revoked", invite),
        ("participant.removed", user),
        ("recording.started", recording),
        ("recording.stopped", recording),
        ("recording.composed", recording),
        ("recording.deleted", recording),
        ("room.ended", None),
        ("room.deleted", None),
    ]
    assert {it["address"] for it in found} <= LOCAL
    assert all(it["actor"].startswith("key ") for it in found)
    assert found[0]["requestId"] == answer.headers["x-request-id"]
    file = rest.call("GET", "/static/boot.js")
    assert (file.status_code, "x-request-id" in file.headers) == (200, False)
    assert found[0]["details"]["role"] == "attendee"
    assert [found[n]["details"] for n in (2, 5)] == [{"ban": "true"}, {"layout": "single"}]
    rest.web.server.wait_for_log(found[-1]["id"])  # a worker's lines come by way of its supervisor
    log = [json.loads(line) for line in rest.web.log().splitlines() if room in line]
    events = [line for line in log if line["event"] == "audit"]
    assert [line["id"] for line in events] == [it["id"] for it in found]
    (made,) = [line for line in log if line["event"] == "http" and line.get("request") == found[0]["requestId"]]
    assert (made["by"], made["address"] in LOCAL) == (found[0]["actor"], True)
    assert answer.json()["inviteToken"] not in rest.web.log()
    assert rest.key not in rest.web.log()


def test_what_is_refused_is_not(rest: Rest) -> None:
    room = rest.room()
    rest.refused("POST", f"/v1/rooms/{room}/invites", {"role": "king"}, status=422, code="invalid")
    rest.refused("POST", f"/v1/rooms/{room}/end", key=rest.other_key, status=404, code="not_found")
    rest.ok("POST", f"/v1/rooms/{room}/end", status=204)
    assert [it["action"] for it in entries(rest, room, 1)] == ["room.ended"]


def test_what_a_host_does_in_the_meeting_is_audited(rest: Rest) -> None:
    host, guest = new_id(), new_id()
    room = rest.room(host, isRecordingEnabled=True)
    with rest.meeting(room, host, guest) as (socket, _):
        recording = hub_call(socket, "StartRecording", {"layout": "grid"})["result"]["recordingId"]
        hub_call(socket, "StopRecording")
        hub_call(socket, "RemoveParticipant", {"targetUserId": guest.upper(), "ban": True})
        assert "error" in hub_call(socket, "RemoveParticipant", {"targetUserId": new_id()})
        hub_call(socket, "EndRoom")
    found = entries(rest, room, 4)
    (connection,) = {it["details"].pop("connection") for it in found}
    rest.web.server.wait_for_log(f'"connection": "{connection}"')
    assert [(it["action"], it["target"], it["details"]) for it in found] == [
        ("recording.started", recording, {"layout": "grid"}),
        ("recording.stopped", recording, {}),
        ("participant.removed", guest, {"ban": "true"}),
        ("room.ended", None, {}),
    ]
    assert {it["actor"] for it in found} == {f"user {host}"}
    assert {it["address"] for it in found} <= LOCAL


def test_only_the_tenants_key_reads_it_page_by_page(rest: Rest) -> None:
    room = rest.room()
    for _ in range(3):
        rest.ok("POST", f"/v1/rooms/{room}/end", status=204)
    last = entries(rest, room, 3)[-1]
    assert entries(rest, room, 1, since=last["at"])[-1] == last
    page = rest.ok("GET", "/v1/audit", params={"limit": 1})
    following = rest.ok("GET", "/v1/audit", params={"limit": 1, "cursor": page["next"]})
    assert following["items"][0]["id"] != page["items"][0]["id"]
    assert room not in json.dumps(rest.ok("GET", "/v1/audit", key=rest.other_key))
    rest.refused("GET", "/v1/audit", key=rest.token(room), status=403, code="forbidden")
    rest.refused("GET", "/v1/audit", key="", status=401, code="unauthorized")


@pytest.mark.parametrize("query", [{"since": "yesterday"}, {"cursor": "x"}, {"limit": 0}, {"since": "9999-99-99"}])
def test_a_wrong_query_names_its_field(rest: Rest, query: dict[str, Any]) -> None:
    problem = rest.refused("GET", "/v1/audit", params=query, status=422, code="invalid")
    assert [error["field"] for error in problem["errors"]] == list(query)


def test_keys_that_the_operator_makes_are_there(start: Start) -> None:
    with start() as rest:
        (item,) = rest.ok("GET", "/v1/audit")["items"]
        assert (item["action"], item["actor"], item["address"]) == ("key.created", "operator", None)
