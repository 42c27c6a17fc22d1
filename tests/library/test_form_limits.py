"""The limits of forms, PythonOption mod_python.forms.*: at the limit a form is taken, beyond it the answer says so."""

from __future__ import annotations

import re

import pytest
from cases import CASES
from client import Response
from formdata import END, MULTIPART, URLENCODED, chunk, multipart, part
from httpd import Httpd

CONF = """
    SetHandler mod_python
    PythonHandler cases::dispatch
    <Location /case/fields/max_fields>
        PythonOption mod_python.forms.max_fields 3
    </Location>
    <Location /case/fields/max_parts>
        PythonOption mod_python.forms.max_parts 2
    </Location>
    <Location /case/fields/max_files>
        PythonOption mod_python.forms.max_files 2
    </Location>
    <Location /case/fields/max_header_size>
        PythonOption mod_python.forms.max_header_size 100
    </Location>
    <Location /case/fields/max_memory>
        PythonOption mod_python.forms.max_memory 1000
    </Location>
    <Location /case/fields/max_size>
        PythonOption mod_python.forms.max_size 1000
    </Location>
    <Location /case/fields/wrong>
        PythonOption mod_python.forms.max_size "10 MB"
    </Location>
    <Location /case/fields/httpd>
        LimitRequestBody 1000
    </Location>
    <Location /case/fields/large>
        PythonOption mod_python.forms.max_fields 20000
        PythonOption mod_python.forms.max_parts 1001
        PythonOption mod_python.forms.max_memory 20000000
    </Location>
"""

FILES = {"cases.py": CASES + r'''
from mod_python import util

def fields(req):
    return len(util.FieldStorage(req).list)
'''}

FILE = part("f", b"x" * 500, "x")


def post(httpd: Httpd, limit: str, body: bytes, headers: dict[str, str], query: str = "") -> Response:
    return httpd.post(f"/case/fields/{limit}{query}", body, headers)


@pytest.mark.parametrize(("limit", "headers", "taken", "fields", "refused", "status"), [
    ("max_fields", URLENCODED, b"a=1&b=2&c=3&d=", 3, b"a=1&b=2&c=3&d=4", 413),
    ("max_fields", MULTIPART, multipart(part("a"), FILE, part("b")), 3, multipart(FILE, FILE, FILE, FILE), 413),
    ("max_parts", MULTIPART, multipart(part("a"), FILE), 2, multipart(part("a"), FILE, part("b")), 413),
    ("max_files", MULTIPART, multipart(FILE, part("a"), FILE, part("f", b"", "")), 4, multipart(FILE, FILE, FILE), 413),
    ("max_header_size", MULTIPART, multipart(part("a", b"", None, b"X: " + b"y" * 44 + b"\r\n")), 1,
     multipart(part("a", b"", None, b"X: " + b"y" * 60 + b"\r\n")), 400),
    ("max_memory", URLENCODED, b"a=" + b"x" * 998, 1, b"a=" + b"x" * 999, 413),
    ("max_memory", MULTIPART, multipart(part("a", b"x" * 800), FILE, FILE), 3, multipart(part("a", b"x" * 1001)), 413),
    ("max_size", URLENCODED, b"a=" + b"x" * 998, 1, b"a=" + b"x" * 999, 413),
    ("max_size", MULTIPART, multipart(FILE), 1, multipart(FILE, FILE), 413),
    ("httpd", URLENCODED, b"a=" + b"x" * 998, 1, b"a=" + b"x" * 999, 413),
])
def test_a_limit(httpd: Httpd, limit: str, headers: dict[str, str], taken: bytes, fields: int, refused: bytes,
                 status: int) -> None:
    pids = httpd.child_pids()
    r = post(httpd, limit, taken, headers)
    assert (r.status, r.text) == (200, str(fields))
    r = post(httpd, limit, refused, headers)
    assert r.status == status
    if limit != "httpd":
        assert re.search(rf"refused with {status}: a form with more than \d+ [a-z ]+"
                         rf" \(PythonOption mod_python\.forms\.{limit}\)", httpd.log_text())
        assert "PythonOption" not in r.text
    assert httpd.child_pids() == pids


def test_a_bad_request_says_what_was_bad(httpd: Httpd) -> None:
    r = post(httpd, "max_header_size", multipart(part("a", b"", None, b"X: " + b"y" * 100 + b"\r\n")), MULTIPART)
    assert r.status == 400 and "a form with more than 100 bytes of headers in a part" in r.text
    r = post(httpd, "any", b"x", {"Content-Type": "multipart/form-data"})
    assert r.status == 400 and "a multipart form without boundary in its Content-Type" in r.text
    r = post(httpd, "any", b"x", {"Content-Type": "text/<script>"})
    assert r.status == 501 and "<script>" not in r.text


def test_query_and_body_count_together(httpd: Httpd) -> None:
    assert post(httpd, "max_fields", b"c=3", URLENCODED, "?a=1&b=2").text == "3"
    assert post(httpd, "max_fields", b"c=3&d=4", URLENCODED, "?a=1&b=2").status == 413
    assert post(httpd, "max_fields", multipart(FILE, FILE), MULTIPART, "?a=1&b=2").status == 413
    assert httpd.get("/case/fields/max_fields?a=1&b=2&c=3&d=").text == "3"
    r = httpd.get("/case/fields/max_fields?a=1&b=2&c=3&d=4")
    assert r.status == 400 and "a form with more than 3 fields" in r.text


def test_chunked_bodies_are_counted(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send_request("POST", "/case/fields/max_size", {**URLENCODED, "Transfer-Encoding": "chunked"},
                            chunk(b"a=" + b"x" * 900) + chunk(b"x" * 99) + chunk(b""))
        assert client.response().status == 413


def test_a_length_is_enough_to_refuse(httpd: Httpd) -> None:
    """Before the client has sent anything, if it waits for "100 Continue"."""
    with httpd.raw() as client:
        client.send_request("POST", "/case/fields/max_size",
                            {**URLENCODED, "Content-Length": "5000000000", "Expect": "100-continue"})
        assert client.response().status == 413


def test_the_defaults(httpd: Httpd) -> None:
    many = b"&".join([b"a=1"] * 10001)
    assert post(httpd, "any", many[4:], URLENCODED).text == "10000"
    assert post(httpd, "any", many, URLENCODED).status == 413
    assert post(httpd, "large", many, URLENCODED).text == "10001"
    parts = multipart(*[part("a")] * 1001)
    assert post(httpd, "any", parts[len(part("a")):], MULTIPART).text == "1000"
    assert post(httpd, "any", parts, MULTIPART).status == 413
    assert post(httpd, "large", parts, MULTIPART).text == "1001"
    files = multipart(*[part("a", b"", "f")] * 101)
    assert post(httpd, "any", files[len(part("a", b"", "f")):], MULTIPART).text == "100"
    assert post(httpd, "any", files, MULTIPART).status == 413
    headers = part("a", b"", None, b"X: " + b"y" * 16400 + b"\r\n")
    assert post(httpd, "any", headers + END, MULTIPART).status == 400
    value = b"a=" + b"x" * (16 * 1024 * 1024 - 2)
    assert post(httpd, "any", value, URLENCODED).text == "1"
    assert post(httpd, "any", value + b"x", URLENCODED).status == 413
    assert post(httpd, "large", value + b"x", URLENCODED).text == "1"
    assert post(httpd, "any", multipart(part("a", value + b"x")), MULTIPART).status == 413
    assert post(httpd, "any", multipart(part("a", value + b"x", "f")), MULTIPART).text == "1"


def test_a_limit_that_is_no_number(httpd: Httpd) -> None:
    assert post(httpd, "wrong", b"a=1", URLENCODED).status == 500
    httpd.claim_failure("PythonHandler cases::dispatch", "PythonOption mod_python.forms.max_size must be a whole number"
                                                         " above 0, not '10 MB', e.g. 'PythonOption")


def test_the_answer_comes_while_the_client_still_sends(httpd: Httpd) -> None:
    """Much of what was sent behind the limit is read and dropped, so that the answer is not lost in a reset."""
    body = multipart(*[part("a")] * 1001, part("f", b"x" * 3_000_000, "f"))
    assert post(httpd, "any", body, MULTIPART).status == 413
    assert post(httpd, "any", multipart(FILE), MULTIPART).text == "1"
