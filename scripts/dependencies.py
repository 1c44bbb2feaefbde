"""Checks what Tertulia is built from: licences, sources, hashes, versions; and known vulnerabilities where it can.

Each finding is a line; the exit status is 1 if there is any. What could not be checked on this machine is said in a
line of its own, and is no finding.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.licences import allowed

ROOT = Path(__file__).resolve().parent.parent
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"
"""Cargo's own name of the registry, not an address that is asked."""
LOCKS = ("package-lock.json", "tests/*/*/package-lock.json", "bench/*/package-lock.json")
TWICE = frozenset({"getrandom", "nom", "rand", "rand_core", "syn"})
"""Crates that others use in two versions. A new one costs time to build and room in the wheel: avoid it if you can."""
CLASSIFIERS = {"Apache Software License": "Apache-2.0", "BSD License": "BSD-3-Clause", "MIT License": "MIT"}
UNSTATED = {"aiofastnet": "MIT", "picows": "MIT"}
"""Python packages whose metadata names no licence; taken from the licence file that they ship."""


def crate_findings(metadata: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the crates in the output of ``cargo metadata``."""
    foreign = [package for package in metadata["packages"] if package["source"] is not None]
    for package in foreign:
        name = f"crate {package['name']} {package['version']}"
        if package["source"] != CRATES_IO:
            yield f"{name} comes from {package['source']}, not from crates.io"
        if not allowed(package["license"] or ""):
            yield f"{name} is under {package['license']}"
    versions = Counter(package["name"] for package in foreign)
    for name in sorted(name for name, count in versions.items() if count > 1 and name not in TWICE):
        yield f"crate {name} is built in {versions[name]} versions"


def licence(package: Distribution) -> str:
    """The licence expression of an installed Python package; empty if it states none."""
    stated: list[str] = package.metadata.get_all("License-Expression", [])
    if stated:
        return stated[0]
    names = (text.rpartition(" :: ")[2] for text in package.metadata.get_all("Classifier", []))
    return " OR ".join(CLASSIFIERS[name] for name in names if name in CLASSIFIERS) or UNSTATED.get(package.name, "")


def python_findings(names: list[str]) -> Iterator[str]:
    """What is wrong with the Python packages that ship: those that this machine needs are installed."""
    for name in names:
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        if not allowed(licence(package)):
            yield f"Python package {name} is under {licence(package) or 'no stated licence'}"


def npm_findings(path: Path) -> Iterator[str]:
    """Packages of a package-lock.json that could be exchanged unnoticed."""
    for name, package in json.loads(path.read_text())["packages"].items():
        if name and "integrity" not in package:
            yield f"npm package {name} has no hash in {path.relative_to(ROOT)}"


def vendored_findings() -> Iterator[str]:
    """What is wrong with the npm packages of which files ship with the page."""
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    origins = json.loads((ROOT / "scripts/vendored.json").read_text()).values()
    for name in sorted({_package_of(origin) for origin in origins}):
        stated = packages[f"node_modules/{name}"].get("license", "")
        if not allowed(stated):
            yield f"npm package {name}, of which files ship, is under {stated or 'no stated licence'}"


def _package_of(origin: str) -> str:
    parts = origin.split("/")
    return "/".join(parts[: 2 if origin.startswith("@") else 1])


def audited(report: dict[str, Any]) -> tuple[list[str], list[str]]:
    """From the JSON of pip-audit: the vulnerabilities, and the packages that it could not look up."""
    packages = report["dependencies"]
    found = [
        f"Python package {package['name']} {package['version']}: {vulnerability['id']}"
        for package in packages
        for vulnerability in package.get("vulns", [])
    ]
    return found, [package["name"] for package in packages if "skip_reason" in package]


def python_vulnerabilities() -> Iterator[str]:
    """Ask the package index for known vulnerabilities of what ships."""
    argv = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "-r", "requirements/run.txt"]
    argv += ["--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        found, unknown = audited(json.loads(done.stdout))
    except json.JSONDecodeError:
        why = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        print(f"not checked: vulnerabilities of Python packages: pip-audit: {why}")
        return
    if unknown:
        print(
            f"not checked: vulnerabilities of {len(unknown)} Python packages: the index does not say: {unknown[0]}, …"
        )
    yield from found


def crate_vulnerabilities() -> Iterator[str]:
    """Let cargo-audit look the crates up, where it is installed."""
    if shutil.which("cargo-audit") is None:
        print("not checked: vulnerabilities of crates: cargo-audit is not installed (cargo install cargo-audit)")
    elif subprocess.run(("cargo", "audit", "--quiet"), cwd=ROOT, check=False).returncode:  # noqa: S607
        yield "crates: cargo-audit found something, or could not look: see above"


def main() -> int:
    """Check everything; print the findings and give the exit status."""
    argv = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"]
    crates = json.loads(subprocess.run(argv, cwd=ROOT, capture_output=True, check=True).stdout)
    names = re.findall(r"^([\w.-]+)==", (ROOT / "requirements/run.txt").read_text(), re.MULTILINE)
    locks = [path for pattern in LOCKS for path in ROOT.glob(pattern)]
    findings = [
        *crate_findings(crates),
        *python_findings(names),
        *(finding for path in locks for finding in npm_findings(path)),
        *vendored_findings(),
        *python_vulnerabilities(),
        *crate_vulnerabilities(),
    ]
    print(*findings, sep="\n", end="\n" if findings else "")
    counts = f"{len(crates['packages'])} crates, {len(names)} Python packages, {len(locks)} npm locks"
    print(f"{counts}: {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
