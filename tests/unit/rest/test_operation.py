from typing import cast

import pytest

from tertulia.contract.requests import CreateUser
from tertulia.errors import Forbidden, Invalid
from tertulia.ids import TenantId
from tertulia.rest.accept import accepts_json
from tertulia.rest.addresses import Base
from tertulia.rest.auditing import AUDITED
from tertulia.rest.callers import Caller
from tertulia.rest.operation import Answer, Asked, Call, Operation, Rule
from tertulia.rest.reads import Reads
from tertulia.rest.services import Services
from tertulia.rest.table import OPERATIONS
from tertulia.validation import read


@pytest.mark.parametrize(
    "accept",
    [
        (),
        ("",),
        ("*/*",),
        ("application/json",),
        ("APPLICATION/*",),
        ("text/html, application/json;q=0.1",),
        ("text/html", "application/json"),
        ("text/html;q=1, */*;q=0.001",),
        ("application/json;v=1",),
    ],
)
def test_json_is_acceptable(accept: tuple[str, ...]) -> None:
    assert accepts_json(accept)


@pytest.mark.parametrize(
    "accept",
    [
        ("text/html",),
        ("application/xml, text/*",),
        ("application/json;q=0",),
        ("application/json; q=0.000, */*",),
        ("*/*;q=0",),
        ("application/problem+json",),
    ],
)
def test_json_is_not_acceptable(accept: tuple[str, ...]) -> None:
    assert not accepts_json(accept)


def test_every_row_of_the_contract_is_there() -> None:
    assert {(o.method, o.path.replace("_", "")) for o in OPERATIONS} == {
        ("POST", "/v1/rooms"),
        ("GET", "/v1/rooms"),
        ("GET", "/v1/rooms/{roomid}"),
        ("PATCH", "/v1/rooms/{roomid}"),
        ("DELETE", "/v1/rooms/{roomid}"),
        ("POST", "/v1/rooms/{roomid}/join"),
        ("GET", "/v1/rooms/{roomid}/entry"),
        ("POST", "/v1/rooms/{roomid}/end"),
        ("POST", "/v1/rooms/{roomid}/invites"),
        ("GET", "/v1/rooms/{roomid}/invites"),
        ("DELETE", "/v1/rooms/{roomid}/invites/{inviteid}"),
        ("GET", "/v1/rooms/{roomid}/participants"),
        ("DELETE", "/v1/rooms/{roomid}/participants/{userid}"),
        ("GET", "/v1/rooms/{roomid}/sessions"),
        ("GET", "/v1/rooms/{roomid}/recordings"),
        ("POST", "/v1/rooms/{roomid}/recordings"),
        ("GET", "/v1/rooms/{roomid}/recordings/{recordingid}"),
        ("POST", "/v1/rooms/{roomid}/recordings/{recordingid}/stop"),
        ("POST", "/v1/rooms/{roomid}/recordings/{recordingid}/compose"),
        ("DELETE", "/v1/rooms/{roomid}/recordings/{recordingid}"),
        ("POST", "/v1/users"),
        ("GET", "/v1/users/{userid}"),
        ("GET", "/v1/audit"),
        ("GET", "/v1/nodes"),
        ("GET", "/v1/sign-in"),
        ("DELETE", "/v1/sign-in"),
        ("POST", "/v1/invites/open"),
        ("POST", "/v1/connection-tests"),
    }


def test_what_changes_something_is_audited_but_for_what_everyone_does() -> None:
    changing = {operation.name for operation in OPERATIONS if operation.method != "GET"}
    assert changing - AUDITED.keys() == {
        *("createRoom", "changeRoom", "joinRoom", "openInvite", "createUser", "testConnection"),
    }


# --- the order of the checks


class Trial:
    """An operation each of whose checks may refuse; ``done`` has what was called."""

    def __init__(self, refuses: str | None) -> None:
        self._refuses = refuses
        self.done: list[str] = []

    def _step(self, name: str) -> None:
        self.done.append(name)
        if name == self._refuses:
            raise Forbidden(name)

    async def run(self) -> Answer:
        async def find(_asked: Asked[None]) -> str:
            self._step("find")
            return "found"

        def allows(_caller: Caller, found: str) -> None:
            assert found == "found"
            self._step("allows")

        async def check(_asked: Asked[None], found: str) -> None:
            assert found == "found"
            self._step("check")

        def admit(asked: Asked[None]) -> Call[None]:
            self._step("admit")
            return Call(asked=asked, services=cast("Services", None), base=Base("http://h"))

        async def act(call: Call[None], found: str) -> Answer:
            self._step("act")
            return Answer(200, (call.caller.name, found))

        operation = Operation[str, None](
            name="try",
            method="POST",
            path="/",
            summary="Try",
            find=find,
            allows=Rule[str]("anything", allows),
            check=check,
            act=act,
            status=200,
        )
        asked = Asked(caller=Caller(TenantId("t"), "me"), path={}, body=None, reads=cast("Reads", None), made_id="made")
        return await operation.run(asked, admit)


STEPS = ["find", "allows", "check", "admit", "act"]


async def test_a_request_that_passes_every_check_is_carried_out() -> None:
    trial = Trial(refuses=None)
    assert await trial.run() == Answer(200, ("me", "found"))
    assert trial.done == STEPS


@pytest.mark.parametrize("step", STEPS[:-1])
async def test_nothing_follows_the_first_refusal(step: str) -> None:
    trial = Trial(refuses=step)
    with pytest.raises(Forbidden, match=step):
        await trial.run()
    assert trial.done == STEPS[: STEPS.index(step) + 1]


# --- what is wrong with a body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"id": "x" * 36, "displayName": "A"}, "must be a UUID"),
        ({"email": "nobody", "displayName": "A"}, "must be an email address"),
        ({"displayName": 1}, "must be a string, got a whole number"),
        ({"displayName": None}, "must be a string, got null"),
        ({}, "is required"),
    ],
)
def test_faults_are_told_in_plain_words(body: dict[str, object], message: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(CreateUser, body)
    assert [e.message for e in refused.value.errors] == [message]
