import pytest
from starlette.datastructures import Headers, MutableHeaders

from tertulia.http.cors import Cors, has_credential
from tertulia.senders import Origins


def marked(
    cors: Cors, origin: str | None, asked: dict[str, str] | None = None, *, is_proven: bool = False
) -> dict[str, str]:
    request_headers = Headers(({"origin": origin} if origin else {}) | (asked or {}))
    response = MutableHeaders()
    cors.mark(request_headers, response, has_credential=is_proven or has_credential(request_headers))
    cors.mark_preflight(request_headers, response, "GET, HEAD, POST, OPTIONS")
    return dict(response)


def test_a_listed_origin_may_call() -> None:
    headers = marked(Cors(Origins(["https://a.example"])), "https://a.example")
    assert headers["access-control-allow-origin"] == "https://a.example"
    assert headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", [None, "https://b.example", "http://a.example", "null", "https://a.example.evil"])
def test_others_may_not(origin: str | None) -> None:
    assert marked(Cors(Origins(["https://a.example"])), origin, {"access-control-request-method": "POST"}) == {}


def test_any_origin() -> None:
    assert marked(Cors(Origins(["*"])), "http://x")["access-control-allow-origin"] == "http://x"


LOCAL = ["http://localhost:3000", "https://localhost", "http://127.0.0.1:5173", "http://[::1]:9"]
ELSEWHERE = [
    "https://evil.example",
    "http://localhost.evil.example",
    "http://127.0.0.1.evil.example",
    "null",
    "http://[",
]


OPEN = Cors(Origins([], is_open=True))
WITH_CREDENTIAL = [
    {"authorization": "Bearer tk_x"},
    {"access-control-request-method": "POST", "access-control-request-headers": "content-type, Authorization"},
]


def is_foreign(asked: dict[str, str], *, is_proven: bool = False) -> bool:
    request = Headers({"host": "localhost:8080"} | asked)
    return OPEN.is_foreign(request, has_credential=is_proven or has_credential(request))


@pytest.mark.parametrize("origin", LOCAL)
def test_pages_of_this_machine_may_call_in_development(origin: str) -> None:
    assert marked(OPEN, origin)["access-control-allow-origin"] == origin
    assert not is_foreign({"origin": origin})
    assert marked(Cors(Origins([])), origin) == {}


@pytest.mark.parametrize("origin", ELSEWHERE)
def test_pages_from_elsewhere_may_not_without_a_credential(origin: str) -> None:
    preflight = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    assert marked(OPEN, origin) == marked(OPEN, origin, preflight) == {}
    assert is_foreign({"origin": origin})
    assert is_foreign({"sec-fetch-site": "cross-site"})


@pytest.mark.parametrize("origin", ELSEWHERE)
def test_pages_from_anywhere_may_in_development_with_a_credential(origin: str) -> None:
    for credential in WITH_CREDENTIAL:
        assert marked(OPEN, origin, credential)["access-control-allow-origin"] == origin
        assert not is_foreign({"origin": origin} | credential)
        assert not is_foreign({"sec-fetch-site": "cross-site"} | credential)
        assert marked(Cors(Origins([])), origin, credential) == {}
    assert marked(OPEN, origin, is_proven=True)["access-control-allow-origin"] == origin
    assert not is_foreign({"origin": origin}, is_proven=True)


def test_a_preflight_hears_what_is_allowed() -> None:
    headers = marked(
        Cors(Origins(["*"])),
        "http://x",
        {
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,x-signalr-user-agent",
        },
    )
    assert headers["access-control-allow-methods"] == "GET, HEAD, POST, OPTIONS"
    assert headers["access-control-allow-headers"] == "authorization,content-type,x-signalr-user-agent"
