"""What /openapi.json says against what the server does, with requests that nobody here thought of (schemathesis)."""

import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from tertulia.rest.table import OPERATIONS
from tests.integration.rest.conftest import Rest, new_id
from tests.integration.rest.recorded import stopped

EXAMPLES = 12
"""For each operation and kind of data: some 500 requests in all, a few seconds."""

CHECKS = [
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_headers_conformance,
    schemathesis.checks.response_schema_conformance,
    schemathesis.checks.positive_data_acceptance,
]
OPEN = ["/healthz", "/readyz", "/metrics", "/openapi.json"]


def described(path: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), path)


@pytest.fixture(scope="module")
def schema(rest_sqlite: Rest) -> schemathesis.BaseSchema:
    found: schemathesis.BaseSchema = schemathesis.openapi.from_url(f"{rest_sqlite.web.url}/openapi.json")
    return found


@pytest.mark.parametrize(
    ("method", "path"), [*((o.method, described(o.path)) for o in OPERATIONS), *(("GET", path) for path in OPEN)]
)
@pytest.mark.parametrize("mode", [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE])
def test_no_undocumented_answer(
    schema: schemathesis.BaseSchema, rest_sqlite: Rest, method: str, path: str, mode: schemathesis.GenerationMode
) -> None:
    """Ids that exist take the place of those made up, so that more than 404 is seen."""
    rest = rest_sqlite
    operation = schema[path][method]
    if mode is schemathesis.GenerationMode.NEGATIVE and not (operation.body or operation.query):
        pytest.skip("nothing in it could be wrong but ids, which test_rest_checks.py has")
    room, user = rest.room(isRecordingEnabled=True), new_id()
    rest.token(room, user)
    recording = stopped(rest, room).id if "{recordingId}" in path else ""
    invite = rest.ok("POST", f"/v1/rooms/{room}/invites", {"role": "host"}, 201)["id"]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: schemathesis.Case[Any]) -> None:
        nonlocal room
        if path == "/v1/rooms/{roomId}" and method == "DELETE":
            room = rest.room()
        known = {"roomId": room, "userId": user, "recordingId": recording, "inviteId": invite}
        case.path_parameters.update({k: known.get(k, v) for k, v in case.path_parameters.items()})
        case.query.pop("cursor", None)  # opaque: only what a page gave is valid
        if mode is schemathesis.GenerationMode.POSITIVE and "since" in case.query:
            case.query["since"] = "2026-01-02T03:04:05Z"  # no schema says which days a month has
        if mode is schemathesis.GenerationMode.POSITIVE and isinstance(case.body, dict) and "event" in case.body:
            event: Any = case.body["event"]
            event["startsAt"] = "2026-01-02T03:04:05Z"
            event.setdefault("title", "Weekly")  # the room has none
        if mode is schemathesis.GenerationMode.POSITIVE and "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = new_id()  # with another body it would be 422
        case.call_and_validate(headers={"Authorization": f"Bearer {rest.key}"}, checks=CHECKS, timeout=30)

    send()
