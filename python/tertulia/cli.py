"""The command line: a table of commands, from which parser, help and dispatch are made.

A command imports what it needs when it runs: processes should not wait for what they do not use. Errors are one line.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

from tertulia.config import PREFIX, Config, Reader, default_of, environment, flag, load, settings_of
from tertulia.errors import ConfigError, TertuliaError


class Given(NamedTuple):
    """What a command is run with."""

    args: argparse.Namespace
    config: Config
    env: dict[str, str]
    """The environment with the settings that were flags, for child processes."""


Run: TypeAlias = Callable[[Given], int]


class Argument(NamedTuple):
    """An argument of a command that is no setting; ``options`` are those of argparse."""

    name: str
    about: str
    options: Mapping[str, Any] = {}


class Command(NamedTuple):
    """A row of the table."""

    words: str
    about: str
    reads: Reader
    """Whose settings are its flags."""
    run: Run
    then: str
    """What to do next, for its help."""
    arguments: tuple[Argument, ...] = ()


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command in ``argv`` and exit with its status."""
    os.umask(0o077)  # databases, recordings, exports: what is written is for this user only
    args, unknown = _parser().parse_known_args(argv)
    if unknown:
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    command: Command = args.command
    flags = {name: getattr(args, name) for name in settings_of(command.reads)}
    try:
        given = Given(args, load(os.environ, flags), environment(os.environ, flags))
        sys.exit(command.run(given))
    except TertuliaError as e:
        print(f"tertulia: {e.message}", file=sys.stderr)
        sys.exit(e.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)


# -- What the commands do ---------------------------------------------------------------------------------------------


def _dev(given: Given) -> int:
    from tertulia.dev import dev

    return dev.run(given.env)


def _web(given: Given) -> int:
    if given.args.supervised:
        from tertulia import serving

        return serving.run_web(given.config)
    from tertulia.http import workers

    return workers.run(given.config, given.env)


def _sfu(given: Given) -> int:
    import uvloop

    from tertulia import logging
    from tertulia.sfu.process import run_nodes

    logging.configure(given.config.log_level, given.config.log_format)
    if given.args.drain:
        from tertulia.sfu.draining import drain_node

        uvloop.run(drain_node(given.config, given.args.drain))
    else:
        uvloop.run(run_nodes(given.config))
    return 0


def _recorder(given: Given) -> int:
    import asyncio

    from tertulia import logging
    from tertulia.recorder.worker import run_recorder

    logging.configure(given.config.log_level, given.config.log_format)
    asyncio.run(run_recorder(given.config))
    return 0


def _admin(act: Callable[[Any, Given], Awaitable[None]]) -> Run:
    """A command that calls a method of :class:`tertulia.admin.Admin`."""

    def run(given: Given) -> int:
        from tertulia.admin import Admin

        return _on_database(given, lambda database: act(Admin(database), given))

    return run


def _on_database(given: Given, act: Callable[[Any], Awaitable[None]]) -> int:
    """Carry out ``act`` with a :class:`tertulia.db.engine.Database`."""
    import asyncio

    from tertulia.db.engine import Database

    async def serve() -> None:
        database = Database(_database_url(given.config))
        try:
            await act(database)
        finally:
            await database.close()

    asyncio.run(serve())
    return 0


def _recording(say: Callable[[Any, argparse.Namespace], AsyncIterator[str]]) -> Run:
    """A command that prints what :class:`tertulia.recorder.operating.Operator` says."""

    async def act(admin: Any, given: Given) -> None:
        await admin.show(say(admin.operator(given.config), given.args))

    return _admin(act)


def _sign_in(act: Callable[[Any, Given], Awaitable[None]]) -> Run:
    """A command that calls a method of :class:`tertulia.sign_in_admin.SignInAdmin`."""

    def run(given: Given) -> int:
        from tertulia.sign_in_admin import SignInAdmin

        return _on_database(given, lambda database: act(SignInAdmin(database, given.config), given))

    return run


async def _recording_key(admin: Any, given: Given) -> None:
    if given.args.off:
        await admin.drop_recording_key(given.args.name)
    else:
        await admin.set_recording_key(given.args.name, given.config, given.args.file)


def _verify(given: Given) -> int:
    """A directory is checked without the database: it may be an export, on any machine."""
    what = given.args.what
    if not Path(what).is_dir():
        return _recording(lambda operator, _: operator.verify(what))(given)
    from tertulia.recorder.verifying import verify_directory

    for line in verify_directory(Path(what)):
        print(line, flush=True)
    return 0


def _database_url(config: Config) -> str:
    """The database to work on: if none is set, that of ``tertulia dev``."""
    of_dev = config.data_dir / "tertulia.db"
    if config.database_url is None and of_dev.exists():
        return f"sqlite:///{of_dev}"
    return config.need("database_url")


def _base_url(config: Config) -> str:
    return config.public_url or f"http://localhost:{config.port}"


# -- The table --------------------------------------------------------------------------------------------------------

GROUPS: Final = {
    "tenant": "manage tenants: the organisations that share this server",
    "key": "manage the API keys of tenants",
    "recording": "see to recordings: list, compose, export, verify",
    "signing-key": "manage the keys that sign room tokens and invites",
}
"""The first words of commands that have two."""

LAYOUTS: Final = ("grid", "speaker", "single", "screen-first")
"""As in :mod:`tertulia.contract`, which is not imported for the help."""

QUOTAS: Final = {
    "rooms": "how many rooms there are",
    "people": "how many people are in its meetings at once",
    "room_people": "how many people are in one meeting, whatever its maxParticipants",
    "room_mbits": "what may come into one meeting, in Mbit/s",
    "mbits": "what may come into all its meetings together, in Mbit/s",
}
"""As in :mod:`tertulia.room.quotas`."""

COMMANDS: Final = (
    Command(
        "dev",
        "run everything on this machine, for this machine only and without credentials",
        "dev",
        _dev,
        "Open the address that it prints.\n"
        "To serve others: tertulia migrate, then tertulia web and tertulia sfu, behind a proxy that speaks TLS.",
    ),
    Command(
        "web",
        "run web workers: the REST API, the hub and the page",
        "web",
        _web,
        "Before the first start and after each upgrade: tertulia migrate.\n"
        "Beside it: tertulia sfu, with the same --redis-url.\n"
        "GET /readyz says whether it can serve. An API key: tertulia tenant create, tertulia key create.",
        (Argument("--supervised", argparse.SUPPRESS, {"action": "store_true"}),),
    ),
    Command(
        "sfu",
        "run SFU nodes, which forward the media: one for each thread",
        "sfu",
        _sfu,
        "Beside it: tertulia web, with the same --redis-url.\n"
        "Behind NAT: --sfu-advertise with the public address. Open the media ports in the firewall, UDP and TCP.\n"
        "SIGTERM lets its clients go over to other nodes first; so does --drain, from any machine.",
        (
            Argument(
                "--drain",
                "take the process of the node ID out of service, with all its nodes, and wait until it has ended",
                {"metavar": "ID"},
            ),
        ),
    ),
    Command(
        "recorder",
        "run a recorder, which makes films of what SFU nodes have recorded",
        "recorder",
        _recorder,
        "Any number of them. They share --recordings-dir with the SFU nodes, and --storage-url with the web workers.\n"
        "What they are doing: tertulia recording list.",
    ),
    Command(
        "migrate",
        "bring the database to the schema of this version",
        "database",
        _admin(lambda admin, given: admin.migrate(given.args.down_to)),
        "Then start tertulia web. For the first API key: tertulia tenant create.",
        (Argument("--down-to", "go back to an older schema; `base` drops everything", {"metavar": "REVISION"}),),
    ),
    Command(
        "tenant create",
        "create a tenant",
        "database",
        _admin(lambda admin, given: admin.create_tenant(given.args.name)),
        "Then create an API key for it: tertulia key create NAME.",
        (Argument("name", "its name, 1 to 100 characters"),),
    ),
    Command(
        "tenant list",
        "list all tenants",
        "database",
        _admin(lambda admin, _: admin.list_tenants()),
        "To create one: tertulia tenant create. Its API keys: tertulia key list NAME.",
    ),
    Command(
        "tenant retention",
        "say for how long a tenant's recordings are kept",
        "database",
        _admin(lambda admin, given: admin.keep_recordings(given.args.name, given.args.days)),
        "Recorders delete what is older, within ten minutes, also in storage.",
        (
            Argument("name", "its name or id"),
            Argument("days", "for so many days after they ended; none: until somebody deletes them"),
        ),
    ),
    Command(
        "tenant quota",
        "say how much a tenant may have, and print it",
        "database",
        _admin(lambda admin, given: admin.set_quotas(given.args.name, {q: getattr(given.args, q) for q in QUOTAS})),
        "It holds from the next room, or the next JoinRoom, on. Nobody is put out.",
        (
            Argument("name", "its name or id"),
            *(Argument(f"--{q.replace('_', '-')}", f"{about}; none: no limit") for q, about in QUOTAS.items()),
        ),
    ),
    Command(
        "tenant sign-in",
        "say where a tenant's people sign in by OpenID Connect, and print it",
        "master-key",
        _sign_in(lambda admin, given: admin.sign_in(given.args)),
        "With the name alone it prints the redirect URI. Register that with the provider, of a web application with\n"
        "the authorization code flow. Give TERTULIA_MASTER_KEY to web workers, too. Then open /meetings.\n"
        "Each call sets all of it anew, and whoever is signed in has to sign in again.",
        (
            Argument("name", "its name or id"),
            Argument("--issuer", "the provider's issuer identifier: https://login.example.org/realms/acme"),
            Argument("--client-id", "what the provider calls this server"),
            Argument(
                "--secret-file", "the file with the client secret, or - for standard input; none: a public client"
            ),
            Argument("--domains", "let in verified email addresses of these domains only, comma-separated"),
            Argument("--administrators", "the claim that makes an administrator of the tenant: groups=meeting-admins"),
            Argument("--scopes", "what to ask for (default: %(default)s)", {"default": "openid profile email"}),
            Argument("--off", "let nobody sign in any more", {"action": "store_true"}),
        ),
    ),
    Command(
        "tenant sign-out",
        "sign out everybody of a tenant who has signed in by OpenID Connect",
        "database",
        _sign_in(lambda admin, given: admin.sign_out(given.args.name)),
        "They may sign in again, if their provider lets them: tertulia tenant sign-in NAME --off keeps them out.",
        (Argument("name", "its name or id"),),
    ),
    Command(
        "tenant recording-key",
        "encrypt a tenant's recordings in storage, with a key of its own",
        "master-key",
        _admin(_recording_key),
        "Give TERTULIA_MASTER_KEY to recorders and web workers, too. Keep it: what is encrypted is lost without it.\n"
        "Earlier recordings stay as they are; what was encrypted with an earlier key can still be read.",
        (
            Argument("name", "its name or id"),
            Argument("--file", "with the key in this file: 32 bytes, as they are or in base64 or hex", {"type": Path}),
            Argument("--off", "encrypt them no more, from now on", {"action": "store_true"}),
        ),
    ),
    Command(
        "recording list",
        "list the newest recordings, and how far they are",
        "recording",
        _recording(lambda operator, args: operator.newest(args.room, args.limit)),
        "To have one that failed made again: tertulia recording compose ID.",
        (
            Argument("--room", "only those of the room with this id"),
            Argument("--limit", "how many (default: %(default)s)", {"type": int, "default": 50}),
        ),
    ),
    Command(
        "recording compose",
        "have a film made again, or another one of the same raw files, and print its id",
        "recording",
        _recording(lambda operator, args: operator.compose(args.id, args.layout)),
        "tertulia recorder makes it. To see how far it is: tertulia recording list.",
        (
            Argument("id", "the id of the recording, from tertulia recording list"),
            Argument("--layout", "of the film; if not given, as it was", {"choices": LAYOUTS}),
        ),
    ),
    Command(
        "recording export",
        "download a recording: its raw files, its films, the file of each track",
        "recording",
        _recording(lambda operator, args: operator.export(args.id, Path(args.directory))),
        "To check it, on any machine: tertulia recording verify DIRECTORY.",
        (
            Argument("id", "the id of the recording, from tertulia recording list"),
            Argument("directory", "where to; created if need be"),
        ),
    ),
    Command(
        "recording verify",
        "check each file of a recording in storage, or in a directory, by its checksum",
        "recording",
        _verify,
        "The exit status is 1 if a file is not right. To have films made again: tertulia recording compose ID.",
        (Argument("what", "the id of a recording, or a directory with raw files or an export"),),
    ),
    Command(
        "key create",
        "create an API key and print it, this once",
        "database",
        _admin(lambda admin, given: admin.create_key(given.args.tenant, given.args.name)),
        "Send it with each request to the API, as `Authorization: Bearer KEY`; /docs on the server shows the requests.",
        (
            Argument("tenant", "the name or id of the tenant"),
            Argument("--name", "what the key is for", {"default": ""}),
        ),
    ),
    Command(
        "key list",
        "list API keys, without the keys themselves",
        "database",
        _admin(lambda admin, given: admin.list_keys(given.args.tenant)),
        "To revoke one: tertulia key revoke ID.",
        (Argument("tenant", "only those of this tenant", {"nargs": "?"}),),
    ),
    Command(
        "key revoke",
        "revoke an API key, at once",
        "database",
        _admin(lambda admin, given: admin.revoke_key(given.args.id)),
        "To replace it: tertulia key create.",
        (Argument("id", "its id, from tertulia key list"),),
    ),
    Command(
        "signing-key rotate",
        "sign tokens and invites with new keys from now on",
        "master-key",
        _admin(lambda admin, given: admin.rotate(given.config, given.args.tenant, revoke=given.args.revoke)),
        "Nothing: every web worker has the new keys within half a minute.",
        (
            Argument("--tenant", "only those of this tenant, by name or id; else all, and the server's own"),
            Argument("--revoke", "void everything that was signed before, too", {"action": "store_true"}),
        ),
    ),
    Command(
        "room",
        "create a room and print two links to it, the host's and the guests'",
        "room",
        _admin(lambda admin, given: admin.create_room(given.config, given.args.tenant, _base_url(given.config))),
        "Open the host's link yourself and send the other one to your guests.",
        (Argument("--tenant", "its name; created if need be (default: %(default)s)", {"default": "default"}),),
    ),
)


# -- The parser -------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        """Exit as wrong use, with one line."""
        self.exit(ConfigError.exit_status, f"{self.prog}: {message}: see `{self.prog} --help`\n")


class _Version(argparse.Action):
    def __call__(self, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"tertulia {version('tertulia')}")
        sys.exit(0)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tertulia",
        description="Video meetings on your own machine.",
        epilog="To try it: tertulia dev.\n"
        "To serve others: tertulia migrate, then tertulia web and tertulia sfu; see --help of each.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    top = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    groups: dict[str, Any] = {}
    for command in COMMANDS:
        group, _, name = command.words.rpartition(" ")
        if group and group not in groups:
            about = GROUPS[group]
            added = top.add_parser(group, help=about, description=_sentence(about))
            groups[group] = added.add_subparsers(title="commands", required=True, metavar="COMMAND")
        _add(groups.get(group, top), name, command)
    return parser


def _add(commands: Any, name: str, command: Command) -> None:
    about, then = _sentence(command.about), "next:\n  " + command.then.replace("\n", "\n  ")
    parser: argparse.ArgumentParser = commands.add_parser(name, help=command.about, description=about, epilog=then)
    parser.set_defaults(command=command, parser=parser)
    for argument in command.arguments:
        parser.add_argument(argument.name, help=argument.about, **argument.options)
    settings = parser.add_argument_group("settings", f"each also by environment, as {PREFIX}…")
    for setting, meaning in settings_of(command.reads).items():
        default = default_of(setting)
        shown = f"{meaning} (default: {default})" if default else meaning
        settings.add_argument(flag(setting), metavar="VALUE", help=shown.replace("%", "%%"))


def _sentence(about: str) -> str:
    return f"{about[0].upper()}{about[1:]}."
