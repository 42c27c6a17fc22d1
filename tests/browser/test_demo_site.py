"""The demo site in a browser: its pages, form, upload, login, session, publisher, PSP, and reloading while it runs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from demosite import CONF, FILES
from httpd import Httpd
from site_browser import Browser

__all__ = ["CONF", "FILES"]


def test_every_page_of_the_navigation_opens_with_its_style(browser: Browser) -> None:
    names = [name for name in browser.text("nav").split() if name != "Password"]
    assert len(names) > 8
    for name in names:
        browser.follow(name)
        assert browser.text("nav a[aria-current=page]") == name
        assert browser.text("h1")
        assert browser.one("summary").is_displayed()
        assert browser.one("header").value_of_css_property("display") == "flex", "the stylesheet does not count"
        assert browser.complaints() == []


def test_a_form_is_sent_and_answered(browser: Browser) -> None:
    browser.follow("Form")
    browser.fill("Your name", "Ada <script>document.title = 'broken'</script>")
    browser.fill("Message", "Grüße & Küsse\n\N{SNOWMAN}")
    browser.press("Send")
    assert "Hello, Ada <script>document.title = 'broken'</script>!" in browser.text(".answer")
    assert browser.text(".answer blockquote") == "Grüße & Küsse\n\N{SNOWMAN}"
    assert browser.driver.title == "Form · mod_python"
    assert browser.complaints() == []


def test_a_file_is_uploaded(browser: Browser, tmp_path: Path) -> None:
    content = bytes(range(256)) * 8000
    file = tmp_path / "Übung 1.bin"
    file.write_bytes(content)
    browser.follow("Upload")
    browser.fill("A file, up to 4 MB", str(file))
    browser.fill("A note about it", "first <try>")
    browser.press("Upload")
    assert browser.fact("Name") == "Übung 1.bin"
    assert browser.fact("Size") == f"{len(content)} bytes"
    assert browser.fact("SHA-256") == hashlib.sha256(content).hexdigest()
    assert browser.fact("Note") == "first <try>"


def test_a_file_that_is_too_large_is_refused(browser: Browser, httpd: Httpd, tmp_path: Path) -> None:
    file = tmp_path / "large.bin"
    file.write_bytes(bytes(5_000_000))
    browser.follow("Upload")
    browser.fill("A file, up to 4 MB", str(file))
    browser.press("Upload")
    assert "Request Entity Too Large" in browser.text("h1")
    httpd.claim("refused with 413: a form with more than 4194304 bytes")


def log_in(browser: Browser, name: str, password: str) -> None:
    browser.fill("Any name", name)
    browser.fill("The password is demo", password)
    browser.press("Log in")


def test_the_login_lasts_until_logout(browser: Browser) -> None:
    browser.follow("Login")
    log_in(browser, "Grace", "secret")
    assert browser.text(".alert") == "That is not the password."
    log_in(browser, "Grace", "demo")
    assert browser.path == "/login"
    assert "You are Grace." in browser.text("main")
    browser.reload()
    browser.follow("Start")
    browser.follow("Login")
    assert "You are Grace." in browser.text("main")
    browser.press("Log out")
    assert "You are Grace." not in browser.text("main")
    assert browser.has("input[type=password]")


def views(browser: Browser) -> int:
    return int(browser.text(".big strong"))


def test_the_session_counts_and_belongs_to_its_browser(browser: Browser) -> None:
    browser.follow("Login")
    assert views(browser) == 1
    for count in (2, 3):
        browser.reload()
        assert views(browser) == count
    cookie = browser.driver.get_cookie("pysid")
    assert cookie is not None
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert browser.driver.execute_script("return document.cookie") == ""
    browser.driver.delete_all_cookies()
    browser.reload()
    assert views(browser) == 1
    browser.driver.delete_all_cookies()
    browser.driver.add_cookie({"name": "pysid", "value": cookie["value"]})
    browser.reload()
    assert views(browser) == 4


def test_the_publisher_adds(browser: Browser, httpd: Httpd) -> None:
    browser.follow("Publisher")
    browser.fill("A whole number", "-2")
    browser.fill("Another one", "44")
    browser.press("Add")
    assert browser.text(".answer") == "-2 + 44 = 42"
    browser.fill("Another one", "many")
    browser.press("Add")
    assert "'b'" in browser.text()
    httpd.claim("refused with 400: field 'b'")


def test_the_page_with_python_greets(browser: Browser) -> None:
    browser.follow("PSP")
    assert not browser.has(".answer")
    browser.fill("Your name", "<b>Alan</b>")
    browser.press("Greet")
    assert browser.text(".answer") == "Hello, <b>Alan</b>!"
    assert browser.fact("5") == "25"


def test_the_password_is_asked_for(browser: Browser) -> None:
    browser.driver.get(browser.site.replace("http://", "http://demo:demo@") + "/private")
    assert "Welcome, demo." in browser.text("main")


@pytest.mark.parametrize(("file", "before", "after", "page", "where"), [
    ("autoreload.py", '"Change me!"', '"Changed."', "Autoreload", ".big"),
    ("layout.py", "How this page is made", "Changed.", "Autoreload", ".source h2"),
    ("static/psp/clock.psp", "<table>", '<p class="new">Changed.</p><table>', "PSP", ".new"),
    ("static/publisher/calculator.py", "A whole number", "Changed.", "Publisher", "label"),
])
def test_an_edited_file_is_seen_when_the_page_is_loaded_again(browser: Browser, httpd: Httpd, file: str, before: str,
                                                               after: str, page: str, where: str) -> None:
    source = FILES[f"examples/{file}"].decode()
    assert source.count(before) == 1
    browser.follow(page)
    assert "Changed." not in browser.text("main")
    httpd.write(f"examples/{file}", source.replace(before, after))
    browser.reload()
    assert browser.text(where) == "Changed."
    httpd.write(f"examples/{file}", source)
    browser.reload()
    assert "Changed." not in browser.text("main")


def test_a_mistake_is_shown_and_healed(browser: Browser, httpd: Httpd) -> None:
    source = FILES["examples/autoreload.py"].decode()
    browser.follow("Autoreload")
    httpd.write("examples/autoreload.py", source.replace('"Change me!"', '("Change me!"'))
    browser.reload()
    assert "SyntaxError: '(' was never closed" in browser.text()
    httpd.claim_failure("PythonHandler autoreload", "SyntaxError: '(' was never closed", "demo")
    httpd.write("examples/autoreload.py", source)
    browser.reload()
    assert browser.text(".big") == "Change me!"
