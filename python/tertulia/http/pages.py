"""Static files: the page (``/``, ``/r/{roomId}``, ``/static/``), and the one for trying out the API (``/docs``)."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from tertulia.errors import NotFound

WEB: Final = Path(__file__).parent.parent / "web"
DOCS: Final = Path(__file__).parent / "docs"
_TYPES: Final = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
"""Types that the system's own table may have wrong."""
CONTENT_POLICY: Final = (
    "default-src 'self'; connect-src 'self' ws: wss: http: https:; img-src 'self' data: blob:; "
    "media-src 'self' blob: http: https:; style-src 'self'; script-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""``connect-src`` is wide because ``wsUrl`` may name another host, ``media-src`` because of recordings in a bucket."""
PERMISSIONS_POLICY: Final = "camera=(self), microphone=(self), display-capture=(self), geolocation=()"


class _Asset(NamedTuple):
    content: bytes
    media_type: str
    etag: str


class Pages:
    """The files in a directory. They are small, and read at each request, so that a change shows at the next reload.

    ``assets`` is the subdirectory that :meth:`asset` serves.
    """

    def __init__(self, root: Path = WEB, assets: str = "static") -> None:
        self._root = root.resolve()
        self._assets = assets

    async def index(self, request: Request) -> Response:
        """Serve the page itself."""
        return self._send(request, "index.html")

    async def asset(self, request: Request) -> Response:
        """Serve one of its assets.

        Raises:
            NotFound
        """
        return self._send(request, f"{self._assets}/{request.path_params['path']}")

    def _send(self, request: Request, name: str) -> Response:
        asset = self._read(name)
        headers = {
            "ETag": asset.etag,
            "Cache-Control": "no-cache",
            "Content-Security-Policy": CONTENT_POLICY,
            "Permissions-Policy": PERMISSIONS_POLICY,
        }
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if asset.etag in known or "*" in known:
            return Response(status_code=304, headers=headers)
        return Response(asset.content, 200, headers, asset.media_type)

    def _read(self, name: str) -> _Asset:
        try:
            path = (self._root / name).resolve()
            if not path.is_relative_to(self._root) or any(part.startswith(".") for part in Path(name).parts):
                raise NotFound("there is no such page")
            content = path.read_bytes()
        except (OSError, ValueError):  # ValueError: a NUL in the name
            raise NotFound("there is no such page") from None
        media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return _Asset(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
