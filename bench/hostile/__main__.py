"""``python -m bench.hostile``: what attacks add to the delays of four in a call, in which somebody does their worst.

First attacks by packets, and by commands to an SFU node (``packets``), then what 100 guests who send their worst offers
add to the time in which others are answered who join (``joins``), then attacks by clients of the whole server, with its
own limits (``clients``). Any of these words, or names of attacks by clients, measures just that. Ends with 1 if an
attack adds more than the bars.
"""

from __future__ import annotations

import argparse
import sys

from bench.hostile import clients, joins, packets
from bench.hostile.attacker import ATTACKS


def main() -> int:
    """Print a line for each attack."""
    parser = argparse.ArgumentParser(prog="python -m bench.hostile", description=__doc__)
    known = ["packets", "joins", "clients", *ATTACKS]
    parser.add_argument("what", nargs="*", help=", ".join(known))
    what: list[str] = parser.parse_args().what
    if unknown := set(what) - set(known):
        parser.error(f"unknown: {', '.join(unknown)}")
    is_met = packets.run() if not what or "packets" in what else True
    if not what or "joins" in what:
        is_met &= joins.run()
    if not what or set(what) - {"packets", "joins"}:
        is_met &= clients.run([name for name in what if name in ATTACKS])
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
