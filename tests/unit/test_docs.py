"""What the documents say about the code is true, and what they refer to exists."""

from __future__ import annotations

import re
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest

from tertulia.config import SECRETS, SETTINGS, Config

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `(TERTULIA_[A-Z_]+)` \| (.*?) \| (.+) \|$", re.MULTILINE)
COMMON = re.compile(r"TERTULIA_[A-Z_]+[A-Z]")
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
BASES = [ROOT / base for base in ("", "docs", "python/tertulia", "python/tertulia/web/static", "tests/world")]
"""A path in a document is relative to one of these: architecture.md names modules as they are in the package."""
MADE = {"dist/", ".build/pictures/sheets"}
"""What a command makes."""
FOREIGN = {"HubProtocol.md", "TransportProtocols.md", "twilio/video-processors/LICENSE.md"}
"""The documents of ASP.NET Core's SignalR protocol, and a file of an npm package."""


def identifier(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code_spans(document: Path) -> list[str]:
    """The inline code of a document, without its code blocks."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


def is_path(span: str) -> bool:
    """Whether inline code names something in the repository."""
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", span):
        return False
    if re.search(r"(/|\.(md|py|toml|sh|rs|js|json|lua|css|html))$", span):
        return True
    return "/" in span and (ROOT / span.split("/", maxsplit=1)[0]).is_dir()


def test_the_settings_table_is_the_settings() -> None:
    rows = ROW.findall((ROOT / "docs/operations.md").read_text())
    expected = [
        (f"TERTULIA_{field.name.upper()}", _default(field.name), SETTINGS[field.name]) for field in fields(Config)
    ]
    assert rows == expected


def test_no_document_names_a_setting_that_does_not_exist() -> None:
    known = {f"TERTULIA_{name.upper()}" for name in SETTINGS} | {f"TERTULIA_{name.upper()}_FILE" for name in SECRETS}
    for path in [*DOCUMENTS, *ROOT.glob("deploy/**/*")]:
        if path.is_file():
            assert set(COMMON.findall(path.read_text())) <= known, path


@pytest.mark.parametrize("document", DOCUMENTS, ids=identifier)
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", document.read_text()):
        path = document.parent / target if target else document
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, anchor


@pytest.mark.parametrize("document", DOCUMENTS, ids=identifier)
def test_every_path_in_a_document_exists(document: Path) -> None:
    paths = {span for span in code_spans(document) if is_path(span)} - MADE
    assert {path for path in paths if not any((base / path).exists() for base in BASES)} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=identifier)
def test_a_document_is_at_most_120_columns_wide(document: Path) -> None:
    wide = [number for number, line in enumerate(document.read_text().splitlines(), 1) if len(line) > 120]
    assert wide == []


def test_every_document_that_the_code_refers_to_is_in_the_repository() -> None:
    argv = ["git", "grep", "-noIE", r"[A-Za-z0-9_./-]+\.md\b", "--", ".", ":!*package-lock.json", ":!docs/images"]
    found = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    assert found
    for line in found:
        file, number, name = line.split(":")
        places = [(ROOT / file).parent, *BASES]
        assert name in FOREIGN or any((place / name).exists() for place in places), f"{file}:{number}: {name}"


def _default(name: str) -> str:
    if name == "data_dir":
        return "`~/.local/share/tertulia`"
    value = getattr(Config(), name)
    if value is None or value == ():
        return ""
    if isinstance(value, tuple):
        return f"`{value[0]}`" if value[0] == value[1] else f"`{value[0]}-{value[1]}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
