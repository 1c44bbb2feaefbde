"""Static files and the page."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from PIL import Image
from starlette.requests import Request

from tertulia.errors import NotFound
from tertulia.http.pages import Pages, card, content_policy
from tertulia.http.told import WEB
from tertulia.rest.addresses import Base


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    root = tmp_path / "web"
    (root / "static" / "deep").mkdir(parents=True)
    (root / "index.html").write_text("<!doctype html>")
    (root / "static" / "app.js").write_text("export {}")
    (root / "static" / "deep" / "a.css").write_text("")
    (root / "static" / ".hidden").write_text("")
    (tmp_path / "secret").write_text("")
    (root / "static" / "link").symlink_to(tmp_path / "secret")
    return Pages(root)


def request(**headers: str) -> Request:
    headers = {"host": "meet.example.org"} | headers
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "path": "/", "query_string": b"", "headers": raw})


def asset(path: str, **headers: str) -> Request:
    made = request(**headers)
    made.scope["path_params"] = {"path": path}
    return made


@pytest.mark.parametrize("room_id", ["anything", "12345678-1234-1234-1234-12345678901", "a\nb", ""])
async def test_where_there_is_no_room_browsers_get_the_page_with_404(pages: Pages, room_id: str) -> None:
    asked = request(accept="text/html,application/xhtml+xml,*/*;q=0.8", if_none_match="*")
    asked.scope.update(path_params={"room_id": room_id}, method="GET")
    answer = await pages.room(asked)
    assert (answer.status_code, answer.body) == (404, b"<!doctype html>")
    machine = request(accept="*/*")
    machine.scope.update(path_params={"room_id": room_id}, method="GET")
    with pytest.raises(NotFound):
        await pages.room(machine)


async def test_a_rooms_page(pages: Pages) -> None:
    asked = request()
    asked.scope.update(path_params={"room_id": "0B5E1C0E-5a0f-4d4f-9c6e-0f3f0c8a3c11"}, method="GET")
    assert (await pages.room(asked)).status_code == 200


async def test_files_have_type_etag_and_policy(pages: Pages) -> None:
    index = await pages.index(request())
    assert index.headers["content-type"] == "text/html; charset=utf-8"
    assert "connect-src 'self' ws://meet.example.org;" in index.headers["content-security-policy"]
    assert index.headers["cross-origin-opener-policy"] == "same-origin"
    assert "script-src 'self' 'wasm-unsafe-eval'; object-src 'none'" in index.headers["content-security-policy"]
    assert "camera=(self)" in index.headers["permissions-policy"]
    script = await pages.asset(asset("app.js"))
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["cache-control"] == "no-cache"
    assert (await pages.asset(asset("deep/a.css"))).headers["content-type"].startswith("text/css")


async def test_what_the_browser_has_is_not_sent_again(pages: Pages) -> None:
    first = await pages.asset(asset("app.js"))
    etag = first.headers["etag"]
    for given in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        again = await pages.asset(asset("app.js", if_none_match=given))
        assert (again.status_code, bytes(again.body), again.headers["etag"]) == (304, b"", etag)
    assert (await pages.asset(asset("app.js", if_none_match='"other"'))).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["", "missing.js", "../index.html", "../../secret", "link", ".hidden", "deep", "a\0b", "/etc/passwd", "x" * 5000],
)
async def test_nothing_else_is_served(pages: Pages, path: str) -> None:
    with pytest.raises(NotFound):
        await pages.asset(asset(path))


def test_the_policy_names_whom_the_page_talks_to_and_no_scheme_alone() -> None:
    policy = content_policy(Base("https://meet.example.org:8443"), "https://bucket.s3.example")
    sources = dict(part.split(" ", 1) for part in policy.split("; "))
    assert sources["connect-src"] == "'self' wss://meet.example.org:8443"
    assert sources["media-src"] == "'self' blob: https://meet.example.org:8443 https://bucket.s3.example"
    assert not {"*", "http:", "https:", "ws:", "wss:"} & set(policy.replace(";", "").split())


@pytest.mark.parametrize("host", ["a; script-src *", "a b", "a,b", "*", "*.example", "a'b", ""])
def test_a_host_that_is_none_adds_nothing_to_the_policy(host: str) -> None:
    assert content_policy(Base(f"https://{host}"), None) == content_policy(Base(""), None)


async def test_files_are_kept_until_they_change(pages: Pages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "web" / "static" / "app.js"
    assert (await pages.asset(asset("app.js"))).body == b"export {}"
    with monkeypatch.context() as patched:
        patched.delattr(Path, "read_bytes")
        assert (await pages.asset(asset("app.js"))).body == b"export {}"
    path.write_text("export default 1")
    assert (await pages.asset(asset("app.js"))).body == b"export default 1"
    path.unlink()
    with pytest.raises(NotFound):
        await pages.asset(asset("app.js"))


@pytest.mark.parametrize(
    ("accepted", "is_zipped"),
    [
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, GZIP;q=0.5", True),
        ("", False),
        ("br, *", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, br", False),
    ],
)
async def test_text_is_compressed_for_who_takes_it(
    pages: Pages, tmp_path: Path, accepted: str, is_zipped: bool
) -> None:
    text = b"export const words = 'the same again and again';\n" * 50
    (tmp_path / "web/static/app.js").write_bytes(text)
    answer = await pages.asset(asset("app.js", accept_encoding=accepted))
    assert (answer.headers.get("content-encoding") == "gzip", answer.headers["vary"]) == (is_zipped, "Accept-Encoding")
    body = bytes(answer.body)
    assert (gzip.decompress(body) if is_zipped else body) == text
    assert (len(body) < len(text) / 4) == is_zipped
    again = await pages.asset(asset("app.js", accept_encoding=accepted, if_none_match=answer.headers["etag"]))
    assert again.status_code == 304
    other = await pages.asset(asset("app.js", accept_encoding="br" if is_zipped else "gzip"))
    assert other.headers["etag"] != answer.headers["etag"]


async def test_the_page_itself_is_compressed_too_by_any_name_of_the_server(tmp_path: Path) -> None:
    page = b"<head><!-- open graph --></head>" + b"<p>the same again and again</p>" * 50
    (tmp_path / "index.html").write_bytes(page)
    pages = Pages(tmp_path)
    for number in range(40):
        plain = await pages.index(request(host=f"{number}.example.org"))
        zipped = await pages.index(request(host=f"{number}.example.org", accept_encoding="gzip"))
        # By so many names only: strangers choose them.
        is_zipped = zipped.headers.get("content-encoding") == "gzip"
        assert is_zipped == (number < 16)
        assert (gzip.decompress(bytes(zipped.body)) if is_zipped else zipped.body) == bytes(plain.body)
        assert f"http://{number}.example.org/static/card.png".encode() in bytes(plain.body)


@pytest.mark.parametrize("path", ["/", "/m/abcd-efgh-jkmn"])
async def test_other_sites_are_told_of_no_meeting(tmp_path: Path, path: str) -> None:
    (tmp_path / "index.html").write_text("<head><!-- open graph --></head>")
    asked = request()
    asked.scope.update(path=path, path_params={"code": "abcd-efgh-jkmn"}, method="GET")
    pages = Pages(tmp_path)
    answer = await (pages.meeting(asked) if path != "/" else pages.index(asked))
    text = bytes(answer.body).decode()
    assert '<meta property="og:image" content="http://meet.example.org/static/card.png" />' in text
    assert "og:title" in text
    assert "abcd" not in text
    configured = await Pages(tmp_path, public_url="https://meet.example.org").index(request())
    assert b'content="https://meet.example.org/static/card.png"' in bytes(configured.body)
    assert configured.headers["etag"] != answer.headers["etag"]


def test_what_other_sites_are_told_is_escaped() -> None:
    text = card(Base('https://a"><script>'), "en")
    assert 'content="https://a&quot;&gt;&lt;script&gt;/static/card.png"' in text
    assert "<script" not in text


async def test_where_a_link_has_no_code_there_is_no_page(pages: Pages) -> None:
    asked = request(accept="text/html")
    asked.scope.update(path_params={"code": "nonsense"}, method="GET")
    assert (await pages.meeting(asked)).status_code == 404


def test_the_manifest_makes_the_page_installable() -> None:
    static = WEB / "static"
    manifest = json.loads((static / "app.webmanifest").read_text())
    assert manifest.keys() >= {"name", "start_url", "display", "icons"}
    sizes = set()
    for icon in manifest["icons"]:
        with (WEB / icon["src"].removeprefix("/")).open("rb") as file:
            if icon["type"] == "image/png":
                with Image.open(file) as image:
                    assert f"{image.width}x{image.height}" == icon["sizes"]
                    sizes.add(image.width)
    assert sizes >= {192, 512}
    page = (WEB / "index.html").read_text()
    assert 'rel="manifest" href="/static/app.webmanifest"' in page
    assert "<!-- open graph -->" in page


async def test_the_page_of_meetings_talks_to_this_server_only_and_has_no_card() -> None:
    answer = await Pages(public_url="https://meet.example.org").meetings(request())
    assert answer.status_code == 200
    assert b'src="/static/meetings.js"' in bytes(answer.body)
    assert b"og:" not in bytes(answer.body)
    policy = answer.headers["content-security-policy"]
    assert "connect-src 'self' wss://meet.example.org;" in policy
    assert "frame-ancestors 'none'" in policy
