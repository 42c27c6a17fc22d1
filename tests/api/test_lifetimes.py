"""Objects that are kept longer than what they stand for raise RuntimeError; they never read what is gone."""

from collections.abc import Iterator

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd, wait_for

CONF = CASES_CONF + """
    <Location /redirect>
        SetHandler mod_python
        PythonHandler cases::redirect
    </Location>
    <Location /redirected>
        SetHandler mod_python
        PythonHandler cases::redirected
    </Location>
"""

FILES = {"cases.py": CASES + r'''
import gc

kept = {}

def keep(req):
    t = req.headers_in
    kept.update({
        "req": req, "headers_in": t, "headers_out": req.headers_out, "err_headers_out": req.err_headers_out,
        "notes": req.notes, "subprocess_env": req.subprocess_env, "options": req.get_options(),
        "config": req.get_config(), "hlist": req.hlist, "iterator": iter(t), "items": t.iteritems(),
        "server": req.server, "finfo": req.finfo, "copy": t.copy(), "write": req.write, "get": t.get,
        "conn": req.connection, "conn_notes": req.connection.notes, "base_server": req.connection.base_server})
    req.mine = "mine"

def said(function):
    try:
        function()
    except Exception as error:
        return type(error).__name__, "is over" in str(error)
    return "worked"

def kept_tables(req):
    found = {}
    for name in ("headers_in", "headers_out", "err_headers_out", "notes", "subprocess_env", "options", "config"):
        t = kept[name]
        found[name] = {said(use) for use in (
            lambda: t["Host"], lambda: t.get("Host"), lambda: "Host" in t, lambda: len(t), lambda: bool(t), t.keys,
            t.values, t.items, lambda: list(t), t.copy, t.clear, lambda: repr(t), lambda: t == {}, lambda: {} != t,
            lambda: t.add("a", "b"), lambda: t.__setitem__("a", "b"), lambda: t.__delitem__("a"), t.popitem,
            lambda: t.pop("a"), lambda: t.setdefault("a"), lambda: t.update({"a": "b"}), lambda: t.has_key("a"),
            lambda: apache.table(t), lambda: apache.table().update(t), t.iterkeys, t.itervalues, t.iteritems)}
    return found

def kept_others(req):
    hlist, old = kept["hlist"], kept["req"]
    return {
        "hlist": {said(use) for use in (
            lambda: hlist.handler, lambda: hlist.silent, lambda: hlist.directory, lambda: hlist.is_location,
            lambda: hlist.location, lambda: hlist.parent, hlist.next)},
        "iterators": {said(lambda: next(kept["iterator"])), said(lambda: list(kept["items"]))},
        "methods": {said(lambda: kept["write"]("x")), said(lambda: kept["get"]("Host"))},
        "req": {said(use) for use in (
            lambda: setattr(old, "other", 1), lambda: old.headers_in, lambda: old.main,
            lambda: old._request_rec, lambda: old.finfo, lambda: old.phase, lambda: old.hlist, lambda: list(old),
            lambda: old.content_languages, lambda: delattr(old, "content_type"), lambda: old.get_config(),
            lambda: old.register_cleanup(len), lambda: old.flush(), lambda: old.construct_url("/"))},
        "attribute": {said(lambda: old.mine)}}

def repr_of_kept(req):
    return [type(kept["req"]).__name__, "mp_request" in repr(kept["req"]), kept["req"] is kept["req"], hash(kept["req"])
            == hash(kept["req"])]

def survivors(req):
    return [kept["server"].server_hostname, kept["base_server"].server_hostname, kept["copy"]["Host"],
            kept["finfo"].filetype, kept["server"] is req.server]

def kept_connection(req):
    c, notes = kept["conn"], kept["conn_notes"]
    return {said(use) for use in (
        lambda: c.client_ip, lambda: c.notes, lambda: c.base_server, lambda: c.keepalive,
        lambda: setattr(c, "keepalive", 1), lambda: c.log_error("x"), lambda: c.hlist, lambda: c._conn_rec,
        lambda: c.local_addr, lambda: c.remote_host, lambda: notes["a"], lambda: len(notes), lambda: repr(notes))}

def server_of_kept_connection(req):
    return said(lambda: kept["conn"].client_ip)

def forget(req):
    kept.clear()
    return gc.collect() >= 0

# Requests that belong to another one

def redirect(req):
    req.own = "first"
    req.internal_redirect("/redirected")
    return apache.OK

def redirected(req):
    kept["redirected"], kept["prev"] = req, req.prev
    req.write(req.prev.own)
    return apache.OK

def kept_redirects(req):
    return {said(lambda: kept["redirected"].uri), said(lambda: kept["prev"].uri), said(lambda: kept["prev"].next)}

def in_cleanup(req):
    req.mine = "mine"
    req.notes["note"] = "noted"
    def cleanup(data):
        kept["cleanup"] = [data is req, data.mine, data.notes["note"], data.headers_in["Host"], data.phase, data.uri,
                           data.connection.client_ip, raised(data.write, "x")[0], raised(data.read)[0],
                           raised(data.internal_redirect, "/x")[0], raised(data.flush)[0]]
        data.log_error("from the cleanup", apache.APLOG_WARNING)
        data.register_cleanup(lambda data: kept.update(later=data))
    req.register_cleanup(cleanup, req)

def of_cleanup(req):
    return [kept.get("cleanup"), said(lambda: kept["later"]) if "later" in kept else None, kept.get("later", 0) is None]
'''}

OVER = {("RuntimeError", True)}


@pytest.fixture(autouse=True)
def the_child_lives(httpd: Httpd) -> Iterator[None]:
    pids = httpd.child_pids()
    yield
    assert case(httpd, "forget") is True and httpd.child_pids() == pids


def keep(httpd: Httpd, name: str = "keep") -> None:
    """Keeps the objects of a request; when this returns, the connection has ended and all of its pools are gone."""
    with httpd.raw() as client:
        client.send_request("GET", f"/case/{name}", {"Connection": "close"}).receive_all()
    wait_for(lambda: case(httpd, "server_of_kept_connection") == ("RuntimeError", True))


def test_tables_of_a_request_that_is_over_raise(httpd: Httpd) -> None:
    keep(httpd)
    found = case(httpd, "kept_tables")
    assert len(found) == 7 and set().union(*found.values()) == OVER


def test_everything_else_of_it_raises_too(httpd: Httpd) -> None:
    keep(httpd)
    found = case(httpd, "kept_others")
    assert found == {"hlist": OVER, "iterators": OVER, "methods": OVER, "req": OVER,
                     "attribute": {("AttributeError", False)}}      # it is gone with the request


def test_a_kept_object_is_still_an_object(httpd: Httpd) -> None:
    keep(httpd)
    assert case(httpd, "repr_of_kept") == ["mp_request", True, True, True]


def test_servers_copies_and_file_information_stay(httpd: Httpd) -> None:
    keep(httpd)
    assert case(httpd, "survivors") == ["localhost", "localhost", "localhost", 0, True]


def test_a_connection_that_is_over_raises(httpd: Httpd) -> None:
    keep(httpd)
    assert case(httpd, "kept_connection") == OVER


def test_a_connection_outlives_its_requests(httpd: Httpd) -> None:
    with httpd.session() as connection:
        connection("GET", "/case/keep")
        assert connection("GET", "/case/server_of_kept_connection").text == "'worked'"


def test_requests_of_a_redirect_end_together(httpd: Httpd) -> None:
    assert httpd.get("/redirect").text == "first"
    wait_for(lambda: case(httpd, "kept_redirects") == OVER)


def test_a_cleanup_sees_its_request_but_can_not_answer_any_more(httpd: Httpd) -> None:
    assert case(httpd, "in_cleanup") is None
    wait_for(lambda: case(httpd, "of_cleanup")[2])
    assert case(httpd, "of_cleanup")[0] == [
        True, "mine", "noted", f"127.0.0.1:{httpd.port}", None, "/case/in_cleanup", "127.0.0.1", "OSError", "OSError",
        "OSError", "OSError"]
    httpd.claim(r"\[client 127.0.0.1:\d+\].*from the cleanup")
