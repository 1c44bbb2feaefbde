"""Recordings by REST: what is shown of them, other films, deletion; and their files, at the addresses given."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest

from tertulia import times
from tertulia.db.jobs import Jobs
from tertulia.storage.sealing import CHUNK
from tests.integration.rest import recorded
from tests.integration.rest.conftest import Rest, Start, hub_call, new_id, next_frame, problem, run_command

FILM = bytes(range(256)) * 4000
"""More than one piece."""


def path_of(room: str, recording: str = "") -> str:
    return f"/v1/rooms/{room}/recordings/{recording}".rstrip("/")


def film_url(rest: Rest, content: bytes = FILM) -> str:
    """The address of a new film."""
    room = rest.room()
    recording = recorded.ready(rest, room, content)
    return str(rest.ok("GET", path_of(room, recording.id))["url"])


# --- what is shown


def test_a_recording_is_shown_as_it_goes_on(rest: Rest) -> None:
    room = rest.room()
    assert rest.ok("GET", path_of(room)) == []
    recording = recorded.stopped(rest, room)
    (shown,) = rest.ok("GET", path_of(room))
    assert shown == rest.ok("GET", path_of(room, recording.id))
    assert shown["progress"] == {"stage": "waiting", "fraction": 0, "expectedAt": None}
    assert (shown["status"], shown["kind"], shown["layout"], shown["url"]) == ("processing", "composite", "grid", None)
    job, expected = recorded.claimed(rest, recording), recorded.now() + timedelta(minutes=3)
    recorded.in_sql(rest, lambda sql: Jobs(sql).renew(job, recorded.now(), "composing", 0.25, expected))
    shown = rest.ok("GET", path_of(room, recording.id))
    assert shown["progress"] == {"stage": "composing", "fraction": 0.25, "expectedAt": times.rfc3339(expected)}
    recorded.in_sql(rest, lambda sql: Jobs(sql).failed(job, "there is nothing to play", None))
    shown = rest.ok("GET", path_of(room, recording.id))
    assert (shown["status"], shown["error"]) == ("failed", "there is nothing to play")
    assert (shown["progress"], shown["url"], shown["expiresAt"]) == (None, None, None)


def test_a_film_and_its_tracks(rest: Rest) -> None:
    room = rest.room()
    recording = recorded.ready(rest, room)
    film, track = sorted(rest.ok("GET", path_of(room)), key=lambda shown: str(shown["kind"]))
    assert (film["id"], film["status"], film["duration"], film["size"]) == (recording.id, "ready", 12.5, 6)
    assert (film["recordingId"], film["userId"], film["offset"]) == (None, None, None)
    assert (track["recordingId"], track["userName"], track["source"]) == (recording.id, "Ann", "camera")
    assert (track["kind"], track["offset"], track["layout"]) == ("track", 1.5, None)
    for shown, content in ((film, b"a film"), (track, b"track")):
        assert shown["url"].startswith(f"{rest.web.url}/v1/files/recordings/{room}/{recording.id}/")
        assert httpx.get(shown["url"]).content == content
        left = datetime.fromisoformat(shown["expiresAt"]) - recorded.now()
        assert timedelta(hours=10, minutes=59) < left <= timedelta(hours=12)
    assert rest.ok("GET", path_of(room, film["id"]))["url"] == film["url"]
    (session,) = rest.ok("GET", f"/v1/rooms/{room}/sessions")
    assert session["recordingUrl"] == recording.path


def test_newest_first(rest: Rest) -> None:
    room = rest.room()
    made = [recorded.stopped(rest, room).id for _ in range(3)]
    assert [shown["id"] for shown in rest.ok("GET", path_of(room))] == made[::-1]


def test_another_rooms_recording_is_not_found(rest: Rest) -> None:
    room, other = rest.room(), rest.room()
    recording = recorded.stopped(rest, room)
    for method, path, body in (
        ("GET", path_of(other, recording.id), None),
        ("DELETE", path_of(other, recording.id), None),
        ("POST", path_of(other, recording.id) + "/compose", {"layout": "grid"}),
        ("GET", path_of(room, new_id()), None),
    ):
        rest.refused(method, path, body, status=404, code="not_found")
    rest.refused("GET", path_of(room, recording.id), key=rest.other_key, status=404, code="not_found")
    rest.ok("GET", path_of(room, recording.id))


# --- other films


def test_another_film(rest: Rest) -> None:
    room = rest.room()
    recording = recorded.ready(rest, room)
    path = path_of(room, recording.id) + "/compose"
    made = rest.ok("POST", path, {"layout": "speaker"}, 202)
    assert made["status"] == "processing"
    shown = rest.ok("GET", path_of(room, made["id"]))
    assert (shown["layout"], shown["recordingId"], shown["kind"]) == ("speaker", recording.id, "composite")
    assert rest.ok("POST", path, {"layout": "speaker"}, 202) == made
    rest.refused("POST", path, {"layout": "nice"}, status=422, code="invalid")
    rest.refused("POST", path, {}, status=422, code="invalid")


def test_the_same_request_makes_one_film(rest: Rest) -> None:
    room = rest.room()
    path = path_of(room, recorded.ready(rest, room).id) + "/compose"
    headers = {"Idempotency-Key": new_id()}
    first, again = [rest.call("POST", path, {"layout": "single"}, headers=headers) for _ in range(2)]
    assert (first.status_code, first.content) == (202, again.content)


def test_what_has_no_film(rest: Rest) -> None:
    room = rest.room()
    recorded.ready(rest, room)
    track = next(it for it in rest.ok("GET", path_of(room)) if it["kind"] == "track")
    path, body = path_of(room, track["id"]) + "/compose", {"layout": "grid"}
    assert "track" in rest.refused("POST", path, body, status=404, code="not_found")["detail"]
    empty = recorded.stopped(rest, room)
    job = recorded.claimed(rest, empty)
    recorded.in_sql(rest, lambda sql: Jobs(sql).empty(job))
    rest.refused("POST", path_of(room, empty.id) + "/compose", body, status=404, code="not_found")


# --- deletion


def test_what_is_deleted_is_gone_at_once_and_its_files_soon(rest: Rest) -> None:
    room = rest.room()
    recording, kept = recorded.ready(rest, room), recorded.ready(rest, room)
    rest.ok("DELETE", path_of(room, recording.id), status=204)
    rest.refused("DELETE", path_of(room, recording.id), status=404, code="not_found")
    assert {it["recordingId"] or it["id"] for it in rest.ok("GET", path_of(room))} == {kept.id}
    paths = {it.path for it in recorded.deletions(rest)}
    assert f"recordings/{room}/{recording.id}/" in paths
    assert f"recordings/{room}/{kept.id}/" not in paths


def test_a_room_takes_its_recordings_along(rest: Rest) -> None:
    room = rest.room()
    recording = recorded.ready(rest, room)
    rest.ok("DELETE", f"/v1/rooms/{room}", status=204)
    assert f"recordings/{room}/{recording.id}/" in {it.path for it in recorded.deletions(rest)}


def test_a_recording_that_is_running_is_stopped_and_deleted(rest: Rest) -> None:
    room, user = rest.room(isRecordingEnabled=True), new_id()
    with rest.meeting(room, user) as (socket,):
        started = rest.ok("POST", path_of(room), status=202)["id"]
        rest.refused(
            "POST", path_of(room, started) + "/compose", {"layout": "grid"}, status=409, code="already_recording"
        )
        rest.ok("DELETE", path_of(room, started), status=204)
        changed: list[dict[str, Any]] = []
        while len(changed) < 2:
            changed.append(next_frame(socket, lambda frame: frame.get("event") == "RecordingChanged")["payload"])
        assert [it["isRecording"] for it in changed] == [True, False]
        assert rest.ok("GET", path_of(room)) == []
        assert "result" in hub_call(socket, "KeepAlive")


# --- files


def test_a_file_whole(rest: Rest) -> None:
    answer = httpx.get(film_url(rest))
    assert (answer.status_code, answer.content) == (200, FILM)
    expected = {
        "content-type": "video/mp4",
        "content-length": str(len(FILM)),
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    assert {name: answer.headers.get(name) for name in expected} == expected
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "content-disposition" not in answer.headers


def test_its_head(rest: Rest) -> None:
    url = film_url(rest)
    answer = httpx.head(url)
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", str(len(FILM)))
    assert httpx.head(url, headers={"Range": "bytes=0-9"}).headers["content-length"] == "10"


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=1000-300000", 1000, 300001),
        ("bytes=1023999-", 1023999, 1024000),
        ("bytes=0-99999999999", 0, 1024000),
        ("bytes=-5", 1023995, 1024000),
    ],
)
def test_a_part_of_it(rest: Rest, asked: str, begin: int, end: int) -> None:
    answer = httpx.get(film_url(rest), headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, FILM[begin:end])
    assert answer.headers["content-range"] == f"bytes {begin}-{end - 1}/{len(FILM)}"


def test_a_part_that_it_does_not_have(rest: Rest) -> None:
    answer = httpx.get(film_url(rest), headers={"Range": f"bytes={len(FILM)}-"})
    problem(answer, 416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(FILM)}"


def test_a_part_of_what_has_not_changed(rest: Rest) -> None:
    url = film_url(rest)
    first = httpx.get(url)
    for condition in (first.headers["etag"], first.headers["last-modified"]):
        assert httpx.get(url, headers={"Range": "bytes=0-9", "If-Range": condition}).status_code == 206
    changed = httpx.get(url, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (changed.status_code, changed.content) == (200, FILM)
    for header in (first.headers["etag"], f'"x", W/{first.headers["etag"]}', "*"):
        known = httpx.get(url, headers={"If-None-Match": header})
        assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", first.headers["etag"])


def test_to_be_saved_it_has_a_name(rest: Rest) -> None:
    answer = httpx.get(film_url(rest) + "&download=1")
    assert answer.headers["content-disposition"] == 'attachment; filename="grid.mp4"'


def test_an_empty_file(rest: Rest) -> None:
    url = film_url(rest, b"")
    assert (httpx.get(url).status_code, httpx.get(url).content) == (200, b"")
    assert httpx.get(url, headers={"Range": "bytes=0-"}).status_code == 416


def test_only_what_was_signed_is_served(rest: Rest) -> None:
    (rest.storage / "recordings").mkdir(exist_ok=True)
    (rest.storage / "recordings/secret.mp4").write_bytes(b"secret")
    url = film_url(rest)
    address, _, query = url.partition("?")
    expires, signature = query.split("&")
    base = f"{rest.web.url}/v1/files"
    for wrong in (
        f"{base}/recordings/secret.mp4?{query}",
        f"{base}/recordings/secret.mp4",
        f"{base}/../../../../etc/passwd?{query}",
        f"{base}/%2e%2e/%2e%2e/etc/passwd?{query}",
        f"{base}/%2Fetc%2Fpasswd?{query}",
        f"{base}/?{query}",
        f"{address}x?{query}",
        f"{address.replace('grid', 'GRID')}?{query}",
        f"{address}?{expires}1&{signature}",
        f"{address}?expires=99999999999&{signature}",
        f"{address}?{expires}",
        f"{address}?{signature}",
        f"{address}?{expires}&signature=",
        f"{address}?{expires}&signature=%F0%9F%99%82",
        f"{address}?{expires}&{signature[:-1]}",
    ):
        answer = httpx.get(wrong)
        assert answer.status_code in (401, 403, 404), wrong
        assert b"secret" not in answer.content
    assert httpx.get(f"{base}/recordings/secret.mp4?{query}").json()["code"] == "forbidden"
    assert httpx.post(url).status_code == 405
    assert httpx.get(url).status_code == 200


def test_what_was_deleted_is_gone(rest: Rest) -> None:
    url = film_url(rest)
    (rest.storage / url.partition("/v1/files/")[2].partition("?")[0]).unlink()
    problem(httpx.get(url), 404, "not_found")


def test_pages_of_other_sites_may_show_it_where_they_may_call(start: Start) -> None:
    with start(cors_origins="https://app.example.org") as rest:
        url = film_url(rest)
        allowed = httpx.get(url, headers={"Origin": "https://app.example.org", "Range": "bytes=0-9"})
        assert allowed.headers["access-control-allow-origin"] == "https://app.example.org"
        assert "access-control-allow-origin" not in httpx.get(url, headers={"Origin": "https://evil.example"}).headers
        policy = httpx.get(rest.web.url).headers["content-security-policy"]
        assert f"media-src 'self' blob: {rest.web.url};" in policy


def test_its_address_is_the_public_one_and_ends_with_the_keys(start: Start) -> None:
    with start(public_url="https://meet.example.org") as rest:
        url = film_url(rest)
        assert url.startswith("https://meet.example.org/v1/files/recordings/")
        here = url.replace("https://meet.example.org", rest.web.url)
        assert httpx.get(here).status_code == 200
        run_command(rest.settings, "signing-key", "rotate")
        assert httpx.get(here).status_code == 200


def test_one_who_goes_away_in_the_middle_leaves_nothing_open(start: Start) -> None:
    with start() as rest:
        url = film_url(rest, bytes(64 << 20))
        for _ in range(5):
            with httpx.stream("GET", url) as answer:
                assert answer.status_code == 200
                next(answer.iter_raw())
        server = rest.web.server
        opened = f"/proc/{server.pid}/fd"
        server.wait_until(lambda: not any("grid.mp4" in link for link in links_in(opened)), what="close the files")


def links_in(directory: str) -> list[str]:
    """Where the links of a directory lead to."""
    found = []
    for link in Path(directory).iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(link.readlink()))
    return found


# --- encrypted files


@pytest.fixture(scope="module")
def player_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds that a player can seek in, of several chunks."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    noise = np.random.default_rng(8)
    with av.open(path, "w", options={"movflags": "faststart"}) as file:
        stream = file.add_stream("libx264", 10, options={"preset": "ultrafast", "g": "10"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for number in range(200):
            picture = noise.integers(0, 255, (96, 160, 3), np.uint8)
            picture[:48] = number
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            file.mux([*stream.encode(frame)])
        file.mux(stream.encode(None))
    return path


def test_an_encrypted_film_is_played_in_parts_and_nothing_else_in_its_place(start: Start, player_film: Path) -> None:
    content = player_film.read_bytes()
    assert len(content) > 3 * CHUNK
    with start(master_key="5a" * 32) as rest:
        room = rest.room()
        recording = recorded.sealed(rest, room, player_film)
        shown = rest.ok("GET", path_of(room, recording.id))
        url = shown["url"]
        assert (shown["size"], url.endswith("&sealed=1")) == (len(content), True)
        assert url.startswith(f"{rest.web.url}/v1/files/")
        assert httpx.get(url).content == content
        for begin, end in (
            (0, 1),
            (CHUNK - 1, CHUNK + 1),
            (CHUNK, 2 * CHUNK),
            (5, 3 * CHUNK + 5),
            (len(content) - 1, 0),
        ):
            last = (end or len(content)) - 1
            part = httpx.get(url, headers={"Range": f"bytes={begin}-{last}"})
            assert (part.status_code, part.content) == (206, content[begin : last + 1])
        assert [brightness_at(url, second) for second in (15, 3, 19, 0)] == [150, 30, 190, 0]
        problem(httpx.get(url.replace("&sealed=1", "")), 403, "forbidden")
        problem(httpx.get(film_url(rest) + "&sealed=1"), 403, "forbidden")
        stored = rest.storage / str(recording.path)
        for changed in (stored.read_bytes()[:-1], content):
            stored.write_bytes(changed)
            problem(httpx.get(url, headers={"Range": "bytes=0-9"}), 503, "unavailable")


def brightness_at(url: str, second: int) -> int:
    """Of the upper half of the picture that a player shows which has sought there; to the next ten."""
    with av.open(url) as film:
        film.seek(second * av.time_base)
        frame = next(frame for frame in film.decode(video=0) if (frame.time or 0.0) >= second - 0.01)
        return round(float(frame.to_ndarray(format="rgb24")[8:40].mean()), -1)  # type: ignore[return-value]
