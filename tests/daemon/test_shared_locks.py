"""The global locks are one set for httpd's children and for the processes of groups, whatever they are made of."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from httpd import Httpd, wait_for

APPLICATION = """
import os, time

from mod_python import _apache, apache

def application(environ, start_response):
    result = globals()[environ["QUERY_STRING"]](os.path.dirname(__file__))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr((os.getpid(), result)).encode()]

def try_it(root):
    got = _apache._global_trylock(apache.main_server, "held")
    if got:
        _apache._global_unlock(apache.main_server, "held")
    return got

def hold(root):
    "Until the gate opens."
    _apache._global_lock(apache.main_server, "held")
    open(os.path.join(root, "run", "held"), "w").close()
    while not os.path.exists(os.path.join(root, "run", "gate")):
        time.sleep(0.01)
    _apache._global_unlock(apache.main_server, "held")
"""
CONF = """
    WSGIDaemonProcess shop threads=2
    WSGIDaemonProcess other threads=2
    WSGIScriptAlias /shop "${root}/app.wsgi" process-group=shop application-group=%{GLOBAL}
    WSGIScriptAlias /other "${root}/app.wsgi" process-group=other application-group=%{GLOBAL}
    WSGIScriptAlias /child "${root}/app.wsgi" process-group=%{GLOBAL} application-group=%{GLOBAL}
"""
PLACES = ("child", "shop", "other")


@contextmanager
def held(server: Httpd, place: str) -> Iterator[None]:
    file, gate = server.root / "run" / "held", server.root / "run" / "gate"
    with server.raw() as client:
        client.send_request("GET", f"/{place}?hold", {"Connection": "close"})
        wait_for(file.exists, what="a request to hold the lock")
        try:
            yield
        finally:
            gate.touch()
        assert client.response().status == 200
    file.unlink()
    gate.unlink()


@pytest.mark.parametrize("mechanism", ["sysvsem", "posixsem", "pthread", "flock:${root}/run", "fcntl:${root}/run"])
def test_children_and_processes_of_groups_exclude_each_other(tmp_path: Path, mechanism: str) -> None:
    server = Httpd(tmp_path, f"Mutex {mechanism} mod_python\n" + CONF, {"app.wsgi": APPLICATION})
    if server.configtest(server.conf)[0] != 0:
        pytest.skip("this APR has it not")

    def tries(place: str) -> bool:
        r = server.get(f"/{place}?try_it")
        assert r.status == 200, r.text
        pids[place], got = ast.literal_eval(r.text)
        return bool(got)
    pids: dict[str, int] = {}
    with server:
        for holder in PLACES:
            wait_for(lambda: all(map(tries, PLACES)))
            with held(server, holder):
                assert [place for place in PLACES if tries(place)] == []
        assert all(map(tries, PLACES)) and len(set(pids.values())) == 3
