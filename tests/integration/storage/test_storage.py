"""What every storage does."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from tertulia.errors import StorageError
from tertulia.storage import Storage

SIZES = {"empty": 0, "small": 1000, "one piece": 8 << 20, "several pieces": (20 << 20) + 17}


def file_of(directory: Path, size: int, seed: int = 1) -> Path:
    path = directory / f"file-{size}-{seed}"
    path.write_bytes(random.Random(seed).randbytes(size))
    return path


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_what_is_stored_is_what_was_sent(storage: Storage, tmp_path: Path, size: int) -> None:
    path, back = file_of(tmp_path, size), tmp_path / "back"
    key = "recordings/room/recording/grid.mp4"
    stored = await storage.put_file(path, key)
    assert (stored.size, stored.sha256) == (size, hashlib.sha256(path.read_bytes()).hexdigest())
    assert await storage.size(key) == size
    assert await storage.get_file(key, back) == stored
    assert back.read_bytes() == path.read_bytes()
    assert sorted(it.name for it in tmp_path.iterdir() if it.is_file()) == sorted([path.name, "back"])


async def test_put_again_it_is_replaced(storage: Storage, tmp_path: Path) -> None:
    await storage.put_file(file_of(tmp_path, 1000), "a/b")
    other = file_of(tmp_path, 500, seed=2)
    await storage.put_file(other, "a/b")
    await storage.get_file("a/b", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == other.read_bytes()


async def test_what_is_not_there(storage: Storage, tmp_path: Path) -> None:
    await storage.put_file(file_of(tmp_path, 10), "a/b")
    for key in ("a", "a/c", "a/b/c"):
        assert await storage.size(key) is None
        await storage.delete(key)
        with pytest.raises(StorageError) as refused:
            await storage.get_file(key, tmp_path / "back")
        assert not refused.value.is_retryable
    assert not (tmp_path / "back").exists()
    assert await storage.size("a/b") == 10
    with pytest.raises(StorageError, match="cannot read"):
        await storage.put_file(tmp_path / "nothing", "a/d")
    assert await storage.size("a/d") is None


async def test_a_prefix_is_deleted_and_nothing_beside_it(storage: Storage, tmp_path: Path) -> None:
    path = file_of(tmp_path, 10)
    gone = ["r/1/grid.mp4", "r/1/raw/p/1.mjr", "r/1/raw/p/2.mjr", "r/1/tracks/0.webm"]
    kept = ["r/12/grid.mp4", "r/2", "x/1/grid.mp4"]
    for key in gone + kept:
        await storage.put_file(path, key)
    for _ in range(2):
        await storage.delete_prefix("r/1/")
        assert [key for key in gone + kept if await storage.size(key) is not None] == kept
    await storage.delete("r/2")
    await storage.delete("r/2")
    assert await storage.size("r/2") is None


@pytest.mark.parametrize("key", ["../a", "/a", "a//b", "a/", ".a", ""])
async def test_other_keys_are_refused(storage: Storage, tmp_path: Path, key: str) -> None:
    path = file_of(tmp_path, 10)
    with pytest.raises(ValueError, match="not a key"):
        await storage.put_file(path, key)
    with pytest.raises(ValueError, match="not a key"):
        await storage.get_file(key, tmp_path / "back")
    for act in (storage.size, storage.delete):
        with pytest.raises(ValueError, match="not a key"):
            await act(key)
    with pytest.raises(ValueError, match="not a key"):
        await storage.delete_prefix(key + "/")
    with pytest.raises(ValueError, match="slash"):
        await storage.delete_prefix("a")
