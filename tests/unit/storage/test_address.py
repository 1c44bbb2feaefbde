"""URLs of storages, and keys in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tertulia.errors import ConfigError
from tertulia.storage.address import Address
from tertulia.storage.keys import check_key, check_prefix, content_type, is_key


def test_a_directory() -> None:
    assert Address.of("file:///var/lib/with%20space").directory == Path("/var/lib/with space")
    assert Address.of("file://localhost/data").directory == Path("/data")
    assert Address.of("s3://bucket/prefix").directory is None


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("file://data/x", "three slashes"),
        ("file:data", "three slashes"),
        ("s3://", "names no bucket"),
        ("az:///x", "names no bucket"),
        ("s3://key:secret@bucket", "leave out credentials"),
        ("az://container?sig=secret", "leave out credentials"),
    ],
)
def test_what_is_none_is_said_without_its_secrets(url: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint) as refused:
        Address.of(url)
    assert "secret" not in refused.value.message


@pytest.mark.parametrize("key", ["a", "recordings/6f1c/x.mp4", "a/b_c-d.e", "A1/-/_"])
def test_keys(key: str) -> None:
    assert is_key(key)
    assert check_key(key) == key
    assert check_prefix(key + "/") == key + "/"


@pytest.mark.parametrize("key", ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", ".hidden", "a/.b"])
def test_paths_that_mean_something_are_no_keys(key: str) -> None:
    check_refused(key)


@pytest.mark.parametrize("key", ["a\\b", "a b", "a%2f", "é", "a\0", "a\n", "a" * 201, "/".join(["a" * 100] * 10)])
def test_neither_are_other_characters_or_long_ones(key: str) -> None:
    check_refused(key)


def check_refused(key: str) -> None:
    assert not is_key(key)
    with pytest.raises(ValueError, match="is not a key"):
        check_key(key)
    with pytest.raises(ValueError, match="is not a key"):
        check_prefix(key + "/")


def test_a_prefix_ends_with_a_slash() -> None:
    with pytest.raises(ValueError, match="slash"):
        check_prefix("recordings/a")


def test_media_types() -> None:
    expected = {"a/grid.mp4": "video/mp4", "0-camera.webm": "video/webm", "x.mjr": "application/octet-stream", "x": ""}
    assert {key: content_type(key) for key in expected} == expected | {"x": "application/octet-stream"}
