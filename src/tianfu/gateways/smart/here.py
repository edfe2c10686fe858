"""Who sits at a browser, by the two cookies of his session; and where he signs in or proves again who he is."""

from __future__ import annotations

from urllib.parse import urlencode

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn
from tianfu.web.admission import SIGN_IN_PATH, SessionCookies, prove_at
from tianfu.web.asking import HttpRequest
from tianfu.web.callers import Callers

NOT_HERE = frozenset({"sign-in-needed", "session-over", "role-of-development"})
"""What says that a browser's session is good for nothing; all else is no answer to the question."""


class SessionHere:
    """Let in by the same doorkeeper as on every page, so that a session counts here for what it counts there."""

    def __init__(self, callers: Callers, cookies: SessionCookies) -> None:
        self._callers = callers
        self._cookies = cookies

    async def signed_in(self, request: HttpRequest) -> SignedIn | None:
        """The session that the request's cookies stand for."""
        try:
            admitted = await self._callers.visitor(self._cookies.carried(request))
        except Refusal as refusal:
            if refusal.code in NOT_HERE:
                return None
            raise
        return admitted.signed_in

    def entrance(self, onward: str, *, again: bool) -> str:
        """Where somebody signs in and then goes on; whoever has a session proves again who he is."""
        return prove_at(onward) if again else f"{SIGN_IN_PATH}?{urlencode({'next': onward})}"
