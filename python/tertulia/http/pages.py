"""Static files: the pages (``/``, ``/r/{roomId}``, ``/meetings``, ``/static/``), and the one for trying out the API
(``/docs``)."""

from __future__ import annotations

import gzip
import hashlib
import html
import mimetypes
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from tertulia.errors import NotFound
from tertulia.http.lean import lean
from tertulia.http.told import TOLD, WEB, language_of, translated
from tertulia.rest.addresses import WS_PATH, Base, base_of
from tertulia.rest.codes import is_code

DOCS: Final = Path(__file__).parent / "docs"
_TYPES: Final = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
}
"""Types that the system's own table may have wrong."""
_CONTENT_POLICY: Final = (
    "default-src 'self'; connect-src {connect}; img-src 'self' data: blob:; media-src {media}; style-src 'self'; "
    "script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_ROOM_ID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_ORIGIN: Final = re.compile(r"(?:https?|wss?)://(?:[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?")
"""What may stand in a policy: a host of anybody's making would otherwise bring its own."""
_CARD_MARK: Final = b"<!-- open graph -->"
"""Where in the page its Open Graph tags stand."""
PERMISSIONS_POLICY: Final = "camera=(self), microphone=(self), display-capture=(self), geolocation=()"
_DOCUMENTS: Final = frozenset({"text/html", "image/svg+xml"})
_WORKER: Final = ".worker.js"
"""Policies are of documents and of workers. With a hundred scripts they would be a quarter of what is sent."""

MediaOrigin = Callable[[], Awaitable[str | None]]
"""Where players get recordings from, if not from this server."""


def content_policy(base: Base, media_origin: str | None) -> str:
    """The page's Content-Security-Policy: it talks to the server at ``base`` only, and plays what is stored."""
    connect = " ".join(["'self'", *_known(base.ws_url.removesuffix(WS_PATH))])
    media = " ".join(["'self'", "blob:", *_known(base.url), *_known(media_origin or "")])
    return _CONTENT_POLICY.format(connect=connect, media=media)


def _known(origin: str) -> list[str]:
    return [origin] if _ORIGIN.fullmatch(origin) else []


async def _nowhere_else() -> None:
    """Recordings are in a directory of this server."""


_Stamp = tuple[int, int, int] | None
_MOST_KNOWN: Final = 500
"""Names under which files are kept: several times as many as there are."""
_MOST_ADDRESSES: Final = 16
"""Of this server, for which its pages are kept in each language: it has one, or a few."""
_MANIFEST: Final = "app.webmanifest"


_ZIPPED: Final = frozenset({".js", ".mjs", ".css", ".svg", ".html", ".webmanifest", ".json", ".wasm", ".tflite"})
"""Files of text, which are a quarter as long by gzip, and what noise suppression and backgrounds load."""
_FOREIGN: Final = "vendor"
"""The directory of what others have written: it is sent as it is, with its licences."""
_GZIP_LEVEL: Final = 9
"""A file is compressed once."""
_TAG_DIGITS: Final = 16
"""Of an ETag, which comes with each of a hundred files: 64 bits tell the versions of a file apart."""


class _Asset(NamedTuple):
    content: bytes
    media_type: str
    etag: str
    zipped: bytes = b""
    """The content by gzip (RFC 1952); empty: it is sent as it is."""


def _asset(content: bytes, media_type: str, *, is_text: bool) -> _Asset:
    zipped = gzip.compress(content, _GZIP_LEVEL, mtime=0) if is_text else b""
    return _Asset(content, media_type, _etag(content), zipped if len(zipped) < len(content) else b"")


class _Known(NamedTuple):
    """A file as it was when its stamp was this."""

    path: Path
    stamp: _Stamp
    asset: _Asset


def _stamp(path: Path) -> _Stamp:
    """What changes with a file; None: there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 — a third of the time
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:_TAG_DIGITS]}"'


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding (RFC 9110 section 12.5.3) names gzip, and does not give it a weight of 0."""
    for coding in accepted.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() == "gzip":
            return weight.strip().removeprefix("q=").strip("0.") != "" or not weight.strip()
    return False


def card(base: Base, language: str) -> str:
    """The Open Graph tags of the page (ogp.me), which want whole addresses."""
    told = TOLD[language]
    image = html.escape(f"{base.url}/static/card.png")
    tags = {
        "og:site_name": "Tertulia",
        "og:type": "website",
        "og:title": told.title,
        "og:description": told.invitation,
        "og:image": image,
        "og:image:width": "1200",
        "og:image:height": "630",
        "og:image:alt": "Tertulia",
    }
    lines = [f'<meta property="{name}" content="{value}" />' for name, value in tags.items()]
    return "\n    ".join([*lines, '<meta name="twitter:card" content="summary_large_image" />'])


class Pages:
    """The files in a directory. They are small and kept; a change shows at the next reload.

    ``assets`` is the subdirectory that :meth:`asset` serves; ``public_url`` as in :func:`base_of`.
    """

    def __init__(
        self,
        root: Path = WEB,
        assets: str = "static",
        *,
        public_url: str | None = None,
        media_origin: MediaOrigin = _nowhere_else,
    ) -> None:
        self._root = root.resolve()
        self._assets = assets
        self._public_url = public_url
        self._media_origin = media_origin
        self._known: dict[str, _Known] = {}
        self._told: dict[str, dict[tuple[str, str], _Asset]] = {}
        """By the address of the server: pages as they are told, by the tags of their files, and by language."""

    async def index(self, request: Request) -> Response:
        """Serve the page itself."""
        return await self._send(request, "index.html", is_told=True)

    async def room(self, request: Request) -> Response:
        """Serve the page of a room: 404 with it where the path names none, since it says so to people.

        Raises:
            NotFound: the path names no room, and whoever asks is no browser.
        """
        if _ROOM_ID.fullmatch(request.path_params["room_id"]):
            return await self.index(request)
        return await self.unknown(request)

    async def meeting(self, request: Request) -> Response:
        """Serve the page of an invite: the same for all codes, so that it says nothing of them.

        Raises:
            NotFound: the path has no code, and whoever asks is no browser.
        """
        if is_code(request.path_params["code"]):
            return await self.index(request)
        return await self.unknown(request)

    async def meetings(self, request: Request) -> Response:
        """Serve the page of a tenant's meetings, which asks for an API key itself."""
        return await self._send(request, "meetings.html", is_told=True)

    async def unknown(self, request: Request) -> Response:
        """Serve the page, which tells people that there is nothing at this path, with 404.

        Raises:
            NotFound: whoever asks is no browser.
        """
        if request.method not in ("GET", "HEAD") or "text/html" not in request.headers.get("accept", ""):
            raise NotFound("there is nothing at this path")
        return await self._send(request, "index.html", 404, is_told=True)

    async def asset(self, request: Request) -> Response:
        """Serve one of its assets.

        Raises:
            NotFound
        """
        path = request.path_params["path"]
        return await self._send(request, f"{self._assets}/{path}", is_told=path == _MANIFEST)

    def _tell(self, asset: _Asset, base: Base, language: str) -> _Asset:
        """A page in this language, with what other sites show for a link to it: the same for every link, so that none
        gives away who meets there."""
        # A client may call the server by any name: what is not kept is not compressed either.
        is_kept = base.url in self._told or len(self._told) < _MOST_ADDRESSES
        pages = self._told.setdefault(base.url, {}) if is_kept else {}
        known = pages.get((asset.etag, language))
        if known is None:
            content = translated(asset.content, language).replace(_CARD_MARK, card(base, language).encode())
            known = pages[asset.etag, language] = _asset(content, asset.media_type, is_text=is_kept)
        return known

    async def _send(self, request: Request, name: str, status: int = 200, *, is_told: bool = False) -> Response:
        """``is_told``: in the language of whoever asks."""
        base = base_of(request, self._public_url)
        asset, varies = self._read(name), []
        if is_told:
            asset = self._tell(asset, base, language_of(request.headers.get("accept-language", "")))
            varies.append("Accept-Language")
        headers = {
            "ETag": asset.etag,
            "Cache-Control": "no-cache",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        if asset.media_type in _DOCUMENTS or name.endswith(_WORKER):
            headers |= {
                "Content-Security-Policy": content_policy(base, await self._media_origin()),
                "Permissions-Policy": PERMISSIONS_POLICY,
                "Cross-Origin-Opener-Policy": "same-origin",
            }
        content = asset.content
        if asset.zipped:
            varies.append("Accept-Encoding")
            if _takes_gzip(request.headers.get("accept-encoding", "")):
                content = asset.zipped
                # A strong tag is of one representation (RFC 9110 section 8.8.1).
                headers |= {"Content-Encoding": "gzip", "ETag": f'{asset.etag[:-1]}-gzip"'}
        if varies:
            headers["Vary"] = ", ".join(varies)
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if status == 200 and (headers["ETag"] in known or "*" in known):
            return Response(status_code=304, headers=headers)
        return Response(content, status, headers, asset.media_type)

    def _read(self, name: str) -> _Asset:
        known = self._known.get(name)
        if known is not None and known.stamp == _stamp(known.path):
            return known.asset
        return self._read_anew(name)

    def _read_anew(self, name: str) -> _Asset:
        try:
            path = (self._root / name).resolve()
            stamp = _stamp(path)  # before it is read: what is written meanwhile shows at the next request
            if not path.is_relative_to(self._root) or any(part.startswith(".") for part in Path(name).parts):
                raise NotFound("there is no such page")
            content = path.read_bytes()
        except (OSError, ValueError):  # ValueError: a NUL in the name
            raise NotFound("there is no such page") from None
        if path.suffix == ".js" and _FOREIGN not in path.parts:
            content = lean(content)
        media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        asset = _asset(content, media_type, is_text=path.suffix in _ZIPPED)
        if len(self._known) < _MOST_KNOWN:  # one file has any number of names
            self._known[name] = _Known(path, stamp, asset)
        return asset
