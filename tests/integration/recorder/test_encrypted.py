"""Recordings of a tenant with a key: encrypted in storage, and films, exports and other films are made as ever."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tertulia.db.models import Recording
from tests.integration.recorder.studio import Studio, new_studio

MASTER = "a5" * 32
MAGIC = b"TERTENC1"


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    """With a master key."""
    settings = {"TERTULIA_STORAGE_URL": (tmp_path / "storage").as_uri(), "TERTULIA_MASTER_KEY": MASTER}
    studio = await new_studio(tmp_path, f"sqlite+aiosqlite:///{tmp_path / 'test.db'}", settings)
    yield studio
    await studio.database.close()


async def set_key(studio: Studio, *words: str) -> None:
    status, out, err = await studio.command("tenant", "recording-key", "acme", *words)
    assert (status, "recordings of acme are" in out) == (0, True), err


def stored(studio: Studio, row: Recording) -> dict[str, bytes]:
    """What is in the bucket of a recording."""
    root = studio.directory / "storage" / "recordings" / row.room_id / row.id
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


async def made(studio: Studio, **settings: str) -> Recording:
    row = await studio.recorded(2.0)
    with studio.recorder(**settings) as recorder:
        ready = await studio.until_status(row, "ready", recorder)
        await studio.until_cleared(row)
    return ready


async def test_everything_stored_is_encrypted_and_what_was_changed_is_found(studio: Studio) -> None:
    await set_key(studio)
    row = await made(studio)
    files = stored(studio, row)
    assert {"grid.mp4", "raw/parts.json"} <= files.keys()
    assert sum(name.startswith("tracks/") for name in files) == 2
    assert [name for name, data in files.items() if not data.startswith(MAGIC)] == []
    status, out, _ = await studio.command("recording", "verify", row.id)
    assert (status, out.count("ok ")) == (0, len(files) - 1)
    export = studio.directory / "export"
    status, _, err = await studio.command("recording", "export", row.id, str(export))
    assert status == 0, err
    film = (export / "films" / "grid.mp4").read_bytes()
    assert film[4:8] == b"ftyp"
    assert len(film) == row.size
    assert (await studio.command("recording", "verify", str(export)))[0] == 0


async def test_another_film_is_made_of_encrypted_raw_files_also_after_a_rotation(studio: Studio) -> None:
    await set_key(studio)
    row = await made(studio)
    await set_key(studio)
    _, out, _ = await studio.command("recording", "compose", row.id, "--layout", "single")
    film = await studio.rows.by_id(out.strip())  # type: ignore[arg-type]
    assert film is not None
    with studio.recorder() as recorder:
        other = await studio.until_status(film, "ready", recorder)
    assert None not in (row.key_id, other.key_id)
    assert row.key_id != other.key_id
    assert (await studio.command("recording", "verify", row.id))[0] == 0
    await set_key(studio, "--off")
    plain = await made(studio)
    assert plain.key_id is None
    assert stored(studio, plain)["grid.mp4"][4:8] == b"ftyp"

    path = studio.directory / "storage" / str(row.path)
    data = path.read_bytes()
    for changed in (data[:100] + bytes([data[100] ^ 1]) + data[101:], data[:-1], film_of(studio.directory)):
        path.write_bytes(changed)
        status, out, err = await studio.command("recording", "verify", row.id)
        assert (status, "1 of" in err) == (1, True), err
        assert f"WRONG    {row.path} cannot be decrypted" in out


def film_of(directory: Path) -> bytes:
    """Somebody else's, in the clear."""
    return b"\0\0\0\x20ftypisom" + bytes(1000) + str(directory).encode()


async def test_without_the_master_key_nothing_is_stored_and_the_error_says_what_is_missing(studio: Studio) -> None:
    file = studio.directory / "key"
    file.write_text("c7" * 32)
    await set_key(studio, "--file", str(file))
    del studio.settings["TERTULIA_MASTER_KEY"]
    row = await studio.recorded(1.0)
    with studio.recorder() as recorder:
        failed = await studio.until(row, lambda it: it.error, recorder)
    assert "set TERTULIA_MASTER_KEY" in str(failed.error)
    assert stored(studio, row) == {}
    with studio.recorder(TERTULIA_MASTER_KEY=MASTER) as recorder:
        ready = await studio.until_status(row, "ready", recorder)
    assert ready.key_id is not None


async def test_what_is_no_key_or_cannot_be_kept_is_refused(studio: Studio) -> None:
    file = studio.directory / "key"
    file.write_text("short")
    words = ("tenant", "recording-key", "acme", "--file", str(file))
    status, _, err = await studio.command(*words)
    assert (status != 0, "--file: what is in" in err) == (True, True), err
    file.write_text("c7" * 32)
    del studio.settings["TERTULIA_MASTER_KEY"]
    status, _, err = await studio.command(*words)
    assert (status, "there is no master key" in err, "TERTULIA_MASTER_KEY_FILE" in err) == (1, True, True), err
