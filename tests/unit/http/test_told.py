"""What the server itself says of the page, in the language of whoever asks."""

from __future__ import annotations

import json
import re

import pytest
from msgspec.structs import asdict
from starlette.requests import Request

from tertulia.http.pages import Pages, card
from tertulia.http.told import TOLD, WEB, language_of
from tertulia.rest.addresses import Base

PAGES = ("index.html", "meetings.html", "static/app.webmanifest")


def request(language: str, path: str = "", **headers: str) -> Request:
    headers = {"host": "meet.example.org", "accept-language": language} | headers
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "path": "/", "query_string": b"", "headers": raw, "path_params": {"path": path}}
    return Request(scope)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("es", "es"),
        ("pt-BR,pt;q=0.9,en;q=0.8", "pt"),
        ("nl, fr;q=0.5, DE-at;q=0.7", "de"),
        ("ja;q=0, *;q=0.1", "en"),
        ("he; q=0.001", "he"),
        ("fr;q=0.5, de;Q=0.7", "de"),
        ("fr;q=0.5, de;q=0_9", "fr"),
        ("fr;q=2, ar;q=nan, de;q=, es;q=x", "en"),
        (";;;,,,-", "en"),
        (",".join(["xx"] * 20 + ["es"]), "en"),
        (",".join(["xx"] * 19 + ["es"]), "es"),
    ],
)
def test_the_language_that_is_wished_most(accepted: str, language: str) -> None:
    assert language_of(accepted) == language


def test_there_are_texts_for_each_language_of_the_page() -> None:
    languages = (WEB / "static/words/languages.js").read_text()
    assert set(TOLD) == set(re.findall(r"^  (\w\w): ", languages, re.MULTILINE))
    for language, told in TOLD.items():
        texts = list(asdict(told).values())
        assert len(set(texts)) == 4
        for text in texts:
            assert text == text.strip()
            assert not set(text) & set("<>&\"'\\")
            assert language == "en" or text not in asdict(TOLD["en"]).values()


@pytest.mark.parametrize("page", PAGES)
def test_files_are_in_english_in_these_very_words(page: str) -> None:
    text, told = (WEB / page).read_text(), TOLD["en"]
    assert text.count(told.description) == 1
    assert text.count('"lang": "en"' if page.endswith("manifest") else '<html lang="en">') == 1
    assert text.count(told.no_script) == (not page.endswith("manifest"))


@pytest.mark.parametrize("language", list(TOLD))
async def test_pages_are_in_the_language_of_who_asks(language: str) -> None:
    pages, told = Pages(), TOLD[language]
    index, meetings = await pages.index(request(language)), await pages.meetings(request(language))
    for answer in (index, meetings):
        text = bytes(answer.body).decode()
        direction = ' dir="rtl"' if language in ("ar", "he") else ""
        assert f'<html lang="{language}"{direction}>' in text
        assert f'<meta name="description" content="{told.description}" />' in text
        assert f"<noscript>{told.no_script}</noscript>" in text
        assert answer.headers["vary"] == "Accept-Language, Accept-Encoding"
    assert f'<meta property="og:title" content="{told.title}" />' in bytes(index.body).decode()
    assert told.invitation in card(Base("https://meet.example.org"), language)
    manifest = await pages.asset(request(language, "app.webmanifest"))
    said = json.loads(bytes(manifest.body))
    assert (said["lang"], said["description"], said["start_url"]) == (language, told.description, "/")


async def test_what_is_known_in_one_language_is_sent_in_another() -> None:
    pages = Pages()
    etag = (await pages.index(request("es"))).headers["etag"]
    again = await pages.index(request("es", if_none_match=etag))
    assert (again.status_code, again.headers["vary"]) == (304, "Accept-Language, Accept-Encoding")
    assert (await pages.index(request("fr", if_none_match=etag))).status_code == 200
    assert (await pages.asset(request("fr", "boot.js"))).headers["vary"] == "Accept-Encoding"
