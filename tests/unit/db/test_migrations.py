"""Migrations add before they remove: while web workers are restarted one by one, the version before uses the new
schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from tertulia.db import migrations
from tertulia.db.schema import HEAD
from tertulia.db.tables import COMPATIBILITY

BASE: Final = "0006"
"""The last migration that replaced what was in use, before the first release."""
UNREAD: Final[dict[str, str]] = {}
"""``table.column`` or ``table`` that may be dropped → the revision whose version was the first that does not use it."""

Schema = dict[str, dict[str, Any]]
"""Table → column → what the inspector says of it."""


def breaks(before: Schema, after: Schema, unread: dict[str, str], at: str) -> list[str]:
    """What the version of schema ``at`` cannot do any more once it is ``after``."""
    unused = {name for name, since in unread.items() if since <= at}
    found = []
    for table, columns in before.items():
        if table not in after:
            found += [] if table in unused else [f"{table} is gone"]
            continue
        found += [
            f"{table}.{name} is gone"
            for name in columns
            if name not in after[table] and f"{table}.{name}" not in unused
        ]
        found += [
            f"{table}.{name} has another type, or is required now"
            for name, old in columns.items()
            if name in after[table] and not _takes(after[table][name], old)
        ]
        found += [
            f"{table}.{name} is new, and has to be written"
            for name, new in after[table].items()
            if name not in columns and not new["nullable"] and new["default"] is None
        ]
    return found


def _takes(new: dict[str, Any], old: dict[str, Any]) -> bool:
    """Whether what was written to a column can still be written to it."""
    return str(new["type"]) == str(old["type"]) and (new["nullable"] or not old["nullable"])


def config_for(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    return config


def schema(connection: sa.Connection) -> Schema:
    inspector = sa.inspect(connection)
    return {
        table: {column["name"]: dict(column) for column in inspector.get_columns(table)}
        for table in inspector.get_table_names()
    }


def oldest(connection: sa.Connection) -> str:
    """The oldest version that works with the schema, as it says itself."""
    if not sa.inspect(connection).has_table(COMPATIBILITY.name):
        return HEAD  # before there was a mark, each version worked with its own schema only
    (found,) = connection.execute(sa.select(COMPATIBILITY.c.oldest)).scalars()
    assert found in revisions()
    return str(found)


def revisions() -> list[str]:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return [script.revision for script in reversed(list(ScriptDirectory.from_config(config).walk_revisions()))]


def test_each_migration_leaves_the_version_before_what_it_uses() -> None:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        config = config_for(connection)
        command.upgrade(config, BASE)
        before = schema(connection)
        assert "users" in before
        at, schemas = BASE, {BASE: before}
        for revision in revisions()[revisions().index(BASE) + 1 :]:
            command.upgrade(config, revision)
            after = schema(connection)
            assert breaks(before, after, UNREAD, at) == [], revision
            for old, its in schemas.items():
                if old >= oldest(connection):
                    assert breaks(its, after, UNREAD, old) == [], f"{revision} marks {old} as working with it"
            before, at = after, revision
            schemas[revision] = after


def test_the_version_that_is_checked_is_the_newest_migration() -> None:
    assert revisions()[-1] == HEAD


COLUMN = {"type": "INTEGER", "nullable": True, "default": None}
BEFORE: Schema = {"rooms": {"id": {**COLUMN, "nullable": False}, "old": COLUMN}, "seats": {"id": COLUMN}}


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (BEFORE, []),
        (BEFORE | {"new": {"id": {**COLUMN, "nullable": False}}}, []),
        (BEFORE | {"seats": {"id": COLUMN, "more": COLUMN}}, []),
        (BEFORE | {"seats": {"id": COLUMN, "more": {**COLUMN, "nullable": False, "default": "0"}}}, []),
        (BEFORE | {"seats": {"id": COLUMN, "more": {**COLUMN, "nullable": False}}}, ["seats.more is new, and has"]),
        (BEFORE | {"seats": {"name": COLUMN}}, ["seats.id is gone"]),
        (BEFORE | {"seats": {"id": {**COLUMN, "type": "TEXT"}}}, ["seats.id has another type"]),
        (BEFORE | {"seats": {"id": {**COLUMN, "nullable": False}}}, ["seats.id has another type"]),
        ({"rooms": BEFORE["rooms"]}, ["seats is gone"]),
    ],
)
def test_what_the_version_before_cannot_bear_is_found(after: Schema, found: list[str]) -> None:
    said = breaks(BEFORE, after, {}, "0008")
    assert [text.startswith(start) for text, start in zip(said, found, strict=True)] == [True] * len(found)


def test_what_two_versions_do_not_use_may_be_dropped() -> None:
    after: Schema = {"rooms": {"id": BEFORE["rooms"]["id"]}}
    assert breaks(BEFORE, after, {"rooms.old": "0008", "seats": "0007"}, "0008") == []
    assert breaks(BEFORE, after, {"rooms.old": "0009", "seats": "0007"}, "0008") == ["rooms.old is gone"]
