"""The head nurse's page of what visits take of her nurses, shift by shift."""

from __future__ import annotations

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.pages import head_nurse, page_of
from tianfu.apps.newborn.queries.workload import DAYS, read_workload
from tianfu.web.asking import HttpRequest
from tianfu.web.pages import Pages

WORKLOAD = "/newborn/workload"


def workload_routes(pages: Pages, house: House) -> list[HTTPRouteHandler]:
    """One page, for the head nurse alone: a nurse sees her own shift on her round."""

    @get(WORKLOAD)
    async def show_workload(request: HttpRequest) -> Response[str]:
        found = await read_workload(house, head_nurse(request).caller, now=house.clock())
        return page_of(pages, request)("head-nurse/workload.html", found=found, days=DAYS)

    return [show_workload]
