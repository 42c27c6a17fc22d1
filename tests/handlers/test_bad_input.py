"""Bad input, from configurations, handlers and clients: a clear error, and the child lives on."""

import ast
from collections.abc import Iterator

import pytest
from httpd import Httpd, wait_for

CONF = """
    LimitRequestBody 300000
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler bad
    </Directory>
    <Directory "${htdocs}/unknown_module">
        PythonHandler no_such_module
    </Directory>
    <Directory "${htdocs}/no_object">
        PythonHandler empty
    </Directory>
    <Directory "${htdocs}/bad_path">
        PythonPath "sys.path + [undefined_name]"
        PythonHandler bad
    </Directory>
    <Location /forms>
        SetHandler mod_python
        PythonHandler bad::forms
    </Location>
    <Location /by_url>
        SetHandler mod_python
        PythonHandler bad::import_from_url
    </Location>
"""

FILES = {
    **{f"htdocs/{place}page.txt": "" for place in ("", "unknown_module/", "no_object/", "bad_path/")},
    "empty.py": "",
    "outside.py": "raise SystemError('this module must not be imported by a URL')\n",
    "bad.py": """
from urllib.parse import unquote
from mod_python import apache

state = {}

def text(req):
    return "a string"

def none(req):
    pass

def raises(req):
    raise LookupError("no such shop")

def write_after_error(req):
    try:
        raise LookupError("first")
    except LookupError:
        req.status = 500
        req.write("told the client")
    return apache.OK

def write_in_cleanup(req):
    def late(data):
        try:
            data.write("too late")
            state["late"] = "written"
        except Exception as error:
            state["late"] = type(error).__name__
    req.register_cleanup(late, req)
    req.write("ok")
    return apache.OK

def late(req):
    req.write(state.get("late", "nothing"))
    return apache.OK

def read_some(req):
    req.write("%s" % len(req.read(10)))
    return apache.OK

def read_all(req):
    state["read"] = "reading"
    try:
        data = req.read()
        state["read"] = "%s bytes" % len(data)
        req.write(state["read"])
    except OSError as error:
        state["read"] = type(error).__name__
        raise
    return apache.OK

def read_quietly(req):
    state["read"] = "reading"
    try:
        req.read()
    except (OSError, apache.SERVER_RETURN) as error:
        state["read"] = type(error).__name__
    return apache.OK

def read_result(req):
    req.write(state.get("read", "nothing"))
    return apache.OK

def endless(req):
    state["endless"] = "started"
    try:
        while True:
            req.write(b"x" * 65536)
    except OSError as error:
        state["endless"] = type(error).__name__
        raise

def endless_result(req):
    req.write(state.get("endless", "nothing"))
    return apache.OK

def import_from_url(req):
    name = unquote(req.args)
    module = apache.import_module(name)
    req.write("imported %s" % module.__name__)
    return apache.OK

def forms(req):
    import _apache
    found = []
    for qs in (req.args or "", req.read()):
        for keep in (0, 1):
            found.append(_apache.parse_qs(qs, keep))
            assert _apache.parse_qsl(qs, keep) == [(n, v) for n, values in found[-1].items() for v in values]
    req.write(repr(found))
    return apache.OK

def handler(req):
    return globals()[(req.args or "late").partition("&")[0]](req)
"""}


@pytest.fixture(autouse=True)
def the_child_lives(httpd: Httpd) -> Iterator[None]:
    """No test of this module may cost a child."""
    pids = httpd.child_pids()
    yield
    assert httpd.get("/page.txt").status == 200
    assert httpd.child_pids() == pids


def test_an_unknown_handler_module(httpd: Httpd) -> None:
    assert httpd.get("/unknown_module/page.txt").status == 500
    httpd.claim_failure("PythonHandler no_such_module", "ModuleNotFoundError: No module named 'no_such_module'")


def test_a_handler_module_without_the_object(httpd: Httpd) -> None:
    assert httpd.get("/no_object/page.txt").status == 500
    httpd.claim_failure("PythonHandler empty", "contains no 'handler'")


@pytest.mark.parametrize(("name", "told"), [("text", "'a string'"), ("none", "None")])
def test_a_handler_that_returns_no_number(httpd: Httpd, name: str, told: str) -> None:
    assert httpd.get(f"/page.txt?{name}").status == 500
    httpd.claim_failure("PythonHandler bad", f"returned {told}, a non-integer")


def test_a_handler_that_raises(httpd: Httpd) -> None:
    assert httpd.get("/page.txt?raises").status == 500
    httpd.claim_failure("PythonHandler bad", "LookupError: no such shop")


def test_a_handler_that_writes_after_an_error(httpd: Httpd) -> None:
    r = httpd.get("/page.txt?write_after_error")
    assert (r.status, r.body) == (500, b"told the client")


def test_writing_after_the_request_is_an_exception(httpd: Httpd) -> None:
    assert httpd.get("/page.txt?write_in_cleanup").body == b"ok"
    wait_for(lambda: httpd.get("/page.txt?late").text not in ("nothing", "written"))


def test_a_body_larger_than_what_is_read(httpd: Httpd) -> None:
    with httpd.session() as ask:
        for _ in range(3):
            assert ask("POST", "/page.txt?read_some", b"y" * 200000).text == "10"
        assert ask("POST", "/page.txt?read_all", b"y" * 200000).text == "200000 bytes"


def test_a_body_over_the_limit_is_413(httpd: Httpd) -> None:
    assert httpd.post("/page.txt?read_all", b"y" * 400000).status == 413


def test_a_chunked_body_over_the_limit_is_413(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send_request("POST", "/page.txt?read_all", {"Transfer-Encoding": "chunked"},
                            b"".join(b"10000\r\n" + b"z" * 65536 + b"\r\n" for _ in range(6)) + b"0\r\n\r\n")
        assert client.response().status == 413
    httpd.claim(r"Read content length of \d+ is larger than the configured limit")


def test_a_client_that_hangs_up_in_the_middle_of_the_answer(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send_request("GET", "/page.txt?endless")
        assert client.receive(100000)
        client.hang_up()
    wait_for(lambda: "Error" in httpd.get("/page.txt?endless_result").text)
    httpd.claim(r"PythonHandler bad.*client|PythonHandler bad failed[\s\S]*?(?:OSError|ConnectionError)[^\n]*")


def test_a_client_that_hangs_up_in_the_middle_of_its_body(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send_request("POST", "/page.txt?read_all", {"Content-Length": "1000"}, b"only this")
        wait_for(lambda: httpd.get("/page.txt?read_result").text == "reading")
        client.hang_up()
    wait_for(lambda: "Error" in httpd.get("/page.txt?read_result").text)
    httpd.claim(r"PythonHandler bad failed[\s\S]*?(?:OSError|ConnectionError)[^\n]*")


def test_a_body_that_ends_early_is_an_exception(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send_request("POST", "/page.txt?read_all", {"Content-Length": "1000"}, b"only this").half_close()
        client.receive_all()
    wait_for(lambda: "Error" in httpd.get("/page.txt?read_result").text)
    httpd.claim(r"PythonHandler bad failed[\s\S]*?(?:OSError|ConnectionError)[^\n]*")


@pytest.mark.parametrize(("form", "kept", "blank"), [
    ("", {}, {}), ("&", {}, {}), ("&&", {}, {}), ("=", {}, {"": [""]}), ("=&=", {}, {"": ["", ""]}),
    ("a", {}, {"a": [""]}), ("a&", {}, {"a": [""]}), ("&a=", {}, {"a": [""]}), ("%", {}, {"%": [""]}),
    ("%z", {}, {"%z": [""]}), ("a=%", {"a": ["%"]}, None), (";", {}, {}), ("c=%e9", {"c": ["\xe9"]}, None),
    ("&" * 8000, {}, {}), ("&" * 65536, {}, {}),
])
def test_forms_of_all_kinds_are_parsed(
        httpd: Httpd, form: str, kept: dict[str, list[str]], blank: dict[str, list[str]] | None) -> None:
    query = form if len(form) < 65536 else ""
    r = httpd.post(f"/forms?{query}", form)
    of_bytes = [{n.encode("latin-1"): [v.encode("latin-1") for v in values] for n, values in fields.items()}
                for fields in (kept, kept if blank is None else blank)]
    assert r.status == 200
    assert ast.literal_eval(r.text) == [kept, kept if blank is None else blank, *of_bytes]


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"5\r\nabc", b"-1\r\nabc\r\n", b"ffffffffffffffffff\r\nabc"])
def test_a_broken_chunked_body_is_no_crash(httpd: Httpd, chunks: bytes) -> None:
    with httpd.raw() as client:
        client.send_request("POST", "/page.txt?read_quietly", {"Transfer-Encoding": "chunked"}, chunks).half_close()
        assert client.receive_all()[:13] in (b"", b"HTTP/1.1 200 ", b"HTTP/1.1 400 ", b"HTTP/1.1 413 ")
    wait_for(lambda: httpd.get("/page.txt?read_result").text in ("OSError", "SERVER_RETURN"))
    httpd.claim(r"(?:.*\n)*")


@pytest.mark.parametrize(("line", "word"), [
    ("PythonDebug maybe", "On or Off"), ("PythonInterpreter", "one argument"),
    ("PythonInterpreter a b", "one argument"), ("PythonOption", "argument"), ("PythonOption a b c", "argument"),
    ("PythonImport only_one", "two arguments"), ("PythonTransHandler a | .py", "file name"),
    ("PythonPath", "one argument"),
])
def test_config_lines_with_wrong_arguments_are_told(httpd: Httpd, line: str, word: str) -> None:
    status, output = httpd.configtest(line)
    assert status != 0 and line.split()[0] in output and word in output


def test_a_python_path_that_does_not_evaluate(httpd: Httpd) -> None:
    for _ in range(2):
        assert httpd.get("/bad_path/page.txt").status == 500
        httpd.claim_failure("PythonHandler bad", "NameError: name 'undefined_name' is not defined")


@pytest.mark.parametrize("name", ["%00", "os%00", "..", "...", "%2e%2e", "a..b", ".hidden", "os.", "../outside%00",
                                  "%2e%2e/nowhere", "x" * 2000, "%e9", "a b", "-", "mod_python.%00", "no.such.module",
                                  "%c3%a9", "%0a", "__main__.x", "/etc/passwd%00", "~/%00"])
def test_module_names_from_a_url_are_an_error_and_no_crash(httpd: Httpd, name: str) -> None:
    with httpd.raw() as client:
        r = client.send_request("GET", f"/by_url?{name}", {"Connection": "close"}).response()
    assert r.status in (400, 404, 500) and b"imported" not in r.body
    if r.status == 500:
        httpd.claim(r"MP0010: PythonHandler bad::import_from_url failed in interpreter '.*'\n"
                    r"(?:.*PythonHandler bad::import_from_url: .*\n)+")
    assert "must not be imported" not in httpd.log_text()


@pytest.mark.parametrize("request_line", [
    b"GET /page.txt?raises\x00 HTTP/1.1", b"GET /%00page.txt HTTP/1.1", b"GET /page.txt/%2e%2e/%2e%2e/x HTTP/1.1",
    b"GET /\xff\xfe HTTP/1.1", b"GET /%ff%fe HTTP/1.1", b"\x00\x01\x02 / HTTP/1.1", b"GET /page.txt",
    b"GET /page.txt HTTP/9.9", b"OPTIONS * HTTP/1.1",
])
def test_odd_requests_are_answered_or_refused(httpd: Httpd, request_line: bytes) -> None:
    with httpd.raw() as client:
        client.send(request_line + b"\r\nHost: localhost\r\nX: \xe9\xff\r\nConnection: close\r\n\r\n").half_close()
        client.receive_all()
    httpd.wait_ready()
    if b"%2e%2e/%2e%2e" in request_line:
        httpd.claim("AH10244: invalid URI path")
    if b"raises\x00" not in request_line and "MP0010" in httpd.unclaimed():
        raise AssertionError(httpd.unclaimed())
