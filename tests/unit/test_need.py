"""``scripts/need.sh``: what is missing on a machine is said in one line, with the command that installs it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/need.sh"
TOOLS = ("sh", "id", "sed", "tr", "ls")
WHOLE = {
    "python3": f'exec {sys.executable} "$@"',
    "cargo": "echo cargo 1.89.0",
    "rustc": "echo 'rustc 1.89.0 (29483883e 2025-08-04)'",
    "cc": "exit 0",
    "pkg-config": "exit 0",
}


def need(directory: Path, programs: dict[str, str], part: str = "run") -> subprocess.CompletedProcess[str]:
    """Run the script on a machine that has only these programs: name → shell script."""
    for tool in set(TOOLS) - set(programs):
        (directory / tool).symlink_to(str(shutil.which(tool)))
    for name, script in programs.items():
        (directory / name).write_text(f"#!/bin/sh\n{script}\n")
        (directory / name).chmod(0o755)
    argv = ["/bin/sh", str(SCRIPT), part]
    env = {"PATH": str(directory)}
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_a_machine_that_has_everything(tmp_path: Path) -> None:
    done = need(tmp_path, WHOLE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("programs", "what", "command"),
    [
        ({"python3": None}, "Python 3.11", "install -y python3"),
        ({"python3": "exit 1"}, "Python 3.11", "python3.11"),
        ({"python3": f'case "$2" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"'}, "venv", "python3-venv"),
        ({"cargo": None}, "Rust 1.89", "sh.rustup.rs"),
        ({"rustc": "echo 'rustc 1.63.0'"}, "this is rustc 1.63.0", "rustup update"),
        ({"rustc": "echo 'rustc 1.9.0'"}, "Rust 1.89", "rustup update"),
        ({"cc": None}, "a C compiler", "install -y gcc"),
        ({"pkg-config": None, "id": "echo 1000"}, "OpenSSL 3", "libssl-dev pkg-config"),
        ({"pkg-config": "exit 1", "id": "echo 1000"}, "OpenSSL 3", "libssl-dev pkg-config"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    programs: dict[str, str | None], what: str, command: str, tmp_path: Path
) -> None:
    has = {name: script for name, script in {**WHOLE, **programs}.items() if script is not None}
    done = need(tmp_path, has)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert what in done.stderr
    assert command in done.stderr


@pytest.mark.parametrize(
    ("part", "has", "packages"),
    [
        ("node", ["npm"], ["nodejs"]),
        ("node", [], ["nodejs", "npm"]),
        (
            "test",
            ["chromium", "redis-server", "redis-cli", "ffmpeg", "janus-pp-rec", "firefox-esr"],
            ["coturn", "valgrind"],
        ),
    ],
)
def test_debian_packages_are_asked_for_by_name(part: str, has: list[str], packages: list[str], tmp_path: Path) -> None:
    done = need(tmp_path, {"id": "echo 1000", "ls": "exit 0", **dict.fromkeys(has, "exit 0")}, part)
    assert done.returncode == 1
    assert done.stderr == (
        f"Tertulia needs Debian packages for its tests. Install it with: sudo apt-get install -y {' '.join(packages)}\n"
    )
