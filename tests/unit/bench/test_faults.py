"""The table of faults in docs/operations.md is what ``python -m bench.faults --long`` prints."""

from __future__ import annotations

import re
from pathlib import Path

from bench.faults import table
from bench.faults.people import ROWS
from tests.chaos.media_faults import OUTAGES, QUICK, SLOW

DOCUMENT = Path(__file__).parents[3] / "docs" / "operations.md"


def test_each_fault_has_its_row_and_its_bar() -> None:
    text = DOCUMENT.read_text()
    rows = text[text.index(table.HEAD) :].partition("\n\n")[0].splitlines()[2:]
    documented = [(found[1], found[2]) for row in rows if (found := re.fullmatch(r"\| (.+?) \|.*\| (.+?) \|", row))]
    assert len(documented) == len(rows)
    measured = [row for fault in (*QUICK, *SLOW, *OUTAGES) for row in table.named(fault)]
    assert documented == [(name, f"{bar:g} s") for name, bar in [*measured, *((row.name, row.bar) for row in ROWS)]]
