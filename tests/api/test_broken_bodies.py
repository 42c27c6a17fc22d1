"""Bodies that end early, never come, are too large; counters while one is read (spec: API, body reading rules)."""

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd, wait_for

CONF = CASES_CONF + """
    PythonInterpreter bodies
    <Location /limited>
        SetHandler mod_python
        PythonHandler cases::limited
        LimitRequestBody 1000
    </Location>
    <VirtualHost *>
        ServerName patient
    </VirtualHost>
    <VirtualHost *>
        ServerName impatient
        Timeout 1
    </VirtualHost>
"""

FILES = {"cases.py": CASES + r'''
said = {}

def told(req):
    return said.pop(req.args, None)

def reading(req):
    "Reads as the query says; remembers what came and what was raised."
    key, _, way = req.args.partition("&")
    found = []
    try:
        while True:
            data = {"read": lambda: req.read(4), "whole": req.read, "line": req.readline,
                    "lines": lambda: req.readlines(), "iterated": lambda: next(iter(req))}[way]()
            if not data:
                break
            found.append(data)
    except Exception as error:
        found.append((type(error).__name__, str(error)))
        try:
            req.read(1)
        except Exception as error:
            found.append(type(error).__name__)
    req.connection.keepalive = apache.AP_CONN_CLOSE
    said[key] = found

def counters(req):
    seen = [(req.read_length, req.remaining, req.read_body, req.read_chunked)]
    for size in (3, 4, -1):
        req.read(size)
        seen.append((req.read_length, req.remaining, req.read_body, req.read_chunked))
    return seen

def limited(req):
    try:
        value = {"discard": req.discard_request_body, "read": req.read, "line": req.readline,
                 "lines": req.readlines}[req.args]()
        said[req.args] = value if isinstance(value, int) else len(value)
    except apache.SERVER_RETURN as error:
        said[req.args] = ("SERVER_RETURN", error.args)
        raise
    return apache.OK

def discard(req):
    return [req.discard_request_body(), req.read(), req.readline(), req.readlines(), list(req)]

def methods(req):
    return [req.method, req.read()]
'''}


def told(httpd: Httpd, key: str) -> list[object]:
    found: list[list[object]] = []

    def ask() -> bool:
        value = case(httpd, f"told?{key}")
        if value is not None:
            found.append(value)
        return bool(found)
    wait_for(ask)
    return found[0]


@pytest.mark.parametrize(("way", "before"), [
    ("read", [b"only", b" thi", b"s"]), ("line", [b"only this"]), ("whole", []), ("lines", []),
])
def test_what_came_of_a_body_is_given_out_before_the_error(httpd: Httpd, way: str, before: list[bytes]) -> None:
    with httpd.raw() as client:
        client.send_request("POST", f"/case/reading?{way}&{way}", {"Content-Length": "1000"}, b"only this").half_close()
        client.receive_all()
    *data, error, again = told(httpd, way)
    assert data == before and isinstance(error, tuple) and error[0] == again == "OSError"
    assert str(error[1]).startswith("Client read error")


@pytest.mark.parametrize("way", ["read", "whole"])
def test_a_body_that_does_not_come_is_a_timeout(httpd: Httpd, way: str) -> None:
    with httpd.raw() as client:
        client.send(f"POST /case/reading?late&{way} HTTP/1.1\r\nHost: impatient\r\nContent-Length: 1000\r\n\r\nsome"
                    .encode())
        client.receive_all()
    *_, error, again = told(httpd, "late")
    assert error == ("OSError", "Client read error (Timeout?)") and again == "OSError"


@pytest.mark.parametrize("query", ["read", "line", "lines"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_413_of_server_return(httpd: Httpd, query: str, chunked: bool) -> None:
    body = b"x" * 5000
    headers = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": "5000"}
    with httpd.raw() as client:
        client.send_request("POST", f"/limited?{query}", {**headers, "Connection": "close"},
                            b"1388\r\n" + body + b"\r\n0\r\n\r\n" if chunked else body)
        assert client.response().status == 413
    if chunked:
        httpd.claim(r"Read content length of \d+ is larger than the configured limit")
        assert told(httpd, query) == ("SERVER_RETURN", (413,))


def test_a_refused_body_can_not_be_discarded_either(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send_request("POST", "/limited?discard", {"Transfer-Encoding": "chunked", "Connection": "close"},
                            b"1388\r\n" + b"x" * 5000 + b"\r\n0\r\n\r\n")
        assert client.response().status in (200, 413)
    assert told(httpd, "discard") == 413
    httpd.claim(r"Read content length of \d+ is larger than the configured limit")


def test_counters_grow_and_shrink(httpd: Httpd) -> None:
    first, *rest = case(httpd, "counters", body=b"0123456789")
    assert first == (0, 0, 0, 0) and rest == [(3, 7, 1, 0), (7, 3, 1, 0), (10, 0, 1, 0)]
    with httpd.raw() as client:
        client.send_request("POST", "/case/counters", {"Transfer-Encoding": "chunked"}, b"a\r\n0123456789\r\n0\r\n\r\n")
        seen = eval(client.response().text)
    assert [entry[0] for entry in seen] == [0, 3, 7, 10] and [entry[2] for entry in seen[1:]] == [2, 2, 2]


def test_a_discarded_body_is_empty_for_every_way_of_reading(httpd: Httpd) -> None:
    assert case(httpd, "discard", body=b"a\nb\n" * 1000) == [0, b"", b"", [], []]
    assert case(httpd, "discard") == [0, b"", b"", [], []]


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_any_method_may_have_a_body(httpd: Httpd, method: str) -> None:
    assert eval(httpd.request(method, "/case/methods", b"body").text) == [method, b"body"]


def test_an_early_end_does_not_confuse_the_connection(httpd: Httpd) -> None:
    with httpd.session() as ask:
        assert ask("POST", "/case/methods", b"x" * 100000).status == 200
        assert ask("GET", "/case/methods").body == b"['GET', b'']"
