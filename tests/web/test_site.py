"""What every page of the site promises: protection, errors that help, remembered choices, cached assets."""

from __future__ import annotations

import re
from typing import Any

import pytest
import structlog
from litestar.testing import TestClient

from tianfu.access.caller import NOBODY
from tianfu.web.pages import Place, places_of

Site = TestClient[Any]


@pytest.mark.parametrize("path", ["/preferences", "/nowhere", "/healthz", "/static/site-1234.css", "/broken"])
def test_every_answer_carries_the_protective_headers(site: Site, path: str) -> None:
    headers = site.get(path).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_pages_are_not_kept_by_the_browser(site: Site) -> None:
    assert site.get("/preferences").headers["cache-control"] == "no-store"


def test_a_page_holds_no_script_or_style_of_its_own(site: Site) -> None:
    page = site.get("/preferences").text
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", page) == []


@pytest.mark.parametrize("host", ["elsewhere.example", "made-up.local.elsewhere.example", ""])
def test_a_request_for_another_host_is_refused(site: Site, host: str) -> None:
    assert site.get("/preferences", headers={"host": host}).status_code == 403


def test_a_host_may_have_a_port(site: Site) -> None:
    assert site.get("/preferences", headers={"host": "made-up.local:8000"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_form_that_another_site_sends_is_refused(site: Site, headers: dict[str, str]) -> None:
    assert site.post("/preferences", data={"elder": "on"}, headers=headers).status_code == 403


def test_a_form_of_our_own_is_taken(site: Site) -> None:
    headers = {"sec-fetch-site": "same-origin", "origin": "http://made-up.local"}
    assert site.post("/preferences", data={"elder": "on"}, headers=headers).status_code == 303


def test_an_unknown_address_is_a_page_that_helps(site: Site) -> None:
    answer = site.get("/nowhere")
    assert answer.status_code == 404
    assert "没有找到" in answer.text
    assert "回到首页" in answer.text


def test_a_method_that_an_address_does_not_take_says_which_it_does(site: Site) -> None:
    answer = site.put("/preferences")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


def test_a_form_that_is_too_large_is_refused(site: Site) -> None:
    assert site.post("/sent", data={"much": "x" * 70_000}).status_code == 413


def test_a_refusal_says_what_happened_what_was_kept_and_what_to_do(site: Site) -> None:
    answer = site.get("/refused", headers={"accept-language": "en"})
    assert answer.status_code == 503
    for said in ("cannot be reached right now", "No record was changed", "Try again in a few minutes"):
        assert said in answer.text
    assert "Patient.name[0]" in answer.text


def test_the_number_on_an_error_page_is_in_the_log(site: Site) -> None:
    with structlog.testing.capture_logs() as lines:
        page = site.get("/refused").text
    assert lines[0]["reference"] in page


def test_a_mistake_of_ours_leaves_its_place_in_the_log_but_no_words(site: Site) -> None:
    with structlog.testing.capture_logs() as lines:
        answer = site.get("/broken")
    assert answer.status_code == 500
    assert lines[0]["error"] == "ZeroDivisionError"
    assert any("conftest.py" in place for place in lines[0]["places"])
    assert "510104199106099283" not in str(lines) + answer.text


def test_chinese_is_spoken_when_nothing_else_is_asked(site: Site) -> None:
    assert '<html lang="zh-CN"' in site.get("/preferences", headers={"accept-language": "fr, de;q=0.9"}).text


def test_the_browsers_language_is_heard(site: Site) -> None:
    assert '<html lang="en"' in site.get("/preferences", headers={"accept-language": "fr, en-GB;q=0.9"}).text


def test_a_language_once_asked_for_is_remembered(site: Site) -> None:
    site.get("/preferences?lang=en")
    assert '<html lang="en"' in site.get("/preferences", headers={"accept-language": "zh-CN"}).text


def test_a_remembered_look_is_in_the_first_paint(site: Site) -> None:
    site.post("/preferences", data={"scheme": "night", "density": "citizen", "elder": "on", "lang": "en"})
    page = site.get("/preferences").text
    assert '<html lang="en" data-scheme="night" data-density="citizen" data-elder="on">' in page


def test_a_choice_that_does_not_exist_changes_nothing(site: Site) -> None:
    site.post("/preferences", data={"scheme": "neon", "density": "dense", "elder": "very", "lang": "xx"})
    assert '<html lang="zh-CN" data-scheme="light" data-density="citizen">' in site.get("/preferences").text


def test_another_choice_leaves_the_density_to_whoever_comes(site: Site) -> None:
    site.post("/preferences", data={"elder": "on"})
    assert site.cookies["look"] == "light.on"
    site.post("/preferences", data={"density": "clinician"})
    site.post("/preferences", data={"scheme": "night"})
    assert site.cookies["look"] == "night.clinician.on"


def test_a_cookie_that_makes_no_sense_is_passed_over(site: Site) -> None:
    site.cookies.set("look", "on.on.neon.citizen")
    assert 'data-density="citizen"' in site.get("/preferences").text


@pytest.mark.parametrize(
    "back", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere", "/\nx", "nowhere"]
)
def test_a_redirect_never_leads_away(site: Site, back: str) -> None:
    assert site.post("/preferences", data={"back": back}).headers["location"] == "/"


def test_a_redirect_leads_back_to_the_page_one_came_from(site: Site) -> None:
    answer = site.post("/preferences", data={"back": "/lifelong?kind=result"})
    assert answer.headers["location"] == "/lifelong?kind=result"


def test_assets_are_good_for_ever_and_come_compressed(site: Site) -> None:
    with site.stream("GET", "/static/site-1234.css", headers={"accept-encoding": "gzip"}) as answer:
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"
    plain = site.get("/static/site-1234.css", headers={"accept-encoding": "identity"})
    assert plain.text == "a{}"


def test_an_asset_that_was_not_built_is_not_found(site: Site) -> None:
    assert site.get("/static/../secret.key").status_code == 404


def test_demo_pages_say_that_they_are_a_demonstration(site: Site) -> None:
    assert 'class="demo"' in site.get("/preferences").text


def test_a_worker_says_that_it_lives(site: Site) -> None:
    assert site.get("/healthz").text == "ok"


def test_a_place_gives_way_where_there_are_five_others() -> None:
    places = [Place(key=f"place-{number}", address="/", icon="i-eye", is_open=True) for number in range(5)]
    last = Place(key="last", address="/", icon="i-eye", is_open=True, gives_way=True)
    assert places_of(NOBODY, [*places, last]) == tuple(places)
    assert places_of(NOBODY, [*places[:4], last]) == (*places[:4], last)
