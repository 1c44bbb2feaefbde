import base64
from pathlib import Path

import pytest

from tertulia.config import SETTINGS, default_of, environment, is_loopback, load
from tertulia.errors import ConfigError
from tertulia.master_key import MasterKey, WrongMasterKey, master_key


def test_without_anything_the_defaults_hold() -> None:
    config = load({"HOME": "/root", "PATH": "/bin"})
    assert (config.host, config.port, config.workers, config.open) == ("127.0.0.1", 8080, 1, False)
    assert (config.keep_alive_seconds, config.empty_timeout_seconds, config.join_timeout_seconds) == (10, 60, 15)
    assert config.max_message_bytes == 262144
    assert config.redis_url is None


def test_the_environment_is_read_and_a_flag_wins() -> None:
    config = load(
        {"TERTULIA_PORT": "9000", "TERTULIA_REDIS_URL": "redis://a:1/0"}, {"port": "9001", "host": None, "workers": "2"}
    )
    assert (config.port, config.redis_url, config.workers) == (9001, "redis://a:1/0", 2)


def test_lists_ranges_and_paths() -> None:
    config = load(
        {
            "TERTULIA_TURN_URLS": "turn:a:3478, turns:b:5349?transport=tcp,",
            "TERTULIA_TURN_SECRET": "s",
            "TERTULIA_SFU_PORTS": "40000-40003",
            "TERTULIA_SFU_WORKERS": "4",
            "TERTULIA_SFU_ADVERTISE": "192.0.2.1,2001:db8::1",
            "TERTULIA_CORS_ORIGINS": "https://App.example.org, http://localhost:3000/",
            "TERTULIA_TRUSTED_PROXIES": "10.0.0.0/8,127.0.0.1",
            "TERTULIA_DATA_DIR": "/data",
            "TERTULIA_PUBLIC_URL": "https://meet.example.org/",
        }
    )
    assert config.turn_urls == ("turn:a:3478", "turns:b:5349?transport=tcp")
    assert config.sfu_ports == (40000, 40003)
    assert config.sfu_advertise == ("192.0.2.1", "2001:db8::1")
    assert config.cors_origins == ("https://app.example.org", "http://localhost:3000")
    assert config.trusted_proxies == ("10.0.0.0/8", "127.0.0.1/32")
    assert config.data_dir == Path("/data")
    assert config.public_url == "https://meet.example.org"


def test_the_master_key_is_in_base64_or_hex_or_in_a_file(tmp_path: Path) -> None:
    key = bytes(range(32))
    for text in (base64.b64encode(key).decode(), key.hex()):
        assert load({"TERTULIA_MASTER_KEY": text}).master_key == key
    file = tmp_path / "key"
    made = MasterKey(key).wrap(b"secret", "a")
    for content in (key, key.hex().encode() + b"\n", base64.b64encode(key)):
        file.write_bytes(content)
        read = master_key(load({"TERTULIA_MASTER_KEY_FILE": str(file)}))
        assert read is not None
        assert read.unwrap(made, "a") == b"secret"
    for wrong in (b"", b"short", key + key):
        file.write_bytes(wrong)
        with pytest.raises(ConfigError, match="TERTULIA_MASTER_KEY_FILE: what is in .* must be 32 bytes"):
            master_key(load({"TERTULIA_MASTER_KEY_FILE": str(file)}))
    with pytest.raises(ConfigError, match="cannot be read"):
        master_key(load({"TERTULIA_MASTER_KEY_FILE": str(tmp_path / "nothing")}))
    assert master_key(load({})) is None


def test_what_one_master_key_wrapped_no_other_unwraps_nor_for_another_purpose() -> None:
    key, other = MasterKey(bytes(32)), MasterKey(bytes(31) + b"1")
    made = key.wrap(b"secret", "a")
    assert key.unwrap(made, "a") == b"secret"
    assert key.wrap(b"secret", "a") != made
    for one, wrapped, purpose in ((other, made, "a"), (key, made, "b"), (key, made[:-1], "a"), (key, b"", "a")):
        with pytest.raises(WrongMasterKey):
            one.unwrap(wrapped, purpose)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("TERTULIA_MASTER_KEY", "c2hvcnQ="),
        ("TERTULIA_PROT", "1"),
        ("TERTULIA_", "1"),
        ("TERTULIA_port", "1"),
        ("TERTULIA_PORT", "x"),
        ("TERTULIA_PORT", "65536"),
        ("TERTULIA_PORT", "-1"),
        ("TERTULIA_PORT", "٣"),
        ("TERTULIA_PORT", ""),
        ("TERTULIA_WORKERS", "0"),
        ("TERTULIA_OPEN", "maybe"),
        ("TERTULIA_REDIS_URL", "http://x"),
        ("TERTULIA_DATABASE_URL", "mysql://x"),
        ("TERTULIA_PUBLIC_URL", "meet.example.org"),
        ("TERTULIA_PUBLIC_URL", "https://x/?a"),
        ("TERTULIA_PUBLIC_URL", "https://x/?"),
        ("TERTULIA_PUBLIC_URL", "https://x/#"),
        ("TERTULIA_PUBLIC_URL", "https://x:99999"),
        ("TERTULIA_PUBLIC_URL", "https://x:0"),
        ("TERTULIA_PUBLIC_URL", "https://a b"),
        ("TERTULIA_PUBLIC_URL", "https://@x"),
        ("TERTULIA_PUBLIC_URL", "https://x/meet"),
        ("TERTULIA_PUBLIC_URL", "https://user:secret@x"),
        ("TERTULIA_OPERATOR_LISTEN", "8479"),
        ("TERTULIA_OPERATOR_LISTEN", "host:8479"),
        ("TERTULIA_OPERATOR_LISTEN", "127.0.0.1:0"),
        ("TERTULIA_PUBLIC_URL", "https://"),
        ("TERTULIA_PUBLIC_URL", "https://[::1"),
        ("TERTULIA_SFU_BIND", "localhost"),
        ("TERTULIA_SFU_PORTS", "4-3"),
        ("TERTULIA_SFU_PORTS", "0-3"),
        ("TERTULIA_SFU_PORTS", "1-"),
        ("TERTULIA_SFU_ADVERTISE", "1.2.3"),
        ("TERTULIA_TURN_URLS", "stun:x"),
        ("TERTULIA_TURN_URLS", "turn://x"),
        ("TERTULIA_STUN_URLS", "turn:x"),
        ("TERTULIA_CORS_ORIGINS", "app.example.org"),
        ("TERTULIA_CORS_ORIGINS", "https://x/path"),
        ("TERTULIA_TRUSTED_PROXIES", "proxy"),
        ("TERTULIA_REGION", ""),
        ("TERTULIA_REGION", "x" * 65),
        ("TERTULIA_LOG_LEVEL", "loud"),
        ("TERTULIA_MAX_MESSAGE_BYTES", "1"),
    ],
)
def test_a_wrong_key_or_value_is_named_in_one_line(key: str, value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load({key: value})
    assert refused.value.message.startswith(key)
    assert "\n" not in refused.value.message


def test_a_wrong_flag_is_named_as_a_flag() -> None:
    with pytest.raises(ConfigError, match=r"^--rate-limit: must be a whole number"):
        load({}, {"rate_limit": "fast"})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_open_only_on_loopback(host: str) -> None:
    for key in ("TERTULIA_HOST", "TERTULIA_INTERNAL_HOST"):
        with pytest.raises(ConfigError, match=f"TERTULIA_OPEN lets anyone in.*{key} is"):
            load({"TERTULIA_OPEN": "true", key: host})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_open_on_loopback(host: str) -> None:
    assert load({"TERTULIA_OPEN": "1", "TERTULIA_HOST": host}).open


def test_turn_needs_its_secret() -> None:
    with pytest.raises(ConfigError, match="TURN_SECRET"):
        load({"TERTULIA_TURN_URLS": "turn:x"})


def test_each_media_worker_needs_a_port() -> None:
    with pytest.raises(ConfigError, match="SFU_PORTS"):
        load({"TERTULIA_SFU_PORTS": "40000", "TERTULIA_SFU_WORKERS": "2"})


def test_what_a_part_needs_is_asked_for_by_name() -> None:
    with pytest.raises(ConfigError, match=r"^TERTULIA_REDIS_URL is not set: set it, or pass --redis-url$"):
        load({}).need("redis_url")


def test_every_setting_says_what_it_is_about() -> None:
    assert all(about and len(about) < 120 for about in SETTINGS.values())


def test_the_environment_of_a_child_has_the_flags() -> None:
    given = environment({"PATH": "/bin", "TERTULIA_PORT": "1"}, {"port": "2", "redis_url": "redis://a", "host": None})
    assert given == {"PATH": "/bin", "TERTULIA_PORT": "2", "TERTULIA_REDIS_URL": "redis://a"}


def test_defaults_are_shown_as_one_would_write_them() -> None:
    shown = {name: default_of(name) for name in ("port", "open", "sfu_ports", "redis_url", "turn_urls")}
    assert shown == {"port": "8080", "open": "false", "sfu_ports": "0", "redis_url": "", "turn_urls": ""}
    load({f"TERTULIA_{name.upper()}": default_of(name) for name in SETTINGS if default_of(name)})


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_loopback_hosts(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "192.168.0.1", "127.0.0.1.nip.io", "0.0.0.0"]
)
def test_other_hosts(host: str) -> None:
    assert not is_loopback(host)


def test_secrets_may_be_in_files(tmp_path: Path) -> None:
    secret, url = tmp_path / "turn", tmp_path / "database"
    secret.write_text("s3cret with spaces \n")
    url.write_text("postgresql://user:password@host/name")
    environ = {
        "TERTULIA_TURN_URLS": "turn:a:3478",
        "TERTULIA_TURN_SECRET_FILE": str(secret),
        "TERTULIA_DATABASE_URL_FILE": str(url),
    }
    config = load(environ)
    assert config.turn_secret == "s3cret with spaces "
    assert config.database_url == url.read_text()
    flags = {"turn_secret": "flag"}
    assert load(environ | {"TERTULIA_TURN_SECRET_FILE": "/nowhere"}, flags).turn_secret == "flag"
    assert load(environment(environ, flags)).turn_secret == "flag"


@pytest.mark.parametrize(
    ("variable", "content", "words"),
    [
        ("TERTULIA_TURN_SECRET_FILE", None, "cannot be read"),
        ("TERTULIA_TURN_SECRET_FILE", b"\xff", "not text"),
        ("TERTULIA_TURN_SECRET_FILE", b"\n", "must not be empty"),
        ("TERTULIA_REDIS_URL_FILE", b"http://secret", "must be a URL"),
        ("TERTULIA_PORT_FILE", b"1", "is not a setting"),
        ("TERTULIA_turn_secret_FILE", b"1", "is not a setting"),
    ],
)
def test_a_file_that_holds_no_secret(tmp_path: Path, variable: str, content: bytes | None, words: str) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=f"^{variable}.*{words}") as refused:
        load({variable: str(file), "TERTULIA_TURN_URLS": "turn:a:3478"})
    assert "secret:" not in str(refused.value)
    assert "//secret" not in str(refused.value)


def test_a_secret_is_given_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="say the same"):
        load({"TERTULIA_TURN_SECRET": "x", "TERTULIA_TURN_SECRET_FILE": str(tmp_path / "file")})
