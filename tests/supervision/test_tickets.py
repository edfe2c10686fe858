"""A ticket from the command line opens the doors of a running installation, until it is ended."""

from __future__ import annotations

import httpx
import psycopg
import pytest
from tests.supervision.installation import Installation, wait_until

from tianfu.db import EmbeddedPostgres, Role


@pytest.mark.slow  # starts the whole program
def test_a_ticket_lets_in_until_its_session_is_ended(installation: Installation) -> None:
    installation.serve()
    given = installation.run(
        "ticket", "--for", "machines", "--role", "doctor", "--practitioner", "made-up", "--purpose", "TREAT",
        "--minutes", "5",
    )  # fmt: skip
    assert given.returncode == 0, given.stderr
    headers = {"authorization": f"Bearer {given.stdout.strip()}"}
    session = given.stderr.split("session ", 1)[1].partition(",")[0]

    def status() -> int:
        return httpx.get(f"http://localhost:{installation.port}/fhir/Patient", headers=headers).status_code

    assert {status() for _ in range(8)} == {200}
    ended = installation.run("end-session", session)
    assert ended.returncode == 0, ended.stderr
    wait_until(lambda: {status() for _ in range(8)} == {401})
    assert httpx.get(f"http://localhost:{installation.port}/fhir/Patient").status_code == 200  # the desk


@pytest.mark.slow  # starts the program several times
@pytest.mark.parametrize(
    "words",
    [
        ["--role", "system", "--practitioner", "p", "--purpose", "TREAT", "--minutes", "5", "--for", "machines"],
        ["--role", "doctor", "--practitioner", "p", "--purpose", "TREAT", "--minutes", "16", "--for", "machines"],
        ["--role", "doctor", "--practitioner", "p", "--purpose", "TREAT", "--minutes", "721", "--for", "pages"],
        ["--role", "doctor", "--practitioner", "p", "--purpose", "ANY", "--minutes", "5", "--for", "machines"],
        ["--role", "doctor", "--practitioner", "p", "--minutes", "5", "--for", "machines"],
        ["--role", "doctor", "--practitioner", "p", "--purpose", "PATRQT", "--minutes", "5", "--for", "machines"],
        ["--role", "doctor", "--practitioner", "p", "--purpose", "TREAT", "--for", "machines"],
        ["--role", "doctor", "--practitioner", "p", "--purpose", "TREAT", "--minutes", "5"],
        ["--role", "doctor", "--purpose", "TREAT", "--minutes", "5", "--for", "machines"],
    ],
    ids=" ".join,
)
def test_no_ticket_is_given_that_would_let_in_too_much(installation: Installation, words: list[str]) -> None:
    done = installation.run("ticket", *words)
    assert done.returncode == 2, done.stdout
    assert done.stdout == ""


@pytest.mark.slow  # starts the program several times
def test_every_ticket_and_every_end_of_a_session_stands_in_the_trail(installation: Installation) -> None:
    words = ["--role", "citizen", "--patient", "ada", "--purpose", "PATRQT", "--minutes", "5", "--for", "pages"]
    given = installation.run("ticket", *words)
    assert given.returncode == 0, given.stderr
    session = given.stderr.split()[1].strip(",")
    assert installation.run("end-session", session).returncode == 0
    server = EmbeddedPostgres(installation.home)
    with server.running() as addresses, psycopg.connect(addresses.of(Role.OWNER)) as connection:
        rows = connection.execute("select interaction, caller, request from audit order by at, number").fetchall()
    assert rows == [("ticket-given", "command-line", session), ("session-ended", "command-line", session)]
