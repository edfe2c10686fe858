"""The family's diary over HTTP: released days, the curve, and photos.  No name or number is ever in an address."""

from __future__ import annotations

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.newborn.growth_chart import growth_chart
from tianfu.apps.newborn.model.growth import standard
from tianfu.apps.newborn.model.photo import MEDIA_TYPE
from tianfu.apps.newborn.pages import ROOT, page_of, resident
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.diary import read_family_diary, read_family_photo
from tianfu.apps.newborn.queries.family_home import read_babies
from tianfu.web.asking import HttpRequest
from tianfu.web.pages import Pages

DIARY = f"{ROOT}/diary"
PHOTO_HEADERS = {
    "cache-control": "no-store",
    "content-disposition": "inline",
    "cross-origin-resource-policy": "same-origin",
}


def diary_routes(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    """The pages of guardians; an invited relative's account opens no record, so they are not there for him."""

    @get(DIARY)
    async def show_diaries(request: HttpRequest) -> Response[str] | Redirect:
        babies = await read_babies(nursery, resident(request).caller)
        if len(babies) == 1:
            return Redirect(f"{DIARY}/{babies[0].id}", status_code=303)
        return page_of(pages, request)("diary/babies.html", babies=babies)

    @get(f"{DIARY}/{{baby:str}}")
    async def show_diary(request: HttpRequest, baby: FromPath[str]) -> Response[str]:
        found = await read_family_diary(nursery, resident(request).caller, baby)
        diary, language = found.diary, pages.asking(request).language
        drawn = growth_chart(diary.weighed, diary.born, language)
        return page_of(pages, request)("diary/family.html", found=found, drawn=drawn, standard=standard())

    @get(f"{DIARY}/{{baby:str}}/photos/{{photo:str}}")
    async def show_photo(request: HttpRequest, baby: FromPath[str], photo: FromPath[str]) -> Response[bytes]:
        picture = await read_family_photo(nursery, resident(request).caller, baby, photo)
        return Response(picture, media_type=MEDIA_TYPE, headers=PHOTO_HEADERS)

    return [show_diaries, show_diary, show_photo]
