"""What once leaked: requests that refer to themselves, merged options, several phases, lines, tables, the tree.

Every way is gone often, by one connection that sends its requests in one go; then the process must not be larger than
after the first rounds, and no request object may be left.
"""

import re

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd, sanitizer

MPMS = ("prefork",)         # one process, one thread: what grows was ours

CONF = CASES_CONF + "KeepAliveTimeout 60\nMaxKeepAliveRequests 0\n" + "".join(
    f"PythonOption server.key{number} value{number}\n" for number in range(300)) + """
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler cases::by_query
    </Directory>
    <Directory "${htdocs}/phases">
        PythonHeaderParserHandler cases::touch
        PythonAccessHandler cases::touch
        PythonTypeHandler cases::touch
        PythonFixupHandler cases::touch
        PythonLogHandler cases::touch
        PythonCleanupHandler cases::touch
""" + "".join(f"        PythonOption directory.key{number} value{number}\n" for number in range(300)) + """
    </Directory>
"""

FILES = {
    "htdocs/page.txt": "", "htdocs/phases/page.txt": "",
    "cases.py": CASES + r'''
import gc

def by_query(req):
    if not globals()[req.args](req):
        req.write("x", 0)
    return apache.OK

def touch(req):
    req.touched = getattr(req, "touched", 0) + 1
    req.notes["phase"] = req.phase
    return apache.DECLINED if req.phase == "PythonTypeHandler" else apache.OK

# The ways

def plain(req):
    req.uri, req.headers_in, req.connection, req.server

def itself(req):
    "MODPYTHON-1, -59"
    req.foo = req
    req.bar = [req.headers_in, req.connection, req.server, lambda: req]

def cleanup(req):
    req.register_cleanup(lambda data: None, req)

def options(req):
    "MODPYTHON-75"
    assert len(req.get_options()) >= 300
    req.get_config()

def lines(req):
    "MODPYTHON-172, -182"
    while req.readline(7):
        pass

def several_lines(req):
    req.readlines(10), req.readlines()

def redirect(req):
    req.internal_redirect("/page.txt?plain")
    return True         # the answer is complete

def failing(req):
    try:
        req.headers_in["absent"]
    except KeyError:
        pass
    raise apache.SERVER_RETURN(apache.OK)

# Inside one request

def size():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

def growth(work, rounds):
    for _ in range(rounds // 5):
        work()
    gc.collect()
    before = size()
    for _ in range(rounds):
        work()
    gc.collect()
    return size() - before

def tree(req):
    "MODPYTHON-172"
    return growth(apache.config_tree, 1000)

def tables(req):
    "MODPYTHON-184"
    def work():
        t = apache.table({"a": "b"})
        t.add("a", "c")
        t.copy().update(t)
        repr(t), t["a"], t.items(), t == {}, list(t.iteritems())
    return growth(work, 30000)

def members(req):
    names = [name for name in dir(type(req)) if name[0] != "_" and not callable(getattr(req, name, None))]
    def work():
        for name in names:
            getattr(req, name)
        req.finfo = req.finfo
    return growth(work, 2000)

def stats(req):
    return growth(lambda: (apache.stat(__file__, 0), repr(req.finfo), tuple(req.finfo)), 10000)

def logs(req):
    return growth(lambda: apache.log_error("not logged", apache.APLOG_DEBUG, req.server), 30000)

def left(req):
    gc.collect()
    return [sum(type(o).__name__ == "mp_request" for o in gc.get_objects()), size()]
'''}

LINES = b"line one\nline two\n" * 5
WAYS = [("/page.txt?plain", b"", 10_000), ("/page.txt?itself", b"", 10_000), ("/page.txt?cleanup", b"", 2000),
        ("/page.txt?options", b"", 2000), ("/phases/page.txt?plain", b"", 2000), ("/phases/page.txt?itself", b"", 2000),
        ("/page.txt?lines", LINES, 2000), ("/page.txt?several_lines", LINES, 2000), ("/page.txt?redirect", b"", 2000),
        ("/page.txt?failing", b"", 2000)]

SANITIZED = sanitizer() is not None     # which keeps freed memory for a while


def send(httpd: Httpd, path: str, body: bytes, count: int) -> None:
    """That many requests on one connection, a hundred at once."""
    request = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body)
    with httpd.raw() as client:
        for _ in range(count // 100):
            client.send(request * 100)
            answers = b""
            while len(re.findall(rb"HTTP/1\.1 ", answers)) < 100 or not answers.endswith((b"\r\n\r\nx", b"\r\n\r\n")):
                piece = client.socket.recv(65536)
                assert piece, answers
                answers += piece
            assert set(re.findall(rb"HTTP/1\.1 (\d+)", answers)) == {b"200"}, answers


@pytest.mark.parametrize(("path", "body", "count"), WAYS)
def test_many_requests_leave_nothing(httpd: Httpd, path: str, body: bytes, count: int) -> None:
    send(httpd, path, body, 500)
    _, before = case(httpd, "left")
    send(httpd, path, body, count)
    objects, after = case(httpd, "left")
    assert objects == 1         # that of this very request
    assert after - before < 1_000_000 or SANITIZED


@pytest.mark.skipif(SANITIZED, reason="the sanitizer keeps freed memory")
@pytest.mark.parametrize("name", ["tree", "tables", "members", "stats", "logs"])
def test_calls_leave_nothing(httpd: Httpd, name: str) -> None:
    assert case(httpd, name) < 1_000_000
