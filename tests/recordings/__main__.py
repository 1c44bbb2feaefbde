"""Write the corpus: ``python -m tests.recordings DIRECTORY [CASE ...]``."""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

from tests.recordings.cases import CASES
from tests.recordings.stage import Expected, Stage


def build(name: str, directory: Path) -> Expected:
    """One case; the same bytes each time."""
    return CASES[name](Stage(directory, random.Random(name)))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.recordings", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("cases", nargs="*", choices=[[], *CASES], metavar="CASE")
    arguments = parser.parse_args()
    for name in arguments.cases or CASES:
        expected = build(name, arguments.directory / name)
        says = " ".join((CASES[name].__doc__ or "").split())
        (arguments.directory / name / "expected.json").write_text(json.dumps({"says": says, **expected.as_json()}))
        sys.stdout.write(f"{name}: {says}\n")


if __name__ == "__main__":
    main()
