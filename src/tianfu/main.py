"""The only place where parts are put together: settings in, application out."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, cast

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from tianfu.apps.administration.ports import House
from tianfu.apps.administration.routes import administration
from tianfu.apps.entrance.answering import Entrance
from tianfu.apps.entrance.ports import NoDemonstration
from tianfu.apps.entrance.routes import entrance
from tianfu.apps.family.routes import Household, family
from tianfu.apps.lifelong.routes import lifelong
from tianfu.apps.newborn.actions.keep_cameras import CameraDesk
from tianfu.apps.newborn.actions.keep_consultations import keep_consultations
from tianfu.apps.newborn.actions.keep_offer import keep_offers
from tianfu.apps.newborn.actions.keep_slots import keep_slots
from tianfu.apps.newborn.actions.stay import watch_pages
from tianfu.apps.newborn.alerting import keep_alerting
from tianfu.apps.newborn.cart_routes import Carts
from tianfu.apps.newborn.consultation_ports import Consulting
from tianfu.apps.newborn.live.doors import GrantedDoors
from tianfu.apps.newborn.live.house import House as VisitHouse
from tianfu.apps.newborn.live.keeper import Keeper
from tianfu.apps.newborn.nurse_routes import Bedsides
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.quality_ports import Observatory
from tianfu.apps.newborn.reminding import keep_reminding
from tianfu.apps.newborn.routes import newborn
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.apps.radiotherapy.density_tables import FOLDER as TABLES_FOLDER
from tianfu.apps.radiotherapy.density_tables import DensityTables
from tianfu.apps.radiotherapy.machine_files import FOLDER, MachineFiles
from tianfu.apps.radiotherapy.ports import Desk, LateLooking
from tianfu.apps.radiotherapy.routes import radiotherapy
from tianfu.apps.trust.routes import trust
from tianfu.db import Database
from tianfu.gateways.fhir.admission import Doorkeeper
from tianfu.gateways.fhir.application import BASE_SEGMENT, fhir_application
from tianfu.gateways.media.door import BASE_SEGMENT as MEDIA_SEGMENT
from tianfu.gateways.media.door import MediaDoor
from tianfu.gateways.smart.door import SmartDoor
from tianfu.gateways.smart.here import SessionHere
from tianfu.gateways.smart.metadata import oauth_addresses
from tianfu.gateways.smart.queries.people import RecordedPeople
from tianfu.gateways.smart.routes import Approvals, smart
from tianfu.installation import database_addresses, derived_key, documents_of, installation_keys, media_socket
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import Clock, system_clock
from tianfu.kernel.refusal import Refusal, place_of
from tianfu.logs import set_up_logs
from tianfu.records.audit import Auditor, GroupAuditor
from tianfu.records.keys import open_keyring
from tianfu.records.months import keep_months_ahead
from tianfu.records.organisations import Organisations
from tianfu.records.seals import Seals
from tianfu.records.sources import DEMONSTRATION, has_source
from tianfu.records.store import Store
from tianfu.records.trail.epochs import open_trail
from tianfu.records.trail.roots import ROOTS_NOT_KEPT, RootMaker
from tianfu.records.watching import Watch
from tianfu.services.accounts.demonstration import KeptLogins
from tianfu.services.accounts.fetching import Fetcher, HttpFetcher
from tianfu.services.accounts.oauth.server import AuthorisationServer
from tianfu.services.accounts.opening import Accounts, open_accounts
from tianfu.services.accounts.passkey_answers import RelyingParty
from tianfu.services.accounts.providers import load_providers
from tianfu.services.accounts.reach import Reach
from tianfu.services.accounts.second_person import SecondPerson
from tianfu.services.accounts.senders import CodeSender, open_sender
from tianfu.services.accounts.staffing import Staffing
from tianfu.services.booking.claims import Claims
from tianfu.services.booking.interpreters import Interpreters
from tianfu.services.booking.notices import Notices, open_notices
from tianfu.services.booking.places import Places
from tianfu.services.booking.stations import Stations
from tianfu.services.booking.wordings import Wordings
from tianfu.services.imaging.cases import Cases
from tianfu.services.imaging.deliveries import Deliveries
from tianfu.services.jobs.works import Works
from tianfu.services.limits.limiter import KeptBuckets, Limiter
from tianfu.services.limits.limits import load_limits
from tianfu.services.realtime.cameras.registry import Cameras
from tianfu.services.realtime.doors import Doors
from tianfu.services.realtime.embedded.remote import EmbeddedMedia
from tianfu.services.realtime.grants import Grants
from tianfu.services.realtime.janus.process import RemoteJanus
from tianfu.services.realtime.kept import KeptRooms
from tianfu.services.realtime.quality import QualityBook
from tianfu.services.realtime.trail import RoomTrail
from tianfu.services.realtime.turn import Relay, open_relay
from tianfu.services.realtime.viewers import Viewers
from tianfu.services.realtime.viewing import ViewTrail
from tianfu.settings import Settings, settings_from
from tianfu.supervision.parentage import die_with_parent
from tianfu.supervision.stalled_connections import give_up_stalled_connections
from tianfu.vault.blind import blind
from tianfu.vault.keyring import Keyring
from tianfu.vault.places import place_at
from tianfu.web.admission import SessionCookies
from tianfu.web.bearers import TokenCallers
from tianfu.web.callers import AllCallers, PeopleCallers
from tianfu.web.protection import LOOPBACK_HOSTS, SAFE_METHODS
from tianfu.web.proxies import BehindProxies
from tianfu.web.site import Doorkeeping, SiteSettings, build_site
from tianfu.web.unread import close_unread

FORGET_SECONDS = 600.0

END_REVOKED_SECONDS = 1.0
"""How soon what was taken back ends once the media server can be reached again."""

GARBAGE_THRESHOLDS = 20_000, 20, 20
"""A worker makes and drops many small objects and hardly ever a ring of them: it looks for rings more rarely than
Python does by itself (https://docs.python.org/3/library/gc.html#gc.set_threshold)."""

ISSUER_NAME = "天府 Tianfu"
"""What an authenticator calls us."""

_log = structlog.get_logger("tianfu.main")


def application() -> ASGIApp:
    """The application of one web worker, which ends with the program that started it."""
    die_with_parent(signal.SIGKILL)
    set_up_logs()
    settings = settings_from(os.environ)
    return build(settings)


def build(settings: Settings) -> ASGIApp:
    """The application of an installation; its parts are put together when it starts, because they need the database.

    Every door stands behind the proxies that are trusted, so that none has to ask where a request came from.
    """
    whole = Application(settings)
    if not settings.trusted_proxies:
        return whole
    return cast("ASGIApp", BehindProxies(cast("Any", whole), settings.trusted_proxies))


class Application:
    """Sends a request to the door whose address or first path segment it names.

    The site answers the rest, and starts and stops.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._addresses: Mapping[str, ASGIApp] = {}
        self._doors: Mapping[str, ASGIApp] = {}
        self._site: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live from start to stop."""
        if scope["type"] == ScopeType.HTTP:
            path = scope["path"]
            # One address of the door for programs lies beneath the FHIR door.
            door = self._addresses.get(path) or self._doors.get(path.split("/", 2)[1]) or self._site
            if door is not None:
                if scope["method"] not in SAFE_METHODS:
                    receive, send = close_unread(scope, receive, send)
                await door(scope, receive, send)
        else:
            await self._live(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as stack:
            try:
                self._site = site = await self._put_together(stack)
            except Exception as error:
                # Else the server goes on with a worker that can answer nothing; told so, it ends and starts another.
                _log.error("worker_not_started", error=str(error) if isinstance(error, Refusal) else place_of(error))
                await send(cast("Any", {"type": "lifespan.startup.failed", "message": ""}))
                return
            settle_memory()
            await site(scope, receive, send)

    async def _put_together(self, stack: AsyncExitStack) -> ASGIApp:
        addresses = database_addresses(self._settings)
        database = await stack.enter_async_context(Database(addresses))
        await database.ready()
        keys = installation_keys(self._settings)
        trail = await open_trail(database, self._settings.home, system_clock)
        auditor = GroupAuditor(database, trail.lanes)
        store = await Store.open(database, auditor=auditor, clock=system_clock, keys=keys)
        keyring = await open_keyring(database, keys)
        accounts = accounts_of(self._settings, database, keyring, auditor)
        server = await authorisation_server(self._settings, database, keyring, auditor)
        place = place_at(self._settings.audit_roots, trail.folders.roots, code=ROOTS_NOT_KEPT)
        roots = RootMaker(database, trail.folders, place, trail.signer, system_clock)
        rooms = rooms_of(self._settings, database, keyring, auditor)
        stack.callback(rooms.media.hang_up)
        visits = visits_of(database, store, auditor, keyring, rooms)
        nursery = Nursery(
            store=store,
            places=Places(database, system_clock, auditor),
            claims=Claims(database, keyring, accounts, auditor, system_clock),
            interpreters=Interpreters(database, keyring, accounts, auditor, system_clock),
            wordings=Wordings(database, auditor, system_clock),
            stations=Stations(database, keyring, auditor, system_clock),
            clock=system_clock,
            taking=doors_of(rooms),
        )
        windows = Windows(nursery=nursery, house=visits, grants=rooms.grants, viewers=rooms.viewers)
        cameras = Cameras(database, Seals(keyring), auditor=auditor, clock=system_clock)
        observatory = Observatory(
            house=visits, book=QualityBook(database), cameras=cameras, trees=Organisations(database)
        )
        for work in (
            roots.run(),
            keep_alerting(observatory),
            watch_pages(windows),
            keep_slots(nursery),
            keep_consultations(nursery),
            keep_offers(nursery),
            keep_months_ahead(database),
            forget_what_is_over(database, accounts, server, rooms, clock=system_clock),
            end_what_was_revoked(rooms.grants),
            give_up_stalled_connections(self._settings.port),
        ):
            stack.callback(asyncio.create_task(work).cancel)
        stack.push_async_callback(ended, asyncio.create_task(Keeper(visits, name=new_uuid7()).run()))
        doorkeeping = doorkeeping_of(self._settings, database, addresses.secret, accounts, server)
        doorkeeper = doorkeeper_of(self._settings, doorkeeping)
        fhir = fhir_application(
            store, clock=system_clock, doorkeeper=doorkeeper, sign_in=oauth_addresses(server.issuer)
        )
        programs = SmartDoor(
            server, doorkeeping.limiter, hosts=doorkeeper.hosts, is_production=self._settings.is_production
        )
        self._addresses = dict.fromkeys(programs.paths, cast("ASGIApp", programs))
        pictures = MediaDoor(
            Doors(rooms.grants, rooms.media),
            rooms.grants,
            rooms.relay,
            doorkeeping.limiter,
            hosts=doorkeeper.hosts,
            is_production=self._settings.is_production,
        )
        self._doors = {BASE_SEGMENT: cast("ASGIApp", fhir), MEDIA_SEGMENT: cast("ASGIApp", pictures)}
        is_demonstration = await has_source(database, DEMONSTRATION)
        stack.callback(asyncio.create_task(keep_reminding(nursery, notices_of(self._settings))).cancel)
        return build_site(
            apps=[
                lifelong(store),
                trust(store, clock=system_clock),
                family(Household(store=store, ties=accounts.proxies, clock=system_clock)),
                administration(
                    House(
                        directory=store,
                        trees=Organisations(database),
                        staff=Staffing(database, keyring, accounts, auditor, clock=system_clock),
                        clock=system_clock,
                    )
                ),
                newborn(
                    nursery,
                    Bedsides(
                        house=visits,
                        colleagues=SecondPerson(accounts.signing_in),
                        nursery=nursery,
                        cameras=cameras,
                    ),
                    windows,
                    Carts(house=visits, book=cameras, granting=rooms.grants),
                    observatory,
                    CameraDesk(house=visits, store=store, cameras=cameras),
                    Consulting(windows=windows, staff=accounts.people),
                ),
                radiotherapy(radiotherapy_desk(self._settings, database, keyring, auditor)),
                # Last, because nobody begins at his account who has anything else.
                entrance(self._entrance(accounts, store, is_demonstration=is_demonstration)),
                smart(self._approvals(server, doorkeeping, store)),
            ],
            settings=SiteSettings(
                seal_key=derived_key(addresses.secret, "page seal"),
                is_demonstration=is_demonstration,
                is_production=self._settings.is_production,
                hosts=doorkeeper.hosts,
            ),
            doorkeeping=doorkeeping,
            clock=system_clock,
        )

    def _approvals(self, server: AuthorisationServer, doorkeeping: Doorkeeping, store: Store) -> Approvals:
        cookies = SessionCookies(is_secure=self._settings.is_production)
        return Approvals(
            authorising=server.authorising,
            who=SessionHere(doorkeeping.callers, cookies),
            people=RecordedPeople(store, system_clock),
            permitted=server.permitted,
            clients=server.clients,
            launches=server.launches,
            clock=system_clock,
        )

    def _entrance(self, accounts: Accounts, store: Store, *, is_demonstration: bool) -> Entrance:
        is_shown = is_demonstration and not self._settings.is_production
        return Entrance(
            accounts=accounts,
            cookies=SessionCookies(is_secure=self._settings.is_production),
            directory=store,
            demonstration=KeptLogins(self._settings.home) if is_shown else NoDemonstration(),
            clock=system_clock,
        )


def radiotherapy_desk(settings: Settings, database: Database, keyring: Keyring, auditor: Auditor) -> Desk:
    """What the pages of radiotherapy stand on."""
    documents = documents_of(settings, database, keyring)
    cases = Cases(database, documents, auditor, system_clock)
    return Desk(
        cases=cases,
        looking=LateLooking(cases, documents),
        deliveries=Deliveries(database, documents, auditor, system_clock),
        works=Works(database, system_clock, most=load_limits(settings.limits_file).open_works),
        documents=documents,
        machines=MachineFiles(settings.home / FOLDER),
        density_tables=DensityTables(settings.home / TABLES_FOLDER),
        clock=system_clock,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """Live rooms as a worker has them: the media server, who may come in, and by which relay."""

    media: EmbeddedMedia
    grants: Grants
    relay: Relay
    viewers: Viewers


def rooms_of(settings: Settings, database: Database, keyring: Keyring, auditor: Auditor) -> Rooms:
    """The live rooms of an installation; the media server need not run yet."""
    socket = media_socket(settings)
    media = RemoteJanus(socket) if settings.media_server == "janus" else EmbeddedMedia(socket)
    trail = RoomTrail(auditor, system_clock)
    grants = Grants(database, keyring.index_secret, media, trail, system_clock)
    return Rooms(
        media=media,
        grants=grants,
        relay=open_relay(settings.turn_addresses, settings.turn_secret_file),
        viewers=Viewers(database, keyring.index_secret),
    )


async def ended(work: asyncio.Task[None]) -> None:
    """End work that must say goodbye while the database is still there."""
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work


def visits_of(database: Database, store: Store, auditor: Auditor, keyring: Keyring, rooms: Rooms) -> VisitHouse:
    """What newborns' visits stand on."""
    return VisitHouse(
        store=store,
        rooms=KeptRooms(database),
        watch=Watch(database),
        media=rooms.media,
        doors=doors_of(rooms),
        trail=ViewTrail(auditor=auditor, clock=system_clock),
        clock=system_clock,
        digest=lambda text: blind(keyring.index_secret, "wristband", text.encode(), size_bytes=16).hex(),
        policies=Places(database, system_clock),
    )


def doors_of(rooms: Rooms) -> GrantedDoors:
    """By which people come in to visits and are sent away."""
    return GrantedDoors(grants=rooms.grants, viewers=rooms.viewers)


def settle_memory() -> None:
    """Take what a worker holds from its start until its end out of the search for rings."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def accounts_of(settings: Settings, database: Database, keyring: Keyring, auditor: Auditor) -> Accounts:
    """The accounts of an installation."""
    return open_accounts(
        database,
        keyring,
        auditor,
        sender=sender_of(settings),
        issuer=ISSUER_NAME,
        party=relying_party_of(settings),
        clock=system_clock,
        providers=load_providers(settings.providers_file, here=settings.address, is_production=settings.is_production),
        fetcher=fetcher_of(settings),
    )


def fetcher_of(settings: Settings) -> Fetcher:
    """The way to others' servers; in production not to our own networks, but for those that the operator names."""
    return HttpFetcher(reach=Reach(is_anywhere=not settings.is_production, inside=settings.inner_networks))


def relying_party_of(settings: Settings) -> RelyingParty:
    """To whom passkeys are bound: the host of our address."""
    return RelyingParty.at(settings.address or f"http://localhost:{settings.port}", ISSUER_NAME)


async def authorisation_server(
    settings: Settings, database: Database, keyring: Keyring, auditor: Auditor
) -> AuthorisationServer:
    """Where programs sign in; raises Refusal `address-missing` for an installation that does not know its own."""
    if settings.address is None:
        raise Refusal("address-missing", next_step="set-it", details={"setting": "TIANFU_ADDRESS"})
    return await AuthorisationServer.open(
        database,
        keyring,
        auditor,
        fetcher_of(settings),
        issuer=settings.address,
        base=f"{settings.address}/{BASE_SEGMENT}",
        clock=system_clock,
        is_production=settings.is_production,
    )


def sender_of(settings: Settings) -> CodeSender:
    """Who carries one-time codes to telephones."""
    address, secret_file = settings.codes_address, settings.codes_secret_file
    return open_sender(address, secret_file, sys.stderr, is_production=settings.is_production)


def notices_of(settings: Settings) -> Notices:
    """Who carries reminders to telephones."""
    address, secret_file = settings.notices_address, settings.notices_secret_file
    return open_notices(address, secret_file, sys.stderr, is_production=settings.is_production)


def doorkeeping_of(
    settings: Settings, database: Database, secret: bytes, accounts: Accounts, server: AuthorisationServer
) -> Doorkeeping:
    """Who lets people and machines in, and who counts what they ask."""
    limiter = Limiter(KeptBuckets(database), load_limits(settings.limits_file), monotonic=time.monotonic)
    trail, is_production = server.trail, settings.is_production
    people = PeopleCallers(accounts.sessions, accounts.signing_in, limiter, trail, is_production=is_production)
    callers = AllCallers(people, TokenCallers(server, limiter, trail, is_production=is_production))
    return Doorkeeping(callers=callers, limiter=limiter)


def doorkeeper_of(settings: Settings, doorkeeping: Doorkeeping) -> Doorkeeper:
    """The same at the FHIR door."""
    return Doorkeeper(
        callers=doorkeeping.callers,
        limiter=doorkeeping.limiter,
        hosts=LOOPBACK_HOSTS | settings.hosts,
        is_production=settings.is_production,
    )


async def end_what_was_revoked(grants: Grants) -> None:
    """End connections that outlived their end because the media server was away, and cameras whose shift is over.

    Goes on until cancelled.
    """
    while True:
        await asyncio.sleep(END_REVOKED_SECONDS)
        try:
            await grants.end_what_was_revoked()
            await grants.end_what_is_over()
        except Refusal as refusal:  # it is still away, or the database is
            _log.warning("not_ended", code=refusal.code)
        except Exception as error:
            _log.error("not_ended", error=place_of(error))


async def forget_what_is_over(
    database: Database, accounts: Accounts, server: AuthorisationServer, rooms: Rooms, *, clock: Clock
) -> None:
    """Take away rows that say nothing any more, again and again; goes on until cancelled."""
    while True:
        await asyncio.sleep(FORGET_SECONDS)
        try:
            await KeptBuckets(database).forget_full()
            await accounts.forget_what_is_over(clock)
            await server.forget_what_is_over()
            await rooms.grants.forget_what_is_over()
            await rooms.viewers.forget_what_is_over(now=clock())
        except Exception as error:
            _log.error("not_forgotten", error=place_of(error))
