"""Signing in at a real provider, and what somebody who is signed in may do."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.integration.oidc.site import OURS, Browser, Site, callbacks, provider, site
from tests.integration.rest.conftest import new_id, problem


@pytest.fixture(params=["sqlite", "postgres"])
def there(request: pytest.FixtureRequest) -> Iterator[Site]:
    found: Site = request.getfixturevalue(f"on_{request.param}")
    yield found
    found.close_browsers()


@pytest.fixture
def once(on_sqlite: Site) -> Iterator[Site]:
    """For what is the same on each database."""
    yield on_sqlite
    on_sqlite.close_browsers()


@pytest.fixture
def alone(oidc_redis: str, tmp_path: Path) -> Iterator[Site]:
    """For what stops the provider."""
    with site(tmp_path, oidc_redis, f"sqlite:///{tmp_path / 'alone.db'}") as made:
        yield made
        made.close_browsers()


def signed_in(there: Site, name: str) -> Browser:
    browser = there.browser()
    end = browser.sign_in(name)
    assert (end.status_code, end.headers["location"]) == (303, "/meetings")
    return browser


def reason(answer: httpx.Response) -> str:
    """Why the way ended without a sign-in."""
    assert answer.status_code == 303
    return answer.headers["location"].removeprefix("/meetings?sign-in=")


def claims(token: str) -> dict[str, object]:
    """What a JWT says, unverified."""
    text = token.split(".")[1]
    found: dict[str, object] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def test_somebody_signs_in_makes_a_meeting_and_signs_out(there: Site) -> None:
    ann = signed_in(there, "ann")
    me = ann.me()
    assert (me["displayName"], me["email"]) == ("Ann acme", "ann@acme.example")
    assert ann.ok("GET", "/v1/sign-in")["isAdministrator"] is False
    made = ann.ok("POST", "/v1/rooms", {"hostId": me["id"], "title": "Mine"}, 201)
    room = f"/v1/rooms/{made['roomId']}"
    for method, path, body, status in (
        ("GET", "", None, 200),
        ("PATCH", "", {"title": "Still mine", "scheduledFor": "2031-05-06T07:08:09Z"}, 200),
        ("GET", "/participants", None, 200),
        ("GET", "/sessions", None, 200),
        ("GET", "/recordings", None, 200),
        ("POST", "/invites", {"role": "attendee"}, 201),
        ("GET", "/invites", None, 200),
        ("GET", "/entry", None, 200),
        ("POST", "/join", {"userId": me["id"]}, 200),
        ("POST", "/end", None, 204),
    ):
        ann.ok(method, room + path, body, status)
    assert there.rest.ok("GET", room)["hostUserId"] == me["id"]
    ann.ok("DELETE", room, status=204)
    ann.ok("DELETE", "/v1/sign-in", status=204)
    problem(ann.call("GET", "/v1/rooms"), 401, "unauthorized")
    log = there.rest.audited(lambda entry: entry["actor"] == f"user {me['id']}", 5)
    assert [entry["action"] for entry in log] == [
        *("user.signed-in", "invite.created", "room.ended", "room.deleted", "user.signed-out"),
    ]
    assert all(entry["address"] == "127.0.0.1" and entry["requestId"] for entry in log)


def test_the_same_person_is_the_same_user(there: Site) -> None:
    assert signed_in(there, "same").me() == signed_in(there, "same").me()
    assert signed_in(there, "same").me()["id"] != signed_in(there, "other").me()["id"]


def test_others_rooms_are_not_theirs(once: Site) -> None:
    ben, eva = signed_in(once, "ben"), signed_in(once, "eva")
    room = ben.ok("POST", "/v1/rooms", {"hostId": ben.me()["id"]}, 201)["roomId"]
    of_key = once.rest.room()
    theirs = once.rest.ok("POST", "/v1/rooms", {"hostId": new_id()}, 201, key=once.rest.other_key)["roomId"]
    assert [item["id"] for item in ben.call("GET", "/v1/rooms").json()["items"]] == [room]
    assert eva.call("GET", "/v1/rooms").json()["items"] == []
    mine = eva.me()["id"]
    for other in (room, of_key):
        path = f"/v1/rooms/{other}"
        for method, at, body in (
            ("GET", "", None),
            ("PATCH", "", {"title": "x"}),
            ("DELETE", "", None),
            ("POST", "/end", None),
            ("GET", "/invites", None),
            ("POST", "/invites", {"role": "host"}),
            ("GET", "/participants", None),
            ("GET", "/sessions", None),
            ("GET", "/recordings", None),
            ("POST", "/recordings", None),
            ("POST", "/join", {"userId": mine}),
            ("GET", "/entry", None),
        ):
            problem(eva.call(method, path + at, body), 403, "forbidden")
    problem(eva.call("GET", f"/v1/rooms/{theirs}"), 404, "not_found")
    problem(eva.call("POST", "/v1/rooms", {"hostId": ben.me()["id"]}), 403, "forbidden")
    problem(eva.call("POST", "/v1/rooms", {"hostId": new_id()}), 403, "forbidden")
    problem(ben.call("POST", f"/v1/rooms/{room}/join", {"userId": mine}), 403, "forbidden")
    for method, path, body in (("GET", "/v1/audit", None), ("POST", "/v1/users", {"displayName": "x"})):
        problem(eva.call(method, path, body), 403, "forbidden")
    assert eva.call("GET", f"/v1/users/{mine}").status_code == 200
    problem(eva.call("GET", f"/v1/users/{ben.me()['id']}"), 403, "forbidden")


def test_an_administrator_manages_all_rooms_of_the_tenant(once: Site) -> None:
    root, host = signed_in(once, "root"), new_id()
    assert root.ok("GET", "/v1/sign-in")["isAdministrator"] is True
    room = once.rest.room(host)
    mine = root.me()["id"]
    assert room in [item["id"] for item in root.call("GET", "/v1/rooms").json()["items"]]
    assert root.ok("PATCH", f"/v1/rooms/{room}", {"title": "Seen"})["title"] == "Seen"
    assert root.ok("GET", f"/v1/rooms/{room}/entry")["role"] == "host"
    root.ok("POST", f"/v1/rooms/{room}/join", {"userId": mine})
    made = root.ok("POST", "/v1/rooms", {"hostId": host}, 201)
    assert once.rest.ok("GET", f"/v1/rooms/{made['roomId']}")["hostUserId"] == host
    said = claims(str(made["joinToken"]))
    assert (said["sub"], said["name"], said["role"]) == (mine, "Root acme", "host")  # it speaks for nobody else
    own = root.ok("POST", "/v1/rooms", {"hostId": mine}, 201)
    assert claims(str(own["joinToken"]))["sub"] == mine
    assert root.call("GET", f"/v1/users/{host}").status_code == 200
    assert root.call("GET", "/v1/audit").status_code == 200
    problem(root.call("POST", f"/v1/rooms/{room}/join", {"userId": host}), 403, "forbidden")
    problem(root.call("POST", "/v1/rooms", {"hostId": new_id()}), 403, "forbidden")
    problem(root.call("POST", "/v1/users", {"displayName": "x"}), 403, "forbidden")
    root.ok("DELETE", f"/v1/rooms/{room}", status=204)


def test_the_cookie_counts_on_pages_of_this_server_only(once: Site) -> None:
    ann = signed_in(once, "ann")
    room = {"hostId": ann.me()["id"]}
    refused = [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": ""},
        {"Origin": "null", "Sec-Fetch-Site": ""},
        {"Origin": once.rest.web.url.replace("127.0.0.1", "localhost"), "Sec-Fetch-Site": ""},
        {"Origin": "", "Sec-Fetch-Site": "same-site"},
        {"Origin": "", "Sec-Fetch-Site": ""},
    ]
    for headers in refused:
        problem(ann.call("POST", "/v1/rooms", room, **headers), 403, "forbidden")
        problem(ann.call("DELETE", "/v1/sign-in", **headers), 403, "forbidden")
    for headers in refused[:5]:
        problem(ann.call("GET", "/v1/rooms", **headers), 403, "forbidden")
    assert ann.call("GET", "/v1/rooms", **refused[5]).status_code == 200
    # Without the header a page of this server is nobody: whoever joins by an invite is not the signed-in user.
    problem(ann.http.get("/v1/rooms"), 401, "unauthorized")
    problem(ann.http.get("/v1/rooms", headers={"Authorization": "Cookie", "Cookie": "tertulia=x"}), 401, "unauthorized")


def test_the_cookies_are_for_nobody_elses_eyes(once: Site) -> None:
    browser = once.browser()
    begun = browser.http.get("/sign-in", headers=OURS)
    sealed = begun.headers["set-cookie"]
    assert re.fullmatch(r"tertulia-flow=[0-9a-f]+; HttpOnly; Max-Age=600; Path=/; SameSite=lax", sealed)
    query = dict(httpx.URL(begun.headers["location"]).params)
    assert (query["code_challenge_method"], query["response_type"]) == ("S256", "code")
    assert query["state"] not in sealed
    end = browser.sign_in("ann")
    kept, forgotten = end.headers.get_list("set-cookie")
    assert re.fullmatch(r"tertulia=[\w-]{43}; HttpOnly; Max-Age=43200; Path=/; SameSite=lax", kept)
    assert forgotten.startswith('tertulia-flow=""; ')
    secret = kept.partition("=")[2].partition(";")[0]
    assert secret not in once.rest.web.log()
    assert "no-store" in end.headers["cache-control"]


def test_a_way_that_was_begun_elsewhere_is_no_way(once: Site) -> None:
    ann, mallory = once.browser(), once.browser()
    # Login CSRF: the attacker's own code, brought to the victim's browser.
    callback = mallory.consent("mallory")
    assert reason(ann.to_callback(callback)) == "expired"
    own = ann.consent("ann")
    assert reason(ann.to_callback(callback)) == "expired"
    assert ann.call("GET", "/v1/rooms").status_code == 401
    # Nor does it, or any other address that somebody makes up, end the way that she is on.
    for made_up in ("state=x&code=y", "state=x&error=access_denied", "code=y", "%"):
        assert reason(ann.to_callback(f"{own.partition('?')[0]}?{made_up}")) in ("expired", "broken")
    # The answer of another tenant's provider, of which this browser has begun nothing (RFC 9700, section 4.4).
    another = next(uri for uri in callbacks(once.rest) if uri != own.partition("?")[0])
    assert reason(ann.to_callback(f"{another}?{own.partition('?')[2]}")) == "expired"
    assert ann.to_callback(own).headers["location"] == "/meetings"
    assert "tertulia-flow" not in ann.http.cookies
    # What was sealed is not to be changed, and what was used not to be used again.
    assert reason(mallory.to_callback(callback.replace("code=", "code=x"))) == "broken"
    again = once.browser()
    used = again.consent("mallory")
    cookie = again.http.cookies["tertulia-flow"]
    assert again.to_callback(used).headers["location"] == "/meetings"
    again.http.cookies.set("tertulia-flow", cookie, domain="127.0.0.1")
    assert reason(again.to_callback(used)) == "broken"
    again.http.cookies.set("tertulia-flow", cookie[:-2] + "00", domain="127.0.0.1")
    assert reason(again.to_callback(used)) == "expired"


@pytest.mark.parametrize("site", ["cross-site", "same-site", ""])
def test_a_link_elsewhere_leads_to_the_button(once: Site, site: str) -> None:
    ann = signed_in(once, "ann")
    headers = {"Sec-Fetch-Site": site} if site else {}
    for start, end in (
        ("/sign-in", "/meetings?sign-in=asked"),
        ("/sign-in?organisation=a%26b", "/meetings?sign-in=asked&organisation=a%26b"),
    ):
        answer = ann.http.get(start, headers=headers)
        assert (answer.status_code, answer.headers["location"]) == (303, end)
        assert "set-cookie" not in answer.headers
    assert ann.me()["displayName"] == "Ann acme"


def test_the_button_is_told_where_to_go(once: Site) -> None:
    browser, ours = once.browser(), {"Origin": once.rest.web.url}
    told = browser.http.post("/sign-in?organisation=first", headers=ours)
    assert told.headers["cache-control"] == "no-store"
    assert told.json()["url"].startswith(once.provider.issuer)
    assert browser.http.cookies["tertulia-flow"]
    lost = once.browser()
    told = lost.http.post("/sign-in?organisation=nobody", headers=ours)
    assert told.json() == {"url": "/meetings?sign-in=unknown"}
    for headers in ({}, {"Origin": "https://evil.example"}, {**ours, "Sec-Fetch-Site": "cross-site"}):
        problem(lost.http.post("/sign-in", headers=headers), 403, "forbidden")
    assert not lost.http.cookies
    assert lost.http.request("DELETE", "/sign-in").headers["allow"] == "GET, HEAD, POST, OPTIONS"


def test_who_signs_in_again_is_signed_in_once(once: Site) -> None:
    browser = signed_in(once, "twice")
    before = browser.http.cookies["tertulia"]
    assert browser.sign_in("twice").headers["location"] == "/meetings"
    headers = {"Authorization": "Cookie", "Cookie": f"tertulia={before}"}
    problem(httpx.get(f"{once.rest.web.url}/v1/sign-in", headers=headers), 401, "unauthorized")
    assert browser.me()["displayName"] == "Twice acme"


def test_the_invites_of_who_was_removed_are_void(once: Site) -> None:
    root, rest = signed_in(once, "root"), once.rest
    room, user = rest.room(), str(root.me()["id"])
    with rest.meeting(room, new_id()), rest.joined(room, rest.token(room, user)):
        invite = root.ok("POST", f"/v1/rooms/{room}/invites", {"role": "host"}, 201)["inviteToken"]
        rest.ok("DELETE", f"/v1/rooms/{room}/participants/{user}", status=204)
        join = {"userId": new_id()}
        rest.refused("POST", f"/v1/rooms/{room}/join", join, status=401, code="unauthorized", key=str(invite))


def test_who_declines_is_not_signed_in(once: Site) -> None:
    browser = once.browser()
    page = browser.http.get(browser.http.get("/sign-in", headers=OURS).headers["location"])
    form = browser.http.get(f"{once.provider.issuer}{page.headers['location'].removeprefix(once.provider.issuer)}")
    cancel = re.search(r'href="([^"]+/abort)"', form.text)
    assert cancel
    answer = browser.http.get(f"{once.provider.issuer}{cancel[1].removeprefix(once.provider.issuer)}")
    while "/sign-in/callback" not in answer.headers["location"]:
        answer = browser.http.get(answer.headers["location"])
    assert reason(browser.to_callback(answer.headers["location"])) == "denied"


def test_what_is_offered_is_said_to_everybody(once: Site) -> None:
    browser = once.browser()
    offered = {"isOffered": True, "asksForOrganisation": False, "isSignedIn": False}
    assert browser.http.get("/sign-in/offer").json() == offered
    browser.sign_in("ann")
    assert browser.http.get("/sign-in/offer").json() == offered | {"isSignedIn": True}
    for name in ("nobody", "second", "%00", "x" * 101):
        assert reason(browser.http.get(f"/sign-in?organisation={name}", headers=OURS)) == "unknown"
    assert browser.sign_in("ann", "/sign-in?organisation=first").headers["location"] == "/meetings"


def test_the_operator_sets_it_shows_it_and_ends_it(there: Site, tmp_path: Path) -> None:
    there.set_up("--domains", "Acme.example, second.example", "--scopes", "openid email profile")
    assert there.command("tenant", "sign-in", "first").splitlines() == [
        f"issuer: {there.provider.issuer}",
        "client-id: tertulia",
        "secret: set",
        "domains: acme.example, second.example",
        "administrators: groups=meeting-admins",
        "scopes: openid email profile",
        f"redirect URI: https://YOUR.SERVER{urlsplit(callbacks(there.rest)[0]).path}",
    ]
    try:
        assert reason(there.browser().sign_in("ann@evil.example")) == "not_allowed"
        assert reason(there.browser().sign_in("unverified")) == "not_allowed"
        ann = signed_in(there, "ann")
        assert re.fullmatch(r"signed out in \d+ browsers?", there.command("tenant", "sign-out", "first"))
        problem(ann.call("GET", "/v1/rooms"), 401, "unauthorized")
        ann = signed_in(there, "ann")
        under_way = ann.consent("ann")
        there.set_up()
        assert reason(ann.to_callback(under_way)) == "expired"
        under_way = ann.consent("ann")
        there.command("tenant", "sign-in", "first", "--off")
        problem(ann.call("GET", "/v1/rooms"), 401, "unauthorized")
        assert reason(ann.to_callback(under_way)) == "expired"
        assert reason(ann.http.get("/sign-in", headers=OURS)) == "unknown"
        assert ann.http.get("/sign-in/offer").json()["isOffered"] is False
    finally:
        there.set_up()
    actions = [entry["action"] for entry in there.rest.ok("GET", "/v1/audit")["items"]]
    assert {"sign-in.set", "sign-in.dropped", "users.signed-out"} <= set(actions)


def test_a_user_whom_the_tenant_knows_is_taken_over_where_that_is_safe(there: Site) -> None:
    def known(name: str) -> str:
        body = {"displayName": name, "email": f"{name}@acme.example"}
        return str(there.rest.ok("POST", "/v1/users", body, 201)["id"])

    tess, tom = known("Tess"), known("unverifiedtom")
    # Without domains nobody has said that the provider speaks for these addresses.
    stranger = signed_in(there, "tess").me()
    assert (stranger["id"] != tess, stranger["email"]) == (True, None)
    there.set_up("--domains", "acme.example")
    try:
        una = known("Una")
        assert signed_in(there, "una").me()["id"] == una  # in whatever case
        assert signed_in(there, "una").me()["id"] == una
        assert signed_in(there, "tess").me()["id"] == stranger["id"]  # who they are does not change
    finally:
        there.set_up()
    assert signed_in(there, "unverifiedtom").me()["id"] != tom


def test_without_its_provider_the_server_goes_on(alone: Site) -> None:
    there = alone
    ann = signed_in(there, "ann")
    port, back_to = there.provider.port, callbacks(there.rest)
    under_way = there.browser()
    back = under_way.consent("ann")
    there.provider.server.kill()
    assert reason(under_way.to_callback(back)) == "unreachable"
    assert ann.call("GET", "/v1/rooms").status_code == 200
    there.rest.ok("GET", "/v1/rooms")
    assert ann.http.get("/meetings").status_code == 200
    refused = run_refused(there, "--issuer", there.provider.issuer, "--client-id", "x")
    assert "cannot be reached" in refused and "nothing was changed" in refused
    with provider(there.rest.storage, port, back_to, secret="another secret"):
        assert reason(there.browser().sign_in("ann")) == "broken"  # the client secret is wrong
        there.rest.web.server.wait_for_log("invalid_client")
        there.set_up(secret="another secret")
        assert there.browser().sign_in("ann").headers["location"] == "/meetings"


def run_refused(there: Site, *arguments: str) -> str:
    return there.command("tenant", "sign-in", "first", *arguments, status=1)


def test_a_secret_that_is_too_long_is_not_cut(once: Site, tmp_path: Path) -> None:
    (tmp_path / "long").write_text("x" * 4097)
    issuer = ("--issuer", "https://login.example.org", "--client-id", "x")
    refused = run_refused(once, *issuer, "--secret-file", str(tmp_path / "long"))
    assert "longer than 4096 bytes" in refused


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--issuer", "http://login.example.org", "--client-id", "x"), "--issuer"),
        (("--issuer", "https://login.example.org/?a", "--client-id", "x"), "--issuer"),
        (("--issuer", "https://login.example.org"), "--client-id"),
        (("--issuer", "https://login.example.org", "--client-id", "x", "--scopes", "email"), "--scopes"),
        (("--issuer", "https://login.example.org", "--client-id", "x", "--domains", "@a"), "--domains"),
        (("--issuer", "https://login.example.org", "--client-id", "x", "--administrators", "a"), "--administrators"),
        (("--issuer", "https://login.example.org", "--client-id", "x", "--secret-file", "/no"), "--secret-file"),
    ],
)
def test_what_is_wrong_with_a_setting_is_named(once: Site, arguments: tuple[str, ...], named: str) -> None:
    assert named in run_refused(once, *arguments)
