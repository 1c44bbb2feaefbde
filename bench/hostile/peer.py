"""A connection to an SFU whose packets are made by hand: ICE by aioice, DTLS by OpenSSL, SRTP by libsrtp."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aioice
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from pylibsrtp import Policy, Session

from bench.hostile.wire import Site, call_frame, messages, on_an_sfu

_PROFILE: Final = b"SRTP_AES128_CM_SHA1_80"
_KEY, _SALT = 16, 14
"""Octets of that profile's keys and salts (RFC 5764, section 4.1.2)."""
_MTU: Final = 1_200
_DATAGRAM: Final = 2_048
_DTLS, _MEDIA = range(20, 64), range(128, 192)
"""First octets of DTLS records, and of RTP and RTCP (RFC 7983)."""
_CONNECTS_WITHIN: Final = 2.0
"""Seconds. Who was refused hears nothing of what is waited for, and tries again."""
_RTCP: Final = range(192, 224)
"""Second octets of RTCP (RFC 5761, section 4)."""

aioice.ice.get_host_addresses = lambda **_: ["127.0.0.1"]  # it leaves loopback out


def _certificate() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()), key


_CERTIFICATE, _PRIVATE_KEY = _certificate()


class Peer:
    """One that has found its way to the SFU."""

    def __init__(self, ice: aioice.Connection) -> None:
        self.newest: dict[int, int] = {}
        """The newest sequence number of each stream that comes, by SSRC."""
        self._ice = ice
        context = SSL.Context(SSL.DTLS_METHOD)
        context.use_certificate(_CERTIFICATE)
        context.use_privatekey(_PRIVATE_KEY)
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        context.set_tlsext_use_srtp(_PROFILE)
        self._ssl = SSL.Connection(context)
        self._ssl.set_ciphertext_mtu(_MTU)
        self._ssl.set_connect_state()
        self._srtp: Session | None = None

    async def hello(self) -> None:
        """Begin a handshake; what comes is left unread."""
        try:
            self._ssl.do_handshake()
        except SSL.WantReadError:
            await self._flush()

    async def handshake(self) -> None:
        """Have keys."""
        while True:
            try:
                self._ssl.do_handshake()
            except SSL.WantReadError:
                await self._flush()
                await self._read()
            else:
                break
        await self._flush()
        keys = self._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (_KEY + _SALT))
        ours = keys[:_KEY] + keys[2 * _KEY : 2 * _KEY + _SALT]
        policy = Policy(key=ours, ssrc_type=Policy.SSRC_ANY_OUTBOUND)
        policy.allow_repeat_tx = True
        self._srtp = Session(policy)

    async def send(self, packet: bytes) -> None:
        """Send a packet of RTP or RTCP."""
        assert self._srtp is not None
        protect = self._srtp.protect_rtcp if packet[1] in _RTCP else self._srtp.protect
        await self._ice.send(protect(packet))

    async def read(self) -> None:
        """Read on, and note the streams."""
        while True:
            datagram = await self._ice.recv()
            if datagram[0] in _MEDIA and datagram[1] not in _RTCP:
                _, _, sequence, _, ssrc = struct.unpack_from("!BBHII", datagram)
                self.newest[ssrc] = sequence

    async def _read(self) -> None:
        datagram = await self._ice.recv()
        if datagram[0] in _DTLS:
            self._ssl.bio_write(datagram)

    async def _flush(self) -> None:
        while True:
            try:
                await self._ice.send(self._ssl.bio_read(_DATAGRAM))
            except SSL.WantReadError:
                return


@asynccontextmanager
async def peer(site: Site, number: int) -> AsyncIterator[Peer]:
    """A guest whose datagrams reach the SFU, and who watches the victim, until the block ends."""
    async with asyncio.timeout(_CONNECTS_WITHIN):
        reader, writer, transport = await on_an_sfu(site, number)
    ice = aioice.Connection(ice_controlling=True)
    try:
        async with asyncio.timeout(_CONNECTS_WITHIN):
            writer.write(call_frame("SendOffer", await _offered(site, ice, transport)))
            answers = (m["payload"]["sdp"] async for m in messages(reader) if m.get("event") == "ReceiveAnswer")
            await _connect(ice, await anext(answers))
        view = {"videos": [{"userId": site.victim, "source": "camera"}]}
        writer.write(call_frame("SetView", view))
        yield Peer(ice)
    finally:
        await ice.close()
        writer.transport.abort()


async def _offered(site: Site, ice: aioice.Connection, transport: str) -> dict[str, object]:
    await ice.gather_candidates()
    return {"targetUserId": transport, "sdp": _offer(site.sdp, ice), "slots": True}


async def _connect(ice: aioice.Connection, answer: str) -> None:
    ice.remote_username, ice.remote_password = _value("ice-ufrag", answer), _value("ice-pwd", answer)
    for candidate in re.findall(r"^a=candidate:(.*udp.*)\r$", answer, re.MULTILINE):
        await ice.add_remote_candidate(aioice.Candidate.from_sdp(candidate))
    await ice.add_remote_candidate(None)
    await ice.connect()


def _offer(sdp: str, ice: aioice.Connection) -> str:
    """The same for this connection."""
    mine = {
        "ice-ufrag": ice.local_username,
        "ice-pwd": ice.local_password,
        "fingerprint": f"sha-256 {_CERTIFICATE.fingerprint(hashes.SHA256()).hex(':').upper()}",
        "setup": "active",
    }
    sdp = re.sub(r"a=candidate:.*\r\n", "", sdp)
    return re.sub(r"a=(ice-ufrag|ice-pwd|fingerprint|setup):.*(?=\r)", lambda m: f"a={m[1]}:{mine[m[1]]}", sdp)


def _value(attribute: str, sdp: str) -> str:
    found = re.search(rf"^a={attribute}:(\S+)", sdp, re.MULTILINE)
    assert found is not None
    return found[1]
