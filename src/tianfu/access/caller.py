"""Who asks: the person or machine on whose behalf the store acts."""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.access.scopes import Scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A person or machine that was let in; `id` is opaque and safe to write into a log.

    `organisation` and `practitioner` are ids of an Organization and a Practitioner; `patients` are the Patient
    records of the person himself, one from each library; `related` are the RelatedPerson records by which somebody
    else's record names him (a parent, a proxy).  `session` names the sign-in in the trace.

    `scopes` are those of the token that a program shows for him, and narrow what he may do; None means that no token
    stands between, and nothing is narrowed.  `launch_patient` is the id of the Patient for whom the program was
    launched: whose records `patient/` scopes mean.
    """

    id: str
    role: str
    organisation: str | None = None
    practitioner: str | None = None
    patients: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    session: str = ""
    scopes: Scopes | None = None
    launch_patient: str | None = None


IMPORTER = Caller(id="importer", role="system")
OPERATOR = Caller(id="command-line", role="system")

NOBODY = Caller(id="nobody", role="nobody")
"""Whoever looks at what is open to all, such as an error page; may see no record."""
