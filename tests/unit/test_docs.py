"""What the documents say about the code is true."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from tertulia.config import SETTINGS, Config

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `(TERTULIA_[A-Z_]+)` \| (.*?) \| (.+) \|$", re.MULTILINE)
COMMON = re.compile(r"TERTULIA_[A-Z_]+[A-Z]")


def test_the_settings_table_is_the_settings() -> None:
    rows = ROW.findall((ROOT / "docs/operations.md").read_text())
    expected = [
        (f"TERTULIA_{field.name.upper()}", _default(field.name), SETTINGS[field.name]) for field in fields(Config)
    ]
    assert rows == expected


def test_no_document_names_a_setting_that_does_not_exist() -> None:
    known = {f"TERTULIA_{name.upper()}" for name in SETTINGS}
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*")]:
        if path.is_file():
            assert set(COMMON.findall(path.read_text())) <= known, path


def test_every_link_of_a_document_leads_somewhere() -> None:
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.relative_to(ROOT)} links to {target}"


def _default(name: str) -> str:
    if name == "data_dir":
        return "`~/.local/share/tertulia`"
    value = getattr(Config(), name)
    if value is None or value == ():
        return ""
    if isinstance(value, tuple):
        return f"`{value[0]}`" if value[0] == value[1] else f"`{value[0]}-{value[1]}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
