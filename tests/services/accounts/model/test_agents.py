"""What browsers call themselves, read as people would."""

from __future__ import annotations

import pytest

from tianfu.services.accounts.model.agents import agent_of

MOZILLA = "Mozilla/5.0"
LIKE_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("text", "browser", "system"),
    [
        (f"{MOZILLA} (X11; Linux x86_64) {LIKE_CHROME}", "Chrome", "Linux"),
        (f"{MOZILLA} (Windows NT 10.0; Win64; x64) {LIKE_CHROME} Edg/140.0.0.0", "Edge", "Windows"),
        (f"{MOZILLA} (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", "Mac"),
        (f"{MOZILLA} (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari", "iPhone"),
        (f"{MOZILLA} (Linux; Android 15) {LIKE_CHROME} MicroMessenger/8.0", "WeChat", "Android"),
        (f"{MOZILLA} (Phone; OpenHarmony 5.0) {LIKE_CHROME} HuaweiBrowser/5.0", "Huawei Browser", "HarmonyOS"),
        ("curl/8.0", "", ""),
        ("", "", ""),
    ],
)
def test_the_most_special_name_is_the_browsers(text: str, browser: str, system: str) -> None:
    assert agent_of(text) == (browser, system)
