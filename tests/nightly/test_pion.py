"""Clients on pion, which needs a Go toolchain to build."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.clients import pion_call
from tests.clients.signaling import joined, new_room
from tests.integration.servers import Tertulia

ROUNDS = 20


@pytest.fixture(scope="module")
def pion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pion_call.build(tmp_path_factory.mktemp("pion"))


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_four_who_join_at_the_same_moment_get_everyones_media(
    tertulia_dev: Tertulia, pion: Path, number: int
) -> None:
    room = await new_room(tertulia_dev.url)
    async with AsyncExitStack() as stack:
        names = [f"pion {one} of round {number}" for one in range(4)]
        members = [await stack.enter_async_context(joined(tertulia_dev.url, room, name)) for name in names]
        calls = await stack.enter_async_context(pion_call.in_call(pion, members))
        await calls.until_all_get_all()
        for member in members:
            closed = [p for name, p in member.events if name == "TransportState" and p["state"] == "closed"]
            assert not closed


async def test_a_certificate_of_rsa_is_refused_at_once(tertulia_dev: Tertulia, pion: Path) -> None:
    room = await new_room(tertulia_dev.url)
    async with (
        joined(tertulia_dev.url, room, "rsa") as member,
        pion_call.in_call(pion, [member], "rsa"),
    ):
        closed = await member.event("TransportState", lambda payload: payload["state"] == "closed")
        assert closed["reason"] == "certificate"
