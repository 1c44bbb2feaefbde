"""What is encrypted is read in any part, and nothing that was changed, cut off, moved or taken from elsewhere is."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tertulia.errors import StorageError
from tertulia.storage import SealedStorage, SealingKey, open_storage
from tertulia.storage.sealing import CHUNK, HEAD, SEALED_CHUNK, TAG, Head, Tampered

FIRST, SECOND = (SealingKey(f"6f1c0000-0000-4000-8000-00000000000{n}", bytes([n]) * 32) for n in (1, 2))
KEY = "recordings/room/1/grid.mp4"
CONTENT = random.Random(1).randbytes(3 * CHUNK + 500)


class Keys:
    """What the database has."""

    def __init__(self) -> None:
        self.secrets = {key.id: key.secret for key in (FIRST, SECOND)}

    async def secret(self, key_id: str) -> bytes:
        if key_id not in self.secrets:
            raise StorageError(f"the recording key {key_id} is not in the database", is_retryable=False)
        return self.secrets[key_id]


class Vault:
    """A storage with encrypted objects, and the bytes that are really there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.keys = Keys()
        self.storage = SealedStorage(open_storage((directory / "root").as_uri()), self.keys)

    async def put(self, content: bytes = CONTENT, key: str = KEY, seals_with: SealingKey | None = FIRST) -> None:
        path = self.directory / "file"
        path.write_bytes(content)
        await self.storage.sealing(seals_with).put_file(path, key)

    def stored(self, key: str = KEY) -> Path:
        return self.directory / "root" / key

    async def get(self, key: str = KEY) -> bytes:
        await self.storage.get_file(key, self.directory / "back")
        return (self.directory / "back").read_bytes()

    async def read(self, begin: int, size: int) -> bytes:
        file = await self.storage.open_file(KEY)
        assert file is not None
        try:
            return await file.read(begin, size)
        finally:
            file.close()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 500])
async def test_any_size_comes_back_and_nothing_of_it_is_to_be_seen(vault: Vault, size: int) -> None:
    await vault.put(CONTENT[:size])
    stored = vault.stored().read_bytes()
    assert len(stored) == HEAD + size + TAG * max(1, -(-size // CHUNK))
    assert not size or CONTENT[: min(size, 64)] not in stored or size < 8
    assert await vault.storage.size(KEY) == size
    assert await vault.get() == CONTENT[:size]


@pytest.mark.parametrize("begin", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK - 1, 3 * CHUNK, 3 * CHUNK + 499])
@pytest.mark.parametrize("size", [1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 500])
async def test_a_part_begins_and_ends_anywhere(vault: Vault, begin: int, size: int) -> None:
    await vault.put()
    assert await vault.read(begin, size) == CONTENT[begin : begin + size]


async def test_there_is_nothing_behind_the_end(vault: Vault) -> None:
    await vault.put()
    assert await vault.read(len(CONTENT), 10) == b""


def chunk(stored: bytes, number: int) -> bytes:
    return stored[HEAD + number * SEALED_CHUNK : HEAD + (number + 1) * SEALED_CHUNK]


def joined(stored: bytes, *numbers: int) -> bytes:
    return stored[:HEAD] + b"".join(chunk(stored, number) for number in numbers)


ATTACKS: dict[str, Callable[[bytes], bytes]] = {
    "a bit is turned": lambda it: it[: HEAD + 9] + bytes([it[HEAD + 9] ^ 1]) + it[HEAD + 10 :],
    "a tag is changed": lambda it: it[:-1] + bytes([it[-1] ^ 1]),
    "the salt is changed": lambda it: it[: HEAD - 1] + bytes([it[HEAD - 1] ^ 1]) + it[HEAD:],
    "cut off in a chunk": lambda it: it[:-1],
    "cut off at a chunk": lambda it: joined(it, 0, 1, 2),
    "cut off at a tag": lambda it: joined(it, 0, 1, 2) + chunk(it, 3)[:TAG],
    "only the head": lambda it: it[:HEAD],
    "two chunks change places": lambda it: joined(it, 1, 0, 2, 3),
    "a chunk is left out": lambda it: joined(it, 0, 2, 3),
    "a chunk comes twice": lambda it: joined(it, 0, 0, 1, 2, 3),
    "something is appended": lambda it: it + bytes(SEALED_CHUNK),
    "the key is said to be another": lambda it: Head(SECOND.id, it[24:HEAD]).encode() + it[HEAD:],
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_what_was_changed_is_refused(vault: Vault, attack: Callable[[bytes], bytes]) -> None:
    await vault.put()
    vault.stored().write_bytes(attack(vault.stored().read_bytes()))
    with pytest.raises(Tampered):
        await vault.get()
    assert not (vault.directory / "back").exists()
    assert [path.name for path in vault.directory.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("attack", ["cut off at a chunk", "cut off in a chunk", "something is appended"])
async def test_a_length_that_was_changed_is_seen_before_any_part_is_read(vault: Vault, attack: str) -> None:
    await vault.put()
    vault.stored().write_bytes(ATTACKS[attack](vault.stored().read_bytes()))
    with pytest.raises(Tampered):
        await vault.read(0, 1)


async def test_another_objects_bytes_are_refused(vault: Vault) -> None:
    await vault.put()
    await vault.put(key="recordings/room/2/grid.mp4")
    vault.stored().write_bytes(vault.stored("recordings/room/2/grid.mp4").read_bytes())
    with pytest.raises(Tampered):
        await vault.get()


async def test_a_chunk_of_an_earlier_version_is_refused(vault: Vault) -> None:
    await vault.put()
    before = vault.stored().read_bytes()
    await vault.put()
    after = vault.stored().read_bytes()
    assert chunk(before, 1) != chunk(after, 1), "each object has a key of its own"
    vault.stored().write_bytes(joined(after, 0) + chunk(before, 1) + chunk(after, 2) + chunk(after, 3))
    with pytest.raises(Tampered):
        await vault.get()


async def test_what_is_not_encrypted_is_read_only_where_it_may_be(vault: Vault) -> None:
    await vault.put(seals_with=None)
    assert vault.stored().read_bytes() == CONTENT
    assert await vault.get() == CONTENT
    with pytest.raises(Tampered, match="not encrypted"):
        await vault.storage.only(sealed=True).get_file(KEY, vault.directory / "other")


async def test_after_a_rotation_both_are_read(vault: Vault) -> None:
    await vault.put(b"old", "r/1/old.mp4")
    await vault.put(b"new", "r/1/new.mp4", SECOND)
    assert [await vault.get("r/1/old.mp4"), await vault.get("r/1/new.mp4")] == [b"old", b"new"]


@pytest.mark.parametrize("is_gone", [True, False])
async def test_without_the_right_key_nothing_is_read(vault: Vault, is_gone: bool) -> None:
    await vault.put()
    del vault.keys.secrets[FIRST.id]
    if not is_gone:
        vault.keys.secrets[FIRST.id] = SECOND.secret
    with pytest.raises(StorageError, match="not in the database" if is_gone else "the key is another one"):
        await vault.get()
