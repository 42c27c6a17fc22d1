"""mod_python.apache: what init() sets, and the helpers that need no request."""

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


def test_init(apache: Any, fake: FakeHttpd) -> None:
    assert (apache.interpreter, sys.argv) == ("test", ["mod_python"])
    assert isinstance(apache.main_server, FakeServer)
    assert fake.log == []


def test_another_version_of_the_other_half_is_said(apache: Any, fake: FakeHttpd) -> None:
    fake._version = "4.1"
    apache.init("test", FakeServer(), (None, "", False, False, False, None))
    assert fake.log[0][0] == 3 and "mod_python version mismatch" in fake.log[0][1]


def test_the_c_module_has_one_identity(apache: Any, fake: FakeHttpd) -> None:
    import mod_python._apache
    assert mod_python._apache is fake
    assert apache.SERVER_RETURN is fake.SERVER_RETURN
    assert apache.make_table is apache.table is fake.table


def test_old_names_are_there(apache: Any) -> None:
    assert apache.exists_config is apache.exists_config_define
    assert apache._phase_handler_names["PythonPostReadRequestHandler"] == "postreadrequesthandler"
    assert apache._phase_handler_names["PythonHandler"] == "handler"
    assert apache._phase_handler_names.keys() == apache._status_values.keys()
    assert apache._status_values["PythonHandler"] == [apache.DECLINED, apache.OK]
    assert apache._status_values["PythonTransHandler"] == [apache.DECLINED]


class FakeAnswer:
    """A request that keeps what is written and logged."""

    sent_bodyct = 0
    status = 200
    content_type: str | None = None

    def __init__(self) -> None:
        self.log: list[str] = []
        self.text = ""

    def log_error(self, message: str) -> None:
        self.log.append(message)

    def write(self, text: str) -> None:
        self.text += text


def test_report_error(apache: Any, fake: FakeHttpd) -> None:
    def report(**options: Any) -> int:
        try:
            raise LookupError("no <b>'shop'</b>")
        except LookupError as error:
            result: int = apache.CallBack().ReportError(type(error), error, error.__traceback__, **options)
            return result
    req = FakeAnswer()
    assert report(req=req, phase="PythonHandler", hname="shop") == 500 and req.text == ""
    assert req.log[0] == "PythonHandler shop: Traceback (most recent call last):"
    assert req.log[-1] == "PythonHandler shop: LookupError: no <b>'shop'</b>"
    assert report(req=req, debug=1) == apache.DONE
    assert (req.status, req.content_type) == (500, "text/html; charset=utf-8")
    assert "LookupError: no &lt;b&gt;&#x27;shop&#x27;&lt;/b&gt;" in req.text
    assert report(debug=1) == 500 and fake.log[-1][1] == "N/A N/A: LookupError: no <b>'shop'</b>"


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
