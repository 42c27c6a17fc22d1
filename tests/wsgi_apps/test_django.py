"""A Django project under WSGIScriptAlias: the admin, sessions, CSRF, uploads, streams. Driven as a browser does it."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import django
import pytest
import requests
from httpd import Httpd
from visitor import VENV_CONF, Visitor

MPMS = ("event", "prefork")
GROUP_OPTIONS = 'python-path="${root}/site"'         # WSGIPythonPath is for embedded interpreters
SITE = Path(__file__).parent / "django_site"
BIG = bytes(range(256)) * 4096 * 5                  # 5 MiB
ADMIN_STATIC = Path(django.__file__).parent / "contrib/admin/static/admin"
FILES = {**{f"site/{file.relative_to(SITE)}": file.read_text() for file in SITE.rglob("*.py")}, "site/big.bin": BIG}
CONF = VENV_CONF + f"""
WSGIPythonPath "${{root}}/site"
WSGIApplicationGroup %{{GLOBAL}}
Alias /static/admin "{ADMIN_STATIC}"
<Directory "{ADMIN_STATIC}">
    Require all granted
</Directory>
WSGIScriptAlias / "${{root}}/site/notes/wsgi.py"
<Directory "${{root}}/site/notes">
    <Files wsgi.py>
        Require all granted
    </Files>
</Directory>
"""
PREPARE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)
from django.contrib.auth import get_user_model
get_user_model().objects.create_superuser("admin", "admin@example.org", "secret")
"""


def submit(visitor: Visitor, path: str, **fields: str) -> requests.Response:
    """Fills in the form of a page, with its CSRF token."""
    page = visitor.get(path)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert token, page.text
    return visitor.post(path, data={**fields, "csrfmiddlewaretoken": token[1]})


@pytest.fixture(scope="module", autouse=True)
def database(httpd: Httpd) -> None:
    site = httpd.root / "site"
    subprocess.run([sys.executable, "-c", PREPARE], cwd=site, check=True, timeout=60,
                   env={**os.environ, "PYTHONPATH": str(site), "DJANGO_SETTINGS_MODULE": "notes.settings"})


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    answer = submit(visitor, "/admin/login/?next=/admin/", username="admin", password="secret")
    assert answer.status_code == 200 and [r.status_code for r in answer.history] == [302]
    assert "Site administration" in answer.text
    return visitor


def test_the_admin_makes_changes_and_deletes_an_object(admin: Visitor) -> None:
    done = submit(admin, "/admin/notes/note/add/", title="Grüße", text="an alle\r\n€")
    assert done.history[0].status_code == 302 and "was added successfully" in done.text
    assert admin.get("/notes/").json()["titles"] == ["Grüße"]
    assert admin.get("/notes/Grüße").text == "an alle\r\n€"
    assert admin.get("/latest").url == f"{admin.site}/notes/Gr%C3%BC%C3%9Fe"
    change = re.search(r"/admin/notes/note/\d+/change/", done.text)
    assert change
    assert "was changed successfully" in submit(admin, change[0], title="plain", text="x").text
    assert "was deleted successfully" in submit(admin, change[0].replace("change", "delete"), post="yes").text
    assert admin.get("/notes/").json()["titles"] == []


def test_a_wrong_password_and_a_missing_token_are_refused(visitor: Visitor) -> None:
    refused = submit(visitor, "/admin/login/", username="admin", password="wrong")
    assert "Please enter the correct username" in refused.text
    assert visitor.post("/admin/login/", data={"username": "admin", "password": "secret"}).status_code == 403
    assert visitor.get("/admin/", allow_redirects=False).headers["Location"] == "/admin/login/?next=/admin/"


def test_logging_out_ends_the_session(admin: Visitor) -> None:
    token = admin.cookies["csrftoken"]
    assert admin.post("/admin/logout/", headers={"X-CSRFToken": token}).status_code == 200
    assert admin.get("/admin/", allow_redirects=False).status_code == 302


def test_the_files_of_the_admin_are_httpds(admin: Visitor) -> None:
    sheet = re.search(r'href="(/static/admin/css/base[^"]*\.css)"', admin.get("/admin/").text)
    assert sheet
    answer = admin.get(sheet[1])
    assert answer.content == (ADMIN_STATIC / "css/base.css").read_bytes() and "ETag" in answer.headers


def test_a_session_counts_for_each_browser(httpd: Httpd, visitor: Visitor) -> None:
    assert [visitor.get("/visits").json() for _ in range(3)] == [1, 2, 3]
    visitor.close()                 # the connection, not the session: prefork has one child
    with Visitor(httpd) as other:
        assert other.get("/visits").json() == 1
    assert visitor.get("/visits").json() == 4


def test_an_upload_arrives_whole(visitor: Visitor) -> None:
    answer = visitor.post("/upload", data={"comment": "größer"}, files={"file": ("big.bin", BIG)})
    assert answer.json() == {"name": "big.bin", "size": len(BIG), "sha256": hashlib.sha256(BIG).hexdigest(),
                             "comment": "größer"}


def test_a_file_is_sent_whole(visitor: Visitor) -> None:
    answer = visitor.get("/download")
    assert answer.content == BIG and answer.headers["Content-Length"] == str(len(BIG))
    assert 'filename="big.bin"' in answer.headers["Content-Disposition"]


def test_a_stream_is_sent_as_it_is_made(httpd: Httpd, visitor: Visitor) -> None:
    with visitor.get("/stream", stream=True) as answer:
        parts = answer.iter_content(chunk_size=None)
        assert next(parts) == b"first"
        httpd.write("site/go-on", "")
        assert b"".join(parts) == b" second"


def test_urls_have_host_port_and_query(visitor: Visitor) -> None:
    found = visitor.get("/notes/?q=a%20b&q=%C3%BC").json()
    assert found["query"] == ["a b", "ü"] and found["here"] == f"{visitor.site}/notes/?q=a%20b&q=%C3%BC"
    assert visitor.get("/notes", allow_redirects=False).headers["Location"] == "/notes/"
    assert visitor.head("/notes/").content == b"" and visitor.get("/none").status_code == 404


def test_a_view_that_fails_is_logged_and_answers_500(httpd: Httpd, visitor: Visitor) -> None:
    answer = visitor.get("/fails")
    assert answer.status_code == 500 and "LookupError" not in answer.text
    httpd.claim(r"Internal Server Error: /fails")
    httpd.claim(r"(?s)Traceback \(most recent call last\).*LookupError: a view that fails")
