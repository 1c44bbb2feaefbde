import pytest

from tertulia.senders import Origins, is_own, site_of


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_network_is_one_address(host: str, site: str) -> None:
    assert site_of(host) == site


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("https://meet.example.org", "meet.example.org", True),
        ("https://Meet.example.org:443", "meet.example.ORG", True),
        ("http://meet.example.org", "meet.example.org:80", True),
        ("http://meet.example.org:8080", "meet.example.org", False),
        ("https://evil.example", "meet.example.org", False),
        ("null", "", False),
        ("http://[", "meet.example.org", False),
    ],
)
def test_default_ports_are_equal_to_none(origin: str, host: str, own: bool) -> None:
    assert is_own(origin, host, None) == own


@pytest.mark.parametrize("public_url", ["https://meet.example.org", "https://Meet.example.org:443"])
@pytest.mark.parametrize(
    ("origin", "own"),
    [
        ("https://meet.example.org", True),
        ("https://meet.example.org:443", True),
        ("https://10.0.0.5:8080", True),
        ("http://10.0.0.5:8080", False),
        ("http://meet.example.org", False),
        ("https://evil.example", False),
    ],
)
def test_the_public_address_is_our_own_whatever_host_says(public_url: str, origin: str, own: bool) -> None:
    assert is_own(origin, "10.0.0.5:8080", public_url) == own
    assert Origins([], public_url).are_ours(origin, "10.0.0.5:8080") == own


@pytest.mark.parametrize("configured", ["https://app.example.org", "https://app.example.org:443"])
def test_listed_origins_are_compared_without_default_ports(configured: str) -> None:
    origins = Origins([configured])
    assert origins.allow("https://App.example.org")
    assert origins.allow("https://app.example.org:443")
    assert not origins.allow("https://app.example.org:8443")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://["])
def test_pages_of_any_site_may_connect_to_a_development_server(origin: str) -> None:
    """Where a token is needed anyway: to the hub."""
    assert Origins([], is_open=True).allow(origin)
    assert not Origins([], is_open=True).allow(origin, with_credential=False)
    assert not Origins([]).allow(origin)
