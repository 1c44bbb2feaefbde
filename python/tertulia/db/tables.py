"""The tables. Names are snake_case; UUIDs are strings in lower case in Python; times are in UTC, with milliseconds.

``migrations/`` creates them; a test compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

METADATA: Final = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)
"""Constraints have names so that a migration can drop them on either database."""


class Moment(sa.types.TypeDecorator[datetime]):
    """An aware datetime in UTC. SQLite itself does not store the zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """From Python to the database."""
        return value and value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Any) -> datetime | None:
        """From the database to Python."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Json: Final = sa.JSON().with_variant(JSONB(), "postgresql")
Uuid: Final = sa.Uuid(as_uuid=False)


def _id() -> sa.Column[str]:
    return sa.Column("id", Uuid, primary_key=True)


def _tenant() -> sa.Column[str]:
    return sa.Column("tenant_id", Uuid, sa.ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False)


def _room() -> sa.Column[str]:
    return sa.Column("room_id", Uuid, sa.ForeignKey("rooms.id", ondelete="CASCADE"), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, Moment, nullable=nullable)


TENANTS: Final = sa.Table(
    "tenants",
    METADATA,
    _id(),
    sa.Column("name", sa.String(100), nullable=False),
    _moment("created_at"),
    sa.Column("retention_days", sa.Integer),  # how long recordings are kept; NULL: until they are deleted
    sa.Column("max_rooms", sa.Integer),  # quotas; NULL: no limit
    sa.Column("max_people", sa.Integer),
    sa.Column("max_room_people", sa.Integer),
    sa.Column("max_room_mbits", sa.Integer),
    sa.Column("max_mbits", sa.Integer),
    sa.UniqueConstraint("name"),
)

USERS: Final = sa.Table(
    "users",
    METADATA,
    sa.Column("tenant_id", Uuid, sa.ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True),
    _id(),  # unique within the tenant
    sa.Column("email", sa.String(254)),
    sa.Column("display_name", sa.String(100), nullable=False),
    sa.Column("invite_id", sa.String(64)),  # the invite by which a guest came
    _moment("created_at"),
    sa.UniqueConstraint("tenant_id", "email"),
)

ROOMS: Final = sa.Table(
    "rooms",
    METADATA,
    _id(),
    _tenant(),
    sa.Column("host_user_id", Uuid, nullable=False),
    sa.Column("settings", Json, nullable=False),
    sa.Column("status", sa.String(9), nullable=False),
    _moment("created_at"),
    sa.Column("title", sa.String(200)),
    _moment("scheduled_for", nullable=True),
    sa.CheckConstraint("status IN ('SCHEDULED', 'ACTIVE', 'COMPLETED')", name="status"),
    sa.ForeignKeyConstraint(
        ["tenant_id", "host_user_id"], ["users.tenant_id", "users.id"], name="fk_rooms_host_user_id"
    ),
    sa.Index(None, "tenant_id", "created_at", "id"),
)

SESSIONS: Final = sa.Table(
    "sessions",
    METADATA,
    _id(),
    _room(),
    _moment("start_time"),
    _moment("end_time", nullable=True),
    sa.Column("recording_url", sa.Text),
    sa.Index(None, "room_id", "start_time"),
    sa.Index("ix_sessions_open", "end_time", postgresql_where=sa.text("end_time IS NULL")),
)

INVITES: Final = sa.Table(
    "invites",
    METADATA,
    _id(),
    _room(),
    sa.Column("role", sa.String(8), nullable=False),
    sa.Column("made_by", Uuid),  # a member of the room; NULL: an API key or the command line
    _moment("maker_admitted_at", nullable=True),  # the admission that the maker's token goes back to
    sa.Column("key_id", Uuid),  # the API key that made it, or vouched for the maker
    _moment("created_at"),
    _moment("expires_at"),
    sa.Column("max_uses", sa.Integer),  # NULL: any number
    sa.Column("uses", sa.Integer, nullable=False),
    _moment("revoked_at", nullable=True),
    sa.Column("code_hash", sa.LargeBinary),  # of the code in its short link
    sa.Column("password_hash", sa.Text),  # Argon2id, in PHC format
    sa.CheckConstraint("uses <= max_uses", name="uses"),
    sa.Index(None, "code_hash", unique=True),
    sa.Index(None, "room_id", "created_at"),
    sa.Index(None, "expires_at"),
)

INVITE_USES: Final = sa.Table(
    "invite_uses",
    METADATA,
    _id(),
    sa.Column("invite_id", Uuid, sa.ForeignKey("invites.id", ondelete="CASCADE"), nullable=False),
    sa.Column("tenant_id", Uuid, nullable=False),
    sa.Column("user_id", Uuid, nullable=False),  # the guest it made
    _moment("used_at"),
    _moment("banned_at", nullable=True),
    sa.ForeignKeyConstraint(
        ["tenant_id", "user_id"],
        ["users.tenant_id", "users.id"],
        name="fk_invite_uses_user_id",
        ondelete="CASCADE",
    ),
    sa.UniqueConstraint("tenant_id", "user_id"),
    sa.Index(None, "invite_id"),
)

REMOVALS: Final = sa.Table(
    "removals",
    METADATA,
    sa.Column("session_id", Uuid, primary_key=True),  # no foreign key: it may be written before its session is
    sa.Column("user_id", Uuid, primary_key=True),
    _room(),
    _moment("removed_at"),  # on the clock of Redis
    sa.Index(None, "room_id", "user_id"),
)

RECORDINGS: Final = sa.Table(
    "recordings",
    METADATA,
    _id(),
    sa.Column("session_id", Uuid, sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    _room(),
    sa.Column("kind", sa.String(9), nullable=False),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("path", sa.Text),  # in blob storage
    sa.Column("duration", sa.Float, nullable=False),  # seconds
    _moment("created_at"),
    _moment("ended_at", nullable=True),
    # Of a track, its composite; of another film of the same raw files, the recording that they are of.
    sa.Column("parent_id", Uuid, sa.ForeignKey("recordings.id", ondelete="CASCADE")),
    sa.Column("layout", sa.String(12)),  # of a composite
    sa.Column("user_id", Uuid),  # whose track it is
    sa.Column("user_name", sa.String(100)),
    sa.Column("source", sa.String(16)),
    sa.Column("offset", sa.Float),  # of a track: how many seconds after its composite it begins
    sa.Column("size", sa.BigInteger),  # bytes
    sa.Column("sha256", sa.String(64)),
    sa.Column("key_id", Uuid),  # the recording key that what is stored is encrypted with
    sa.Column("error", sa.Text),
    # The job: see tertulia.db.jobs.
    sa.Column("stage", sa.String(9)),
    sa.Column("progress", sa.Float, nullable=False),  # 0 to 1
    _moment("expected_at", nullable=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("film_faults", sa.Integer, nullable=False, server_default="0"),  # attempts that the film itself failed
    sa.Column("remake_failed", sa.Boolean, nullable=False, server_default=sa.false()),  # it is the film before
    _moment("next_try_at", nullable=True),
    sa.Column("leased_by", sa.String(100)),
    sa.Column("lease", Uuid),  # another one each time a worker takes the job
    _moment("leased_until", nullable=True),
    sa.CheckConstraint("kind IN ('composite', 'track')", name="kind"),
    sa.CheckConstraint("status IN ('recording', 'processing', 'ready', 'failed', 'empty')", name="status"),
    sa.CheckConstraint("stage IN ('waiting', 'composing', 'uploading')", name="stage"),
    sa.Index(None, "room_id", "created_at"),
    sa.Index(None, "parent_id"),
    sa.Index(
        "ix_recordings_running",
        "session_id",
        unique=True,
        postgresql_where=sa.text("status = 'recording'"),
        sqlite_where=sa.text("status = 'recording'"),
    ),
    sa.Index(
        "ix_recordings_due",
        "next_try_at",
        postgresql_where=sa.text("status = 'processing'"),
        sqlite_where=sa.text("status = 'processing'"),
    ),
)

# One row. See tertulia.db.schema.
COMPATIBILITY: Final = sa.Table("compatibility", METADATA, sa.Column("oldest", sa.String(32), primary_key=True))

IS_RUNNING: Final = RECORDINGS.c.status == sa.literal_column("'recording'")
"""The condition of its index, which neither database uses for a parameter."""
IS_PROCESSING: Final = RECORDINGS.c.status == sa.literal_column("'processing'")
"""The same, of the index of jobs."""

DELETIONS: Final = sa.Table(
    "deletions",
    METADATA,
    sa.Column("path", sa.Text, primary_key=True),  # in blob storage; with a slash at its end, all that begins with it
    sa.Column("recording_id", Uuid),  # whose raw files on disk go, too
    _moment("due_at"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error", sa.Text),  # of the last attempt
    sa.Index(None, "due_at"),
)

RECORDING_KEYS: Final = sa.Table(
    "recording_keys",
    METADATA,
    _id(),
    _tenant(),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),  # encrypted by the master key
    _moment("created_at"),
    _moment("retired_at", nullable=True),
    sa.Index(
        "ix_recording_keys_current",
        "tenant_id",
        unique=True,
        postgresql_where=sa.text("retired_at IS NULL"),
        sqlite_where=sa.text("retired_at IS NULL"),
    ),
)

AUDIT: Final = sa.Table(
    "audit",
    METADATA,
    _id(),
    _tenant(),
    _moment("at"),
    sa.Column("action", sa.String(40), nullable=False),
    sa.Column("actor", sa.String(200), nullable=False),  # who: a user's id, an API key's, or the operator
    sa.Column("address", sa.String(45)),  # from where
    sa.Column("request_id", sa.String(64)),
    sa.Column("room_id", Uuid),
    sa.Column("target", sa.String(200)),  # to whom, or what
    sa.Column("details", Json, nullable=False),
    sa.Index(None, "tenant_id", "at", "id"),
    sa.Index(None, "at"),
)

API_KEYS: Final = sa.Table(
    "api_keys",
    METADATA,
    _id(),
    _tenant(),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),  # SHA-256 in hex: 256 random bits need no salt
    _moment("created_at"),
    _moment("revoked_at", nullable=True),
    sa.UniqueConstraint("digest"),
)

SIGN_IN_SETTINGS: Final = sa.Table(
    "sign_in_settings",
    METADATA,
    sa.Column("tenant_id", Uuid, sa.ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("issuer", sa.String(512), nullable=False),
    sa.Column("client_id", sa.String(255), nullable=False),
    sa.Column("wrapped_secret", sa.LargeBinary),  # encrypted by the master key; NULL: a public client
    sa.Column("scopes", sa.String(512), nullable=False),
    sa.Column("domains", Json, nullable=False),  # of email addresses; empty: any
    sa.Column("admin_claim", sa.String(255)),  # NULL: nobody administers the tenant by signing in
    sa.Column("admin_value", sa.String(255)),
    _moment("created_at"),
)
"""Where the tenant's users sign in, by OpenID Connect."""

IDENTITIES: Final = sa.Table(
    "identities",
    METADATA,
    sa.Column("tenant_id", Uuid, primary_key=True),
    sa.Column("issuer", sa.String(512), primary_key=True),
    sa.Column("subject", sa.String(255), primary_key=True),
    sa.Column("user_id", Uuid, nullable=False),
    _moment("created_at"),
    sa.ForeignKeyConstraint(
        ["tenant_id", "user_id"], ["users.tenant_id", "users.id"], name="fk_identities_user_id", ondelete="CASCADE"
    ),
    sa.UniqueConstraint("tenant_id", "issuer", "user_id"),
)
"""Who users are at the provider where they sign in."""

SIGN_INS: Final = sa.Table(
    "sign_ins",
    METADATA,
    _id(),
    sa.Column("digest", sa.String(64), nullable=False),  # SHA-256 in hex of what the cookie holds: 256 random bits
    sa.Column("tenant_id", Uuid, nullable=False),
    sa.Column("user_id", Uuid, nullable=False),
    sa.Column("is_administrator", sa.Boolean, nullable=False),
    _moment("created_at"),
    _moment("expires_at"),
    sa.ForeignKeyConstraint(
        ["tenant_id", "user_id"], ["users.tenant_id", "users.id"], name="fk_sign_ins_user_id", ondelete="CASCADE"
    ),
    sa.UniqueConstraint("digest"),
    sa.Index(None, "tenant_id", "user_id"),
    sa.Index(None, "expires_at"),
)
"""Those that have neither ended nor expired: a row that is gone is a cookie that is void."""

SIGNING_KEYS: Final = sa.Table(
    "signing_keys",
    METADATA,
    sa.Column("kid", sa.String(64), primary_key=True),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    _moment("created_at"),
    _moment("retired_at", nullable=True),
    sa.Column("is_sealed", sa.Boolean, nullable=False, server_default=sa.false()),  # encrypted by the master key
)
"""The server's own: what is derived from them signs all but tokens."""

TENANT_SIGNING_KEYS: Final = sa.Table(
    "tenant_signing_keys",
    METADATA,
    sa.Column("tenant_id", Uuid, sa.ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("kid", sa.String(64), primary_key=True),  # unique within the tenant
    sa.Column("secret", sa.LargeBinary, nullable=False),
    _moment("created_at"),
    _moment("retired_at", nullable=True),
    sa.Column("is_sealed", sa.Boolean, nullable=False),  # encrypted by the master key
)
"""They sign the tenant's tokens."""

IDEMPOTENCY_KEYS: Final = sa.Table(
    "idempotency_keys",
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True),  # SHA-256 of caller, method, path and key
    sa.Column("request", sa.String(64), nullable=False),  # SHA-256 of the body
    sa.Column("made_id", Uuid, nullable=False),  # the id of what the request makes, also if it is repeated
    _moment("created_at"),
    _moment("leased_until", nullable=True),  # while a web worker is answering the request
    sa.Column("status", sa.Integer),
    sa.Column("sealed", sa.LargeBinary),  # the answer, see tertulia.db.sealed_answer
    sa.Index(None, "created_at"),
)
