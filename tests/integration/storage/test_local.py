"""A directory as storage: who may read it, what is left when something goes wrong."""

from __future__ import annotations

import asyncio
import os
import resource
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tertulia.errors import StorageError
from tertulia.storage import LocalStorage
from tests.integration.storage.test_storage import file_of
from tests.waiting import until


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "made" / "root"


@pytest.fixture
def local(root: Path) -> LocalStorage:
    return LocalStorage(root)


def files_in(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def test_only_its_owner_can_read_it(local: LocalStorage, root: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        await local.put_file(file_of(tmp_path, 10), "r/1/grid.mp4")
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [root, *root.rglob("*")]}
    assert modes == {path: 0o700 if path.is_dir() else 0o600 for path in modes}


async def test_empty_directories_go_with_what_was_in_them(local: LocalStorage, root: Path, tmp_path: Path) -> None:
    path = file_of(tmp_path, 10)
    await local.put_file(path, "r/1/raw/a")
    await local.put_file(path, "r/2/b")
    await local.delete("r/1/raw/a")
    assert sorted(str(it.relative_to(root)) for it in root.rglob("*")) == ["r", "r/2", "r/2/b"]
    await local.delete_prefix("r/2/")
    assert list(root.iterdir()) == []


async def test_a_full_disk_leaves_nothing_and_the_old_file_stays(
    local: LocalStorage, root: Path, tmp_path: Path
) -> None:
    await local.put_file(file_of(tmp_path, 100), "r/grid.mp4")
    big = grown(tmp_path / "big", 9 << 20)
    with at_most(5 << 20), pytest.raises(StorageError, match="cannot write") as refused:
        await local.put_file(big, "r/grid.mp4")
    assert refused.value.is_retryable
    assert files_in(root) == ["r/grid.mp4"]
    assert await local.size("r/grid.mp4") == 100


async def test_who_is_cancelled_leaves_nothing(local: LocalStorage, root: Path, tmp_path: Path) -> None:
    path = grown(tmp_path / "big", 256 << 20)
    putting = asyncio.create_task(local.put_file(path, "r/grid.mp4"))
    await until(lambda: root.exists() and files_in(root))
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert files_in(root) == []


async def test_who_is_cancelled_while_a_file_is_opened_leaves_nothing(
    local: LocalStorage, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, fdopen = asyncio.get_running_loop(), os.fdopen
    begun, goes_on = asyncio.Event(), threading.Event()

    def slow(number: int, mode: str) -> Any:
        loop.call_soon_threadsafe(begun.set)
        assert goes_on.wait(10)
        return fdopen(number, mode)

    monkeypatch.setattr(os, "fdopen", slow)
    putting = asyncio.create_task(local.put_file(file_of(tmp_path, 10), "r/grid.mp4"))
    await asyncio.wait_for(begun.wait(), 10)
    putting.cancel()
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert files_in(root) == []


async def test_what_a_dead_process_left_is_cleared(local: LocalStorage, root: Path, tmp_path: Path) -> None:
    await local.sweep()
    await local.put_file(file_of(tmp_path, 10), "r/grid.mp4")
    left = [root / name for name in ("r/.grid.mp4.AbCdEf-0.part", "r/.x.mp4.AbCdEf_1.part", ".x.AbCdEf-2.part")]
    others = [root / name for name in ("r/.grid.mp4.young-00.part", "r/x.mp4.AbCdEf-3.part", "r/.rsync.part")]
    for path in (*left, *others):
        path.write_bytes(b"half")
    for path in (*left, *others[1:]):
        os.utime(path, (time.time() - 90000,) * 2)
    await local.sweep()
    assert files_in(root) == sorted(["r/grid.mp4", *(str(path.relative_to(root)) for path in others)])
    await local.delete_prefix("r/")
    assert files_in(root) == []


async def test_what_cannot_be_cleared_keeps_nothing_else(
    local: LocalStorage, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await local.put_file(file_of(tmp_path, 10), f"r/{number}/grid.mp4")
        left = root / f"r/{number}/.grid.mp4.AbCdEf-{number}.part"
        left.write_bytes(b"half")
        os.utime(left, (time.time() - 90000,) * 2)
    original = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path.parent.name == "1":
            raise PermissionError("it is somebody else's")
        original(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    await local.sweep()
    assert [name for name in files_in(root) if name.endswith(".part")] == ["r/1/.grid.mp4.AbCdEf-1.part"]


async def test_a_sweep_ends_after_the_directory_that_it_is_in(
    local: LocalStorage, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        await local.put_file(file_of(tmp_path, 10), f"r/{number}/grid.mp4")
    loop, original = asyncio.get_running_loop(), os.scandir
    begun, goes_on = asyncio.Event(), threading.Event()
    seen: list[str] = []

    def scandir(directory: Path) -> Any:
        seen.append(str(directory))
        loop.call_soon_threadsafe(begun.set)
        assert goes_on.wait(10)
        return original(directory)

    monkeypatch.setattr(os, "scandir", scandir)
    sweeping = asyncio.create_task(local.sweep())
    await asyncio.wait_for(begun.wait(), 10)
    sweeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sweeping
    goes_on.set()
    await loop.shutdown_default_executor()  # all that threads had to do is done
    assert seen == [str(root)]


async def test_an_open_file_stays_as_it_was(local: LocalStorage, tmp_path: Path) -> None:
    path = file_of(tmp_path, 1000)
    await local.put_file(path, "r/grid.mp4")
    opened = await local.open_file("r/grid.mp4")
    assert opened is not None
    await local.put_file(file_of(tmp_path, 10), "r/grid.mp4")
    await local.delete("r/grid.mp4")
    assert (opened.size, await opened.read(990, 100)) == (1000, path.read_bytes()[990:])
    opened.close()
    assert await local.open_file("r/grid.mp4") is None


async def test_links_are_not_followed(local: LocalStorage, root: Path, tmp_path: Path) -> None:
    await local.put_file(file_of(tmp_path, 10), "r/a")
    (root / "r/link").symlink_to("/etc/passwd")
    with pytest.raises(StorageError):
        await local.open_file("r/link")


async def test_it_has_no_addresses_of_its_own(local: LocalStorage) -> None:
    assert await local.sign("r/grid.mp4", 60) is None


def grown(path: Path, size: int) -> Path:
    """A file of that size, without the time it takes to fill it."""
    with path.open("ab") as file:
        file.truncate(size)
    return path


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """No file can be longer: what EFBIG is to a file, ENOSPC is to a disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
