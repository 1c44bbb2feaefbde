"""``scripts/dependencies.py``: what would be wrong with a dependency is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts import dependencies
from scripts.dependencies import (
    CRATES_IO,
    audited,
    crate_findings,
    npm_findings,
    python_findings,
    vendored_findings,
)
from scripts.licences import allowed


@pytest.mark.parametrize(
    ("expression", "fine"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT/Apache-2.0", True),
        ("MIT OR GPL-3.0-only AND LGPL-3.0-only", True),
        ("(MIT OR GPL-3.0-only) AND LGPL-3.0-only", False),
        ("ISC AND (Apache-2.0 OR ISC) AND Apache-2.0", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-3.0-only WITH Classpath-exception-2.0", False),
        ("", False),
        ("MIT MIT", False),
        ("(MIT", False),
        ("MIT AND", False),
    ],
)
def test_a_licence_expression(expression: str, fine: bool) -> None:
    assert allowed(expression) is fine


def crate(name: str, version: str = "1.0.0", source: str | None = CRATES_IO, licence: str = "MIT") -> dict[str, Any]:
    return {"name": name, "version": version, "source": source, "license": licence}


@pytest.mark.parametrize(
    ("packages", "finding"),
    [
        ([crate("a"), crate("ours", source=None, licence="Apache-2.0")], []),
        (
            [crate("a", source="git+ssh://somewhere")],
            ["crate a 1.0.0 comes from git+ssh://somewhere, not from crates.io"],
        ),
        ([crate("a", licence="AGPL-3.0-only")], ["crate a 1.0.0 is under AGPL-3.0-only"]),
        ([crate("a"), crate("a", "2.0.0")], ["crate a is built in 2 versions"]),
        ([crate("syn"), crate("syn", "2.0.0")], []),
    ],
)
def test_crates(packages: list[dict[str, Any]], finding: list[str]) -> None:
    assert list(crate_findings({"packages": packages})) == finding


def test_python_packages_state_a_licence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(python_findings(["starlette", "picows", "uvloop", "not-installed-here"])) == []
    monkeypatch.setattr(dependencies, "UNSTATED", {"picows": "AGPL-3.0-only"})
    assert list(python_findings(["picows"])) == ["Python package picows is under AGPL-3.0-only"]
    monkeypatch.setattr(dependencies, "UNSTATED", {})
    assert list(python_findings(["picows"])) == ["Python package picows is under no stated licence"]


def test_an_npm_package_without_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "ROOT", tmp_path)
    lock = tmp_path / "package-lock.json"
    lock.write_text(
        json.dumps({"packages": {"": {}, "node_modules/a": {"integrity": "sha512-…"}, "node_modules/b": {}}})
    )
    assert list(npm_findings(lock)) == ["npm package node_modules/b has no hash in package-lock.json"]


@pytest.mark.parametrize(("licence", "found"), [("MIT", 0), ("GPL-3.0-only", 1), (None, 1)])
def test_files_of_npm_packages_that_ship_are_under_a_licence_that_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, licence: str | None, found: int
) -> None:
    monkeypatch.setattr(dependencies, "ROOT", tmp_path)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/vendored.json").write_text(json.dumps({"a.js": "@scope/a/dist/a.js", "b.js": "@scope/a/b.js"}))
    package = {"license": licence} if licence else {}
    (tmp_path / "package-lock.json").write_text(json.dumps({"packages": {"node_modules/@scope/a": package}}))
    assert len(list(vendored_findings())) == found


def test_what_pip_audit_could_not_look_up_is_not_taken_for_sound() -> None:
    report = {
        "dependencies": [
            {"name": "a", "version": "1.0", "vulns": []},
            {"name": "b", "version": "2.0", "vulns": [{"id": "PYSEC-1"}, {"id": "PYSEC-2"}]},
            {"name": "c", "skip_reason": "not found"},
        ]
    }
    assert audited(report) == (["Python package b 2.0: PYSEC-1", "Python package b 2.0: PYSEC-2"], ["c"])
