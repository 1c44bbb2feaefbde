import pytest
from starlette.datastructures import Headers, MutableHeaders

from tertulia.http.cors import Cors
from tertulia.senders import Origins


def marked(cors: Cors, origin: str | None, **asked: str) -> dict[str, str]:
    given = {"origin": origin} if origin else {}
    request_headers = Headers({**given, **{k.replace("_", "-"): v for k, v in asked.items()}})
    response = MutableHeaders()
    cors.mark(request_headers, response)
    cors.mark_preflight(request_headers, response, "GET, HEAD, POST, OPTIONS")
    return dict(response)


def test_a_listed_origin_may_call() -> None:
    headers = marked(Cors(Origins(["https://a.example"])), "https://a.example")
    assert headers["access-control-allow-origin"] == "https://a.example"
    assert headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", [None, "https://b.example", "http://a.example", "null", "https://a.example.evil"])
def test_others_may_not(origin: str | None) -> None:
    assert marked(Cors(Origins(["https://a.example"])), origin, access_control_request_method="POST") == {}


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


@pytest.mark.parametrize("origin", LOCAL)
def test_pages_of_this_machine_may_call_in_development(origin: str) -> None:
    assert marked(Cors(Origins([], local=True)), origin)["access-control-allow-origin"] == origin
    assert not Cors(Origins([], local=True)).is_foreign(Headers({"origin": origin, "host": "localhost:8080"}))
    assert marked(Cors(Origins([])), origin) == {}


@pytest.mark.parametrize("origin", ELSEWHERE)
def test_pages_from_elsewhere_may_not(origin: str) -> None:
    assert marked(Cors(Origins([], local=True)), origin) == {}
    assert Cors(Origins([], local=True)).is_foreign(Headers({"origin": origin, "host": "localhost:8080"}))


def test_a_preflight_hears_what_is_allowed() -> None:
    headers = marked(
        Cors(Origins(["*"])),
        "http://x",
        access_control_request_method="POST",
        access_control_request_headers="authorization,content-type,x-signalr-user-agent",
    )
    assert headers["access-control-allow-methods"] == "GET, HEAD, POST, OPTIONS"
    assert headers["access-control-allow-headers"] == "authorization,content-type,x-signalr-user-agent"
