"""What applications log: mod_wsgi.LogHandler, logging, warnings, print, from requests and from threads of their own."""

from __future__ import annotations

import re

import pytest
from httpd import Httpd, at_once
from wsgi_site import APP, value, wsgi_conf

MPMS = ("event", "prefork")
MODULES = ("env",)

CONF = 'ErrorLogFormat "[%t] [%-m:%l] [pid %P] [%F] [client %a] %M"\n' + wsgi_conf() + wsgi_conf(
    '<Directory "${htdocs}/other">', group="other") + """
    <Directory "${htdocs}/other">
        LogLevel python:debug
    </Directory>
    """

SCRIPT = APP + r'''
import logging, warnings, mod_wsgi

logger = logging.getLogger("shop")
logger.propagate = False
logger.setLevel(1)
logger.addHandler(mod_wsgi.LogHandler())

def raw_levels(environ, start_response):
    for level in (60, logging.CRITICAL, logging.ERROR, logging.WARNING, 25, logging.INFO, logging.DEBUG, 5):
        logger.log(level, "level %d", level)
    return answer(start_response, None)

def raw_lines(environ, start_response):
    logger.warning("first \xe9\u20ac\udc80\nsecond\n\nfourth\0end")
    try:
        raise LookupError("no such item")
    except LookupError:
        logger.exception("failed")
    return answer(start_response, None)

def raw_broken(environ, start_response):
    logger.error("%d", "no number")
    return answer(start_response, None)

def raw_options(environ, start_response):
    handler = mod_wsgi.LogHandler(level="ERROR")
    handler.setFormatter(logging.Formatter("%(name)s/%(levelname)s: %(message)s"))
    other = logging.getLogger("other")
    other.propagate = False
    other.addHandler(handler)
    other.warning("not shown")
    other.error("shown")
    other.removeHandler(handler)
    return answer(start_response, isinstance(handler, logging.Handler))

def raw_prints(environ, start_response):
    n = environ["QUERY_STRING"]
    for i in range(20):
        print(f"<{n}", end="")
        sys.stderr.write(f"[{n}")
        logger.warning("(%s-%d)", n, i)
        print(f"-{i}>")
        sys.stderr.write(f"-{i}]\n")
        logging.getLogger("plain").warning("{%s-%d}", n, i)
    warnings.warn("warned " + n, stacklevel=1)
    return answer(start_response, None)

def raw_unfinished(environ, start_response):
    print("stdout ends " + environ["QUERY_STRING"], end="")
    print("stderr ends " + environ["QUERY_STRING"], end="", file=sys.stderr)
    return answer(start_response, None)

def raw_thread(environ, start_response):
    def work():
        print("thread prints")
        print("thread complains", file=sys.stderr)
        logger.warning("thread logs")
        logging.getLogger("plain").warning("thread logs plainly")
        warnings.warn("thread warns")
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return answer(start_response, None)
'''
FILES = {"htdocs/app.wsgi": SCRIPT, "htdocs/other/app.wsgi": SCRIPT}

CLIENT = r"\[client 127.0.0.1:\d+\] "


def test_levels_are_httpds(httpd: Httpd) -> None:
    value(httpd, "raw_levels")
    for level, name in ((60, "crit"), (50, "crit"), (40, "error"), (30, "warn"), (25, "info"), (20, "info")):
        httpd.claim(rf"\[python:{name}\] \[pid \d+\] \[app.wsgi\(\d+\)\] {CLIENT}level {level}\n")
    assert "level 10" not in httpd.log_text() and "level 5\n" not in httpd.log_text()


def test_log_level_decides_what_is_kept(httpd: Httpd) -> None:
    r = httpd.get("/other/app.wsgi/raw_levels")
    assert r.status == 200
    for level in (10, 5):
        httpd.claim(rf"\[python:debug\].*\[app.wsgi\(\d+\)\] {CLIENT}level {level}\n")
    for level in (60, 50, 40):
        httpd.claim(f"level {level}\n")


def test_each_line_is_an_entry_with_the_place_in_python(httpd: Httpd) -> None:
    number = SCRIPT.splitlines().index('    logger.warning("first \\xe9\\u20ac\\udc80\\nsecond\\n\\nfourth\\0end")') + 1
    value(httpd, "raw_lines")
    for text in (r"first \\xc3\\xa9\\xe2\\x82\\xac\\+udc80", "second", "", r"fourth\\+x00end"):
        httpd.claim(rf"\[python:warn\].*\[app.wsgi\({number}\)\] {CLIENT}{text}\n")
    for text in ("failed", r"Traceback \(most recent call last\):", r'    raise LookupError\("no such item"\)',
                 "LookupError: no such item"):
        httpd.claim(rf"\[python:error\].*{CLIENT}{text}\n")
    httpd.claim(r'\[python:error\].*  File ".*app.wsgi", line \d+, in raw_lines')


def test_a_record_that_cannot_be_formatted_is_reported(httpd: Httpd) -> None:
    value(httpd, "raw_broken")
    httpd.claim(r"--- Logging error ---[\s\S]*TypeError: %d format[\s\S]*Arguments: \('no number',\)")


def test_it_is_an_ordinary_handler(httpd: Httpd) -> None:
    assert value(httpd, "raw_options") is True
    httpd.claim(rf"\[python:error\].*{CLIENT}other/ERROR: shown\n")
    assert "not shown" not in httpd.log_text()


def test_requests_at_once_do_not_mix(httpd: Httpd) -> None:
    at_once(8, lambda n: value(httpd, f"raw_prints?{n}"))
    for n in range(8):
        httpd.claim(rf"{CLIENT}.*UserWarning: warned {n}\n")
        httpd.claim(rf"{CLIENT}  warnings.warn\(")
        ports = set()
        for i in range(20):
            for pattern in (rf"<{n}-{i}>", rf"\[{n}-{i}\]", rf"\({n}-{i}\)", rf"\{{{n}-{i}\}}"):
                ports.add(httpd.claim(rf"\[client 127.0.0.1:(\d+)\] {pattern}\n")[1])
        assert len(ports) == 1, "lines of one request stand under several clients"


def test_an_unfinished_line_is_its_requests(httpd: Httpd) -> None:
    for n in range(2 if httpd.mpm == "prefork" else 30):
        value(httpd, f"raw_unfinished?{n}")
        for stream, level in (("stdout", "notice"), ("stderr", "error")):
            httpd.claim(rf"\[python:{level}\].*{CLIENT}{stream} ends {n}\n")


@pytest.mark.parametrize("text", ["prints", "complains", "logs", "logs plainly", "warns", 'warns")'])
def test_threads_of_the_application_write_to_the_servers_log(httpd: Httpd, text: str) -> None:
    if text == "prints":
        value(httpd, "raw_thread")
    line = httpd.claim(rf".*thread {re.escape(text)}\n")[0]
    assert "client 127" not in line
