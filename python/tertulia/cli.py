"""The command line: ``tertulia dev | web | sfu | migrate | tenant | key | signing-key | room``.

Every setting of :mod:`tertulia.config` is a flag of every command. A command imports what it needs when it runs: the
processes that ``tertulia dev`` starts should not wait for what they do not use. What is wrong is said in one line.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from tertulia.config import PREFIX, SETTINGS, Config, load
from tertulia.errors import ConfigError, TertuliaError

WRONG_USE: Final = 2
"""The exit status for a wrong command or setting: starting it again would not help. argparse's own, too."""

Run = Callable[[argparse.Namespace, dict[str, str | None]], int]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command in ``argv`` and exit with its status."""
    args = _parser().parse_args(argv)
    flags = {name: getattr(args, name) for name in SETTINGS}
    run: Run = args.run
    try:
        sys.exit(run(args, flags))
    except ConfigError as e:
        print(f"tertulia: {e.message}", file=sys.stderr)
        sys.exit(WRONG_USE)
    except TertuliaError as e:
        print(f"tertulia: {e.message}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


class _Version(argparse.Action):
    def __call__(self, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"tertulia {version('tertulia')}")
        sys.exit(0)


def _parser() -> argparse.ArgumentParser:
    settings = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    group = settings.add_argument_group("settings", f"each also by environment: {PREFIX}REDIS_URL, …")
    for name, about in SETTINGS.items():
        group.add_argument(f"--{name.replace('_', '-')}", metavar="…", help=about.replace("%", "%%"))

    about_us = "Video meetings on your own machine."
    parser = argparse.ArgumentParser(prog="tertulia", description=about_us, allow_abbrev=False)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(title="commands", required=True, metavar="command")

    def command(name: str, run: Run, about: str, under: object = commands) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = under.add_parser(  # type: ignore[attr-defined]
            name, help=about, description=about, parents=[settings], allow_abbrev=False
        )
        added.set_defaults(run=run)
        return added

    def group_of(name: str, about: str) -> object:
        added = commands.add_parser(name, help=about, description=about, allow_abbrev=False)
        return added.add_subparsers(title="commands", required=True, metavar="command")

    command("dev", _dev, "everything on this machine, without credentials, for this machine only")
    web = command("web", _web, "the control plane and the hub")
    web.add_argument("--one-of-many", action="store_true", help=argparse.SUPPRESS)  # what --workers starts
    command("sfu", _sfu, "one SFU node")
    migrate = command("migrate", _migrate, "bring the database to the schema of this version")
    migrate.add_argument("--down-to", metavar="REVISION", help="go back to an older schema; `base` drops everything")
    tenants = group_of("tenant", "tenants: who shares this server")
    command("create", _tenant_create, "a new tenant", tenants).add_argument("name")
    command("list", _tenant_list, "all tenants", tenants)
    keys = group_of("key", "a tenant's API keys")
    create = command("create", _key_create, "a new API key: shown once", keys)
    create.add_argument("tenant", help="its name or id")
    create.add_argument("--name", default="", help="what it is for")
    command("list", _key_list, "all API keys", keys).add_argument("tenant", nargs="?", help="only this tenant's")
    command("revoke", _key_revoke, "make an API key worthless, at once", keys).add_argument("id")
    signing = group_of("signing-key", "the keys that sign room tokens and invites")
    rotate = command("rotate", _signing_key_rotate, "sign with a new key from now on", signing)
    rotate.add_argument("--revoke", action="store_true", help="and let everything signed so far count no more")
    room = command("room", _room, "make a room and print the host's and the guests' link")
    room.add_argument("--tenant", default="default", help="its name; made if there is none (default: %(default)s)")
    return parser


def _dev(_args: argparse.Namespace, flags: dict[str, str | None]) -> int:
    from tertulia.dev import dev

    return dev.run(os.environ, flags)


def _web(args: argparse.Namespace, flags: dict[str, str | None]) -> int:
    from tertulia import app

    config = load(os.environ, flags)
    if config.workers > 1 and not args.one_of_many:
        from tertulia import workers

        return workers.run(config, os.environ, flags)
    return app.run_web(config, args.one_of_many)


def _sfu(_args: argparse.Namespace, flags: dict[str, str | None]) -> int:
    import uvloop

    from tertulia import logging
    from tertulia.sfu.node import run_node

    config = load(os.environ, flags)
    logging.configure(config.log_level, config.log_format)
    uvloop.run(run_node(config))
    return 0


def _admin(flags: dict[str, str | None]) -> tuple[Config, str]:
    """The settings, and the database they name: without one, that of ``tertulia dev``."""
    config = load(os.environ, flags)
    of_dev = config.data_dir / "tertulia.db"
    if config.database_url is None and of_dev.exists():
        return config, f"sqlite:///{of_dev}"
    return config, config.need("database_url")


def _migrate(args: argparse.Namespace, flags: dict[str, str | None]) -> int:
    from tertulia import admin

    return admin.run(_admin(flags)[1], lambda a: a.migrate(args.down_to))


def _tenant_create(args: argparse.Namespace, flags: dict[str, str | None]) -> int:
    from tertulia import admin

    return admin.run(_admin(flags)[1], lambda a: a.create_tenant(args.name))


def _tenant_list(_args: argparse.Namespace, flags: dict[str, str | None]) -> int:
    from tertulia import admin

    return admin.run(_admin(flags)[1], lambda a: a.list_tenants())


def _key_create(args: argparse.Namespace, flags: dict[str, str | None]) -> int:
    from tertulia import admin

    return admin.run(_admin(flags)[1], lambda a: a.create_key(args.tenant, args.name))


def _key_list(args: argparse.Namespace, flags: dict[str, str | None]) -> int:
    from tertulia import admin

    return admin.run(_admin(flags)[1], lambda a: a.list_keys(args.tenant))


def _key_revoke(args: argparse.Namespace, flags: dict[str, str | None]) -> int:
    from tertulia import admin

    return admin.run(_admin(flags)[1], lambda a: a.revoke_key(args.id))


def _signing_key_rotate(args: argparse.Namespace, flags: dict[str, str | None]) -> int:
    from tertulia import admin

    return admin.run(_admin(flags)[1], lambda a: a.rotate(revoke=args.revoke))


def _room(args: argparse.Namespace, flags: dict[str, str | None]) -> int:
    from tertulia import admin

    config, url = _admin(flags)
    base = config.public_url or f"http://localhost:{config.port}"
    return admin.run(url, lambda a: a.create_room(args.tenant, base))
