"""A handler that answers conditional requests for its file (spec: API, section 3.1)."""

import email.utils
import os

import pytest
from cases import CASES, CASES_CONF
from httpd import Httpd

CONF = CASES_CONF + """
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler cases::by_query
        PythonDebug On
    </Directory>
"""

WHEN = 1_600_000_000

FILES = {
    "htdocs/page.txt": "static",
    "cases.py": CASES + r'''
def by_query(req):
    return globals()[req.args](req)

def dated(req):
    "As a handler of a file does it."
    req.update_mtime(req.finfo.mtime)
    req.set_last_modified()
    req.set_etag()
    status = req.meets_conditions()
    if status != apache.OK:
        return status
    req.write("fresh")
    return apache.OK

def always_new(req):
    req.no_local_copy = 1
    return dated(req)

def own_tag(req):
    req.headers_out["ETag"] = '"own"'
    status = req.meets_conditions()
    if status == apache.OK:
        req.write("fresh")
    return status
'''}


@pytest.fixture(scope="module", autouse=True)
def dated_file(httpd: Httpd) -> None:
    os.utime(httpd.htdocs / "page.txt", (WHEN, WHEN))


def http_date(when: int) -> str:
    return email.utils.formatdate(when, usegmt=True)


def test_a_file_has_its_date_and_tag(httpd: Httpd) -> None:
    r = httpd.get("/page.txt?dated")
    assert r.body == b"fresh" and r.headers["Last-Modified"] == http_date(WHEN) and r.headers["ETag"].startswith('"')


@pytest.mark.parametrize(("header", "value", "status"), [
    ("If-Modified-Since", http_date(WHEN), 304), ("If-Modified-Since", http_date(WHEN - 1), 200),
    ("If-Unmodified-Since", http_date(WHEN), 200), ("If-Unmodified-Since", http_date(WHEN - 1), 412),
    ("If-None-Match", "*", 304), ("If-None-Match", '"other"', 200), ("If-Match", '"other"', 412),
    ("If-Match", "*", 200),
])
def test_conditions_are_met_or_not(httpd: Httpd, header: str, value: str, status: int) -> None:
    r = httpd.get("/page.txt?dated", {header: value})
    assert r.status == status and (r.body == b"fresh") == (status == 200)


def test_the_tag_that_was_sent_is_known_again(httpd: Httpd) -> None:
    tag = httpd.get("/page.txt?dated").headers["ETag"]
    assert httpd.get("/page.txt?dated", {"If-None-Match": tag}).status == 304
    assert httpd.get("/page.txt?own_tag", {"If-None-Match": '"own"'}).status == 304
    assert httpd.get("/page.txt?own_tag", {"If-Match": '"else"'}).status == 412


def test_no_local_copy_answers_in_full(httpd: Httpd) -> None:
    r = httpd.get("/page.txt?always_new", {"If-Modified-Since": http_date(WHEN)})
    assert (r.status, r.body) == (200, b"fresh")
