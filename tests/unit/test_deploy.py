"""What operators are given: the units of systemd, and the advice for coturn."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

import pytest

from tertulia.config import load

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
HARDENED = {
    "DynamicUser": "yes",
    "UMask": "0077",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "ProtectProc": "invisible",
    "ProtectClock": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectControlGroups": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "PrivateUsers": "yes",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": "@system-service ~@privileged",
}
"""What each unit says; of settings that are said more than once, all of it."""


def settings(unit: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE):
        found[name] = f"{found[name]} {value}" if name in found else value
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_takes_what_its_service_does_not_need_from_it(unit: Path) -> None:
    found = settings(unit)
    assert {name: found.get(name) for name in HARDENED} == HARDENED
    assert set(found["RestrictAddressFamilies"].split()) <= {"AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"}
    assert found["Type"] == "notify"


def test_media_goes_before_signaling_and_signaling_before_films() -> None:
    usual = "100"  # of systemd.resource-control(5)
    weights = {unit.stem: int(settings(unit).get("CPUWeight", usual)) for unit in UNITS}
    assert sorted(weights, key=weights.__getitem__) == ["tertulia-recorder", "tertulia-web", "tertulia-sfu"]
    assert len(set(weights.values())) == len(weights)


def test_there_is_a_unit_for_each_service() -> None:
    assert [unit.stem for unit in UNITS] == ["tertulia-recorder", "tertulia-sfu", "tertulia-web"]


def test_figures_and_documentation_are_not_at_the_public_port() -> None:
    said = settings(ROOT / "deploy" / "systemd" / "tertulia-web.service")["Environment"].split()
    given = dict(assignment.split("=", 1) for assignment in said)
    assert load(given | {"TERTULIA_DATA_DIR": "/"}).operator_listen == ("127.0.0.1", 8479)


def coturn() -> list[str]:
    """The lines of its configuration in the documentation, without comments."""
    [block] = re.findall(
        r"^```\n# /etc/turnserver\.conf\n(.*?)^```", (ROOT / "docs/operations.md").read_text(), re.MULTILINE | re.DOTALL
    )
    return [line for line in (line.split("#")[0].strip() for line in block.splitlines()) if line]


def test_a_relay_leads_no_stranger_into_the_operators_network() -> None:
    ranges = [line.partition("=")[2].split("-") for line in coturn() if line.startswith("denied-peer-ip=")]
    denied = [(ipaddress.ip_address(some[0]), ipaddress.ip_address(some[-1])) for some in ranges]

    def is_denied(text: str) -> bool:
        address = ipaddress.ip_address(text)
        return any(
            first.version == address.version and int(first) <= int(address) <= int(last) for first, last in denied
        )

    inside = (
        *("0.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254"),
        *("172.16.0.1", "172.31.255.255", "192.0.0.170", "192.0.2.1", "192.168.0.1", "192.168.255.255", "198.18.0.1"),
        *("198.51.100.1", "203.0.113.1", "224.0.0.1", "255.255.255.255", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
        *("64:ff9b::a00:1", "2002:a00:1::", "fc00::1", "fdff:ffff::1", "fe80::1", "febf::1"),
    )
    assert [address for address in inside if not is_denied(address)] == []
    outside = (
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.128.0.0",
        "172.32.0.0",
        "192.167.255.255",
        "2001:4860::8888",
    )
    assert [address for address in outside if is_denied(address)] == []


def test_a_relay_bounds_what_one_guest_takes_of_it() -> None:
    names = {line.partition("=")[0] for line in coturn()}
    assert names >= {"use-auth-secret", "static-auth-secret", "user-quota", "total-quota", "max-bps", "stale-nonce"}
    assert names >= {"no-multicast-peers", "no-cli", "no-tcp-relay", "no-software-attribute", "fingerprint", "realm"}
