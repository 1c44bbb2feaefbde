"""Clients on WebRTC stacks that are not ours, in rooms of several.

pion needs a Go toolchain to build, webrtcbin Debian's packages of GStreamer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.clients import aiortc_call, stack_call, wrtc_call
from tests.clients.signaling import Json, Member, joined, new_room
from tests.clients.stack_call import NODE_STACKS, Program
from tests.clients.video_file import write_video
from tests.integration.servers import Tertulia

STACKS = ("pion", "webrtcbin", *NODE_STACKS)
ROUNDS = {"pion": 20}
"""How often four join at the same moment: a race of pion's came once in ten rounds. Of the others, twice."""
PEOPLE = 4
TAKES_NO_LINE_BACK = {"webrtcbin"}
"""Refuses itself, as of version 1.22, what RFC 3264, section 8.4, allows: that an m-line which was inactive is used
again. It is shown who comes first, and its own media goes on all the same."""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Program]:
    pion = stack_call.build_pion(tmp_path_factory.mktemp("pion"))
    return {"pion": pion, "webrtcbin": stack_call.GSTREAMER, **stack_call.install_node()}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "test.webm")


@asynccontextmanager
async def members(url: str, room: str, names: Sequence[str]) -> AsyncIterator[list[Member]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(joined(url, room, name)) for name in names]


def is_unharmed(member: Member) -> bool:
    """The SFU refused nothing of the member and closed nothing."""
    closed = any(name == "TransportState" and payload["state"] == "closed" for name, payload in member.events)
    return not closed and not any(name == "SfuError" for name, _ in member.events)


@pytest.mark.parametrize(("name", "number"), [(name, n) for name in STACKS for n in range(ROUNDS.get(name, 2))])
async def test_four_who_join_at_the_same_moment_get_everyones_media(
    tertulia_dev: Tertulia, programs: dict[str, Program], name: str, number: int
) -> None:
    room = await new_room(tertulia_dev.url)
    names = [f"{name} {one} of round {number}" for one in range(PEOPLE)]
    async with (
        members(tertulia_dev.url, room, names) as people,
        stack_call.in_call(programs[name], people) as calls,
    ):
        await calls.until_all_get([member.user for member in people])
        assert all(is_unharmed(member) for member in people)


@pytest.mark.parametrize("name", STACKS)
async def test_one_leaves_and_another_comes(tertulia_dev: Tertulia, programs: dict[str, Program], name: str) -> None:
    """The newcomer's media goes where that of the one who left was."""
    room = await new_room(tertulia_dev.url)
    async with (
        members(tertulia_dev.url, room, ["stays"]) as stay,
        stack_call.in_call(programs[name], stay) as calls,
    ):
        for visitor in ("leaves", "comes", "comes last"):
            async with (
                members(tertulia_dev.url, room, [visitor]) as visit,
                stack_call.in_call(programs[name], visit) as visiting,
            ):
                await visiting.until_all_get([stay[0].user])
                if name in TAKES_NO_LINE_BACK and visitor != "leaves":
                    await calls.until_one_fails("transceiver direction changes are not implemented")
                else:
                    await calls.until_all_get([visit[0].user])
            await stay[0].event("ParticipantLeft", _is_about(visit[0].user))
        assert is_unharmed(stay[0])


async def test_another_connection_with_the_same_certificate(
    tertulia_dev: Tertulia, programs: dict[str, Program]
) -> None:
    """werift has one for all connections of a process."""
    room = await new_room(tertulia_dev.url)
    async with (
        members(tertulia_dev.url, room, ["begins anew"]) as one,
        members(tertulia_dev.url, room, ["stays"]) as other,
        stack_call.in_call(programs["werift"], one) as anew,
        stack_call.in_call(programs["werift"], other) as stays,
    ):
        for connection in range(3):
            if connection > 0:
                anew.begin_anew()
                stays.got.clear()
            await anew.until_all_get([other[0].user])
            await stays.until_all_get([one[0].user])
        assert all(is_unharmed(member) for member in (*one, *other))


async def test_all_stacks_in_one_room(tertulia_dev: Tertulia, programs: dict[str, Program], video: Path) -> None:
    """Everyone gets everyone's audio and video, and those who decode see and hear it."""
    room = await new_room(tertulia_dev.url)
    async with (
        members(tertulia_dev.url, room, [*STACKS, "aiortc", "libwebrtc"]) as people,
        AsyncExitStack() as stack,
    ):
        users = [member.user for member in people]
        *foreign, on_aiortc, on_libwebrtc = people
        calls, aiortc, libwebrtc = await asyncio.gather(
            asyncio.gather(
                *(
                    stack.enter_async_context(stack_call.in_call(programs[name], [member]))
                    for name, member in zip(STACKS, foreign, strict=True)
                )
            ),
            stack.enter_async_context(aiortc_call.in_call(on_aiortc, video)),
            stack.enter_async_context(wrtc_call.in_call(on_libwebrtc, video)),
        )
        for call in calls:
            await call.until_all_get(users)
        for user in users:
            if user != on_aiortc.user:
                await aiortc.until("video", user, 10)
                await aiortc.until("audio", user, 10)
            if user != on_libwebrtc.user:
                await libwebrtc.until("video", user, 10)
                await libwebrtc.until("audio", user, 4_800)
        assert all(is_unharmed(member) for member in people)


async def test_certificates_of_rsa(tertulia_dev: Tertulia, programs: dict[str, Program]) -> None:
    room = await new_room(tertulia_dev.url)
    async with (
        members(tertulia_dev.url, room, ["rsa", "rsa too"]) as people,
        stack_call.in_call(programs["pion"], people, "rsa") as calls,
    ):
        await calls.until_all_get([member.user for member in people])
        assert all(is_unharmed(member) for member in people)


def _is_about(user: str) -> Callable[[Json], bool]:
    return lambda payload: payload["userId"] == user
