"""Stored files at addresses that this server has signed: ``/v1/files/{key}``, whole or in parts (RFC 9110)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.utils import formatdate
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Send

from tertulia.errors import NotFound, StorageError, Unavailable
from tertulia.http.ranges import Span, span_of
from tertulia.rest.links import Links
from tertulia.storage import OpenFile
from tertulia.storage.keys import content_type

SEND_SECONDS: Final = 120.0
"""How long a client may take for a piece. A player that was paused for longer asks for the rest when it goes on."""
_PIECE: Final = 256 * 1024
_CONTENT_POLICY: Final = "default-src 'none'; media-src 'self'"
"""A browser that opens the address itself shows a document with a player in it."""


class Files:
    """Serves what is in a directory, and what is encrypted, in whatever storage."""

    def __init__(self, links: Links) -> None:
        self._links = links

    async def serve(self, request: Request) -> Response:
        """The file.

        Raises:
            Forbidden: the address is not valid.
            NotFound: it has been deleted.
            NoSuchRange
            Unavailable: the storage does not answer, or what is stored cannot be decrypted.
        """
        key = request.path_params["key"]
        query = request.query_params
        is_sealed = query.get("sealed") == "1"
        expires, signature = query.get("expires", ""), query.get("signature", "")
        self._links.check(key, expires, signature, self._links.now(), is_sealed=is_sealed)
        try:
            file = await self._links.storage.only(sealed=is_sealed).open_file(key)
        except StorageError as e:
            raise Unavailable(e.message) from None
        if file is None:
            raise NotFound("the file has been deleted")
        try:
            return _answer(request, key, file)
        except BaseException:
            file.close()
            raise


def _answer(request: Request, key: str, file: OpenFile) -> Response:
    headers = _headers(request, key, file)
    if _is_known(request.headers.get("if-none-match", ""), headers["ETag"]):
        file.close()
        return Response(status_code=304, headers=headers)
    span = span_of(_range(request, headers), file.size)
    if span is not None:
        headers["Content-Range"] = f"bytes {span.begin}-{span.end - 1}/{file.size}"
    whole = span or Span(0, file.size)
    headers["Content-Length"] = str(whole.end - whole.begin)
    headers["Content-Type"] = content_type(key)
    return _Parts(file, whole, 200 if span is None else 206, headers, is_head=request.method == "HEAD")


def _headers(request: Request, key: str, file: OpenFile) -> dict[str, str]:
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": f'"{file.size:x}-{file.changed_ns:x}"',
        "Last-Modified": formatdate(file.changed_ns // 1_000_000_000, usegmt=True),
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": _CONTENT_POLICY,
    }
    if request.query_params.get("download") == "1":
        headers["Content-Disposition"] = f'attachment; filename="{key.rpartition("/")[2]}"'
    return headers


def _is_known(header: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return etag in tags or "*" in tags


def _range(request: Request, headers: dict[str, str]) -> str | None:
    """The Range header, unless it is about a file that has changed since (If-Range, RFC 9110 section 13.1.5)."""
    condition = request.headers.get("if-range")
    if condition is not None and condition not in (headers["ETag"], headers["Last-Modified"]):
        return None
    return request.headers.get("range")


class _Parts(StreamingResponse):
    """A part of a file, piece by piece, each within a deadline. Ends, and closes the file, when the client is gone."""

    def __init__(self, file: OpenFile, span: Span, status: int, headers: dict[str, str], *, is_head: bool) -> None:
        super().__init__(_pieces(file, Span(0, 0) if is_head else span), status, headers)
        self._file = file

    async def stream_response(self, send: Send) -> None:
        """Send it."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(SEND_SECONDS):
                await send(message)

        try:
            await super().stream_response(send_in_time)
        finally:
            self._file.close()


async def _pieces(file: OpenFile, span: Span) -> AsyncIterator[bytes]:
    begin = span.begin
    while begin < span.end and (piece := await file.read(begin, min(_PIECE, span.end - begin))):
        begin += len(piece)
        yield piece
