"""Applications that people run, by WSGIScriptAlias: a Django project, one of Flask, and httpbin."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from httpd import Httpd

MPMS = ("event", "prefork")
MODULES = ("deflate", "filter")
SITE = Path(__file__).parent / "site"
FILES = {f"site/{file.name}": file.read_text() for file in SITE.iterdir() if file.is_file()}
CONF = f"""
    WSGIPythonPath "${{root}}/site:{sysconfig.get_path('purelib')}"
    WSGIChunkedRequest On
    WSGIScriptAlias /django "${{root}}/site/django.wsgi" application-group=%{{GLOBAL}}
    WSGIScriptAlias /flask "${{root}}/site/flask.wsgi"
    WSGIScriptAlias /bin "${{root}}/site/httpbin.wsgi" application-group=bin pass-authorization=On
    <Directory "${{root}}/site">
        Require all granted
    </Directory>
"""


class Site(requests.Session):
    """A client of one application; URLs are relative to it."""

    def __init__(self, httpd: Httpd, mount: str) -> None:
        super().__init__()
        self.trust_env = False
        self.base = f"http://127.0.0.1:{httpd.port}{mount}"

    def request(self, method, url, *args, **kwargs):  # type: ignore[no-untyped-def]
        kwargs.setdefault("timeout", 30)
        return super().request(method, url if url.startswith("http") else self.base + url, *args, **kwargs)


@pytest.fixture
def django(httpd: Httpd) -> Iterator[Site]:
    with Site(httpd, "/django") as site:
        yield site


@pytest.fixture
def flask(httpd: Httpd) -> Iterator[Site]:
    with Site(httpd, "/flask") as site:
        yield site


@pytest.fixture
def httpbin(httpd: Httpd) -> Iterator[Site]:
    with Site(httpd, "/bin") as site:
        yield site


# Django

def log_in(django: Site) -> requests.Response:
    django.get("/admin/login/")
    return django.post("/admin/login/?next=/django/admin/", data={
        "username": "admin", "password": "secret words", "csrfmiddlewaretoken": django.cookies["csrftoken"]})


def test_djangos_admin(django: Site) -> None:
    assert "Site administration" not in django.get("/admin/").text
    assert "Site administration" in log_in(django).text
    name = f"editors {os.urandom(4).hex()}"
    answer = django.post("/admin/auth/group/add/", data={
        "name": name, "csrfmiddlewaretoken": django.cookies["csrftoken"]})
    assert "was added successfully" in answer.text and answer.url.endswith("/django/admin/auth/group/")
    assert name in django.get("/admin/auth/group/").text


def test_djangos_sessions_and_redirects(django: Site) -> None:
    assert [django.get("/count").json()["count"] for _ in range(3)] == [1, 2, 3]
    answer = django.get("/there")
    assert answer.history[0].headers["Location"] == "/django/count" and answer.json()["count"] == 4
    assert django.get("/?a=%20b").text == "/django/?a=%20b False"


def test_djangos_csrf_and_uploads(django: Site) -> None:
    data = os.urandom(5_000_000)
    files = {"file": ("ünï.bin", data)}
    assert django.post("/upload", files=files, data={"comment": "x"}).status_code == 403
    token = django.get("/count").json()["token"]
    answer = django.post("/upload", files=files, data={"comment": "é€", "csrfmiddlewaretoken": token}).json()
    assert answer == {"name": "ünï.bin", "size": len(data), "sha256": hashlib.sha256(data).hexdigest(),
                      "comment": "é€"}


def test_djangos_streams_do_not_wait(httpd: Httpd, django: Site) -> None:
    go = httpd.root / "run" / "go"
    go.unlink(missing_ok=True)
    with django.get("/stream", params={"file": str(go)}, stream=True) as answer:
        parts = answer.iter_content(None)
        assert next(parts) == b"first"
        go.write_text("")
        assert b"".join(parts) == b"second"


def test_djangos_failures_are_in_the_log(httpd: Httpd, django: Site) -> None:
    answer = django.get("/fails")
    assert answer.status_code == 500 and "LookupError" not in answer.text
    httpd.claim("Internal Server Error: /django/fails")
    httpd.claim(r"(?:.*\[python:error\][^\n]*\n)*.*LookupError: Django's")


# Flask, in an interpreter of its own

def test_flasks_routes(flask: Site) -> None:
    assert flask.get("/shop/5").json() == {"number": 5, "url": "/flask/shop/5", "root": "/flask"}
    assert flask.get("/shop/x").status_code == 404
    assert flask.post("/hello").status_code == 405
    assert flask.post("/form", data={"name": "Ada"}).text == "Hello, Ada"
    assert flask.get("/stream").text == "".join(f"{number} " for number in range(1000))
    answer = flask.put("/echo", data=iter([b"one", b"two"]))
    assert (answer.status_code, answer.content, answer.headers["X-One"]) == (201, b"onetwo", "1")


def test_flasks_failures_are_in_the_log(httpd: Httpd, flask: Site) -> None:
    answer = flask.get("/fails")
    assert answer.status_code == 500 and "LookupError" not in answer.text
    httpd.claim(r"Exception on /fails \[GET\]")
    httpd.claim(r"(?:.*\[python:error\][^\n]*\n)*.*LookupError: Flask's")


# httpbin

@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_httpbins_methods(httpbin: Site, method: str) -> None:
    answer = httpbin.request(method.upper(), f"/{method}?a=1&a=2", headers={"X-Mine": "é".encode().decode("latin-1")},
                             data=None if method == "get" else {"field": "välue"})
    found = answer.json()
    assert found["args"] == {"a": ["1", "2"]} and found["url"].endswith(f"/bin/{method}?a=1&a=2")
    if method != "get":
        assert found["form"] == {"field": "välue"}


@pytest.mark.parametrize("status", [200, 204, 304, 400, 404, 418, 500, 599])
def test_httpbins_statuses(httpbin: Site, status: int) -> None:
    assert httpbin.get(f"/status/{status}").status_code == status


def test_httpbins_redirects_and_cookies(httpbin: Site) -> None:
    answer = httpbin.get("/relative-redirect/3")
    assert len(answer.history) == 3 and answer.url.endswith("/bin/get")
    assert httpbin.get("/cookies/set?a=1&b=2").json() == {"cookies": {"a": "1", "b": "2"}}
    assert httpbin.get("/cookies/delete?a").json() == {"cookies": {"b": "2"}}


def test_httpbins_authentication(httpbin: Site) -> None:
    assert httpbin.get("/basic-auth/ada/secret").status_code == 401
    assert httpbin.get("/basic-auth/ada/secret", auth=("ada", "wrong")).status_code == 401
    assert httpbin.get("/basic-auth/ada/secret", auth=("ada", "secret")).json()["authenticated"] is True
    digest = requests.auth.HTTPDigestAuth("ada", "secret")
    assert httpbin.get("/digest-auth/auth/ada/secret", auth=digest).json()["authenticated"] is True
    assert httpbin.get("/bearer", headers={"Authorization": "Bearer token"}).json()["token"] == "token"


def test_httpbins_bodies(httpbin: Site) -> None:
    assert httpbin.get("/gzip").json()["gzipped"] is True
    assert [json.loads(line)["id"] for line in httpbin.get("/stream/20").iter_lines()] == list(range(20))
    assert len(httpbin.get("/bytes/100000?seed=1").content) == 100000
    assert httpbin.get("/stream-bytes/50000?seed=1&chunk_size=777").content == \
        httpbin.get("/stream-bytes/50000?seed=1").content
    answer = httpbin.get("/range/1000", headers={"Range": "bytes=10-19"})
    assert (answer.status_code, answer.content, answer.headers["Content-Range"]) == \
        (206, b"klmnopqrst", "bytes 10-19/1000")
    assert httpbin.get("/drip?duration=0&numbytes=50&code=200").content == b"*" * 50
    assert httpbin.head("/get").content == b"" and "Content-Length" in httpbin.head("/get").headers
    assert re.search("<h1>Herman Melville", httpbin.get("/html").text)
