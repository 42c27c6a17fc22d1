"""mod_python.publisher: coroutines, and parameters with a type. Both are new, and only for those who ask for them."""

from __future__ import annotations

import pytest
from httpd import Httpd, at_once

MPMS = ("event", "prefork")

CONF = """
    PythonInterpreterOptions own gil=own
    <Directory "${htdocs}">
        SetHandler mod_python
        PythonHandler mod_python.publisher
    </Directory>
    <Directory "${htdocs}/own">
        PythonInterpreter own
    </Directory>
"""

PAGE = r'''
import asyncio
import contextvars
import threading
from mod_python import apache

seen = contextvars.ContextVar("seen", default="nothing")
left = []

async def index(req, name="nobody"):
    await asyncio.sleep(0)
    return "hello " + name

async def gathered():
    async def one(number):
        await asyncio.sleep(0.001)
        return number
    return repr(await asyncio.gather(*map(one, range(5))))

async def in_thread():
    return await asyncio.to_thread(lambda: "from a thread")

async def returned(req):
    raise apache.SERVER_RETURN(apache.HTTP_GONE)

async def raises(req):
    raise LookupError("in a coroutine")

async def returns_function():
    return index

async def returns_coroutine():
    return index(None, "inner")

async def pieces(req):
    yield "<html>"
    await asyncio.sleep(0)
    yield b" one "
    yield 2

async def broken_pieces(req):
    try:
        yield "one"
        raise LookupError("in the middle")
    finally:
        req.log_error("asynchronous generator was closed", apache.APLOG_NOTICE)

def awaitable(req):
    return index(req, "awaited")

class Shop:
    async def method(self):
        return "method"
    async def __call__(self):
        return "called"
shop = Shop()

async def redirects(req):
    before = asyncio.current_task()
    await asyncio.sleep(0)
    req.internal_redirect(req.uri.rpartition("/")[0] + "/index?name=inner")
    await asyncio.sleep(0)
    assert asyncio.current_task() is before and asyncio.get_running_loop() is before.get_loop()
    req.log_error("and back", apache.APLOG_NOTICE)

def remembered(function):
    async def task():
        try:
            await function()
        except asyncio.CancelledError:
            left.append("cancelled")
            raise
    return task

async def leaves_task():
    asyncio.create_task(remembered(lambda: asyncio.sleep(60))(), name="left")
    await asyncio.sleep(0)
    return "left"

async def leaves_failing_task():
    async def fails():
        try:
            await asyncio.sleep(60)
        finally:
            raise LookupError("while it was cancelled")
    asyncio.create_task(fails())
    await asyncio.sleep(0)

async def leaves_generator():
    async def numbers():
        try:
            yield 1
            yield 2
        finally:
            left.append("closed")
    async for number in numbers():
        break
    return "left"

def what_was_left():
    found, left[:] = list(left), []
    return repr(found)

async def context():
    before = seen.get()
    seen.set("something")
    return before

async def stops():
    asyncio.get_running_loop().stop()
    await asyncio.sleep(60)

async def exits():
    raise SystemExit("no")

async def cancels():
    asyncio.current_task().cancel()
    await asyncio.sleep(60)

async def loop(req):
    return "%s %s" % (threading.get_ident(), id(asyncio.get_running_loop()))

def whole(number: int, other: int = 5):
    return repr((number, other))

def real(number: float):
    return repr(number)

def flag(on: bool = False):
    return repr(on)

def words(text: str, path: str = "a/../b"):
    return repr((text, path))

def optional(number: int | None = None):
    return repr(number)

def many(numbers: list[int]):
    return repr(numbers)

async def typed_coroutine(number: int):
    return repr(number)

def untyped(number, other=5):
    return repr((number, other))

class Typed:
    def __call__(self, req, number: int):
        return repr(number)
    def method(self, number: int):
        return repr(number)
typed = Typed()
'''

FILES = {"htdocs/page.py": PAGE, "htdocs/own/page.py": PAGE,
         "htdocs/future.py": "from __future__ import annotations\ndef whole(number: int):\n    return repr(number)\n"}


@pytest.fixture(params=["", "/own"])
def place(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.mark.parametrize(("name", "expected"), [
    ("index?name=x", "hello x"), ("gathered", "[0, 1, 2, 3, 4]"), ("in_thread", "from a thread"),
    ("returns_function", "hello nobody"), ("returns_coroutine", "hello inner"), ("pieces", "<html> one 2"),
    ("awaitable", "hello awaited"), ("shop", "called"), ("shop/method", "method"), ("typed_coroutine?number=5", "5"),
    ("redirects", "hello inner"),
])
def test_coroutines_are_awaited(httpd: Httpd, place: str, name: str, expected: str) -> None:
    for _ in range(3):
        r = httpd.get(f"{place}/page/{name}")
        assert (r.status, r.text) == (200, expected)
        assert name != "redirects" or httpd.claim("and back")


def test_what_coroutines_raise_counts(httpd: Httpd, place: str) -> None:
    assert httpd.get(f"{place}/page/returned").status == 410
    for name, exception in (("raises", "LookupError: in a coroutine"), ("stops", "RuntimeError: Event loop stopped"),
                            ("cancels", "CancelledError"), ("exits", "SystemExit: no")):
        assert httpd.get(f"{place}/page/{name}").status == 500
        httpd.claim_failure("PythonHandler mod_python.publisher", exception)
    httpd.get(f"{place}/page/broken_pieces")
    httpd.claim_failure("PythonHandler mod_python.publisher", "LookupError: in the middle")
    httpd.claim("asynchronous generator was closed")
    assert httpd.get(f"{place}/page/index").text == "hello nobody"


def test_nothing_of_a_request_goes_on_in_later_ones(httpd: Httpd, place: str) -> None:
    for _ in range(2):
        assert httpd.get(f"{place}/page/leaves_task").text == "left"
        assert httpd.get(f"{place}/page/what_was_left").text == "['cancelled']"
    assert httpd.get(f"{place}/page/leaves_generator").text == "left"
    assert httpd.get(f"{place}/page/what_was_left").text == "['closed']"
    assert [httpd.get(f"{place}/page/context").text for _ in range(30)] == ["nothing"] * 30
    assert httpd.get(f"{place}/page/leaves_failing_task").status == 200
    httpd.claim(r"exception in a task that a page left behind[\s\S]*LookupError: while it was cancelled")


def test_threads_have_loops_of_their_own_and_use_them_again(httpd: Httpd, place: str) -> None:
    pairs = {tuple(text.split()) for text in at_once(8, lambda number: httpd.get(f"{place}/page/loop").text)}
    pairs |= {tuple(httpd.get(f"{place}/page/loop").text.split()) for _ in range(60)}
    assert len({thread for thread, _ in pairs}) == len({loop for _, loop in pairs}) == len(pairs)


@pytest.mark.parametrize(("name", "expected"), [
    ("whole?number=7", "(7, 5)"), ("whole?number=-7&other=+1", "(-7, 1)"), ("whole?number=7&other=", "(7, 5)"),
    ("real?number=1.5e3", "1500.0"), ("flag?on=yes", "True"), ("flag?on=0", "False"), ("flag", "False"),
    ("words?text=7", "('7', 'a/../b')"), ("words?text=%C3%A9&path=/etc/x", "('é', '/etc/x')"), ("optional", "None"),
    ("optional?number=", "None"), ("optional?number=5", "5"), ("many?numbers=1&numbers=2", "[1, 2]"), ("many", "[]"),
    ("untyped?number=7", "('7', 5)"), ("untyped?number=x&other=y", "('x', 'y')"), ("typed?number=1", "1"),
    ("typed/method?number=1", "1"),
])
def test_typed_parameters_are_converted(httpd: Httpd, name: str, expected: str) -> None:
    r = httpd.get("/page/" + name)
    assert (r.status, r.text) == (200, expected)


@pytest.mark.parametrize(("name", "field"), [
    ("whole?number=x", "number"), ("whole", "number"), ("whole?number=", "number"),
    ("whole?number=1&number=2", "number"),
    ("whole?number=1&other=x", "other"), ("real?number=inf", "number"), ("real?number=1,5", "number"),
    ("flag?on=maybe", "on"), ("words?text=1&text=2", "text"), ("many?numbers=x", "numbers"),
    ("typed?number=x", "number"),
    ("typed_coroutine?number=x", "number"), ("optional?number=x", "number"), ("whole?number=<script>", "number"),
])
def test_what_does_not_fit_is_400_and_names_the_field(httpd: Httpd, name: str, field: str) -> None:
    r = httpd.get("/page/" + name)
    assert r.status == 400 and f"field &#x27;{field}&#x27;" in r.text and "<script>" not in r.text


def test_annotations_may_be_text(httpd: Httpd) -> None:
    assert httpd.get("/future/whole?number=7").text == "7"
    assert httpd.get("/future/whole?number=x").status == 400
