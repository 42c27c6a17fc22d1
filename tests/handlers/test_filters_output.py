"""Output filters: how they are put in place, what read() gives, what goes out (spec: directives 1, 4, 9; API 7)."""

import gzip
import hashlib
import os
import random
import re
from pathlib import Path

import pytest
from httpd import Httpd, at_once, sanitizer

MPMS = ("event", "prefork")
MODULES = ("cgid", "filter", "deflate", "include")
MANY_NAMES = 80             # more than have a C function of their own (src/host/filters.c)

CONF = """
    PythonOutputFilter filters::upper UPPER
    ScriptSock ${root}/run/cgid
    <Directory "${htdocs}">
        Options +ExecCGI
        AddHandler cgi-script .cgi
    </Directory>
    <Location /upper>
        SetOutputFilter UPPER
    </Location>
    <Directory "${htdocs}/place">
        PythonOutputFilter filters::place PLACE
        AddOutputFilter PLACE .txt .cgi
    </Directory>
    <Directory "${htdocs}/place/deeper">
        PythonOutputFilter filters::deeper place
    </Directory>
    <Directory "${htdocs}/twice">
        PythonOutputFilter filters::nobody twice
        PythonOutputFilter filters::place twice
        SetOutputFilter twice
    </Directory>
    <Directory "${htdocs}/unnamed">
        PythonOutputFilter Unnamed
        SetOutputFilter unnamed
    </Directory>
    <Directory "${htdocs}/bytype">
        PythonOutputFilter filters::place BYKIND
        AddOutputFilterByType BYKIND text/html
    </Directory>
    <Directory "${htdocs}/provider">
        PythonOutputFilter filters::place PROVIDED
        FilterDeclare chosen
        FilterProvider chosen PROVIDED "%{CONTENT_TYPE} =~ m#^text/plain#"
        FilterChain chosen
    </Directory>
    <DirectoryMatch "/match/[ab]/">
        PythonOutputFilter filters::place MATCH
        SetOutputFilter MATCH
    </DirectoryMatch>
    <Location /located>
        PythonOutputFilter filters::place LOCATED
        SetOutputFilter LOCATED
    </Location>
    <Location /chain>
        PythonOutputFilter filters::first FIRST
        PythonOutputFilter filters::second SECOND
        SetOutputFilter FIRST;SECOND
    </Location>
    <Location /deflate_after>
        SetOutputFilter UPPER;DEFLATE
    </Location>
    <Location /deflate_before>
        AddEncoding x-gzip .gz
        SetOutputFilter INFLATE;UPPER;DEFLATE
    </Location>
    <Location /python>
        SetHandler mod_python
        PythonHandler filters::handler
    </Location>
    <Location /python/filtered>
        PythonOutputFilter filters::named NAMED
        SetOutputFilter NAMED
    </Location>
    <Location /other_interpreter>
        PythonOutputFilter filters::who WHO
        PythonInterpPerDirective On
        SetOutputFilter WHO
        SetHandler mod_python
        PythonHandler filters::handler
    </Location>
    <Directory "${htdocs}/directive">
        PythonInterpPerDirective On
        PythonOutputFilter filters::who PER_DIRECTIVE
        SetOutputFilter PER_DIRECTIVE
    </Directory>
    <Directory "${htdocs}/directory">
        PythonInterpPerDirectory On
        PythonOutputFilter filters::who PER_DIRECTORY
        SetOutputFilter PER_DIRECTORY
    </Directory>
    <Directory "${htdocs}/local">
        PythonOutputFilter beside LOCAL
        SetOutputFilter LOCAL
    </Directory>
    <Directory "${htdocs}/index">
        DirectoryIndex page.txt
        SetOutputFilter UPPER
    </Directory>
    <Location /error>
        SetHandler mod_python
        PythonHandler filters::fails
        SetOutputFilter UPPER
    </Location>
    <Location /objects>
        PythonOutputFilter filters::Shop.filter OBJECT
        SetOutputFilter OBJECT
    </Location>
    PythonInterpreterOptions ${htdocs}/nested/own/ gil=own
    <Directory "${htdocs}/nested">
        PythonInterpPerDirective On
        SetHandler mod_python
        PythonHandler filters::nested
        PythonOutputFilter filters::who OUTER
    </Directory>
    <Directory "${htdocs}/nested/own">
        PythonOutputFilter filters::count INNER
        SetOutputFilter INNER;OUTER
    </Directory>
    <Directory "${htdocs}/sub">
        Options +Includes
        AddType text/html .shtml
        AddOutputFilter INCLUDES .shtml
    </Directory>
    <Directory "${htdocs}/sub/inner">
        PythonOutputFilter filters::main MAIN
        SetOutputFilter MAIN
    </Directory>
""" + "\n".join(f"PythonOutputFilter filters::place NAME{number}" for number in range(MANY_NAMES)) + """
    <Directory "${htdocs}/names">
        SetOutputFilter NAME79
    </Directory>
    <Directory "${htdocs}/names/bytype">
        SetOutputFilter NAME78
        AddOutputFilterByType NAME77 text/plain
    </Directory>
    <VirtualHost *>
        ServerName first
    </VirtualHost>
    <VirtualHost *>
        ServerName second
        PythonOutputFilter filters::vhost UPPER
        SetOutputFilter UPPER
    </VirtualHost>
"""

TEXT = b"some text in lower case\n"
LONG = random.Random(9).randbytes(1 << 20)
MANY = b"".join(b"number %d;bytes %d;" % (i, i) for i in range(10000))
PLACES = ("place", "place/deeper", "twice", "unnamed", "bytype", "provider", "match/a", "match/c", "plain",
          "deflate_after", "deflate_before", "chain", "upper", "directive", "directory/a", "directory/b", "local",
          "index", "located", "objects", "nested/own", "sub/inner", "names", "names/bytype")

FILES = {
    **{f"htdocs/{place}/page.txt": TEXT for place in PLACES},
    "htdocs/bytype/page.html": TEXT, "htdocs/provider/page.html": TEXT, "htdocs/place/page.png": TEXT,
    "htdocs/deflate_after/long.bin": LONG, "htdocs/deflate_before/text.txt.gz": gzip.compress(TEXT * 1000),
    "htdocs/deflate_after/page.txt": TEXT * 1000, "htdocs/empty.txt": b"", "htdocs/upper/empty.txt": b"",
    "htdocs/long.bin": LONG, "htdocs/upper/long.bin": LONG,
    "htdocs/lines.txt": b"one\r\ntwo\n\nlast without an end", "htdocs/page.txt": TEXT,
    "htdocs/local/beside.py": "def outputfilter(filter):\n    while s := filter.read():\n"
                              "        filter.write(s + b'+')\n    if s is None:\n        filter.close()\n",
    "unnamed.py": "", "htdocs/sub/page.shtml": '<!--#include virtual="inner/page.txt" -->',
    "Unnamed.py": "def outputfilter(filter):\n    filter.write(filter.name + ' ' + filter.handler)\n",
    "filters.py": r"""
import os
import threading
import time
from mod_python import apache

state = {"calls": 0}

def upper(filter):
    while s := filter.read():
        filter.write(s.upper())
    if s is None:
        filter.close()

def prefixed(text):
    def function(filter):
        while s := filter.read():
            filter.write(text + s)
        if s is None:
            filter.close()
    return function

place, deeper, vhost, first, second, nobody = map(prefixed, (
    b"place:", b"deeper:", b"vhost:", b"first:", b"second:", b"nobody:"))

def who(filter):
    filter.write("%s|%s|" % (apache.interpreter, filter.dir))
    filter.disable()

def count(filter):
    calls = state.setdefault(filter.req.request_time, [])
    while s := filter.read(1000):
        filter.write(s)
        calls.append(len(s))
    if s is None:
        filter.write("|%d bytes, %s" % (sum(calls), apache.interpreter))
        filter.close()

def nested(req):
    for _ in range(100):
        req.write("x" * 5000)
    return apache.OK

def main(filter):
    filter.write("%s of %s: " % (filter.req.uri, filter.req.main.uri))
    filter.disable()

class Shop:
    def __init__(self, filter):
        filter.write("new ")

    def filter(self, filter):
        filter.write("called ")
        filter.pass_on()

def named(filter):
    globals()[filter.req.args.partition("&")[0]](filter)

def handler(req):
    if "&" in (req.args or ""):
        return globals()[req.args.split("&")[1]](req)
    req.write("some text")
    return apache.OK

def fails(req):
    return apache.HTTP_GONE

# output filters by name, for /python/filtered?name

def facts(filter):
    own = [name for name in dir(filter) if not name.startswith("_")]
    missing = []
    for change in ("filter.nothing", "filter.nothing = 1", "filter.name = 'x'", "filter.closed = 1", "del filter.name"):
        try:
            exec(change)
        except AttributeError:
            missing.append(change)
    filter.softspace = 1
    filter.write(repr([str(type(filter)), filter.name, filter.is_input, filter.handler, filter.dir, filter.closed,
                       filter.softspace, filter.parent, filter.req.uri, filter.req is filter.req, own, len(missing),
                       hasattr(filter, "nothing"), filter.req.phase, repr(filter.req.hlist), filter.req.main]))
    filter.close()

def methods(filter):
    def raised(function, *args, **kwargs):
        try:
            function(*args, **kwargs)
        except Exception as error:
            return type(error).__name__
    found = [raised(filter.write), raised(filter.write, 1), raised(filter.write, None), raised(filter.write, "x", 1),
             raised(filter.write, "\ud800"), raised(filter.read, "x"), raised(filter.read, 1, 2),
             raised(filter.flush, 1), raised(filter.close, 1), raised(filter.pass_on, 1), raised(filter.disable, 1),
             filter.read(0), filter.read(len=2), filter.readline(len=3), filter.read(None), filter.read()]
    filter.write(data="é")
    filter.write("\udcff")
    filter.write(bytearray(b"array"))
    filter.write(memoryview(b"view"))
    filter.write("")
    filter.write(b"")
    found += [filter.flush(), filter.close(), filter.close(), filter.closed, raised(filter.read),
              raised(filter.readline), raised(filter.write, "more"), filter.flush(), raised(filter.pass_on),
              filter.disable()]
    filter.req.log_error("found %r" % found)

def reads(filter):
    "What each read gives, as a list per call."
    calls = filter.req.__dict__.setdefault("calls", [])
    calls.append([])
    while True:
        s = filter.read()
        calls[-1].append(s)
        if not s:
            break
    if s is None:
        filter.write(repr(calls))

def silent(filter):
    pass

def replace(filter):
    if not hasattr(filter.req, "replaced"):
        filter.req.replaced = 1
        filter.write("replacement")

def swallow_end(filter):
    while s := filter.read():
        filter.write(s)

def close_early(filter):
    filter.write(filter.read(4))
    filter.close()

def pass_half(filter):
    filter.write((filter.read(4) or b"").upper())
    filter.pass_on()

def disable(filter):
    filter.write("[%d]" % filter.closed)
    filter.disable()

def returns(filter):
    filter.pass_on()
    return apache.HTTP_NOT_FOUND

def keep(filter):
    state["kept"] = filter
    filter.pass_on()

def use_kept(filter):
    found = []
    for name in ("name", "req", "closed", "is_input", "handler", "dir", "softspace", "parent"):
        try:
            getattr(state["kept"], name)
        except RuntimeError as error:
            found.append(str(error))
    for name in ("read", "readline", "flush", "close", "pass_on", "disable"):
        try:
            getattr(state["kept"], name)()
        except RuntimeError as error:
            found.append(str(error))
    try:
        state["kept"].write("x")
    except RuntimeError as error:
        found.append(str(error))
    filter.write(repr(found))

def write_to_request(filter):
    if not filter.req.eos_sent:
        filter.req.write("below ")
    filter.pass_on()

def many(filter):
    if not hasattr(filter.req, "done"):
        filter.req.done = 1
        for i in range(10000):
            filter.write("number %d;" % i)
            filter.write(b"bytes %d;" % i)

def big(filter):
    if not hasattr(filter.req, "done"):
        filter.req.done = 1
        filter.write(b"x" * 3000000)
        filter.write("y" * 3000000)

def endless(filter):
    while True:
        filter.write("endless " * 100)

def in_a_thread(filter):
    thread = threading.Thread(target=filter.write, args=("from a thread ",))
    thread.start()
    thread.join()
    filter.disable()

def two_threads(filter):
    "Until one of them finds the other one inside."
    found = []
    def write():
        while not found:
            try:
                filter.write("x" * 10000)
            except RuntimeError as error:
                found.append(str(error))
    thread = threading.Thread(target=write)
    thread.start()
    write()
    thread.join()
    filter.write("|" + found[0])
    filter.close()

def ask_twice(filter):
    "None stays None."
    seen = [filter.read(), filter.read(), filter.read()]
    if seen[0] is None or seen[1] is None:
        filter.write(repr(seen))

# handlers, for /python/filtered?filter&handler

def three_flushes(req):
    for word in ("one", "two", "three"):
        req.write(word)
    return apache.OK

def queued(req):
    for word in ("one", "two", "three"):
        req.write(word, 0)
    return apache.OK

def nothing(req):
    return apache.OK

def no_content(req):
    req.status = 204
    return apache.OK

def file(req):
    req.sendfile(req.document_root() + "/long.bin")
    return apache.OK

def sparse(req):
    req.sendfile(req.document_root() + "/sparse.bin")
    return apache.OK

# read(n) and readline(n): /python/filtered?sizes_16384&file

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

def every_line(filter):
    while s := filter.readline():
        filter.write(b"<" + s + b">")

def short_lines(filter):
    while s := filter.readline(3):
        filter.write(b"<" + s + b">")

def lines_and_reads(filter):
    filter.write(repr([filter.readline(), filter.read(1), filter.readline(), filter.readline(), filter.read(),
                       filter.read()]))

def lines(req):
    req.sendfile(req.document_root() + "/lines.txt")
    return apache.OK

def slow(req):
    req.write("first")
    while not os.path.exists(os.path.join(apache.server_root(), "go")):
        time.sleep(0.01)
    req.write("second")
    return apache.OK
""",
    "htdocs/place/page.cgi": "#!/bin/sh\necho 'Content-Type: text/plain'\necho\necho first\n"
                             "while [ ! -e ../../gone_on ]; do sleep 0.02;"
                       " done\necho second\n",
}


def body(httpd: Httpd, path: str, host: str = "first", accept: str = "identity") -> bytes:
    r = httpd.get(path, {"Host": host, "Accept-Encoding": accept})
    assert r.status == 200
    return r.body


@pytest.mark.parametrize(("path", "found"), [
    ("/upper/page.txt", TEXT.upper()),
    ("/place/page.txt", b"place:" + TEXT),
    ("/place/page.png", TEXT),
    ("/place/deeper/page.txt", b"deeper:" + TEXT),
    ("/twice/page.txt", b"place:" + TEXT),
    ("/unnamed/page.txt", b"unnamed Unnamed"),
    ("/bytype/page.html", b"place:" + TEXT),
    ("/bytype/page.txt", TEXT),
    ("/provider/page.txt", b"place:" + TEXT),
    ("/provider/page.html", TEXT),
    ("/match/a/page.txt", b"place:" + TEXT),
    ("/match/c/page.txt", TEXT),
    ("/located/page.txt", b"place:" + TEXT),
    ("/chain/page.txt", b"second:first:" + TEXT),
    ("/local/page.txt", TEXT + b"+"),
    ("/objects/page.txt", b"new called " + TEXT),
    ("/index/", TEXT.upper()),
    ("/index/page.txt", TEXT.upper()),
    ("/names/page.txt", b"place:" + TEXT),
    ("/names/bytype/page.txt", b"place:place:" + TEXT),
    ("/sub/page.shtml", b"/sub/inner/page.txt of /sub/page.shtml: " + TEXT),
])
def test_a_filter_is_found_by_its_name_where_it_is_used(httpd: Httpd, path: str, found: bytes) -> None:
    assert body(httpd, path) == found
    assert body(httpd, path) == found


def test_a_vhost_defines_a_name_anew(httpd: Httpd) -> None:
    assert body(httpd, "/page.txt", "second") == b"vhost:" + TEXT
    assert body(httpd, "/page.txt", "first") == TEXT


def test_members_and_methods(httpd: Httpd) -> None:
    found = eval(body(httpd, "/python/filtered?facts"))
    assert found == ["<class 'mp_filter'>", "named", 0, "filters::named", "/python/filtered", 0, 1, None,
                     "/python/filtered", True, ["close", "closed", "dir", "disable", "flush", "handler", "is_input",
                                                "name", "parent", "pass_on", "read", "readline", "req", "softspace",
                                                "write"], 5, False, "PythonHandler", found[14], None]
    assert found[14].startswith("<mp_hlist")        # MODPYTHON-193; and MODPYTHON-112: the phase is the handler's


def test_methods_take_and_refuse_what_is_documented(httpd: Httpd) -> None:
    assert body(httpd, "/python/filtered?methods&queued") == "é".encode() + b"\xffarrayview"
    found = eval(httpd.claim(r"found (\[.*\])").group(1).replace("\\\\", "\\"))
    assert found == ["TypeError"] * 4 + ["UnicodeEncodeError"] + ["TypeError"] * 6 + [
        b"", b"on", b"etw", b"othree", None, None, None, None, 1, "ValueError", "ValueError", "ValueError", None,
        "ValueError", None]


def test_a_flush_ends_a_batch_and_the_end_is_none(httpd: Httpd) -> None:
    assert body(httpd, "/python/filtered?reads&three_flushes") == (
        b"[[b'one', b''], [b'two', b''], [b'three', b''], [None]]")
    assert body(httpd, "/python/filtered?reads&queued") == b"[[b'onetwothree', None]]"
    assert body(httpd, "/python/filtered?reads&nothing") == b"[[None]]"
    assert body(httpd, "/python/filtered?ask_twice&queued") == b"[b'onetwothree', None, None]"


@pytest.mark.parametrize("n", [1, 7, 16384, 16385, 65536, 10000000])
def test_reads_of_any_size_are_exact(httpd: Httpd, n: int) -> None:
    got = body(httpd, f"/python/filtered?sizes_{n}&file")
    assert len(got) == len(LONG) and hashlib.sha256(got).digest() == hashlib.sha256(LONG.upper()).digest()


def test_a_long_static_file_is_filtered_exactly(httpd: Httpd) -> None:
    assert hashlib.sha256(body(httpd, "/upper/long.bin")).digest() == hashlib.sha256(LONG.upper()).digest()


def test_lines(httpd: Httpd) -> None:
    assert body(httpd, "/python/filtered?every_line&lines") == b"<one\r\n><two\n><\n><last without an end>"
    assert body(httpd, "/python/filtered?short_lines&lines") == (
        b"<one><\r\n><two><\n><\n><las><t w><ith><out>< an>< en><d>")
    assert body(httpd, "/python/filtered?lines_and_reads&lines") == (
        b"[b'one\\r\\n', b't', b'wo\\n', b'\\n', b'last without an end', b'']"
        b"[None, None, None, None, None, None]")


def test_a_filter_need_neither_read_nor_close(httpd: Httpd) -> None:
    assert body(httpd, "/python/filtered?silent&queued") == b""
    assert body(httpd, "/python/filtered?replace&three_flushes") == b"replacement"
    assert body(httpd, "/python/filtered?swallow_end&three_flushes") == b"onetwothree"


def test_what_comes_after_close_is_dropped(httpd: Httpd) -> None:
    with httpd.session() as ask:
        for _ in range(2):
            assert ask("GET", "/python/filtered?close_early&file").body == LONG[:4]
            assert ask("GET", "/python/filtered?close_early&queued").body == b"onet"


def test_pass_on_and_disable_hand_over_the_rest(httpd: Httpd) -> None:
    assert body(httpd, "/python/filtered?pass_half&queued") == b"ONETwothree"
    assert body(httpd, "/python/filtered?pass_half&file") == LONG[:4].upper() + LONG[4:]
    assert body(httpd, "/python/filtered?disable&three_flushes") == b"[0]onetwothree"
    assert body(httpd, "/python/filtered?disable&file") == b"[0]" + LONG


def test_what_the_function_returns_does_not_count(httpd: Httpd) -> None:
    assert body(httpd, "/python/filtered?returns&queued") == b"onetwothree"


def test_a_filter_that_is_kept_is_over_after_its_call(httpd: Httpd) -> None:
    assert body(httpd, "/python/filtered?keep&queued") == b"onetwothree"
    assert body(httpd, "/python/filtered?keep&three_flushes") == b"onetwothree"
    messages = eval(body(httpd, "/python/filtered?use_kept&queued"))
    assert messages == ["this call of the filter is over; copy what you need of it while it runs"] * 15


def test_a_filter_that_writes_to_the_request_does_not_call_itself(httpd: Httpd) -> None:
    assert body(httpd, "/python/filtered?write_to_request&three_flushes") == b"below onebelow twobelow three"


def test_many_small_writes_and_large_ones_arrive(httpd: Httpd) -> None:
    assert body(httpd, "/python/filtered?many&queued") == MANY
    assert body(httpd, "/python/filtered?big&queued") == b"x" * 3000000 + b"y" * 3000000


def test_empty_answers(httpd: Httpd) -> None:
    r = httpd.get("/upper/empty.txt")
    assert (r.status, r.body, r.headers["Content-Length"]) == (200, b"", "0")
    r = httpd.get("/python/filtered?sizes_1&no_content")
    assert (r.status, r.body) == (204, b"")


# The head of the answer

def test_the_head_fits_what_goes_out(httpd: Httpd) -> None:
    for name in ("place/page.txt", "page.txt", "upper/empty.txt"):
        os.utime(httpd.htdocs / name, (1e9, 1e9))       # the ETag of a new file is weak
    r = httpd.get("/place/page.txt")
    assert r.headers["Content-Length"] == str(len(TEXT) + 6)
    assert r.headers["ETag"].startswith('W/"') and r.headers["Last-Modified"]
    assert httpd.get("/place/page.txt", {"If-None-Match": r.headers["ETag"]}).status == 304
    assert httpd.get("/upper/long.bin").headers["Content-Length"] is None
    assert httpd.get("/page.txt").headers["ETag"].startswith('"')
    assert httpd.get("/upper/empty.txt").headers["ETag"].startswith('"')    # nothing was changed


def test_head_has_no_body(httpd: Httpd) -> None:
    with httpd.raw() as client:
        r = client.send_request("HEAD", "/place/page.txt").response("HEAD")
        assert r.status == 200 and r.headers["ETag"].startswith("W/")
        assert client.send_request("GET", "/place/page.txt").response().body == b"place:" + TEXT


def test_ranges_are_those_of_the_filtered_answer(httpd: Httpd) -> None:
    r = httpd.get("/place/page.txt", {"Range": "bytes=3-9"})
    assert (r.status, r.body) == (206, (b"place:" + TEXT)[3:10])


# Among other filters, handlers and interpreters

def test_deflate_behind_and_in_front(httpd: Httpd) -> None:
    r = httpd.get("/deflate_after/page.txt", {"Accept-Encoding": "gzip"})
    assert r.headers["Content-Encoding"] == "gzip" and gzip.decompress(r.body) == TEXT.upper() * 1000
    assert gzip.decompress(body(httpd, "/deflate_after/long.bin", accept="gzip")) == LONG.upper()
    assert body(httpd, "/deflate_after/page.txt") == TEXT.upper() * 1000
    assert body(httpd, "/deflate_before/text.txt.gz") == TEXT.upper() * 1000
    assert gzip.decompress(body(httpd, "/deflate_before/text.txt.gz", accept="gzip")) == TEXT.upper() * 1000


def test_interpreters_of_filters(httpd: Httpd) -> None:
    root = httpd.htdocs
    assert body(httpd, "/other_interpreter?x") == b"/other_interpreter|/other_interpreter|some text"
    assert body(httpd, "/directive/page.txt") == f"{root}/directive/|{root}/directive/|".encode() + TEXT
    assert body(httpd, "/directory/a/page.txt") == f"{root}/directory/a/|{root}/directory/|".encode() + TEXT
    assert body(httpd, "/directory/b/page.txt") == f"{root}/directory/b/|{root}/directory/|".encode() + TEXT


def test_a_filter_in_an_interpreter_with_a_gil_of_its_own(httpd: Httpd) -> None:
    def ask(_: int) -> bytes:
        return body(httpd, "/nested/own/page.txt")
    name = f"{httpd.htdocs}/nested/"
    found = f"{name}|{name}|".encode() + b"x" * 500000 + f"|500000 bytes, {name}own/".encode()
    assert at_once(1 if httpd.mpm == "prefork" else 8, ask) == [found] * (1 if httpd.mpm == "prefork" else 8)


def test_other_threads_may_write_while_the_function_runs(httpd: Httpd) -> None:
    assert body(httpd, "/python/filtered?in_a_thread&queued") == b"from a thread onetwothree"


def test_one_thread_at_a_time(httpd: Httpd) -> None:
    with httpd.raw(receive_buffer=4096) as client:
        client.send_request("GET", "/python/filtered?two_threads&queued")
        data = client.response().body
    assert data.rpartition(b"|")[2] == b"another thread is reading or writing this filter; only one may at a time"


def test_a_long_answer_takes_no_more_memory_than_a_short_one(httpd: Httpd) -> None:
    if sanitizer():
        pytest.skip("the sanitizer keeps what is freed")
    size = 200 << 20
    with open(httpd.htdocs / "sparse.bin", "wb") as file:
        file.truncate(size)
    body(httpd, "/python/filtered?sizes_65536&file")
    before = peak(httpd)
    with httpd.raw() as client:
        client.send_request("GET", "/python/filtered?sizes_65536&sparse", {"Connection": "close"})
        received = 0
        while piece := client.socket.recv(1 << 20):
            received += len(piece)
    assert received > size
    assert peak(httpd) - before < 20 << 20


def peak(httpd: Httpd) -> int:
    """The most memory that the children have ever had, in bytes."""
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in httpd.child_pids()]
    return sum(int(kilobytes) * 1024 for text in texts for kilobytes in re.findall(r"VmHWM:\s+(\d+) kB", text))


def test_error_pages_of_httpd_go_by_the_filter(httpd: Httpd) -> None:
    r = httpd.get("/error")
    assert r.status == 410 and b"no longer available" in r.body


def test_what_a_handler_flushes_arrives_at_once(httpd: Httpd) -> None:
    httpd.write("go", "")
    (httpd.root / "go").unlink()
    with httpd.raw() as client:
        client.send_request("GET", "/python/filtered?sizes_7&slow")
        client.receive_until(b"FIRST")
        httpd.write("go", "on")
        client.receive_until(b"SECOND\r\n0\r\n\r\n")


def test_what_a_program_has_written_arrives_while_it_runs(httpd: Httpd) -> None:
    (httpd.htdocs / "place/page.cgi").chmod(0o755)
    with httpd.raw() as client:
        client.send_request("GET", "/place/page.cgi")
        client.receive_until(b"place:first\n")
        httpd.write("gone_on", "on")
        client.receive_until(b"place:second\n\r\n0\r\n\r\n")
    (httpd.root / "gone_on").unlink()


# Clients

def test_a_slow_client_gets_every_byte(httpd: Httpd) -> None:
    with httpd.raw(receive_buffer=4096) as client:
        client.send_request("GET", "/python/filtered?many&queued", {"Connection": "close"})
        answer = client.response().body
    assert answer == MANY


def test_a_client_that_hangs_up_is_no_error(httpd: Httpd) -> None:
    for _ in range(5):
        with httpd.raw(receive_buffer=4096) as client:
            client.send_request("GET", "/python/filtered?endless&queued")
            client.receive_until(b"endless")
            client.hang_up()
        httpd.claim(r"MP0081: named filters::named: the stream broke off")
    assert body(httpd, "/upper/page.txt") == TEXT.upper()
