"""Random request lines, headers, queries and credentials: every member can be read, no child ends (hardening).

The seed is fixed, so that a failure can be seen again; MP_FUZZ_ROUNDS asks for more rounds.
"""

import base64
import os
import random

import pytest
from httpd import Httpd

ROUNDS = int(os.environ.get("MP_FUZZ_ROUNDS", "2000"))

CONF = """
    AllowEncodedSlashes NoDecode
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler everything
        PythonFixupHandler everything::touch
        AuthType Basic
        AuthName "x"
    </Directory>
    <Location /located>
        SetHandler mod_python
        PythonHandler everything
    </Location>
"""

FILES = {
    "htdocs/page.txt": "",
    "everything.py": """
from mod_python import apache

NAMES = [name for name in dir(apache.Request) if not name.startswith("__")]
TABLES = ("headers_in", "headers_out", "err_headers_out", "subprocess_env", "notes")

def touch(req):
    req.get_basic_auth_pw()
    req.user = req.user or None
    return apache.OK

def read_all(req):
    texts = []
    req.add_cgi_vars()
    for name in NAMES:
        value = getattr(req, name)
        if isinstance(value, str):
            texts.append(value)
    for name in TABLES:
        t = getattr(req, name)
        texts += t.keys() + t.values() + [repr(t), str(dict(t)), *map(repr, t.iteritems())]
        assert t.copy() == t and len(t) == len(t.items())
        for key in t:
            t[key], t.get(key), key in t
    texts += [str(req.parsed_uri), req.construct_url(req.uri), str(req.get_basic_auth_pw()), repr(req.finfo),
              str(req.get_remote_host()), str(req.hlist and req.hlist.directory), str(req.auth_name())]
    return texts

def echo(req):
    "What was read can be stored and written."
    for name in ("uri", "args", "filename", "path_info", "user", "handler", "content_type"):
        value = getattr(req, name)
        if value is not None:
            setattr(req, name, value)
            assert getattr(req, name) == value or name in ("uri", "args", "path_info", "content_type", "handler"), name
    for value in req.headers_in.values():
        req.notes["copy"] = value
        assert req.notes["copy"] == value
    req.write(req.headers_in.get("X-Fuzz", ""))

def handler(req):
    texts = read_all(req)
    assert all(isinstance(text, str) for text in texts if text is not None)     # NULL: a Location has no file
    echo(req)
    read_all(req)
    req.read()
    return apache.OK
"""}


def odd_bytes(source: random.Random, size: int, without: bytes = b"") -> bytes:
    alphabet = source.choice([
        bytes(range(256)), b"%0123456789abcdefABCDEF", b"&=;?%+", b"/.%2e%2f\\", "\xe9\u20ac\U0001f600\udce9".encode(
            "utf-8", "surrogateescape"), b"abc", bytes(range(128, 256)), b"'\"<>${}()[]|`"])
    return bytes(byte for byte in source.choices(alphabet, k=source.randrange(size)) if byte not in without)


def request(source: random.Random) -> bytes:
    place = source.choice([b"/page.txt", b"/page.txt/", b"/located", b"/located/", b"/", b"/page.txt%2f", b"/nowhere"])
    target = place + odd_bytes(source, 60, b"\r\n\0 ") + b"?" + odd_bytes(source, 200, b"\r\n\0 ")
    lines = [b"GET " + target + b" HTTP/1.1", b"Host: " + source.choice([b"x", b"localhost:1", b"[::1]:80"])]
    login = base64.b64encode(odd_bytes(source, 30))
    lines += source.choice([[], [b"Authorization: Basic " + login], [b"Authorization: Basic " + login[:7]],
                            [b"Authorization: " + odd_bytes(source, 30, b"\r\n\0")]])
    lines += [b"X-Fuzz: " + odd_bytes(source, 100, b"\r\n\0"), b"Cookie: " + odd_bytes(source, 100, b"\r\n\0"),
              b"X-" + odd_bytes(source, 8, b"\r\n\0:") + b": x"][:source.randrange(4)]
    if source.random() < 0.2:
        lines += [b"Content-Length: 4"]
    return b"\r\n".join([*lines, b"Connection: close", b"", b"body"])


@pytest.mark.parametrize("seed", range(4))
def test_random_requests_are_answered_or_refused(httpd: Httpd, seed: int) -> None:
    source, pids, answered = random.Random(seed), httpd.child_pids(), 0
    for _ in range(ROUNDS // 4):
        data = request(source)
        with httpd.raw() as client:
            head = client.send(data).half_close().receive_all()[:13]
        assert head in (b"HTTP/1.1 200 ", b"HTTP/1.1 400 ", b"HTTP/1.1 403 ", b"HTTP/1.1 404 "), (head, data)
        answered += head == b"HTTP/1.1 200 "
    assert answered > ROUNDS // 20 and httpd.child_pids() == pids
    if "AH10244" in httpd.unclaimed():
        httpd.claim(r"(?:.*AH10244: invalid URI path[\s\S]*)")
