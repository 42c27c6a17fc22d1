"""httpbin under the module: a client's view of methods, statuses, redirects, authorization, encodings, streams."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import requests
from httpd import Httpd
from visitor import VENV_CONF, Visitor

FILES = {"bin/httpbin.wsgi": '''
from httpbin import app

def application(environ, start_response):
    "httpbin refuses chunked bodies unless the server's name is one that it knows to take them."
    if "HTTP_TRANSFER_ENCODING" in environ:
        assert environ["wsgi.input_terminated"]
        environ["SERVER_SOFTWARE"] = "gunicorn/" + environ["SERVER_SOFTWARE"]
    return app(environ, start_response)
'''}
CONF = VENV_CONF + """
WSGIScriptAlias / "${root}/bin/httpbin.wsgi"
WSGIApplicationGroup %{GLOBAL}
WSGIPassAuthorization On
WSGIChunkedRequest On
<Directory "${root}/bin">
    Require all granted
</Directory>
"""


@pytest.fixture(scope="module", autouse=True)
def loaded(httpd: Httpd) -> None:
    """httpbin warns once when it is imported."""
    httpd.get("/get")
    if "is not installed" in httpd.unclaimed():
        httpd.claim("is not installed")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_methods(visitor: Visitor, method: str) -> None:
    form = {"name": "Grüße"} if method != "GET" else None
    found = visitor.request(method, f"/{method.lower()}?a=1&a=2", data=form, headers={"X-Test": "value"}).json()
    assert found["args"] == {"a": ["1", "2"]} and found["url"] == f"{visitor.site}/{method.lower()}?a=1&a=2"
    assert found["headers"]["X-Test"] == "value" and found["origin"] == "127.0.0.1"
    assert found.get("form") == form


def test_head_and_options(visitor: Visitor) -> None:
    head = visitor.head("/get")
    assert head.content == b"" and int(head.headers["Content-Length"]) > 0
    assert {"GET", "HEAD", "OPTIONS"} <= set(visitor.options("/get").headers["Allow"].split(", "))


@pytest.mark.parametrize("status", [200, 201, 204, 304, 400, 404, 406, 418, 429, 500, 503, 599])
def test_statuses(visitor: Visitor, status: int) -> None:
    assert visitor.get(f"/status/{status}").status_code == status
    assert visitor.put(f"/status/{status}", data="x").status_code == status


def test_redirects(visitor: Visitor) -> None:
    answer = visitor.get("/redirect/3")
    assert [r.status_code for r in answer.history] == [302] * 3 and answer.url == f"{visitor.site}/get"
    assert len(visitor.get("/absolute-redirect/2").history) == 2
    assert visitor.post("/redirect-to?url=/post&status_code=307", data=b"kept").json()["data"] == "kept"


def test_cookies(visitor: Visitor) -> None:
    assert visitor.get("/cookies/set?a=1&b=zwei").json() == {"cookies": {"a": "1", "b": "zwei"}}
    assert visitor.get("/cookies/delete?a").json() == {"cookies": {"b": "zwei"}}


def test_authorization(visitor: Visitor) -> None:
    refused = visitor.get("/basic-auth/user/secret")
    assert refused.status_code == 401 and refused.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert visitor.get("/basic-auth/user/secret", auth=("user", "wrong")).status_code == 401
    assert visitor.get("/basic-auth/user/secret", auth=("user", "secret")).json()["authenticated"] is True
    assert visitor.get("/bearer", headers={"Authorization": "Bearer t"}).json() == {"authenticated": True, "token": "t"}
    digest = requests.auth.HTTPDigestAuth("user", "secret")
    assert visitor.get("/digest-auth/auth/user/secret", auth=digest).json()["authenticated"] is True


@pytest.mark.parametrize(("path", "key"), [("gzip", "gzipped"), ("deflate", "deflated")])
def test_encodings_of_the_application(visitor: Visitor, path: str, key: str) -> None:
    answer = visitor.get(f"/{path}")
    assert answer.json()[key] is True and answer.headers["Content-Encoding"] == path


def test_streams(visitor: Visitor) -> None:
    lines = visitor.get("/stream/20").text.splitlines()
    assert len(lines) == 20 and '"id": 19' in lines[-1]
    assert len(visitor.get("/bytes/100000").content) == 100000
    assert len(visitor.get("/stream-bytes/100000?chunk_size=1000").content) == 100000
    assert len(visitor.get("/links/10/0").history) == 0


def test_a_drip_arrives_drop_by_drop(visitor: Visitor) -> None:
    arrived = []
    with visitor.get("/drip?numbytes=4&duration=1&delay=0", stream=True) as answer:
        for drop in answer.iter_content(chunk_size=1):
            arrived.append((time.monotonic(), drop))
    assert b"".join(drop for _, drop in arrived) == b"****"
    assert arrived[-1][0] - arrived[0][0] > 0.5         # three pauses of a quarter of a second


def test_ranges(visitor: Visitor) -> None:
    whole = visitor.get("/range/1024").content
    part = visitor.get("/range/1024", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])
    assert part.headers["Content-Range"] == "bytes 100-199/1024"
    assert visitor.get("/range/1024", headers={"Range": "bytes=2000-"}).status_code == 416


def test_conditions(visitor: Visitor) -> None:
    assert visitor.get("/etag/tag", headers={"If-None-Match": '"tag"'}).status_code == 304
    assert visitor.get("/etag/tag", headers={"If-Match": '"other"'}).status_code == 412
    assert visitor.get("/cache", headers={"If-Modified-Since": "x"}).status_code == 304
    assert visitor.get("/cache/60").headers["Cache-Control"] == "public, max-age=60"


def test_a_chunked_upload(visitor: Visitor) -> None:
    def parts() -> Iterator[bytes]:
        for number in range(100):
            yield b"%06d\n" % number
    found = visitor.post("/post", data=parts()).json()
    assert found["data"] == "".join(f"{number:06}\n" for number in range(100))
    assert found["headers"]["Transfer-Encoding"] == "chunked"


def test_an_upload_of_files(visitor: Visitor) -> None:
    found = visitor.post("/post", data={"a": "1"}, files={"f": ("f.txt", b"x" * 300000)}).json()
    assert found["form"] == {"a": "1"} and found["files"] == {"f": "x" * 300000}


def test_headers_of_the_answer(visitor: Visitor) -> None:
    answer = visitor.get("/response-headers?X-One=1&X-Two=2&Content-Type=text/plain")
    assert (answer.headers["X-One"], answer.headers["X-Two"]) == ("1", "2")
    assert visitor.get("/encoding/utf8").encoding == "utf-8" and "∮" in visitor.get("/encoding/utf8").text
