"""mod_python.apache: constants, what init() sets, and the helpers that need no request."""

from __future__ import annotations

import atexit
import subprocess
import sys
import threading
import types
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeHttpd, FakeRequest, FakeServer, Write


@pytest.mark.parametrize(("name", "value"), [
    ("OK", 0), ("DECLINED", -1), ("DONE", -2), ("REQ_PROCEED", 0), ("REQ_NOACTION", -1), ("REQ_ABORTED", 500),
    ("REQ_EXIT", "REQ_EXIT"), ("HTTP_OK", 200), ("HTTP_MOVED_TEMPORARILY", 302), ("HTTP_PERMANENT_REDIRECT", 308),
    ("HTTP_IM_A_TEAPOT", 418), ("HTTP_TOO_EARLY", 425), ("HTTP_NETWORK_AUTHENTICATION_REQUIRED", 511),
    ("APLOG_EMERG", 0), ("APLOG_ERR", 3), ("APLOG_DEBUG", 7), ("APLOG_TRACE8", 15), ("APLOG_NOERRNO", 0),
    ("M_GET", 0), ("M_POST", 2), ("M_INVALID", 26), ("FINFO_MODE", 0), ("FINFO_FILETYPE", 12),
    ("APR_FINFO_NORM", 0x73b170), ("URI_FRAGMENT", 8), ("PROXYREQ_RESPONSE", 3), ("REMOTE_DOUBLE_REV", 3),
    ("AP_REQ_DEFAULT_PATH_INFO", 2), ("REQUEST_CHUNKED_DECHUNK", 2), ("DIR_MAGIC_TYPE", "httpd/unix-directory"),
    ("AP_MPMQ_DYNAMIC", 2), ("AP_MPMQ_MAX_DAEMONS", 12)])
def test_constants(apache: Any, name: str, value: object) -> None:
    assert getattr(apache, name) == value


def test_there_are_all_constants(apache: Any) -> None:
    names = vars(apache)
    counts = {prefix: sum(name.startswith(prefix) for name in names)
              for prefix in ("HTTP_", "M_", "FINFO_", "APR_FINFO_", "URI_", "AP_MPMQ_", "APLOG_")}
    assert counts == {"HTTP_": 59, "M_": 27, "FINFO_": 13, "APR_FINFO_": 23, "URI_": 9, "AP_MPMQ_": 15, "APLOG_": 17}


def test_init(apache: Any, fake: FakeHttpd) -> None:
    assert (apache.interpreter, sys.argv) == ("test", ["mod_python"])
    assert isinstance(apache.main_server, FakeServer)
    assert fake.log == []


def test_another_version_of_the_other_half_is_said(apache: Any, fake: FakeHttpd) -> None:
    fake._version = "4.1"
    apache.init("test", FakeServer())
    assert fake.log[0][0] == 3 and "mod_python version mismatch" in fake.log[0][1]


def test_the_c_module_has_one_identity(apache: Any, fake: FakeHttpd) -> None:
    import mod_python._apache
    assert mod_python._apache is fake
    assert apache.SERVER_RETURN is fake.SERVER_RETURN
    assert apache.make_table is apache.table is fake.table


class Shop:
    def __init__(self, req: object) -> None:
        self.req = req
        self.cart = types.SimpleNamespace(show=lambda: "shown")

    class Inner:
        def __init__(self, req: object) -> None:
            self.req = req

        def show(self) -> object:
            return self.req


def test_resolve_object(apache: Any) -> None:
    module = types.ModuleType("shop")
    module.__file__ = "/srv/shop.py"
    module.__dict__.update(Shop=Shop, shop=Shop(1))
    assert apache.resolve_object(module, "shop.cart.show", "req")() == "shown"
    assert apache.resolve_object(module, "Shop", "req") is Shop
    assert apache.resolve_object(module, "Shop.req", "req") == "req"
    assert apache.resolve_object(module, "Shop.Inner.show", "req")() == "req"
    assert apache.resolve_object(module, "shop.nothing", "req", silent=1) is None
    with pytest.raises(AttributeError, match=r"""module 'shop', file "/srv/shop.py" contains no 'shop.nothing'"""):
        apache.resolve_object(module, "shop.nothing", "req")


def test_module_mtime(apache: Any, write: Write) -> None:
    module = types.ModuleType("shop")
    assert apache.module_mtime(module) == 0
    module.__file__ = write("shop.py", "")
    assert int(apache.module_mtime(module)) == 1_600_000_000
    write("shop.pyc", "", 10_000_000_000)
    assert int(apache.module_mtime(module)) == 1_600_000_010


def test_build_cgi_env(apache: Any) -> None:
    req = types.SimpleNamespace(uri="/app/more", path_info="/more", subprocess_env={"A": "1"},
                                headers_in={"Authorization": "Basic x"}, add_cgi_vars=lambda: None)
    assert apache.build_cgi_env(req) == {"A": "1", "SCRIPT_NAME": "/app", "GATEWAY_INTERFACE": "Python-CGI/1.1",
                                         "HTTP_AUTHORIZATION": "Basic x"}
    assert req.subprocess_env == {"A": "1"}


def test_what_is_current(apache: Any, fake: FakeHttpd, tmp_path: Path) -> None:
    assert apache.get_handler_root() is None
    assert apache.get_current_options() is apache.main_server.options
    fake.req = FakeRequest(f"{tmp_path}/")
    assert apache.get_handler_root() == str(tmp_path)
    assert apache.get_current_config() is fake.req.config
    fake.req = FakeRequest("/location", is_location=1)
    assert apache.get_handler_root() is None


def test_the_end(apache: Any, fake: FakeHttpd, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(threading, "_shutdown", lambda: calls.append("threads"))
    monkeypatch.setattr(atexit, "_run_exitfuncs", lambda: calls.append("atexit"))
    apache._threading_shutdown()
    apache._threading_shutdown()
    apache._atexit()
    assert calls == ["threads", "atexit"]


END = """
import sys, threading
sys.path[:0] = [{python!r}, {unit!r}]
from fakes import FakeHttpd
sys.modules["_apache"] = FakeHttpd()
from mod_python import apache

done, end = [], threading.Event()
def work():
    end.wait(10)
    done.append("worker")
threading.Thread(target=work).start()
threading._register_atexit(end.set)
def shutdown():
    apache._threading_shutdown()
    done.append("shutdown")
if {elsewhere}:
    thread = threading.Thread(target=shutdown, daemon=True)
    thread.start()
    thread.join(20)
else:
    shutdown()
print(done)
"""


@pytest.mark.parametrize("elsewhere", [False, True])
def test_threads_are_waited_for_on_whatever_thread(elsewhere: bool) -> None:
    here = Path(__file__).parent
    script = END.format(python=str(here.parents[1] / "python"), unit=str(here), elsewhere=elsewhere)
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (result.stdout, result.stderr) == ("['worker', 'shutdown']\n", "")
