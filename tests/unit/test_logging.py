import io
import json
import logging as stdlib
import sys
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import structlog

from tertulia import logging
from tertulia.contract.calls import JoinRoom
from tests.unit.growth import assert_linear

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
KEY = "tk_0123456789abcdefghijklmnop"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    logging.configure("debug")
    yield out
    structlog.reset_defaults()
    stdlib.getLogger().handlers.clear()


@pytest.mark.parametrize(
    "text",
    [
        JWT,
        f"GET /hub?id=1&access_token={JWT}",
        "GET /hub?access_token=opaque-secret-value&id=2",
        f"Authorization: Bearer {KEY}",
        "authorization: bearer opaque-secret-value",
        "redis://user:opaque-secret-value@host:6379/0",
        "postgresql://u:opaque-secret-value@host/name",
        f"key {KEY} was refused",
        f"GET /hub?access_token%3D{JWT}",
        f"redis://{JWT}:opaque-secret-value@host/0",
        f"key {KEY}-{JWT} was refused",
        str({"token": JWT}),
    ],
)
def test_a_secret_in_a_text_is_hidden(log: io.StringIO, text: str) -> None:
    structlog.get_logger().info("hello", detail=text, nested={"list": [text]})
    stdlib.getLogger("library").warning("said %s", text)
    for secret in (JWT, KEY, "opaque-secret-value", JWT.split(".")[1]):
        assert secret not in log.getvalue()
    assert log.getvalue().count("\n") == 2


@pytest.mark.parametrize("code", ["abcd-efgh-jkmn", "ABCD-efgh-2345"])
@pytest.mark.parametrize("text", ["/m/{}", "GET /m/{}?x=1 of a guest", "Bearer {}", "{}"])
def test_the_code_of_an_invite_is_hidden(log: io.StringIO, code: str, text: str) -> None:
    structlog.get_logger().info("http", path=text.format(code))
    assert code not in log.getvalue()


def test_an_id_is_not_hidden(log: io.StringIO) -> None:
    room = "6fab2345-ab23-4c56-89ab-23456789abcd"
    structlog.get_logger().info("http", path=f"/v1/rooms/{room}")
    assert room in log.getvalue()


@pytest.mark.parametrize("key", ["token", "joinToken", "turn_secret", "password", "authorization", "credential"])
def test_a_value_under_a_secret_name_is_hidden(log: io.StringIO, key: str) -> None:
    structlog.get_logger().info("hello", **{key: "plain", "nested": {key: "plain"}})
    assert "plain" not in log.getvalue()


def test_a_payload_that_is_logged_whole(log: io.StringIO) -> None:
    structlog.get_logger().info("call", payload=JoinRoom(room_id="x", token=JWT))
    assert JWT not in log.getvalue()


def test_an_exception_keeps_its_place_and_loses_its_secrets(log: io.StringIO) -> None:
    try:
        int(f"cannot use {JWT}")
    except ValueError:
        structlog.get_logger().exception("failed")
    line = json.loads(log.getvalue())
    assert "cannot use …" in line["exception"]
    assert JWT not in log.getvalue()


def test_what_is_no_secret_stays(log: io.StringIO) -> None:
    structlog.get_logger().info("joined", room="6f1c0e9a-0000-4000-8000-000000000000", members=3, url="redis://host/0")
    line = json.loads(log.getvalue())
    assert (line["event"], line["room"], line["members"], line["url"]) == (
        "joined",
        "6f1c0e9a-0000-4000-8000-000000000000",
        3,
        "redis://host/0",
    )


def test_the_level_holds_for_both(log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", log)
    logging.configure("error")
    structlog.get_logger().warning("quiet")
    stdlib.getLogger("library").warning("quiet")
    stdlib.getLogger("library").error("loud")
    assert [json.loads(line)["event"] for line in log.getvalue().splitlines()] == ["loud"]


@pytest.mark.parametrize(
    "piece", ["eyJ", "-eyJ", "eyJaaaaa", "eyJaaaaa.", "tk_", "-tk_", "://", "://a:", "bearer ", "a"]
)
def test_hiding_secrets_takes_linear_time(piece: str) -> None:
    def hiding(size: int) -> Callable[[], object]:
        return partial(logging.hide_secrets, None, "info", {"path": (piece * size)[:size]})

    assert_linear(hiding, 80_000)
