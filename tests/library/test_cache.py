"""mod_python.cache: it works outside httpd as well, so most of this does (spec: library, section 9)."""

from __future__ import annotations

import email.utils
import gc
import http.server
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd, at_once
from mod_python import cache

CONF = CASES_CONF
FILES = {"text.txt": "old", "cases.py": CASES + r'''
import os
from mod_python import cache
files = cache.FileCache()

def content(req):
    return files[os.path.join(apache.server_root(), "text.txt")]
'''}


class Doubles(cache.Cache):
    def __init__(self, max_size: int = 0) -> None:
        super().__init__(max_size)
        self.built: list[Any] = []
        self.committed: list[Any] = []

    def key(self, name: Any) -> Any:
        return name.lower()

    def build(self, key: Any, name: Any, opened: Any, entry: cache.Entry) -> Any:
        if name == "bad":
            raise LookupError(name)
        self.built.append((key, name, opened))
        return name * 2

    def commit(self, entry: cache.Entry) -> None:
        self.committed.append(entry.value)


def test_a_value_is_built_once() -> None:
    doubles = Doubles()
    assert [doubles["a"], doubles["A"], doubles["b"]] == ["aa", "aa", "bb"]
    assert doubles.built == [("a", "a", None), ("b", "b", None)] and doubles.committed == ["aa", "bb"]
    assert "a" in doubles and "c" not in doubles and len(doubles) == 2 and list(doubles) == ["a", "b"]


def test_items_are_set_and_deleted() -> None:
    doubles = Doubles()
    doubles["A"] = 5
    assert doubles["a"] == 5 and doubles.built == [] and doubles.committed == [5]
    del doubles["a"]
    with pytest.raises(KeyError):
        del doubles["a"]
    assert doubles["a"] == "aa"
    doubles.clear()
    assert len(doubles) == 0


def test_what_was_not_used_for_the_longest_time_goes() -> None:
    doubles = Doubles(2)
    for name in ("a", "b", "a", "c"):
        doubles[name]
    assert doubles.mru() == ["c", "a"] and doubles.lru() == ["a", "c"] and "b" not in doubles


def test_nothing_is_kept_of_a_failure() -> None:
    doubles = Doubles(2)
    doubles["a"], doubles["b"] = 1, 2
    with pytest.raises(LookupError):
        doubles["bad"]
    assert "bad" not in doubles and len(doubles) == 1
    with pytest.raises(NotImplementedError, match="Cache has no build"):
        cache.Cache()["x"]


def test_check_decides_whether_a_value_is_current() -> None:
    wanted: list[Any] = [None, "opened", None]

    class Numbers(cache.Cache):
        def check(self, key: Any, name: Any, entry: cache.Entry) -> Any:
            assert (entry.value is cache.NOT_INITIALIZED) == (len(wanted) == 3)
            return wanted.pop(0)

        def build(self, key: Any, name: Any, opened: Any, entry: cache.Entry) -> Any:
            return opened
    numbers = Numbers()
    assert [numbers["a"] for _ in range(3)] == [None, "opened", "opened"]


def test_many_threads_build_once() -> None:
    called = []
    pause = threading.Event()

    def slow(number: int) -> int:
        called.append(number)
        pause.wait(0.02)
        return number * 2
    function = cache.FunctionCache(slow)
    assert at_once(8, lambda number: function(number % 2)) == [0, 2] * 4
    assert sorted(called) == [0, 1]


def test_functions_are_called_once_for_the_same_arguments() -> None:
    called: list[Any] = []

    @cache.FunctionCache
    def function(*args: Any, **keywords: Any) -> str:
        called.append((args, keywords))
        return repr((args, keywords))
    assert function(1, a=2, b=3) == function(1, b=3, a=2) == "((1,), {'a': 2, 'b': 3})"
    assert function() == "((), {})" and len(called) == 2
    with pytest.raises(TypeError):
        function([])


def test_a_function_may_call_itself() -> None:
    @cache.FunctionCache
    def fibonacci(number: int) -> Any:
        return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)
    assert fibonacci(60) == 1548008755920


def test_weak_values_go_when_nobody_uses_them() -> None:
    class Thing:
        pass

    class Things(cache.WeakCache):
        def build(self, key: Any, name: Any, opened: Any, entry: cache.Entry) -> Any:
            return Thing()
    things = Things()
    one = things["a"]
    assert things["a"] is one and "a" in things
    number = id(one)
    del one
    gc.collect()
    assert "a" not in things
    assert isinstance(things["a"], Thing) and number


def test_files_are_read_again_when_they_change(tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_text("old é", encoding="utf-8")
    octets, texts = cache.FileCache(), cache.FileCache(5, "r")
    assert (octets[str(file)], texts[file]) == ("old é".encode(), "old é")
    assert octets[file] is octets[file]
    file.write_text("new", encoding="utf-8")
    os.utime(file, (1000000000, 1000000000))
    assert (octets[file], texts[file]) == (b"new", "new")
    file.unlink()
    with pytest.raises(FileNotFoundError):
        octets[file]


def test_modules_are_executed_again_when_they_change(tmp_path: Path) -> None:
    file = tmp_path / "a module.py"
    file.write_text("value = 'old'\nwhere = __file__\n")
    modules = cache.ModuleCache()
    module = modules[file]
    assert (module.value, module.where, modules[file] is module) == ("old", str(file), True)
    file.write_text("value = 'new'\n")
    os.utime(file, (1000000000, 1000000000))
    assert modules[file].value == "new" and module.value == "old"
    file.write_text("value = (\n")
    with pytest.raises(SyntaxError):
        modules[file]


class Answers(http.server.BaseHTTPRequestHandler):
    headers_of: ClassVar[dict[str, dict[str, str]]] = {}
    asked: ClassVar[list[tuple[str, str | None, str | None]]] = []

    def do_GET(self) -> None:
        etag, since = self.headers["If-None-Match"], self.headers["If-Modified-Since"]
        self.asked.append((self.path, etag, since))
        self.send_response(404 if self.path == "/missing" else 304 if etag or since else 200)
        for name, value in self.headers_of.get(self.path, {}).items():
            self.send_header(name, value)
        body = b"" if etag or since else f"{self.path} {len(self.asked)}".encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        Answers.asked = []
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("headers", "asked"), [
    ({}, 3), ({"Cache-Control": "max-age=60"}, 1), ({"Cache-Control": "max-age=60", "Age": "60"}, 3),
    ({"Cache-Control": "no-cache, max-age=60"}, 3), ({"Cache-Control": "public, MAX-AGE=60", "Expires": "0"}, 1),
    ({"Expires": email.utils.formatdate(time.time() + 86400, usegmt=True)}, 1), ({"Expires": "0"}, 3),
    ({"Expires": email.utils.formatdate(time.time() - 60, usegmt=True)}, 3),
])
def test_urls_are_asked_again_when_they_have_expired(site: str, headers: dict[str, str], asked: int) -> None:
    Answers.headers_of = {"/page": headers}
    urls = cache.HTTPCache()
    found = [urls[site + "/page"] for _ in range(3)]
    assert [one.entity for one in found] == [b"/page 1"] + [b"/page 1" if asked == 1 else b"/page %d" % number
                                                           for number in (2, 3)]
    assert isinstance(found[0], cache.HTTPEntity) and found[0].metadata["Content-Length"] == "7"
    assert len(Answers.asked) == asked


@pytest.mark.parametrize(("header", "value"), [("ETag", '"e1"'), ("Last-Modified", "Sat, 01 Jan 2000 00:00:00 GMT")])
def test_urls_that_have_not_changed_are_kept(site: str, header: str, value: str) -> None:
    Answers.headers_of = {"/page": {header: value}}
    urls = cache.HTTPCache()
    assert urls[site + "/page"] is urls[site + "/page"]
    assert Answers.asked[1][1:] == ((value, None) if header == "ETag" else (None, value))


def test_urls_that_fail_are_errors(site: str) -> None:
    urls = cache.HTTPCache()
    with pytest.raises(OSError, match="404"):
        urls[site + "/missing"]
    for url in ("file:///etc/passwd", "ftp://127.0.0.1/x"):
        with pytest.raises(ValueError, match="HTTPCache is for http:// and https:// URLs"):
            urls[url]


def test_it_is_the_same_inside_httpd(httpd: Httpd) -> None:
    assert case(httpd, "content") == b"old"
    httpd.write("text.txt", "new")
    assert case(httpd, "content") == b"new"
