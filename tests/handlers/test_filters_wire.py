"""Filters over TLS (mod_ssl) and HTTP/2 (mod_http2), with mod_deflate; and in restarts (issue 3, item 4)."""

import gzip
import http.client
import random
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from h2client import H2Client
from httpd import Httpd
from tls import certificate

MODULES = ("ssl", "socache_shmcb", "http2", "deflate", "include", "filter")
PORTS = ("tls",)

CONF = """
    Protocols h2c http/1.1
    Listen 127.0.0.1:${tls}
    AddOutputFilter INCLUDES .shtml
    <Directory "${htdocs}">
        Options +Includes
    </Directory>
    PythonOutputFilter filters::upper UPPER
    PythonInputFilter filters::upper UPPER
    PythonOutputFilter filters::raises RAISES
    PythonOutputFilter filters::endless ENDLESS
    PythonInputFilter filters::close_early CLOSE_EARLY
    <Location /out>
        SetOutputFilter UPPER
    </Location>
    <Location /deflated>
        SetOutputFilter UPPER;DEFLATE
    </Location>
    <Location /in>
        SetHandler mod_python
        PythonHandler filters::echo
        SetInputFilter UPPER
    </Location>
    <Location /inflated>
        SetHandler mod_python
        PythonHandler filters::echo
        SetInputFilter UPPER;DEFLATE
    </Location>
    <Location /both>
        SetHandler mod_python
        PythonHandler filters::echo
        PythonInterpreter handlers
        SetInputFilter UPPER
        SetOutputFilter UPPER
    </Location>
    <Location /dynamic>
        SetHandler mod_python
        PythonHandler filters::dynamic
    </Location>
    <Location /slow>
        SetHandler mod_python
        PythonHandler filters::slow
        SetOutputFilter UPPER
    </Location>
    <Location /raises>
        SetOutputFilter RAISES
    </Location>
    <Location /undefined>
        SetOutputFilter MOD_PYTHON
    </Location>
    <Location /endless>
        SetOutputFilter ENDLESS
    </Location>
    <Location /closed>
        SetHandler mod_python
        PythonHandler filters::echo
        SetInputFilter CLOSE_EARLY
    </Location>
    <VirtualHost 127.0.0.1:${tls}>
        Protocols h2 http/1.1
        ServerName localhost
        SSLEngine On
        SSLCertificateFile conf/cert.pem
        SSLCertificateKeyFile conf/key.pem
    </VirtualHost>
"""

TEXT = b"some text\n" * 1000
LONG = random.Random(3).randbytes(1 << 20)

FILES = {
    **{f"htdocs/{place}/{name}": data for place in ("out", "deflated") for name, data in (
        ("page.txt", TEXT), ("long.bin", LONG))},
    "htdocs/raises/page.txt": "some text", "htdocs/undefined/page.txt": "some text", "htdocs/endless/page.txt": "x",
    "htdocs/page.shtml": '<!--#python eval="filter.req.protocol, filter.req.is_https()" -->',
    "filters.py": r"""
import os
import time
from mod_python import apache

def upper(filter):
    while s := filter.read(10000):
        filter.write(s.upper())
    if s is None:
        filter.close()

def raises(filter):
    filter.write((filter.read(4) or b"").upper())
    raise LookupError("the filter's")

def endless(filter):
    while True:
        filter.write("endless " * 1000)

def close_early(filter):
    filter.write(filter.read(4) or b"")
    filter.close()

def echo(req):
    req.write(req.read())
    return apache.OK

def dynamic(req):
    req.register_output_filter("mine", upper)
    req.add_output_filter("mine")
    req.register_input_filter("mine", upper)
    req.add_input_filter("mine")
    return echo(req)

def slow(req):
    req.write("first")
    while not os.path.exists(os.path.join(apache.server_root(), "go")):
        time.sleep(0.01)
    req.write("second")
    return apache.OK
"""}


@pytest.fixture(scope="module", params=["https", "h2", "h2c"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def httpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Httpd]:
    directory = tmp_path_factory.mktemp("wire")
    server = Httpd(directory, CONF, FILES, modules=MODULES, ports=PORTS)
    certificate(directory / "conf")
    with server:
        yield server


class Client:
    """The same questions by HTTP/1.1 over TLS, by HTTP/2 over TLS, and by HTTP/2 in clear."""

    def __init__(self, httpd: Httpd, protocol: str) -> None:
        self.h2: H2Client | None = None
        if protocol == "https":
            context = ssl.create_default_context(cafile=httpd.root / "conf" / "cert.pem")
            self.h1 = http.client.HTTPSConnection("localhost", httpd.ports["tls"], timeout=20, context=context)
        else:
            self.h2 = connect(httpd, protocol == "h2")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        if self.h2:
            self.h2.__exit__(None, None, None)
        else:
            self.h1.close()

    def __call__(self, path: str, body: bytes | None = None,
                 headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        method = "GET" if body is None else "POST"
        if self.h2:
            stream = self.h2.ask(path, method, headers, body)
            assert stream.reset is None
            return stream.status, stream.body
        self.h1.request(method, path, body=body, headers=headers or {})
        answer = self.h1.getresponse()
        return answer.status, answer.read()


def test_output_filters(httpd: Httpd, protocol: str) -> None:
    with Client(httpd, protocol) as ask:
        for _ in range(2):
            assert ask("/out/page.txt") == (200, TEXT.upper())
            assert ask("/out/long.bin") == (200, LONG.upper())


def test_input_filters(httpd: Httpd, protocol: str) -> None:
    with Client(httpd, protocol) as ask:
        for _ in range(2):
            assert ask("/in", b"text") == (200, b"TEXT")
            assert ask("/in", LONG) == (200, LONG.upper())
            assert ask("/in") == (200, b"")


def test_deflate(httpd: Httpd, protocol: str) -> None:
    with Client(httpd, protocol) as ask:
        for name, data in (("page.txt", TEXT), ("long.bin", LONG)):
            status, body = ask(f"/deflated/{name}", headers={"accept-encoding": "gzip"})
            assert (status, gzip.decompress(body)) == (200, data.upper())
            assert ask("/inflated", gzip.compress(data), {"content-encoding": "gzip"}) == (200, data.upper())


def test_filters_of_the_request_and_other_interpreters(httpd: Httpd, protocol: str) -> None:
    with Client(httpd, protocol) as ask:
        for path in ("/dynamic", "/both"):
            assert ask(path, LONG) == (200, LONG.upper())
            assert ask(path, b"text") == (200, b"TEXT")


def test_pages(httpd: Httpd, protocol: str) -> None:
    name = "HTTP/1.1" if protocol == "https" else "HTTP/2.0"
    with Client(httpd, protocol) as ask:
        assert ask("/page.shtml") == (200, f"('{name}', {0 if protocol == 'h2c' else 1})".encode())


def test_a_filter_that_fails(httpd: Httpd, protocol: str) -> None:
    with Client(httpd, protocol) as ask:
        for _ in range(2):
            assert ask("/raises/page.txt") == (200, b"SOME text")
            httpd.claim_failure("raises filters::raises", "the filter's")


def test_a_filter_that_nothing_defines(httpd: Httpd, protocol: str) -> None:
    with Client(httpd, protocol) as ask:
        status, body = ask("/undefined/page.txt")
        assert status == 500 and b"some text" not in body
        httpd.claim("MP0240")


def test_a_filter_that_closes_before_the_body_ends(httpd: Httpd, protocol: str) -> None:
    with Client(httpd, protocol) as ask:
        for _ in range(3):
            assert ask("/closed", LONG) == (200, LONG[:4])


@pytest.mark.parametrize("secure", [True, False])
def test_streams_at_once(httpd: Httpd, secure: bool) -> None:
    with connect(httpd, secure) as client:
        paths = ["/out/long.bin", "/out/page.txt", "/deflated/page.txt", "/raises/page.txt"] * 4
        numbers = [client.start(path) for path in paths]
        found = [client.finish(number).body for number in numbers]
    assert found == [LONG.upper(), TEXT.upper(), TEXT.upper(), b"SOME text"] * 4
    for _ in range(4):
        httpd.claim_failure("raises filters::raises", "the filter's")


@pytest.mark.parametrize("secure", [True, False])
def test_what_is_flushed_arrives_at_once(httpd: Httpd, secure: bool) -> None:
    (httpd.root / "go").unlink(missing_ok=True)
    with connect(httpd, secure) as client:
        number = client.start("/slow")
        client.until(number, b"FIRST")
        httpd.write("go", "on")
        assert client.finish(number).body == b"FIRSTSECOND"


@pytest.mark.parametrize("secure", [True, False])
def test_a_stream_that_the_client_resets(httpd: Httpd, secure: bool) -> None:
    with connect(httpd, secure) as client:
        for _ in range(3):
            number = client.start("/endless/page.txt")
            client.until(number, b"endless ")
            client.reset(number)
            httpd.claim("MP0081: endless filters::endless: the stream broke off")
            assert client.ask("/out/page.txt").body == TEXT.upper()


def test_a_client_that_hangs_up(httpd: Httpd, protocol: str) -> None:
    with Client(httpd, protocol) as ask:
        if ask.h2:
            ask.h2.until(ask.h2.start("/endless/page.txt"), b"endless ")
        else:
            ask.h1.request("GET", "/endless/page.txt")
            ask.h1.getresponse().read(8)
    httpd.claim("MP0081: endless filters::endless: the stream broke off")


def connect(httpd: Httpd, secure: bool) -> H2Client:
    cert = httpd.root / "conf" / "cert.pem"
    return H2Client(httpd.ports["tls"], cert) if secure else H2Client(httpd.port)


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_a_graceful_restart_lets_filters_finish(tmp_path: Path, mpm: str) -> None:
    modules = [name for name in MODULES if name != "http2"]         # it warns under prefork
    httpd = Httpd(tmp_path, CONF, FILES, mpm=mpm, modules=modules, ports=PORTS, children=2)
    certificate(tmp_path / "conf")
    with httpd as server, server.raw() as client:
        client.send_request("GET", "/slow")
        client.receive_until(b"FIRST")
        restart = threading.Thread(target=server.graceful)
        restart.start()
        server.claim("(?i)graceful restart")
        server.write("go", "on")
        client.receive_until(b"SECOND\r\n0\r\n\r\n")
        restart.join()
        assert server.get("/out/page.txt").body == TEXT.upper()
