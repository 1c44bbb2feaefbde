"""``python -m bench.hostile.attacker ATTACK SITE``: one attack, in a process of its own, at the lowest priority.

SITE is JSON (see :class:`Site`). Each line of the standard input begins the attack, or ends it. The lines of the
standard output are numbers: 0 as soon as it may begin, then its hits, each time it was ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Final

import uvloop

from bench.hostile import guests, media, strangers, wire
from bench.hostile.wire import Attack, Site

ATTACKS: Final[dict[str, Attack]] = {
    attack.__name__.replace("_", " "): attack
    for attack in (
        *(strangers.slow_loris, strangers.large_heads, strangers.connections, strangers.pages),
        *(strangers.readiness, strangers.figures, strangers.slow_posts, strangers.wrong_credentials),
        *(strangers.upgrades_to_h2c, strangers.garbage, strangers.websockets, strangers.silent_websockets),
        *(strangers.long_paths, strangers.cookies, strangers.guessed_tokens, strangers.guessed_codes),
        *(strangers.unfinished_frames, strangers.slow_signalr),
        *(
            guests.deep_json,
            guests.calls,
            guests.hands,
            guests.chat,
            guests.views,
            guests.offers,
            guests.offers_to_a_member,
        ),
        *(guests.malformed, guests.slow_readers, guests.reconnects, guests.calls_over_reconnects),
        *(
            guests.nested_payloads,
            guests.signalr_payloads,
            guests.candidates,
            guests.pings,
            guests.empty_fragments,
            guests.signalr_pings,
        ),
        *(guests.signalr_unknown, guests.media_stopped),
        *(media.rtp, media.sources, media.rtcp, media.handshakes, media.unfinished_handshakes),
    )
}


async def _main(attack: Attack, site: Site) -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    running: asyncio.Future[None] | None = None
    print(site.hits, flush=True)
    while await lines.readline():
        if running is None:
            site.hits = 0
            running = asyncio.ensure_future(attack(site))
            continue
        if running.done():
            running.result()  # it has failed
        running.cancel()
        await asyncio.wait([running])
        await wire.forget()
        running = None
        print(site.hits, flush=True)


if __name__ == "__main__":
    os.nice(19)  # attackers have machines of their own
    uvloop.run(_main(ATTACKS[sys.argv[1]], Site(**json.loads(sys.argv[2]))))
