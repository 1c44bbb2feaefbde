"""Python that stands still delays no packet: media threads never take the GIL."""

from __future__ import annotations

import asyncio
import signal
import time
from itertools import pairwise
from pathlib import Path

from tests.integration import servers
from tests.integration.sfu.network import Network
from tests.integration.sfu.test_node import Member, hub, room_channel, settings, the_node

HELD = Path(__file__).with_name("held")
WINDOW = 4.0
"""Seconds, fewer than the GIL is held."""
PAUSE = 1.0
"""Seconds: many times what a busy machine makes of 20 ms. Who waits for the GIL gets it after the window."""


async def longest_pause(network: Network) -> float:
    """Between two datagrams that come from the SFU within the window, in seconds."""
    network.arrived[:] = [time.monotonic()]
    await asyncio.sleep(WINDOW)
    return max(after - before for before, after in pairwise([*network.arrived, time.monotonic()]))


async def test_media_flows_on_while_the_gil_is_held(valkey_url: str, server_dir: Path) -> None:
    ours = settings(valkey_url, server_dir / "recordings") | {"TERTULIA_SFU_WORKERS": "1", "PYTHONPATH": str(HELD)}
    with servers.tertulia_sfu(server_dir, settings=ours) as process:
        async with (
            hub(valkey_url) as (redis, channels),
            room_channel(channels, await the_node(redis)) as channel,
            Network() as network,
        ):
            speaker, watcher = Member(channel), Member(channel)
            watcher.network = network
            await speaker.publish()
            for member in (speaker, watcher):
                await member.offer()
            await watcher.decodes(1)
            process.signal(signal.SIGUSR1)
            await asyncio.to_thread(process.wait_for_log, "the GIL is held")
            pause = await longest_pause(network)
            assert "the SFU node was away" not in process.log()
            await asyncio.to_thread(process.wait_for_log, "the SFU node was away")
            assert pause < PAUSE
            for member in (speaker, watcher):
                await member.close()
