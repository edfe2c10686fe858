"""The pages about the programs that somebody let in, and those that staff start from a patient's page.

Starting one is SMART App Launch 2.2's "EHR launch": the program is told a handle that is good once, for this session
and this patient, and asks for access with it as always.
"""

from __future__ import annotations

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.gateways.smart.ports import PatientChoices, WhoIsHere
from tianfu.gateways.smart.speech import lines_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.oauth.clients import Clients
from tianfu.services.accounts.oauth.launches import Launches
from tianfu.services.accounts.oauth.model.clients import Client
from tianfu.services.accounts.oauth.model.redirects import form_target
from tianfu.services.accounts.oauth.permitted import Permitted
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.pages import Pages
from tianfu.web.protection import CONTENT_SECURITY_POLICY

PERMITTED_PATH = "/account/programs"
LAUNCH_PATH = "/programs/{patient:str}"


def programs_routes(
    pages: Pages,
    who: WhoIsHere,
    people: PatientChoices,
    permitted: Permitted,
    clients: Clients,
    launches: Launches,
) -> list[HTTPRouteHandler]:
    """The pages and their forms."""

    async def here(request: HttpRequest) -> SignedIn:
        signed_in = await who.signed_in(request)
        if signed_in is None:
            raise Refusal("not-found", next_step="start-again")
        return signed_in

    @get(PERMITTED_PATH)
    async def show_permitted(request: HttpRequest) -> Response[str]:
        asking = pages.asking(request)
        signed_in = await here(request)
        permissions = await permitted.of(signed_in)
        patients = dict.fromkeys(each.allowed.patient for each in permissions if each.allowed.patient)
        return pages.page(
            "smart/permitted.html",
            asking,
            permissions=[(each, lines_of(each.allowed.scopes, asking.language)) for each in permissions],
            names={each: await people.may_see(signed_in, each) for each in patients},
            is_done=request.query_params.get("done") == "ended",
        )

    @post(f"{PERMITTED_PATH}/end", status_code=303)
    async def end_permission(request: HttpRequest) -> Redirect:
        form = await read_form(request, "permission")
        await permitted.end(await here(request), form["permission"])
        return Redirect(f"{PERMITTED_PATH}?done=ended", status_code=303)

    async def launchable(request: HttpRequest, patient: str) -> tuple[SignedIn, str, list[Client]]:
        """Who starts a program, for whom, and which there are; to whoever may not see the patient none is there."""
        signed_in = await here(request)
        name = await people.may_see(signed_in, patient) if signed_in.workplace is not None else None
        if name is None:
            raise Refusal("not-found", next_step="start-again")
        return signed_in, name, [each for each in await clients.list() if each.launch_at and not each.is_disabled]

    @get(LAUNCH_PATH)
    async def show_programs(request: HttpRequest, patient: FromPath[str]) -> Response[str]:
        _, name, programs = await launchable(request, patient)
        page = pages.page("smart/programs.html", pages.asking(request), patient=patient, name=name, programs=programs)
        # Browsers hold an answer to a form to `form-action` too, and this one leads to the program.
        # The program asks for authorisation at once, and is answered at its own address if nothing can be asked.
        addresses = [address for each in programs for address in (each.launch_at, *each.redirects) if address]
        targets = " ".join(dict.fromkeys(form_target(address) for address in addresses))
        page.headers["content-security-policy"] = CONTENT_SECURITY_POLICY.replace(
            "form-action 'self'", f"form-action 'self' {targets}".rstrip()
        )
        return page

    @post(LAUNCH_PATH, status_code=303)
    async def start_program(request: HttpRequest, patient: FromPath[str]) -> Redirect:
        signed_in, _, programs = await launchable(request, patient)
        wanted = (await read_form(request, "program"))["program"]
        chosen = next((each for each in programs if each.id == wanted), None)
        if chosen is None:
            raise Refusal("not-found", next_step="start-again")
        address = await launches.start(signed_in, chosen, patient)
        headers = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
        return Redirect(address, status_code=303, headers=headers)

    return [show_permitted, end_permission, show_programs, start_program]
