"""The pages of the entrance over HTTP.  No number, code or secret is ever in an address."""

from __future__ import annotations

from pathlib import Path

from tianfu.apps.entrance.account_routes import account_routes
from tianfu.apps.entrance.answering import ACCOUNT, Entrance
from tianfu.apps.entrance.outside_routes import outside_routes
from tianfu.apps.entrance.paper_routes import PAPERS, paper_routes
from tianfu.apps.entrance.passkey_routes import passkey_routes
from tianfu.apps.entrance.proving_routes import proving_routes
from tianfu.apps.entrance.real_name_routes import real_name_routes
from tianfu.apps.entrance.sign_in_routes import sign_in_routes
from tianfu.apps.entrance.whose_routes import whose_routes
from tianfu.services.accounts.papers import DESK
from tianfu.web.pages import Place
from tianfu.web.site import App


def entrance(house: Entrance) -> App:
    """The app as the site takes it."""
    return App(
        name="entrance",
        folder=Path(__file__).parent,
        places=(
            Place(key="place.papers", address=PAPERS, icon="i-ticket", roles=frozenset({DESK})),
            Place(key="place.account", address=ACCOUNT, icon="i-user"),
        ),
        routes=lambda pages: [
            *sign_in_routes(pages, house),
            *account_routes(pages, house),
            *proving_routes(pages, house),
            *real_name_routes(pages, house),
            *passkey_routes(pages, house),
            *outside_routes(pages, house),
            *whose_routes(pages, house),
            *paper_routes(pages, house),
        ],
    )
