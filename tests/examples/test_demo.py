"""The demo site, each page as a browser meets it. The server has a copy, so that pages can be edited."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from client import Response
from demosite import CONF, FILES
from httpd import Httpd

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PAGES = [
    "/",
    "/handlers",
    "/interpreters",
    "/interpreters/second",
    "/interpreters/parallel",
    "/visits",
    "/form",
    "/upload",
    "/login",
    "/publisher/calculator",
    "/psp/clock.psp",
    "/autoreload",
]
VOID = {"meta", "link", "input", "br"}


class Markup(HTMLParser):
    """Collects links, and fails on an element that is closed wrongly or left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if name == "href" and value and not value.startswith("data:")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes another element"


def fact(page: Response, name: str) -> str:
    """The value beside a name in a page's table."""
    found = re.search(rf'<th scope="row">{re.escape(name)}</th><td>(.*?)</td>', page.text)
    assert found, f"the page has no {name}"
    return found[1]


def uploaded(content: bytes, filename: str = "blå.bin", note: str = "<n>") -> tuple[bytes, dict[str, str]]:
    """Body and header of a form with a file."""
    body = (
        f'--b\r\nContent-Disposition: form-data; name="note"\r\n\r\n{note}\r\n'
        f'--b\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    return body + content + b"\r\n--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_html_and_shows_its_source_and_configuration(httpd: Httpd, path: str) -> None:
    page = httpd.get(path)
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    Markup(page.text)
    assert "<h1>" in page.text
    assert 'class="source"' in page.text
    assert "<summary>demo.conf</summary>" in page.text
    assert ("&lt;%" if path.endswith(".psp") else "def</span> ") in page.text
    assert "SetHandler mod_python" in page.text


def test_every_link_of_every_page_leads_somewhere(httpd: Httpd) -> None:
    links = {link for path in PAGES for link in Markup(httpd.get(path).text).links if link.startswith("/")}
    links.remove("/private")
    assert {path: httpd.get(path).status for path in links} == dict.fromkeys(links, 200)


def test_files_beside_the_pages_are_served_by_httpd(httpd: Httpd) -> None:
    sheet = httpd.get("/style.css")
    assert sheet.status == 200
    assert sheet.headers["Content-Type"] == "text/css; charset=utf-8"
    assert httpd.get("/no-such-page").status == 404
    assert httpd.get("/form.py").status == 404


def test_the_handlers_page_names_the_phases_that_ran(httpd: Httpd) -> None:
    page = httpd.get("/handlers")
    phases = re.findall(r"<li><code>(Python\w+)</code></li>", page.text)
    assert phases == [
        "PythonHeaderParserHandler",
        "PythonAccessHandler",
        "PythonTypeHandler",
        "PythonFixupHandler",
        "PythonHandler",
    ]
    assert "left this note" in page.text
    httpd.claim(r"demo: GET /handlers answered 200")


@pytest.mark.parametrize(
    ("result", "status"),
    [("not-found", 404), ("forbidden", 403), ("teapot", 418), ("redirect", 303), ("no-such-result", 200)],
)
def test_a_handler_answers_with_the_status_that_was_asked_for(httpd: Httpd, result: str, status: int) -> None:
    assert httpd.get(f"/handlers?result={result}").status == status


def test_the_traceback_of_the_handlers_page_is_shown_and_logged(httpd: Httpd) -> None:
    page = httpd.get("/handlers?result=error")
    assert page.status == 500
    assert "RuntimeError: this is what a traceback looks like" in page.text
    httpd.claim_failure("PythonHandler handlers", "RuntimeError: this is what a traceback looks like", "demo")


def test_each_interpreter_has_its_own_counter_and_was_loaded_before_the_request(httpd: Httpd) -> None:
    names = {"/interpreters": "demo", "/interpreters/second": "second", "/interpreters/parallel": "parallel"}
    before = {path: httpd.get(path) for path in names}
    assert {path: fact(page, "Interpreter") for path, page in before.items()} == names
    after = httpd.get("/interpreters")
    assert (
        int(fact(after, "Requests seen by it here"))
        == int(fact(before["/interpreters"], "Requests seen by it here")) + 1
    )
    again = httpd.get("/interpreters/second")
    assert (
        int(fact(again, "Requests seen by it here"))
        == int(fact(before["/interpreters/second"], "Requests seen by it here")) + 1
    )
    assert len({fact(page, "Loaded at") for page in before.values()}) == 3
    assert len({fact(page, "Child process") for page in before.values()}) == 1


def test_the_gil_that_the_page_names_fits_the_python(httpd: Httpd) -> None:
    assert fact(httpd.get("/interpreters"), "GIL").startswith("shared")
    own = fact(httpd.get("/interpreters/parallel"), "GIL")
    assert own.startswith("its own" if httpd.python_version() >= (3, 13) else "shared")


def visits(page: Response) -> int:
    found = re.search(r"<strong>(\d+)</strong> visits", page.text)
    assert found
    return int(found[1])


def test_visits_are_counted_in_a_database_that_was_opened_before(httpd: Httpd) -> None:
    assert (httpd.root / "run" / "visits.sqlite3").exists()
    first = visits(httpd.get("/visits"))
    assert [visits(httpd.get("/visits")) for _ in range(3)] == [first + 1, first + 2, first + 3]


def test_the_form_greets_and_escapes(httpd: Httpd) -> None:
    page = httpd.post("/form", "name=%3Cscript%3E&message=J%C3%BCrgen+%26+co", FORM)
    assert page.status == 200
    Markup(page.text)
    assert "Hello, <strong>&lt;script&gt;</strong>!" in page.text
    assert "Jürgen &amp; co" in page.text
    assert "<script>" not in page.text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("message=hello", "application/x-www-form-urlencoded", 422),
        ("name=a&" + "x" * 9000, "application/x-www-form-urlencoded", 413),
        ("name=a&" + "x" * 90000, "application/x-www-form-urlencoded", 413),
        ("name=" + "&name=".join("abcdefghijklmnop"), "application/x-www-form-urlencoded", 400),
        ("name=%ff", "application/x-www-form-urlencoded", 400),
        (b"name=\xff", "application/x-www-form-urlencoded", 400),
        ("", "application/x-www-form-urlencoded", 422),
        ("{}", "application/json", 415),
    ],
)
def test_the_form_refuses_what_is_not_a_small_form(httpd: Httpd, body: str | bytes, kind: str, status: int) -> None:
    assert httpd.post("/form", body, {"Content-Type": kind}).status == status
    httpd_says = httpd.unclaimed()
    if "AH00588" in httpd_says or "AH00589" in httpd_says:  # httpd's own words about LimitRequestBody
        httpd.claim(r"AH0058[89]:.*")


def test_an_upload_is_described_and_escaped(httpd: Httpd) -> None:
    content = bytes(range(256)) * 4000
    page = httpd.post("/upload", *uploaded(content))
    assert page.status == 200
    Markup(page.text)
    assert fact(page, "Name") == "blå.bin"
    assert fact(page, "Size") == f"{len(content)} bytes"
    assert fact(page, "SHA-256") == hashlib.sha256(content).hexdigest()
    assert fact(page, "Note") == "&lt;n&gt;"


def test_an_upload_without_a_file_or_too_large_a_one_is_refused(httpd: Httpd) -> None:
    page = httpd.post("/upload", *uploaded(b"", ""))
    assert page.status == 422
    assert "Please choose a file." in page.text
    assert httpd.post("/upload", *uploaded(bytes(4194304))).status == 413
    httpd.claim("refused with 413: a form with more than 4194304 bytes")
    assert httpd.request("PUT", "/upload", "").status == 405


def test_the_page_with_python_greets_and_escapes(httpd: Httpd) -> None:
    page = httpd.get("/psp/clock.psp?name=%3Ci%3E")
    Markup(page.text)
    assert "Hello, <strong>&lt;i&gt;</strong>!" in page.text
    assert fact(page, "5") == "25"


def test_the_publisher_calls_the_function_with_numbers(httpd: Httpd) -> None:
    page = httpd.get("/publisher/calculator/add?a=-1&b=43")
    Markup(page.text)
    assert "-1 + 43 = <strong>42</strong>" in page.text
    assert httpd.get("/publisher/calculator/add?a=one&b=2").status == 400
    assert httpd.get("/publisher/calculator/nothing").status == 404


def test_the_login_remembers_and_forgets(httpd: Httpd) -> None:
    def views(page: Response) -> int:
        Markup(page.text)
        found = re.search(r"<strong>(\d+)</strong> views", page.text)
        assert found
        return int(found[1])

    first = httpd.get("/login")
    cookie = {"Cookie": first.headers["Set-Cookie"].partition(";")[0]}
    assert "httponly" in first.headers["Set-Cookie"].lower()
    assert [views(first), views(httpd.get("/login", cookie)), views(httpd.get("/login"))] == [1, 2, 1]
    assert httpd.post("/login", "name=%3Cada%3E&password=wrong", FORM | cookie).status == 403
    assert httpd.post("/login", "name=%3Cada%3E&password=demo", FORM | cookie).headers["Location"] == "/login"
    page = httpd.get("/login", cookie)
    assert "You are <strong>&lt;ada&gt;</strong>" in page.text
    assert views(page) == 4
    assert httpd.post("/login", "leave=1", FORM | cookie).status == 302
    page = httpd.get("/login", cookie)
    assert views(page) == 1
    assert "<strong>&lt;ada&gt;" not in page.text


def test_the_form_knows_get_and_post_only(httpd: Httpd) -> None:
    assert httpd.request("PUT", "/form", "name=a", FORM).status == 405
    assert httpd.request("HEAD", "/form").status == 200


def test_an_edited_page_is_loaded_anew_and_an_unchanged_one_is_not(httpd: Httpd) -> None:
    source = FILES["examples/autoreload.py"].decode()
    loaded = fact(httpd.get("/autoreload"), "Loaded at")
    assert fact(httpd.get("/autoreload"), "Loaded at") == loaded

    httpd.write("examples/autoreload.py", source.replace("Change me!", "Changed it."))
    page = httpd.get("/autoreload")
    assert '<p class="big">Changed it.</p>' in page.text
    assert fact(page, "Loaded at") != loaded
    assert fact(page, "Requests since then") == "1"

    httpd.write("examples/autoreload.py", source.replace('"Change me!"', '("Change me!"'))
    page = httpd.get("/autoreload")
    assert page.status == 500
    assert "SyntaxError" in page.text
    httpd.claim_failure("PythonHandler autoreload", "SyntaxError: '(' was never closed", "demo")

    httpd.write("examples/autoreload.py", source)
    assert '<p class="big">Change me!</p>' in httpd.get("/autoreload").text


def test_an_edited_layout_reaches_the_pages_that_import_it(httpd: Httpd) -> None:
    source = FILES["examples/layout.py"].decode()
    httpd.get("/form")
    httpd.write("examples/layout.py", source.replace("How this page is made", "The making of this page"))
    assert "The making of this page" in httpd.get("/form").text
    httpd.write("examples/layout.py", source)
    assert "How this page is made" in httpd.get("/form").text


def credentials(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (credentials("demo", "wrong"), 401),
        (credentials("Demo", "demo"), 401),
        (credentials("dämo", "dëmo"), 401),
        ({"Authorization": "Basic !"}, 401),
        ({"Authorization": "Bearer demo"}, 401),
        (credentials("demo", "demo"), 200),
    ],
)
def test_the_password_is_asked_for_and_checked(httpd: Httpd, headers: dict[str, str], status: int) -> None:
    page = httpd.get("/private", headers)
    assert page.status == status
    if status == 401:
        assert page.headers["WWW-Authenticate"].startswith("Basic realm=")
    else:
        assert "Welcome, <strong>demo</strong>" in page.text


def test_the_database_is_opened_later_if_it_could_not_be_at_first(tmp_path: Path) -> None:
    with Httpd(tmp_path, CONF.replace("${root}/run", "${root}/later"), FILES) as httpd:
        httpd.claim(r"demo: cannot open .*visits\.sqlite3: unable to open database file; will try again")
        answer = httpd.get("/visits")
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "5"
        (tmp_path / "later").mkdir()
        assert visits(httpd.get("/visits")) == 1
