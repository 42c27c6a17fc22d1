"""Input filters: what read() gives, what the consumer gets, and the requests behind it (spec: directives 9)."""

import gzip
import hashlib
import random
import threading

import pytest
from client import RawClient
from httpd import Httpd, sanitizer

MPMS = ("event", "prefork")
MODULES = ("cgid", "deflate", "reflector", "proxy", "proxy_http", "filter", "request")

CONF = """
    ScriptSock ${root}/run/cgid
    <Directory "${htdocs}">
        Options +ExecCGI
        AddHandler cgi-script .cgi
    </Directory>
    <Location />
        PythonInputFilter filters::named NAMED
        PythonInputFilter filters::other OTHER
        PythonInputFilter filters::upper UPPER
    </Location>
    <Location /read>
        SetHandler mod_python
        PythonHandler filters::handler
        SetInputFilter NAMED
    </Location>
    <Location /chain>
        SetHandler mod_python
        PythonHandler filters::handler
        SetInputFilter OTHER;UPPER
    </Location>
    <Location /inflate>
        SetHandler mod_python
        PythonHandler filters::handler
        SetInputFilter DEFLATE;UPPER
    </Location>
    <Location /reflect>
        SetHandler reflector
        SetInputFilter NAMED
    </Location>
    <Location /limited>
        SetHandler mod_python
        PythonHandler filters::handler
        SetInputFilter UPPER
        LimitRequestBody 1000
    </Location>
    <Location /cgi>
        SetInputFilter UPPER
    </Location>
    <Location /proxy>
        ProxyPass "http://127.0.0.1:${port}/read/plain"
        SetInputFilter UPPER
    </Location>
    <Directory "${htdocs}/extension">
        PythonInputFilter filters::upper BYEXT
        AddInputFilter BYEXT .up
        SetHandler mod_python
        PythonHandler filters::handler
    </Directory>
    <Location /unnamed>
        SetHandler mod_python
        PythonHandler filters::handler
        PythonInputFilter unnamed
        SetInputFilter unnamed
    </Location>
    <Location /interpreter>
        PythonInterpPerDirective On
        PythonInputFilter filters::who WHO
        SetInputFilter WHO
        SetHandler mod_python
        PythonHandler filters::handler
    </Location>
"""

LONG = random.Random(5).randbytes(1 << 20)

FILES = {
    "htdocs/cgi/echo.cgi": "#!/bin/sh\necho Content-Type: text/plain\necho\nsha256sum\n",
    "htdocs/extension/a.up": "", "htdocs/extension/a.txt": "",
    "unnamed.py": "def inputfilter(filter):\n    filter.write('%s %s:' % (filter.name, filter.handler))\n"
                  "    filter.disable()\n",
    "filters.py": r"""
from mod_python import apache

def named(filter):
    globals()[filter.req.args.partition("&")[0]](filter)

def upper(filter):
    while s := filter.read():
        filter.write(s.upper())
    if s is None:
        filter.close()

def other(filter):
    while s := filter.read():
        filter.write(s.replace(b"T", b"*").replace(b"t", b"T"))
    if s is None:
        filter.write(b"[end]")
        filter.close()

def who(filter):
    filter.write("%s|%s|%s|" % (apache.interpreter, filter.dir, filter.is_input))
    filter.disable()

def sizes(n):
    def function(filter):
        while s := filter.read(n):
            assert len(s) <= n
            filter.write(s.upper())
        if s is None:
            filter.close()
    return function

for n in (1, 7, 16384, 16385, 65536, 10000000):
    globals()["sizes_%d" % n] = sizes(n)

def once(filter):
    "One read a call; what it leaves it finds again."
    s = filter.read(5)
    if s is None:
        filter.close()
    else:
        filter.write(b"<" + s + b">")

def line(filter):
    s = filter.readline()
    if s is None:
        filter.close()
    elif s:
        filter.write(b"<" + s + b">")

def nothing(filter):
    pass

def zero(filter):
    assert filter.read(0) == b""

def swallow(filter):
    while filter.read():
        pass

def only_at_the_end(filter):
    kept = filter.req.__dict__.setdefault("kept", [])
    while s := filter.read():
        kept.append(s)
    if s is None:
        filter.write(b"".join(kept).upper())
        filter.close()

def forget_to_close(filter):
    while s := filter.read():
        filter.write(s.upper())

def close_early(filter):
    filter.write(filter.read(4) or b"")
    filter.close()

def close_at_once(filter):
    filter.write("mine")
    filter.close()

def pass_on(filter):
    filter.write(b"[")
    filter.pass_on()

def pass_half(filter):
    filter.write((filter.read(4) or b"").upper())
    if not filter.closed:
        filter.pass_on()

def disable(filter):
    filter.write(b"[%d]" % filter.closed)
    filter.disable()

def disable_half(filter):
    filter.write((filter.read(4) or b"").upper())
    filter.disable()

def grow(filter):
    while s := filter.read():
        filter.write(s * 3)
    if s is None:
        filter.close()

def read_again(filter):
    found = [filter.read(), filter.read()]
    if found[0]:
        filter.write(found[0])
    while found[-1] is not None and found[-1] != b"":
        found.append(filter.read())
    assert found[-1] in (b"", None)
    if found[-1] is None:
        filter.close()
        assert filter.closed == 1
        for function in (filter.read, filter.readline, filter.pass_on, lambda: filter.write(b"x")):
            try:
                function()
            except ValueError:
                pass
            else:
                raise AssertionError("not refused")
        filter.flush()
        filter.close()
        filter.disable()

def read_from_request(filter):
    try:
        filter.req.read()
    except RuntimeError as error:
        filter.write(str(error))
    filter.disable()

def catches(filter):
    try:
        s = filter.read()
    except OSError as error:
        filter.req.log_error("caught " + str(error))
        filter.close()
        return
    filter.write(s or b"")
    if s is None:
        filter.close()

# handlers

def handler(req):
    how = (req.args or "").partition("&")[2]
    if how:
        return globals()[how](req)
    req.write(req.read())
    return apache.OK

def in_pieces(req):
    while s := req.read(10):
        req.write(s, 0)
        assert len(s) <= 10
    return apache.OK

def in_lines(req):
    req.write(repr(req.readlines()))
    return apache.OK

def one_by_one(req):
    while s := req.read(1):
        req.write(s, 0)
    return apache.OK

def count(req):
    total = 0
    while s := req.read(65536):
        total += len(s)
    status = open("/proc/self/status").read()
    req.write("%d %s" % (total, status.partition("VmHWM:")[2].split()[0]))
    return apache.OK

def not_at_all(req):
    req.write("unread")
    return apache.OK

def failing(req):
    try:
        data = req.read()
    except OSError as error:
        req.log_error("consumer " + str(error))
        raise apache.SERVER_RETURN(apache.HTTP_BAD_REQUEST)
    req.write(data)
    return apache.OK
"""}


def post(httpd: Httpd, path: str, data: bytes, headers: dict[str, str] | None = None) -> bytes:
    r = httpd.post(path, data, headers)
    assert r.status == 200
    return r.body


def chunked(data: bytes, size: int) -> bytes:
    pieces = [data[at:at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("n", [1, 7, 16384, 16385, 65536, 10000000])
def test_reads_of_any_size_are_exact(httpd: Httpd, n: int) -> None:
    got = post(httpd, f"/read?sizes_{n}", LONG)
    assert len(got) == len(LONG) and hashlib.sha256(got).digest() == hashlib.sha256(LONG.upper()).digest()


def test_a_chunked_body_is_exact(httpd: Httpd) -> None:
    with httpd.raw() as client:
        for size in (1000, 65536):
            client.send_request("POST", "/read?sizes_16385", {"Transfer-Encoding": "chunked"}, chunked(LONG, size))
            assert client.response().body == LONG.upper()


@pytest.mark.parametrize(("name", "found"), [
    ("once", b"<some ><text.>"), ("line", b"<some text.>"), ("nothing", b"some text."), ("zero", b"some text."),
    ("swallow", b""), ("only_at_the_end", b"SOME TEXT."), ("forget_to_close", b"SOME TEXT."), ("close_early", b"some"),
    ("close_at_once", b"mine"), ("pass_on", b"[some text."), ("pass_half", b"SOME text."),
    ("disable", b"[0]some text."), ("disable_half", b"SOME text."), ("grow", b"some text." * 3),
    ("read_again", b"some text."),
])
@pytest.mark.parametrize("how", ["", "&in_pieces", "&one_by_one"])
def test_the_consumer_gets_what_the_filter_makes(httpd: Httpd, name: str, found: bytes, how: str) -> None:
    with httpd.session() as ask:
        for _ in range(2):
            assert ask("POST", f"/read?{name}{how}", b"some text.").body == found
        assert ask("GET", f"/read?{name}{how}").status == 200
        assert ask("POST", f"/read?{name}{how}", b"some text.").body == found


@pytest.mark.parametrize("name", ["once", "line", "nothing", "swallow", "close_early", "close_at_once", "pass_on",
                                  "disable", "grow", "only_at_the_end"])
def test_a_body_that_nobody_reads_does_not_hurt_the_next_request(httpd: Httpd, name: str) -> None:
    data = b"GET /nowhere HTTP/1.1\r\n\r\n" * 10000
    with httpd.session() as ask:
        for _ in range(2):
            assert ask("POST", f"/read?{name}&not_at_all", data).body == b"unread"


@pytest.mark.parametrize("name", ["close_early", "close_at_once"])
def test_what_the_filter_left_does_not_become_the_next_request(httpd: Httpd, name: str) -> None:
    data = b"GET /nowhere HTTP/1.1\r\n\r\n" * 10000
    with httpd.raw() as client:
        for body, headers in ((data, {"Content-Length": str(len(data))}),
                              (chunked(data, 7000), {"Transfer-Encoding": "chunked"})):
            client.send_request("POST", f"/read?{name}", headers, body)
            assert client.response().body in (data[:4], b"mine")


def test_lines_of_the_consumer(httpd: Httpd) -> None:
    assert post(httpd, "/read?sizes_7&in_lines", b"one\r\ntwo\n\nlast") == b"[b'ONE\\r\\n', b'TWO\\n', b'\\n', b'LAST']"
    assert post(httpd, "/read?line", b"one\r\ntwo\n\nlast") == b"<one\r\n><two\n><\n><last>"


def test_the_request_cannot_be_read_inside_its_own_filter(httpd: Httpd) -> None:
    for _ in range(2):
        assert post(httpd, "/read?read_from_request", b"text") == (
            b"the body of this request is being read; an input filter reads it with filter.read()text")


def test_filters_in_a_chain(httpd: Httpd) -> None:
    assert post(httpd, "/chain", b"tilt") == b"*IL*[end]"


def test_an_inflated_body(httpd: Httpd) -> None:
    packed = gzip.compress(LONG)
    assert post(httpd, "/inflate", packed, {"Content-Encoding": "gzip"}) == LONG.upper()
    assert post(httpd, "/inflate", b"plain") == b"PLAIN"


@pytest.mark.parametrize(("name", "found"), [
    ("sizes_16385", LONG.upper()), ("grow", LONG * 3), ("nothing", LONG), ("only_at_the_end", LONG.upper()),
    ("close_early", LONG[:4]), ("swallow", b""),
])
def test_a_consumer_that_is_not_python(httpd: Httpd, name: str, found: bytes) -> None:
    with httpd.raw() as client:
        client.send_request("POST", f"/reflect?{name}", {"Transfer-Encoding": "chunked"})
        sender = threading.Thread(target=client.send, args=(chunked(LONG, 10000),))
        sender.start()                  # the answer starts before the body is out
        got = client.response().body
        sender.join()
    assert len(got) == len(found) and (name == "grow" or got == found)


def test_programs_and_backends_get_the_filtered_body(httpd: Httpd) -> None:
    (httpd.htdocs / "cgi/echo.cgi").chmod(0o755)
    with httpd.raw() as client:
        client.send_request("POST", "/cgi/echo.cgi", {"Content-Length": "1048576", "Connection": "close"}, LONG)
        assert client.response().text.split()[0] == hashlib.sha256(LONG.upper()).hexdigest()
    if httpd.mpm != "prefork":          # one process can't be its own backend
        assert post(httpd, "/proxy?nothing", LONG) == LONG.upper()


def test_the_default_name_and_function(httpd: Httpd) -> None:
    assert post(httpd, "/unnamed", b"text") == b"unnamed unnamed:text"


def test_a_filter_by_extension_and_one_in_an_interpreter_of_its_own(httpd: Httpd) -> None:
    assert post(httpd, "/extension/a.up", b"text") == b"TEXT"
    assert post(httpd, "/extension/a.txt", b"text") == b"text"
    assert post(httpd, "/interpreter", b"text") == b"/interpreter|/interpreter|1|text"


def test_a_body_that_is_too_large_is_refused(httpd: Httpd) -> None:
    assert httpd.post("/limited", b"x" * 1001).status == 413
    with httpd.raw() as client:
        client.send_request("POST", "/limited", {"Transfer-Encoding": "chunked"}, chunked(b"x" * 3000, 500))
        assert client.response().status == 413
    assert httpd.post("/limited", b"x" * 1000).body == b"X" * 1000


@pytest.mark.parametrize("name", ["sizes_7", "nothing", "disable", "catches", "once"])
def test_a_body_that_breaks_off_does_not_look_complete(httpd: Httpd, name: str) -> None:
    with httpd.raw() as client:
        client.send_request("POST", f"/read?{name}&failing", {"Content-Length": "100"}, b"half of it").half_close()
        answer = client.response()
    assert answer.status == 400
    httpd.claim("consumer Client read error")
    if name in ("sizes_7", "once"):
        httpd.claim("MP0081: named filters::named: the stream broke off")
    if name == "catches":
        httpd.claim("caught Read failed")


def test_a_slow_body_is_read_as_it_comes(httpd: Httpd) -> None:
    data = b"".join(b"%d " % number for number in range(200))
    with httpd.raw() as client:
        client.send_request("POST", "/read?sizes_7&in_pieces", {"Content-Length": str(len(data))})
        for at in range(len(data)):
            client.send(data[at:at + 1])
        assert client.response().body == data


def test_bodies_at_once(httpd: Httpd) -> None:
    if httpd.mpm == "prefork":
        pytest.skip("one request at a time")
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(post(httpd, "/read?sizes_16385", LONG))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [LONG.upper()] * 8


def test_a_long_body_takes_no_more_memory_than_a_short_one(httpd: Httpd) -> None:
    if sanitizer():
        pytest.skip("the sanitizer keeps what is freed")
    def peak(size: int) -> int:
        total, kilobytes = post(httpd, "/read?upper&count", b"x" * size).split()
        assert int(total) == size
        return int(kilobytes)
    assert peak(100 << 20) - peak(1 << 20) < 20 << 10


def test_expect_100_continue(httpd: Httpd) -> None:
    def ask(client: RawClient) -> bytes:
        client.send_request("POST", "/read?sizes_7", {"Content-Length": "4", "Expect": "100-continue"})
        assert client.receive(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        return client.send(b"text").response().body
    with httpd.raw() as client:
        assert [ask(client), ask(client)] == [b"TEXT", b"TEXT"]
