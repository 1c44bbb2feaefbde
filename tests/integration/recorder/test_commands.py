"""``tertulia recording``, as an operator uses it."""

from __future__ import annotations

import struct

from tests.integration.recorder.studio import Studio

UNKNOWN = "6f1c0000-0000-4000-8000-000000000001"


async def test_another_film_is_made_of_the_stored_raw_files(local: Studio) -> None:
    row = await local.recorded(2.0)
    with local.recorder() as recorder:
        await local.until_status(row, "ready", recorder)
        await local.until_cleared(row)
        status, out, _ = await local.command("recording", "compose", row.id, "--layout", "speaker")
        assert status == 0
        film = await local.rows.by_id(out.strip())  # type: ignore[arg-type]
        assert film is not None
        ready = await local.until_status(film, "ready", recorder)
        await local.until_cleared(film)
    assert (ready.layout, ready.source_id) == ("speaker", row.id)
    assert ready.path == f"recordings/{row.room_id}/{film.id}/speaker.mp4"
    first = await local.read(row)
    assert first.status == "ready"
    _, out, _ = await local.command("recording", "list")
    assert [line.split()[0] for line in out.splitlines()] == [film.id, row.id]
    status, out, _ = await local.command("recording", "verify", row.id)
    assert (status, "speaker.mp4" in out) == (0, True)


async def test_an_export_can_be_checked_anywhere(local: Studio) -> None:
    row = await local.recorded(2.0)
    export = local.directory / "export"
    status, _, err = await local.command("recording", "export", row.id, str(export))
    assert (status, err) == (0, ""), "what is not stored yet is copied"
    assert (await local.command("recording", "verify", str(export)))[0] == 0
    with local.recorder() as recorder:
        await local.until_status(row, "ready", recorder)
        await local.until_cleared(row)
    again = local.directory / "again"
    status, out, err = await local.command("recording", "export", row.id, str(again))
    assert (status, err) == (0, "")
    assert (again / "films" / "grid.mp4").stat().st_size > 0
    assert len(list((again / "films" / "tracks").iterdir())) == 2
    local.settings.pop("TERTULIA_DATABASE_URL")
    status, out, err = await local.command("recording", "verify", str(again))
    assert (status, err) == (0, "")
    assert out.count("\n") == 3
    mjr = next(again.glob("*/*camera.mjr"))
    mjr.write_bytes(mjr.read_bytes()[:-1] + b"!")
    status, out, err = await local.command("recording", "verify", str(again))
    assert (status, err) == (1, "tertulia: 1 of 3 files are not right\n")
    assert [line for line in out.splitlines() if line.startswith("WRONG") and mjr.name in line]


async def test_a_stored_file_that_is_wrong_or_missing_is_said(local: Studio) -> None:
    row = await local.recorded(2.0)
    with local.recorder() as recorder:
        ready = await local.until_status(row, "ready", recorder)
        await local.until_cleared(row)
    storage = local.directory / "storage"
    film = storage / str(ready.path)
    film.write_bytes(film.read_bytes()[:-1] + b"!")
    next(film.parent.glob("raw/*/*microphone.mjr")).unlink()
    status, out, err = await local.command("recording", "verify", row.id)
    assert (status, err) == (1, "tertulia: 2 of 6 files are not right\n")
    assert sorted(line.split()[0] for line in out.splitlines()) == ["MISSING", "WRONG", "ok", "ok", "ok", "ok"]


async def test_what_cannot_be_played_has_failed_and_is_tried_again_when_asked(local: Studio) -> None:
    row = await local.started()
    part = local.write_part(row, 2.0)
    for file in part.glob("*.mjr"):
        header = file.read_bytes()[: 10 + int.from_bytes(file.read_bytes()[8:10], "big")]
        file.write_bytes(header + b"MEET" + struct.pack(">IH", 0, 20) + bytes(20))
    await local.rows.stop(row.id, row.created_at)
    with local.recorder() as recorder:
        failed = await local.until_status(row, "failed", recorder)
        assert failed.error
        assert part.exists()
        status, out, _ = await local.command("recording", "compose", row.id)
        assert (status, out) == (0, f"{row.id}\n")
        await local.until(row, lambda it: it.status == "failed" and recorder.log().count("making a film") == 2)


async def test_wrong_use_is_said_in_one_line(local: Studio) -> None:
    running = await local.started()
    for words, said in (
        (("compose", UNKNOWN), "there is no recording"),
        (("compose", running.id), "still being recorded"),
        (("verify", UNKNOWN), "there is no recording"),
        (("export", running.id, str(local.directory / "x")), "there are no raw files"),
    ):
        status, out, err = await local.command("recording", *words)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert said in err
    status, _, err = await local.command("tenant", "retention", "acme", "0")
    assert (status, err.count("\n")) == (1, 1)
