"""The API described as OpenAPI 3.1, made from the table of operations and the types of the contract module."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tertulia.contract.answers import Health, Problem
from tertulia.errors import (
    Forbidden,
    InProgress,
    Invalid,
    NotAcceptable,
    NotFound,
    NotJson,
    RateLimited,
    TertuliaError,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnsupportedMedia,
)
from tertulia.rest.operation import AnyOperation
from tertulia.rest.problem import MEDIA_TYPE

_REF: Final = "#/components/schemas/{name}"
_ALWAYS: Final = (Unauthorized, TooLarge, Forbidden, RateLimited, Unavailable)
_DESCRIPTION: Final = """\
Video meetings: rooms, users, invites and recordings. Signaling goes through the hub (`wsUrl`, `hubUrl`).

Errors are RFC 9457 problems with a stable `code`. They are checked in this order:
401, 413, 415, 400, 422, 404, 403, 409, 405, 406, 429.\
"""


def document(operations: Sequence[AnyOperation]) -> dict[str, Any]:
    """The whole OpenAPI document."""
    types = [t for o in operations for t in (o.body, o.query, o.answer) if t is not None]
    schemas, components = msgspec.json.schema_components([*types, Problem, Health], ref_template=_REF)
    schema_of = {id(t): schema for t, schema in zip([*types, Problem, Health], schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for operation in operations:
        paths[_camel(operation.path)][operation.method.lower()] = _operation(operation, schema_of, components)
    paths |= _open_paths()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tertulia",
            "version": _version(),
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key, an invite or a room token",
                },
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-tertulia",
                    "description": "Of who is signed in, on pages of this server, with `Authorization: Cookie`",
                },
            },
        },
    }


class Description:
    """Serves the document, which is made once."""

    def __init__(self, operations: Sequence[AnyOperation]) -> None:
        self._content = msgspec.json.encode(document(operations))

    async def openapi(self, request: Request) -> Response:
        """The document."""
        return Response(self._content, 200, {"Cache-Control": "no-cache"}, "application/json")


def _camel(path: str) -> str:
    """``{room_id}`` → ``{roomId}``."""
    return re.sub(r"_(\w)", lambda match: match[1].upper(), path)


def _version() -> str:
    try:
        return version("tertulia")
    except PackageNotFoundError:  # run from a checkout
        return "0"


def _operation(operation: AnyOperation, schema_of: dict[int, Any], components: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": _description(operation),
        "parameters": [
            *_path_parameters(operation.path),
            *(_query_parameters(schema_of[id(operation.query)], components) if operation.query else ()),
            *([_IDEMPOTENCY_KEY] if operation.method == "POST" else ()),
        ],
        "responses": {str(operation.status): _success(operation, schema_of), **_refusals(operation)},
    }
    if operation.body is not None:
        content = {"application/json": {"schema": schema_of[id(operation.body)]}}
        described["requestBody"] = {"required": not operation.body_is_optional, "content": content}
    return described


def _description(operation: AnyOperation) -> str:
    return f"{operation.description} Needs {operation.allows.who}.".lstrip()


def _success(operation: AnyOperation, schema_of: dict[int, Any]) -> dict[str, Any]:
    if operation.answer is None:
        return {"description": "Success"}
    return {"description": "Success", "content": {"application/json": {"schema": schema_of[id(operation.answer)]}}}


def _refusals(operation: AnyOperation) -> dict[str, Any]:
    kinds: list[type[TertuliaError]] = [*_ALWAYS, *operation.refuses]
    if operation.body is not None:
        kinds += [UnsupportedMedia, NotJson]
    if operation.body is not None or operation.query is not None or operation.method == "POST":
        kinds.append(Invalid)
    if "{" in operation.path or operation.body is not None:
        kinds.append(NotFound)
    if operation.answer is not None:
        kinds.append(NotAcceptable)
    if operation.method == "POST":
        kinds.append(InProgress)
    by_status: dict[int, list[str]] = defaultdict(list)
    for kind in kinds:
        by_status[kind.status].append(kind.code)
    return {str(status): _problem(status, codes) for status, codes in sorted(by_status.items())}


def _problem(status: int, codes: list[str]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": " or ".join(f"`{code}`" for code in dict.fromkeys(codes)),
        "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}},
    }
    if status in (RateLimited.status, Unavailable.status):
        seconds = {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}}
        described["headers"] = {"Retry-After": seconds}
    return described


_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "For 24 hours the same request with the same key gets the same answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
        for name in re.findall(r"\{(\w+)\}", _camel(path))
    ]


def _query_parameters(reference: dict[str, Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    name = reference["$ref"].rpartition("/")[2]
    properties = components.pop(name)["properties"]  # as parameters, not as a body
    return [{"name": n, "in": "query", "required": False, "schema": schema} for n, schema in properties.items()]


def _open_paths() -> dict[str, Any]:
    """The paths that need no credential."""
    health = {"application/json": {"schema": {"$ref": _REF.format(name="Health")}}}

    def get(name: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
        return {"get": {"operationId": name, "summary": summary, "security": [], "responses": responses}}

    ready = {"200": {"description": "Ready", "content": health}, "503": {"description": "Not ready", "content": health}}
    text = {"text/plain": {"schema": {"type": "string"}}}
    document = {"application/json": {"schema": {"type": "object"}}}
    return {
        "/healthz": get("healthz", "Liveness", {"200": {"description": "The process runs", "content": health}}),
        "/readyz": get("readyz", "Readiness", ready),
        "/metrics": get("metrics", "Metrics, as Prometheus text", {"200": {"description": "Success", "content": text}}),
        "/openapi.json": get("openapi", "This document", {"200": {"description": "Success", "content": document}}),
    }
