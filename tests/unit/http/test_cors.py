import pytest
from starlette.datastructures import Headers, MutableHeaders

from tertulia.http.cors import Cors


def marked(cors: Cors, origin: str | None, **asked: str) -> dict[str, str]:
    given = {"origin": origin} if origin else {}
    request_headers = Headers({**given, **{k.replace("_", "-"): v for k, v in asked.items()}})
    response = MutableHeaders()
    cors.mark(request_headers, response)
    cors.mark_preflight(request_headers, response, "GET, HEAD, POST, OPTIONS")
    return dict(response)


def test_a_listed_origin_may_call() -> None:
    headers = marked(Cors(["https://a.example"]), "https://a.example")
    assert headers["access-control-allow-origin"] == "https://a.example"
    assert headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", [None, "https://b.example", "http://a.example", "null", "https://a.example.evil"])
def test_others_may_not(origin: str | None) -> None:
    assert marked(Cors(["https://a.example"]), origin, access_control_request_method="POST") == {}


def test_any_origin_in_development() -> None:
    assert marked(Cors(["*"]), "http://x")["access-control-allow-origin"] == "http://x"


def test_a_preflight_hears_what_is_allowed() -> None:
    headers = marked(
        Cors(["*"]),
        "http://x",
        access_control_request_method="POST",
        access_control_request_headers="authorization,content-type,x-signalr-user-agent",
    )
    assert headers["access-control-allow-methods"] == "GET, HEAD, POST, OPTIONS"
    assert headers["access-control-allow-headers"] == "authorization,content-type,x-signalr-user-agent"
