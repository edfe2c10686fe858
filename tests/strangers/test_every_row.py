import pytest

from tests.permission_table import *
from tests.strangers.installation import *
from tests.strangers.pages import *
from tests.strangers.people import *

pytestmark = pytest.mark.anyio


async def test_it(addresses, tmp_path, monkeypatch):
    async with installation_of(addresses, tmp_path, monkeypatch) as here:
        await settle(here)
        co = await company_of(here)
        await here.tokens(co.browsers["lin"], "openid user/*.rs")
        th = await things_of(here, co)
        who = [
            "zhou",
            "tang",
            "regulator",
            "neighbour",
            "other-keeper",
            "other-head",
            "lin",
            "herself",
            "officer",
            "keeper",
            "head",
        ]
        co.browsers["nobody"] = here.browser()
        L = []
        for row in page_rows():
            r = []
            for n in ["nobody", *who]:
                if row.path == "/leave":
                    continue
                if n in ("lin", "herself", "officer", "keeper", "head") and row.method == "POST":
                    r.append("-")
                    continue
                b = co.browsers[n]
                if n == "nobody":
                    b.session = b.device = ""
                a = await opens(b, row, th)
                x = str(a.status_code)
                if a.status_code == 303:
                    x += a.headers["location"][:22]
                if RECORD in a.text:
                    x += "R"
                if NAME in a.text:
                    x += "N"
                r.append(x)
            L.append(f"{row.method} {row.path} [{row.purpose}] {row.stranger}: {' '.join(r)}")
        print("\n@@".join(["@@" + " ".join(who)] + L))
