"""The commands of programs that may sign in: docs/how-to/register-a-program.md"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from tianfu.access.caller import OPERATOR
from tianfu.db import Addresses, Database
from tianfu.installation import migrated_database
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.settings import Settings
from tianfu.terminal import current_settings, err, out

if TYPE_CHECKING:
    from tianfu.services.accounts.oauth.clients import Clients

KEYS_BYTES_MAX = 256 * 1_024

ALGORITHMS = {"ES256": "P-256", "ES384": "P-384"}
"""The algorithms of keys that are made here, and their curves."""

Result = TypeVar("Result")

client_commands = typer.Typer(no_args_is_help=True, help="Programs that may sign in, for people or for themselves.")


@client_commands.command(name="add")
def add_client(
    kind: Annotated[
        str,
        typer.Option(
            help="public: keeps no secret · symmetric: a secret of ours · asymmetric: a key of its own · "
            "backend: a key of its own, and no person"
        ),
    ],
    name: Annotated[str, typer.Option(help="as people read it on the page where they let it in")],
    scopes: Annotated[list[str], typer.Option("--scope", help="what it may ask for at most, for example patient/*.rs")],
    redirects: Annotated[
        list[str] | None, typer.Option("--redirect", help="where it is answered, letter for letter; not for backend")
    ] = None,
    keys: Annotated[Path | None, typer.Option(help="file with its public keys, a JWK Set")] = None,
    keys_at: Annotated[str | None, typer.Option(help="or the https address where it keeps them")] = None,
    role: Annotated[str | None, typer.Option(help="only for backend: what it is, for example hospital-system")] = None,
    organisation: Annotated[str | None, typer.Option(help="id of the Organization for whom it acts")] = None,
    launch_at: Annotated[str | None, typer.Option(help="where it is started from a patient's page")] = None,
) -> None:
    """Register a program; prints its id, and its secret this once."""
    from tianfu.services.accounts.oauth.model.clients import ClientKind, Registration

    if kind not in set(ClientKind):
        raise typer.BadParameter(" ".join(ClientKind), param_hint="--kind")
    registration = Registration(
        kind=ClientKind(kind),
        name=name,
        redirects=tuple(redirects or ()),
        scopes=tuple(scopes),
        keys=None if keys is None else key_set(keys),
        keys_at=keys_at,
        launch_at=launch_at,
        organisation=organisation,
        role=role,
    )
    made = _with_clients(lambda clients: clients.register(OPERATOR, registration))
    print(f"client_id={made.client}")
    if made.secret is not None:
        err.print("this is the only time that the secret is shown")
        print(f"client_secret={made.secret}")


@client_commands.command(name="list")
def list_clients() -> None:
    """Show the programs that are registered, disabled ones included, the newest first."""
    found = _with_clients(lambda clients: clients.list())
    for each in found:
        state = "disabled" if each.is_disabled else "enabled"
        acts_as = f"{each.role} of {each.organisation}" if each.role else "for people"
        words = each.id, state, each.kind.value, each.name, acts_as, " ".join(each.scopes)
        print("\t".join(words))  # in full, whatever the width of the terminal


@client_commands.command(name="disable")
def disable_client(client: Annotated[str, typer.Argument(help="its id")]) -> None:
    """Let a program in no more; its tokens end within a second."""
    _with_clients(lambda clients: clients.disable(OPERATOR, client))
    out.print(f"{client} is let in no more", markup=False)


@client_commands.command(name="keys")
def replace_client_keys(
    client: Annotated[str, typer.Argument(help="its id")],
    keys: Annotated[Path, typer.Argument(help="file with its public keys, a JWK Set")],
) -> None:
    """Give a program other keys; what the old ones sign is taken no more."""
    given = key_set(keys)
    _with_clients(lambda clients: clients.replace_keys(OPERATOR, client, given))
    out.print(f"{client} has {len(given.get('keys', []))} keys", markup=False)


@client_commands.command(name="key")
def make_client_key(
    file: Annotated[Path, typer.Argument(help="where the private key goes; a file that is not there yet")],
    algorithm: Annotated[str, typer.Option(help="ES256 or ES384")],
) -> None:
    """Make a private key for a program, readable by its owner alone, and print its public key as a JWK Set."""
    from joserfc.jwk import ECKey

    curve = ALGORITHMS.get(algorithm)
    if curve is None:
        raise typer.BadParameter(" ".join(ALGORITHMS), param_hint="--algorithm")
    key = ECKey.generate_key(curve, {"use": "sig", "alg": algorithm}, auto_kid=True)
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as text:
            text.write(json.dumps(key.as_dict(private=True)) + "\n")
    except OSError as error:
        details = {"file": str(file), "reason": type(error).__name__}
        raise Refusal("file-not-writable", next_step="name-another-file", details=details) from error
    print(json.dumps({"keys": [key.as_dict(private=False)]}))


def key_set(file: Path) -> Mapping[str, Any]:
    """What a file of public keys holds; raises Refusal `client-unusable` for what is no JSON object."""
    try:
        with file.open("rb") as text:
            found = json.loads(text.read(KEYS_BYTES_MAX))
    except (OSError, ValueError) as error:
        details = {"reason": "keys-file", "file": str(file)}
        raise Refusal("client-unusable", next_step="name-another-file", details=details) from error
    if not isinstance(found, dict):
        raise Refusal("client-unusable", next_step="name-another-file", details={"reason": "keys-form"})
    return found


def _with_clients(work: Callable[[Clients], Coroutine[Any, Any, Result]]) -> Result:
    settings = current_settings()

    async def done(addresses: Addresses) -> Result:
        async with _clients(addresses, settings) as clients:
            return await work(clients)

    with migrated_database(settings) as addresses:
        return asyncio.run(done(addresses))


@asynccontextmanager
async def _clients(addresses: Addresses, settings: Settings) -> AsyncIterator[Clients]:
    from tianfu.records.audit import GroupAuditor
    from tianfu.records.trail.epochs import open_trail
    from tianfu.services.accounts.oauth.clients import Clients
    from tianfu.services.accounts.oauth.trail import ProgramTrail

    async with await Database.open(addresses, links_max=2) as database:
        trail = await open_trail(database, settings.home, system_clock)
        told = ProgramTrail(GroupAuditor(database, trail.lanes), system_clock)
        try:
            yield Clients(database, told, system_clock, is_production=settings.is_production)
        finally:
            trail.close()
