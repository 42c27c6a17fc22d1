"""WSGI applications in processes of their own, by the directives that people write."""

from __future__ import annotations

import hashlib
import os

from httpd import Httpd, wait_for

MPMS = ("event", "prefork")
SCRIPT = r"""
import hashlib, os, sys

def application(environ, start_response):
    return globals()[environ["PATH_INFO"][1:]](environ, start_response)

def facts(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    names = ("mod_wsgi.process_group", "mod_wsgi.application_group", "wsgi.multithread", "wsgi.multiprocess",
             "SCRIPT_NAME", "PATH_INFO", "HTTP_X_ONE")
    return [repr([os.getpid(), *(environ.get(name) for name in names)]).encode()]

def kind(environ, start_response):
    start_response("200 OK", [])
    return [repr([environ[f"wsgi.{name}"] for name in ("multithread", "multiprocess", "run_once")]).encode()]

def digest(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [])
    return [hashlib.sha256(body).hexdigest().encode()]

def pieces(environ, start_response):
    start_response("200 OK", [])
    for number in range(100):
        yield b"%d " % number * 100

def fails(environ, start_response):
    raise LookupError("the daemon's")

def breaks(environ, start_response):
    start_response("200 OK", [])
    yield b"begin"
    raise LookupError("the daemon's, late")

def dies(environ, start_response):
    os._exit(3)

def file(environ, start_response):
    start_response("200 OK", [])
    return environ["wsgi.file_wrapper"](open(__file__ + ".large", "rb"))

def says(environ, start_response):
    print("said to wsgi.errors", file=environ["wsgi.errors"])
    start_response("200 OK", [])
    return [b"said"]
"""
FILES = {"site/app.wsgi": SCRIPT, "site/app.wsgi.large": bytes(64 << 20)}
CONF = """
    WSGIDaemonProcess shop processes=2 threads=3
    WSGIDaemonProcess other threads=1
    WSGIDaemonProcess single processes=1 threads=2
    WSGIDaemonProcess once threads=1 maximum-requests=1
    WSGIDaemonProcess twice threads=1 maximum-requests=2
    WSGIDaemonProcess broad threads=2 maximum-requests=1
    WSGIChunkedRequest On
    WSGIScriptAlias /shop "${root}/site/app.wsgi" process-group=shop application-group=%{GLOBAL}
    WSGIScriptAlias /other "${root}/site/app.wsgi" process-group=other
    WSGIScriptAlias /here "${root}/site/app.wsgi"
    <Directory "${root}/site">
        Require all granted
    </Directory>
""" + "".join(f'WSGIScriptAlias /{name} "${{root}}/site/app.wsgi" process-group={name} application-group=%{{GLOBAL}}\n'
              for name in ("single", "once", "twice", "broad"))


def facts(httpd: Httpd, path: str) -> list[object]:
    found: list[object] = eval(httpd.get(path, {"X-One": "1"}).text)
    return found


def test_requests_run_where_the_directives_say(httpd: Httpd) -> None:
    pid, *rest = facts(httpd, "/shop/facts")
    assert pid not in httpd.child_pids()
    assert rest == ["shop", "", True, True, "/shop", "/facts", "1"]
    other, *rest = facts(httpd, "/other/facts")
    assert other not in (pid, *httpd.child_pids())
    assert rest[:4] == ["other", f"localhost:{httpd.port}|/other", False, False]
    assert facts(httpd, "/here/facts")[0] in httpd.child_pids()
    httpd.claim("Loading WSGI script '.*' into main interpreter of daemon process 'shop'")


def test_what_a_process_says_of_itself(httpd: Httpd) -> None:
    """wsgi.multithread, wsgi.multiprocess (processes= was written, even 1) and wsgi.run_once."""
    names = ("shop", "other", "single", "once", "twice", "broad")
    found = {name: eval(httpd.get(f"/{name}/kind").text) for name in names}
    assert found == {"shop": [True, True, False], "other": [False, False, False], "single": [True, True, False],
                     "once": [False, False, True], "twice": [False, False, False], "broad": [True, False, False]}


def test_bodies_and_answers(httpd: Httpd) -> None:
    for size in (0, 1, 65536, 5_000_000):
        body = os.urandom(size)
        assert httpd.post("/shop/digest", body).text == hashlib.sha256(body).hexdigest()
    assert httpd.get("/shop/pieces").text == "".join(f"{number} " * 100 for number in range(100))


def test_failures_are_answered_and_logged(httpd: Httpd) -> None:
    answer = httpd.get("/shop/fails")
    assert answer.status == 500 and "LookupError" not in answer.text
    httpd.claim(r"MP0332: processing WSGI script[\s\S]*LookupError: the daemon's\n")


def test_answers_that_break_off_are_seen_as_cut(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send(b"GET /shop/breaks HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = client.receive_all()
    assert answer.endswith(b"begin\r\n") and b"\r\n0\r\n" not in answer
    httpd.claim("MP0438: ")
    httpd.claim(r"MP0332: processing WSGI script[\s\S]*LookupError: the daemon's, late\n")


def test_a_file_that_becomes_shorter_is_an_answer_that_is_cut(httpd: Httpd) -> None:
    with httpd.raw(receive_buffer=4096) as client:
        client.send_request("GET", "/shop/file")
        head = client.receive_until(b"\r\n\r\n")
        assert b"Content-Length: %d\r\n" % (64 << 20) in head
        os.truncate(httpd.root / "site/app.wsgi.large", 1000)
        assert len(client.receive_all()) < 64 << 20     # nor does the connection wait for another request
    httpd.claim("MP0476: the last \\d+ bytes of the file that is the answer can't be read: it has become shorter")
    httpd.claim("MP0438: the answer of group 'shop' is cut: the application failed")
    (httpd.root / "site/app.wsgi.large").write_bytes(bytes(64 << 20))


def test_a_process_that_dies_is_replaced(httpd: Httpd) -> None:
    assert httpd.get("/other/dies").status == 502
    httpd.claim("MP0439: ")
    httpd.claim("MP0417: Process 'other' .* has died")
    wait_for(lambda: httpd.get("/other/facts").status == 200)


def test_wsgi_errors_is_the_error_log(httpd: Httpd) -> None:
    assert httpd.get("/shop/says").text == "said"
    httpd.claim("said to wsgi.errors")
