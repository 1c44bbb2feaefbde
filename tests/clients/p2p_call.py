"""One side of a peer-to-peer call on libwebrtc: offers, answers and candidates go from user to user."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import webrtc

from tests.clients.signaling import Member
from tests.clients.wrtc_call import WrtcCall


class P2pCall(WrtcCall):
    """It only relays: what goes through goes through the meeting's TURN server."""

    def __init__(self, member: Member, video: Path, other: str) -> None:
        servers = [webrtc.RTCIceServer(**server) for server in member.ice_servers]
        super().__init__(member, video, webrtc.RTCConfiguration(ice_servers=servers, ice_transport_policy="relay"))
        self._target = other

    async def offer(self) -> None:
        self.listen()
        await self.publish()

    def answer(self) -> None:
        """Send tracks too, in answer to the other's offer."""
        self.listen()
        self.add_tracks()
        self.negotiate()

    async def paths(self) -> set[tuple[str, str]]:
        """The kinds of the candidates, (own, other's), that media takes."""
        reports: Mapping[str, Any] = await self.connection.get_stats()
        return {
            (reports[pair.local_candidate_id].candidate_type, reports[pair.remote_candidate_id].candidate_type)
            for pair in reports.values()
            if pair.type == "candidate-pair" and pair.nominated and pair.bytes_received
        }


@asynccontextmanager
async def p2p_call(member: Member, video: Path, other: str) -> AsyncIterator[P2pCall]:
    call = P2pCall(member, video, other)
    try:
        yield call
    finally:
        await call.stop()
