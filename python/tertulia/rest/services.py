"""What operations are carried out with."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from tertulia.config import Config
from tertulia.db.access import Access
from tertulia.db.admissions import Admissions
from tertulia.db.audit import Audit
from tertulia.db.audit_queue import AuditQueue
from tertulia.db.directory import Directory
from tertulia.db.engine import Database
from tertulia.db.idempotency import Idempotency
from tertulia.db.invites import Invites
from tertulia.db.keyring import Keyring
from tertulia.db.recordings import Recordings
from tertulia.db.sign_in_settings import SignInSettings
from tertulia.db.sign_ins import SignIns
from tertulia.hub.hub import Hub
from tertulia.oidc.provider import Providers
from tertulia.redis.client import Redis
from tertulia.rest.callers import Callers
from tertulia.rest.codes import Codes
from tertulia.rest.connection_tests import ConnectionTests
from tertulia.rest.ice import IceServers
from tertulia.rest.links import Links
from tertulia.rest.passwords import Passwords
from tertulia.room.placement import Node
from tertulia.state.clock import FleetClock
from tertulia.state.registry import Registry
from tertulia.state.rooms import RoomState
from tertulia.state.seats import TenantSeats


class Services(Struct, frozen=True, kw_only=True):
    """The parts of a web worker, wired by :mod:`tertulia.app`."""

    config: Config
    clock: FleetClock
    database: Database
    directory: Directory
    admissions: Admissions
    invites: Invites
    recordings: Recordings
    access: Access
    audit: Audit
    audit_queue: AuditQueue
    idempotency: Idempotency
    keyring: Keyring
    callers: Callers
    sign_ins: SignIns
    sign_in_settings: SignInSettings
    providers: Providers
    codes: Codes
    passwords: Passwords
    ice: IceServers
    links: Links
    redis: Redis
    rooms: RoomState
    seats: TenantSeats
    nodes: Registry[Node]
    hub: Hub
    connection_tests: ConnectionTests

    def now(self) -> datetime:
        """This moment, on the clock of the fleet."""
        return self.clock.moment()
