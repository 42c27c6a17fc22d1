"""The importer: what a name means, what is loaded anew and when, and what a failure leaves behind."""

from __future__ import annotations

import importlib
import itertools
import os
import py_compile
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fakes import LONG_AGO, FakeHttpd, FakeRequest, FakeServer, Write


class Handlers:
    """Asks for handlers of one directory, as the engine does."""

    def __init__(self, importer: Any, directory: Path) -> None:
        self.importer, self.directory = importer, directory

    def __call__(self, name: str, directory: Path | None = None, path: str | None = None,
                 autoreload: bool = True, log: bool = False) -> Any:
        return self.watching(name, directory, path, autoreload, log)[0]

    def watching(self, name: str, directory: Path | None = None, path: str | None = None,
                 autoreload: bool = True, log: bool = False) -> tuple[Any, tuple[tuple[str, int, int], ...]]:
        where = None if directory is None and path is not None else str(directory or self.directory) + "/"
        result: tuple[ModuleType, tuple[tuple[str, int, int], ...]] = self.importer.import_handler(
            name, where, path, autoreload, log)
        return result


@pytest.fixture
def handler(importer: Any, tmp_path: Path) -> Handlers:
    return Handlers(importer, tmp_path)



@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which modules were executed, in order; their source begins with NOTE."""
    noted: list[str] = []
    monkeypatch.setattr("builtins.mp_note", noted.append, raising=False)
    return noted


NOTE = "mp_note(__file__.rpartition('/')[2][:-3])\n"
IMPORT = "from mod_python import apache\n"


def in_threads(count: int, function: Callable[[], Any]) -> list[Any]:
    """What the function gave, or raised, in so many threads at once."""
    barrier = threading.Barrier(count)
    results: list[Any] = []

    def run() -> None:
        barrier.wait()
        try:
            results.append(function())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(results) == count, "some threads wait for ever"
    return results


def in_turn(handler: Handlers, names: Iterable[str]) -> Callable[[], Any]:
    """A function that asks for the first name, then the next, and so on in circles."""
    turn = itertools.cycle(names)
    return lambda: handler(next(turn))


@pytest.fixture
def busy() -> Iterator[None]:
    """Threads are switched as often as can be."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


# --- identity ---

def test_a_plain_name_is_in_sys_modules_and_on_sys_path(handler: Handlers, write: Write, tmp_path: Path) -> None:
    file = write("shop.py", "x = 1")
    module = handler("shop")
    assert sys.modules["shop"] is module
    assert (module.__name__, module.__file__, module.x) == ("shop", file, 1)
    assert handler("shop") is module
    assert sys.path[0] == str(tmp_path) and sys.path.count(str(tmp_path)) == 1
    assert importlib.import_module("shop") is module


def test_a_path_form_has_a_label_and_is_not_in_sys_modules(handler: Handlers, write: Write) -> None:
    file = write("pages/shop.py", "x = 1")
    modules = [handler(name) for name in (file, file[:-3], "./pages/shop.py", "~/pages/shop", "pages/shop")]
    assert all(module is modules[0] for module in modules)
    label = modules[0].__name__
    assert label.startswith("_mp_") and len(label) == 36
    assert label not in sys.modules and "shop" not in sys.modules
    assert modules[0].__mp_info__.file == file


def test_relative_to_the_parent_directory(handler: Handlers, write: Write, tmp_path: Path) -> None:
    write("shop.py", "x = 1")
    (tmp_path / "sub").mkdir()
    assert handler("../shop", tmp_path / "sub").x == 1


def test_two_directories_with_the_same_name_live_side_by_side(handler: Handlers, write: Write, tmp_path: Path,
                                                              loads: list[str]) -> None:
    write("a/index.py", NOTE + "x = 'a'")
    write("b/index.py", NOTE + "x = 'b'")
    a, b = tmp_path / "a", tmp_path / "b"
    first = handler("index", a), handler("index", b)
    assert [module.x for module in first] == ["a", "b"]
    for _ in range(3):
        assert (handler("index", a), handler("index", b)) == first
    assert len(loads) == 2
    assert sys.modules["index"] is first[0]


def test_a_namesake_of_the_standard_library_is_taken_from_the_directory(handler: Handlers, write: Write) -> None:
    import calendar
    write("calendar.py", "mine = True")
    assert handler("calendar").mine
    assert sys.modules["calendar"] is calendar


def test_packages_of_one_name_are_refused_not_mixed_up(handler: Handlers, write: Write, tmp_path: Path) -> None:
    for directory in "ab":
        write(f"{directory}/site1/__init__.py", "")
        write(f"{directory}/site1/web.py", f"x = '{directory}'")
    assert handler("site1.web", tmp_path / "a").x == "a"
    with pytest.raises(ImportError, match="PythonInterpPerDirectory On"):
        handler("site1.web", tmp_path / "b")


def test_dotted_names_and_their_reload(handler: Handlers, write: Write, loads: list[str]) -> None:
    write("pkg/__init__.py", NOTE)
    write("pkg/web.py", NOTE + "from . import other\nx = 1")
    write("pkg/other.py", "")
    assert handler("pkg.web").x == 1
    write("pkg/web.py", NOTE + "from . import other\nx = 2", 2)
    module = handler("pkg.web")
    assert module.x == 2
    assert sys.modules["pkg.web"] is module and sys.modules["pkg"].web is module
    assert loads == ["__init__", "web", "web"]


def test_dataclasses_with_text_annotations_work_in_labelled_modules(handler: Handlers, write: Write) -> None:
    write("shop.py", "from __future__ import annotations\nfrom dataclasses import dataclass, InitVar\n"
                     "@dataclass\nclass Cart:\n    n: int\n    m: InitVar[int] = 0\n")
    assert handler("./shop").Cart(3).n == 3


def test_a_module_may_replace_itself(handler: Handlers, write: Write) -> None:
    source = "import sys, types\nx = types.SimpleNamespace(value={})\nsys.modules[__name__] = x\n"
    write("shop.py", source.format(1))
    assert handler("shop").value == 1
    assert handler("shop").value == 1


# --- sys.path ---

def test_python_path_replaces_sys_path_once(handler: Handlers, write: Write, tmp_path: Path) -> None:
    write("lib/shop.py", "x = 1")
    before = list(sys.path)
    expression = f"['{tmp_path}/lib'] + sys.path"
    for _ in range(2):
        assert handler("shop", path=expression).x == 1
        assert sys.path == [f"{tmp_path}/lib", *before]


def test_with_python_path_the_handlers_directory_is_not_searched(handler: Handlers, write: Write,
                                                                 tmp_path: Path) -> None:
    write("shop.py", "x = 1")
    with pytest.raises(ModuleNotFoundError):
        handler("shop", tmp_path, path="sys.path + ['/nowhere']")


def test_two_python_paths_each_have_their_modules(handler: Handlers, write: Write, tmp_path: Path) -> None:
    write("a/shop.py", "x = 'a'")
    write("b/shop.py", "x = 'b'")
    before = list(sys.path)
    expressions = [f"sys.path + ['{tmp_path}/{name}']" for name in "ab"]
    for _ in range(2):
        assert [handler("shop", path=expression).x for expression in expressions] == ["a", "b"]
    assert sys.path == [*before, f"{tmp_path}/b", f"{tmp_path}/a"]


@pytest.mark.parametrize(("expression", "error"), [("sys.path +", SyntaxError), ("nowhere", NameError),
                                                   ("'/x'", TypeError), ("None", TypeError)])
def test_a_python_path_that_does_not_evaluate(handler: Handlers, expression: str, error: type[Exception]) -> None:
    before = list(sys.path)
    for _ in range(2):
        with pytest.raises(error):
            handler("shop", path=expression)
    assert sys.path == before


def test_odd_entries_of_python_path_are_warned_of(handler: Handlers, write: Write, fake: FakeHttpd,
                                                  tmp_path: Path) -> None:
    write("shop.py", "x = 1")
    assert handler("shop", path=f"['{tmp_path}', 'lib', 7]").x == 1
    assert [level for level, _ in fake.log] == [4, 4]
    assert "'lib' is relative" in fake.log[0][1] and "7 is no str" in fake.log[1][1]


# --- bad names ---

@pytest.mark.parametrize("name", ["", "a\0b", "..", "a..b", ".a", "a.", "/x/../y", "a/../../etc/passwd", "~/../x", "x/",
                                  "./", "/", "./..", "dir/.py", 7, None, b"shop"])
def test_bad_names_are_refused_clearly(importer: Any, handler: Handlers, name: Any) -> None:
    for function in (handler, importer.import_module):
        with pytest.raises((ValueError, TypeError), match="name"):
            function(name)


@pytest.mark.parametrize("name", ["nowhere", "no.where", "/no/where", "./nowhere", "~/nowhere.py", "no/where"])
def test_what_is_not_there_is_an_import_error_with_its_name(handler: Handlers, name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="No module named"):
        handler(name)


def test_relative_names_without_a_directory(handler: Handlers) -> None:
    for name in ("~/shop", "./shop"):
        with pytest.raises(ImportError, match="whole path"):
            handler(name, path="sys.path")


# --- reload ---

def test_the_next_import_after_a_change_has_the_new_code_in_a_new_module(handler: Handlers, write: Write) -> None:
    for name in ("shop", "./shop"):
        write("shop.py", "x = 1\nold = 1", 1)
        old = handler(name)
        write("shop.py", "x = 2", 2)
        new = handler(name)
        assert (new.x, hasattr(new, "old"), old.x) == (2, False, 1)
        assert new is not old and handler(name) is new
    assert sys.modules["shop"].x == 2


def test_a_file_that_became_older_counts(handler: Handlers, write: Write) -> None:
    write("shop.py", "x = 1", 5)
    handler("shop")
    write("shop.py", "x = 2", 4)
    assert handler("shop").x == 2


def test_the_same_second_and_size_do_not_hide_a_change(handler: Handlers, write: Write) -> None:
    write("shop.py", "x = 1", 1)
    handler("shop")
    write("shop.py", "x = 2", 2)        # a nanosecond later
    assert handler("shop").x == 2


def test_the_same_time_stamp_does_not_hide_a_change_just_after_loading(handler: Handlers, write: Write) -> None:
    file = write("shop.py", "x = 1")
    now = time.time_ns() // 1_000_000_000 * 1_000_000_000       # a file system of full seconds
    os.utime(file, ns=(now, now))
    assert handler("shop").x == 1
    Path(file).write_text("x = 2")
    os.utime(file, ns=(now, now))
    module, watched = handler.watching("shop")
    assert module.x == 2
    assert watched == ((file, -1, -1),), "the engine must ask again"


def test_an_unchanged_file_is_not_executed_again(handler: Handlers, write: Write, loads: list[str]) -> None:
    write("shop.py", NOTE)
    for _ in range(5):
        handler("shop")
    assert loads == ["shop"]


def test_without_autoreload_the_file_is_not_looked_at(handler: Handlers, write: Write) -> None:
    write("shop.py", "x = 1", 1)
    old = handler("shop", autoreload=False)
    write("shop.py", "x = 2", 2)
    assert handler("shop", autoreload=False) is old
    assert handler("shop", autoreload=True).x == 2


def test_what_to_watch(handler: Handlers, write: Write) -> None:
    shop = write("shop.py", IMPORT + "cart = apache.import_module('cart')", 7)
    cart = write("cart.py", "", 9)
    module, watched = handler.watching("shop")
    assert watched == ((shop, LONG_AGO + 7, os.path.getsize(shop)), (cart, LONG_AGO + 9, 0))
    assert handler.watching("json")[1] == ()
    assert module.__mp_info__.children == ["cart"]


def test_the_engine_is_told_of_each_change_and_only_then(handler: Handlers, write: Write, fake: FakeHttpd) -> None:
    write("shop.py", "", 1)
    handler("shop")
    before = fake.changes
    assert before > 0
    handler("shop")
    assert fake.changes == before
    write("shop.py", "", 2)
    handler("shop")
    assert fake.changes > before


def test_a_deleted_file_leaves_the_module_and_warns_once(handler: Handlers, write: Write, fake: FakeHttpd) -> None:
    file = write("shop.py", "x = 1", 1)
    old = handler("shop")
    os.unlink(file)
    assert handler("shop") is old and handler("shop") is old
    assert [level for level, text in fake.log if file in text] == [4]
    write("shop.py", "x = 2", 2)
    assert handler("shop").x == 2


def test_a_failing_change_fails_each_time_and_the_next_good_one_heals(handler: Handlers, write: Write) -> None:
    for name in ("shop", "./shop"):
        write("shop.py", "x = 1", 1)
        old = handler(name)
        for version, bad, error in ((2, "x = = 2", SyntaxError), (3, "x = 3\n1/0", ZeroDivisionError),
                                    (4, "import nowhere", ImportError)):
            write("shop.py", bad, version)
            for _ in range(2):
                with pytest.raises(error):
                    handler(name)
            assert old.x == 1
            if name == "shop":
                assert sys.modules["shop"] is old
        write("shop.py", "x = 5", 5)
        assert handler(name).x == 5


def test_a_failing_first_import_leaves_nothing_and_heals(handler: Handlers, write: Write) -> None:
    write("shop.py", "x = 1\n1/0", 1)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            handler("shop")
        assert "shop" not in sys.modules
    write("shop.py", "x = 2", 2)
    assert handler("shop").x == 2


def test_log_lines(handler: Handlers, write: Write, fake: FakeHttpd) -> None:
    file = write("shop.py", "", 1)
    handler("shop", log=True)
    handler("shop", log=True)
    write("shop.py", "", 2)
    handler("shop", log=True)
    assert [level for level, _ in fake.log] == [5, 5]
    line = f"mod_python: (Re)importing module 'shop' from {file} in interpreter 'test'"
    assert [text for _, text in fake.log] == [line, line]
    handler("./shop", log=True)
    assert fake.log[2][1] == f"mod_python: (Re)importing module '{file}' from {file} in interpreter 'test'"


def test_state_moves_by_hooks(handler: Handlers, write: Write) -> None:
    source = ("gone = []\ncount = globals().get('count', 0) + 1\n"
              "def __mp_clone__(new):\n    new.count = count\ndef __mp_purge__():\n    gone.append(count)\n")
    write("shop.py", source, 1)
    old = handler("shop")
    write("shop.py", source, 2)
    assert handler("shop").count == 2
    assert old.gone == [1]


def test_a_purge_that_fails_is_logged(handler: Handlers, write: Write, fake: FakeHttpd, tmp_path: Path) -> None:
    write("shop.py", "def __mp_purge__():\n    raise LookupError('no broom')\n", 1)
    handler("shop")
    write("shop.py", "x = 2", 2)
    assert handler("shop").x == 2
    assert [entry for entry in fake.log if entry[0] == 3] == [
        (3, f"MP0140: __mp_purge__() of {tmp_path / 'shop.py'} failed: LookupError: no broom")]


def test_a_clone_that_fails_is_the_callers_error(handler: Handlers, write: Write) -> None:
    write("shop.py", "x = 1\ndef __mp_clone__(new):\n    raise LookupError('no clone')\n", 1)
    old = handler("shop")
    write("shop.py", "x = 2", 2)
    for _ in range(2):
        with pytest.raises(LookupError, match="no clone"):
            handler("shop")
        assert sys.modules["shop"] is old
    assert handler("shop", autoreload=False) is old


def test_a_module_that_a_statement_imported_is_taken_over(handler: Handlers, write: Write, tmp_path: Path) -> None:
    write("cart.py", "x = 1", 1)
    sys.path.insert(0, str(tmp_path))
    old = importlib.import_module("cart")
    assert handler("cart") is old
    write("cart.py", "x = 2", 2)
    assert handler("cart").x == 2


def test_what_a_module_that_was_taken_over_imports_counts(handler: Handlers, write: Write, tmp_path: Path) -> None:
    write("cart.py", IMPORT + "def total():\n    return apache.import_module('item').x\n", 1)
    write("item.py", "x = 1", 1)
    sys.path.insert(0, str(tmp_path))
    old = importlib.import_module("cart")
    assert handler("cart").total() == 1
    assert old.__mp_info__.children == ["item"]
    write("item.py", "x = 2", 2)
    assert handler("cart") is not old


def test_frozen_modules_are_not_looked_at(importer: Any, handler: Handlers, write: Write, fake: FakeHttpd) -> None:
    write("shop.py", "x = 1", 1)
    handler("shop")
    before = fake.changes
    importer.freeze_modules()
    assert fake.changes > before
    write("shop.py", "x = 2", 2)
    module, watched = handler.watching("shop")
    assert (module.x, watched) == (1, ())


# --- compiled files ---

def test_a_stale_compiled_file_is_not_believed(handler: Handlers, write: Write) -> None:
    file = write("shop.py", "x = 1", 1)
    compiled = py_compile.compile(file)
    assert compiled is not None
    write("shop.py", "x = 2", 2)        # same second, same size: CPython would take the compiled one
    assert handler("shop").x == 2


def test_no_compiled_file_is_written(handler: Handlers, write: Write, tmp_path: Path) -> None:
    write("shop.py", "")
    handler("shop")
    handler("./shop")
    assert not (tmp_path / "__pycache__").exists()


# --- dependencies ---

def test_a_changed_dependency_reloads_its_dependents(handler: Handlers, write: Write, loads: list[str]) -> None:
    write("shop.py", NOTE + IMPORT + "x = apache.import_module('cart').x")
    write("cart.py", NOTE + IMPORT + "x = apache.import_module('item').x")
    write("item.py", NOTE + "x = 1", 1)
    assert handler("shop").x == 1
    write("item.py", NOTE + "x = 2", 2)
    assert handler("shop").x == 2
    assert loads == ["shop", "cart", "item"] * 2
    handler("shop")
    assert len(loads) == 6


def test_a_diamond_loads_each_once(handler: Handlers, write: Write, loads: list[str]) -> None:
    both = NOTE + IMPORT + "x = apache.import_module('bottom').x"
    write("top.py", NOTE + IMPORT + "x = apache.import_module('left').x, apache.import_module('right').x")
    write("left.py", both)
    write("right.py", both)
    write("bottom.py", NOTE + "x = 1", 1)
    assert handler("top").x == (1, 1)
    write("bottom.py", NOTE + "x = 2", 2)
    assert handler("top").x == (2, 2)
    assert sorted(loads) == sorted(["top", "left", "right", "bottom"] * 2)


@pytest.mark.parametrize("prefix", ["", "./"])
def test_a_circle_loads_each_once(handler: Handlers, write: Write, loads: list[str], prefix: str) -> None:
    source = NOTE + IMPORT + "other = apache.import_module('{}')\nx = {}"
    write("one.py", source.format(prefix + "two", 1))
    write("two.py", source.format(prefix + "one", 1), 1)
    one = handler(prefix + "one")
    assert one.other.other is one
    write("two.py", source.format(prefix + "one", 2), 2)
    new = handler(prefix + "one")
    assert new is not one and new.other.x == 2 and new.other.other is new
    for _ in range(3):
        assert handler(prefix + "one") is new and handler(prefix + "two") is new.other
    assert sorted(loads) == ["one", "one", "two", "two"]


def test_an_import_by_a_function_of_the_module_counts(handler: Handlers, write: Write, fake: FakeHttpd,
                                                      loads: list[str]) -> None:
    write("shop.py", NOTE + IMPORT + "def handler():\n    return apache.import_module('cart').x\n")
    cart = write("cart.py", NOTE + "x = 1", 1)
    shop = handler("shop")
    before = fake.changes
    assert shop.handler() == 1
    assert fake.changes > before
    assert cart in [file for file, _, _ in handler.watching("shop")[1]]
    write("cart.py", NOTE + "x = 2", 2)
    assert handler("shop").handler() == 2
    assert loads == ["shop", "cart", "shop", "cart"]


def test_a_failing_dependency_fails_its_dependents_until_it_is_repaired(handler: Handlers, write: Write) -> None:
    write("shop.py", IMPORT + "x = apache.import_module('cart').x")
    write("cart.py", "x = 1", 1)
    handler("shop")
    write("cart.py", "1/0", 2)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            handler("shop")
    write("cart.py", "x = 3", 3)
    assert handler("shop").x == 3


def test_who_coped_without_a_dependency_gets_it_when_it_is_repaired(handler: Handlers, write: Write,
                                                                    loads: list[str]) -> None:
    write("shop.py", NOTE + IMPORT + "try:\n    x = apache.import_module('cart').x\nexcept Exception:\n    x = None\n")
    write("cart.py", "1/0", 1)
    assert handler("shop").x is None
    assert handler("shop").x is None
    assert loads == ["shop"]
    write("cart.py", "x = 2", 2)
    assert handler("shop").x == 2


def test_neighbours_are_preferred_to_namesakes(handler: Handlers, write: Write, tmp_path: Path) -> None:
    for directory in "ab":
        write(f"{directory}/index.py", IMPORT + "x = apache.import_module('dep').x")
        write(f"{directory}/dep.py", f"x = '{directory}'")
    assert [handler("index", tmp_path / directory).x for directory in "abab"] == ["a", "b", "a", "b"]


def test_search_directories(importer: Any, handler: Handlers, write: Write, tmp_path: Path,
                            server: FakeServer) -> None:
    write("one/dep1.py", "x = 1")
    write("two/dep2.py", "x = 2")
    write("three/dep3.py", "x = 3")
    server.options["mod_python.importer.path"] = f"['{tmp_path}/three']"
    write("shop.py", IMPORT + f"""
__mp_path__ = ['two']
dep1 = apache.import_module('dep1', path=['{tmp_path}/one'])
dep2 = apache.import_module('dep2')
dep3 = apache.import_module('dep3')
again = apache.import_module('./two/dep2')
""")
    shop = handler("shop")
    assert (shop.dep1.x, shop.dep2.x, shop.dep3.x) == (1, 2, 3)
    assert shop.again is shop.dep2
    assert not {"dep1", "dep2", "dep3"} & set(sys.modules)
    assert importer.module_info(str(tmp_path / "one/dep1.py")).label == shop.dep1.__name__


def test_the_option_does_not_change_sys_path(handler: Handlers, write: Write, tmp_path: Path,
                                            server: FakeServer) -> None:
    write("lib/shop.py", "x = 1")
    write("more/dep.py", "x = 2")
    server.options["mod_python.importer.path"] = f"['{tmp_path}/more']"
    before = list(sys.path)
    assert handler("dep", path="sys.path").x == 2
    assert handler("shop", path=f"sys.path + ['{tmp_path}/lib']").x == 1
    assert sys.path == [*before, f"{tmp_path}/lib"]


def test_a_package_by_an_explicit_path(importer: Any, write: Write, tmp_path: Path) -> None:
    write("lib/wares/__init__.py", "")
    write("lib/wares/fish.py", "x = 1")
    assert importer.import_module("wares.fish", path=[str(tmp_path / "lib")]).x == 1
    assert "wares.fish" in sys.modules


# --- the import statement in modules of the importer ---

@pytest.fixture
def hooked(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """PythonOption mod_python.importer.hook On."""
    monkeypatch.setattr("builtins.__import__", __import__)
    server.options["mod_python.importer.hook"] = "On"


def test_without_the_hook_import_statements_are_left_alone(handler: Handlers, write: Write) -> None:
    write("pages/shop.py", "import dep\n")
    write("pages/dep.py", "")
    before = __import__
    with pytest.raises(ModuleNotFoundError):
        handler("./pages/shop")
    assert __import__ is before


@pytest.mark.usefixtures("hooked")
@pytest.mark.parametrize("statement", ["import dep\nx = dep.x", "from dep import x", "from dep import *",
                                       "import dep as d\nx = d.x"])
def test_neighbours_by_the_import_statement(handler: Handlers, write: Write, loads: list[str], tmp_path: Path,
                                            statement: str) -> None:
    for directory in "ab":
        write(f"{directory}/shop.py", NOTE + statement)
        write(f"{directory}/dep.py", NOTE + f"x = '{directory}'")
    for _ in range(2):
        assert [handler(str(tmp_path / directory / "shop")).x for directory in "ab"] == ["a", "b"]
    assert "dep" not in sys.modules
    write("b/dep.py", NOTE + "x = 'new'", 2)
    assert [handler(str(tmp_path / directory / "shop")).x for directory in "ab"] == ["a", "new"]
    assert loads == ["shop", "dep"] * 3


@pytest.mark.usefixtures("hooked")
def test_the_hook_in_a_plain_handler_makes_dependencies_of_any_depth(handler: Handlers, write: Write) -> None:
    write("shop.py", "import json, cart\nx = json.dumps(cart.x)")
    write("cart.py", "from item import x")
    write("item.py", "x = 1", 1)
    assert handler("shop").x == "1"
    write("item.py", "x = 2", 2)
    assert handler("shop").x == "2"
    assert sys.modules["item"].x == 2 and sys.modules["cart"].x == 2


@pytest.mark.usefixtures("hooked")
def test_the_hook_works_in_functions_and_once_a_request(handler: Handlers, write: Write, fake: FakeHttpd,
                                                        tmp_path: Path) -> None:
    def new_request() -> None:
        fake.req = FakeRequest(str(tmp_path) + "/")
        fake.req.options["mod_python.importer.hook"] = "on"

    write("shop.py", "def x():\n    import dep\n    return dep.x\n")
    write("dep.py", "x = 1", 1)
    new_request()
    shop = handler("./shop")
    assert shop.x() == 1
    write("dep.py", "x = 2", 2)
    assert shop.x() == 1
    new_request()
    assert shop.x() == 2
    new_request()
    assert handler("./shop") is not shop, "it stands on what its functions import"


@pytest.mark.usefixtures("hooked")
def test_the_hook_takes_packages_as_the_import_statement_does(handler: Handlers, write: Write, tmp_path: Path) -> None:
    write("lib/wares/__init__.py", "y = 1")
    write("lib/wares/fish.py", "from . import bones\nx = bones.x", 1)
    write("lib/wares/bones.py", "x = 1")
    write("lib/shop.py", "import wares.fish\nfrom wares import y\nfrom wares.fish import x\nz = wares.fish.x\n")
    shop = handler("./lib/shop")
    assert (shop.x, shop.y, shop.z) == (1, 1, 1)
    assert shop.wares is sys.modules["wares"]
    write("lib/wares/fish.py", "x = 2", 2)
    assert handler("./lib/shop").z == 2


@pytest.mark.usefixtures("hooked")
def test_the_hook_leaves_the_rest_to_the_import_statement(handler: Handlers, write: Write, tmp_path: Path) -> None:
    import calendar
    write("lib/calendar.py", "import calendar\nimport os.path, time\nfrom collections import abc\n"
                             "assert time.strptime('2001', '%Y')\n"
                             "try:\n    from . import dep\nexcept ImportError as error:\n    said = str(error)\n")
    write("lib/dep.py", "")
    write("lib/_strptime.py", "1/0")        # what C code imports is its own matter
    sys.modules.pop("_strptime", None)
    module = handler("./lib/calendar")
    assert module.calendar is calendar and module is not calendar
    assert module.os is os and "parent package" in module.said
    write("shop.py", "import nowhere")
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        handler("./shop")


@pytest.mark.usefixtures("hooked")
@pytest.mark.parametrize("name", ["./lib/one", "one"])
def test_the_hook_in_a_circle(handler: Handlers, write: Write, loads: list[str], name: str) -> None:
    directory = name.rpartition("one")[0]
    write(f"{directory}one.py", NOTE + "import two\nx = 1")
    for version in (1, 2):
        write(f"{directory}two.py", NOTE + f"import one\ndef x():\n    return one.x + {version}\n", version)
        assert handler(name).two.x() == 1 + version
    assert loads == ["one", "two"] * 2


@pytest.mark.usefixtures("hooked")
def test_the_hook_is_put_once_and_stands_others(handler: Handlers, write: Write) -> None:
    import builtins
    write("shop.py", "import dep\nx = dep.x", 1)
    write("dep.py", "x = 1")
    handler("./shop")
    seen, ours = [], builtins.__import__

    def another(name: str, *args: Any, **kwargs: Any) -> Any:
        seen.append(name)
        return ours(name, *args, **kwargs)
    builtins.__import__ = another       # type: ignore[assignment]
    write("shop.py", "import dep, os\nx = dep.x", 2)
    assert handler("./shop").x == 1
    assert builtins.__import__ is another and {"dep", "os"} <= set(seen)


@pytest.mark.parametrize("value", ["", "1", "yes"])
def test_the_hook_is_on_or_off(handler: Handlers, write: Write, server: FakeServer, value: str) -> None:
    server.options["mod_python.importer.hook"] = value
    write("shop.py", "x = 1")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"PythonOption mod_python\.importer\.hook must be On or Off"):
            handler("shop")
    server.options["mod_python.importer.hook"] = "off"
    assert handler("shop").x == 1


# --- requests ---

def test_one_request_has_one_module(importer: Any, fake: FakeHttpd, write: Write, tmp_path: Path) -> None:
    write("shop.py", "x = 1", 1)
    fake.req = FakeRequest(str(tmp_path) + "/")
    first = importer.import_module("shop")
    write("shop.py", "x = 2", 2)
    assert importer.import_module("shop") is first
    fake.req = FakeRequest(str(tmp_path) + "/")
    assert importer.import_module("~/shop").x == 2
    assert "shop" in importer.request_modules_graph()


def test_a_handler_is_the_same_module_in_all_phases_of_a_request(importer: Any, fake: FakeHttpd, handler: Handlers,
                                                                 write: Write, tmp_path: Path) -> None:
    file = write("shop.py", "x = 1", 1)
    fake.req = FakeRequest(str(tmp_path) + "/")
    first = handler("shop")
    write("shop.py", "x = 2", 2)
    assert handler("shop") is first and importer.import_module("shop") is first
    old, fake.req = fake.req, FakeRequest(str(tmp_path) + "/")
    assert handler("shop").x == 2
    fake.req = old
    assert handler.watching("shop") == (first, ((file, -1, -1),)), "the next request must not get it unasked"


def test_each_module_that_uses_another_in_a_request_stands_on_it(importer: Any, fake: FakeHttpd, handler: Handlers,
                                                                 write: Write, tmp_path: Path) -> None:
    source = IMPORT + "def use():\n    return apache.import_module('dep').x\n"
    write("one.py", source)
    write("two.py", source)
    write("dep.py", "x = 1", 1)
    one, two = handler("one"), handler("two")
    fake.req = FakeRequest(str(tmp_path) + "/")
    assert (one.use(), two.use()) == (1, 1)
    assert [importer.module_info(name).children for name in ("one", "two")] == [["dep"], ["dep"]]


def test_flags_of_the_request(importer: Any, fake: FakeHttpd, write: Write, tmp_path: Path) -> None:
    def ask() -> Any:
        fake.req = FakeRequest(str(tmp_path) + "/")
        fake.req.config.update(PythonAutoReload="0", PythonDebug="1")
        return importer.import_module("~/shop")

    write("shop.py", "x = 1", 1)
    ask()
    write("shop.py", "x = 2", 2)
    assert ask().x == 1
    assert len(fake.log) == 1 and "(Re)importing" in fake.log[0][1]
    assert importer.import_module("~/shop", autoreload=True).x == 1, "one request, one module"


# --- threads ---

@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("name", ["shop", "./shop", "pkg.shop"])
def test_many_threads_execute_a_version_once(handler: Handlers, write: Write, loads: list[str], name: str) -> None:
    source = NOTE + "sum(range(500_000))\nx = {}\n"
    write("pkg/__init__.py", "")
    for version in (1, 2, 3):
        write("shop.py", source.format(version), version)
        write("pkg/shop.py", source.format(version), version)
        modules = in_threads(32, lambda: handler(name))
        assert set(map(id, modules)) == {id(modules[0])}, modules
        assert modules[0].x == version
        assert loads == ["shop"] * version


@pytest.mark.usefixtures("busy")
def test_nobody_sees_a_half_imported_module(handler: Handlers, write: Write) -> None:
    write("shop.py", "sum(range(500_000))\nx = 1\n")
    handler("json")             # the directory is on sys.path
    importing: list[Callable[[], int]] = [lambda: handler("shop").x, lambda: importlib.import_module("shop").x]
    turn = iter(importing * 8)
    assert in_threads(16, lambda: next(turn)()) == [1] * 16


def test_the_finders_of_sys_path_may_change_while_they_are_gone_through(
        handler: Handlers, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    # To list the items of a dictionary lets other threads run, and their imports add to it.
    class Busy(dict[str, Any]):
        def items(self) -> Any:
            for item in super().items():
                yield item
                self[f"/nowhere/{len(self)}"] = None
    monkeypatch.setattr(sys, "path_importer_cache", Busy(sys.path_importer_cache))
    write("shop.py", "x = 1")
    assert handler("shop").x == 1


@pytest.mark.usefixtures("busy")
def test_threads_and_a_dependency(handler: Handlers, write: Write, loads: list[str]) -> None:
    for name in "abcd":
        write(f"{name}.py", NOTE + IMPORT + "x = apache.import_module('dep').x")
    for version in (1, 2):
        write("dep.py", NOTE + f"sum(range(500_000))\nx = {version}", version)
        modules = in_threads(16, in_turn(handler, "abcd"))
        assert [getattr(module, "x", module) for module in modules] == [version] * 16
        assert sorted(loads) == sorted([*"abcd", "dep"] * version)


def test_a_change_counts_as_seen_only_when_all_that_stands_on_it_is_marked(
        handler: Handlers, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    # Else another thread finds the file unchanged, and serves what was made of the former version.
    write("shop.py", IMPORT + "x = apache.import_module('dep').x")
    write("dep.py", "x = 1", 1)
    handler("shop")
    records = sys.modules["mod_python._records"]
    dep, mark = records.find("dep"), records._mark
    old, seen = dep.seen, []

    def marking(record: Any) -> None:
        seen.append(record.seen)
        mark(record)
    monkeypatch.setattr(records, "_mark", marking)
    write("dep.py", "x = 2", 2)
    assert handler("shop").x == 2
    assert seen[0] == old != dep.seen


@pytest.mark.usefixtures("busy")
def test_a_circle_from_both_ends_does_not_hang(handler: Handlers, write: Write) -> None:
    source = IMPORT + "sum(range(500_000))\nother = apache.import_module('{}')\n"
    for version in (1, 2, 3):
        write("one.py", source.format("two"), version)
        write("two.py", source.format("one"), version)
        results = in_threads(8, in_turn(handler, ["one", "two"]))
        assert all(isinstance(result, ModuleType) for result in results), results


@pytest.mark.usefixtures("busy")
def test_a_circle_of_importer_and_statement_does_not_hang(handler: Handlers, write: Write) -> None:
    write("one.py", IMPORT + "sum(range(500_000))\nother = apache.import_module('two')\n")
    write("two.py", "sum(range(500_000))\nimport one\n")
    handler("json")
    results = in_threads(8, in_turn(handler, ["one", "two"]))
    assert all(isinstance(result, ModuleType) for result in results), results


def test_an_import_that_cpython_gave_up_is_tried_again(handler: Handlers, write: Write, loads: list[str]) -> None:
    write("shop.py", NOTE + "from importlib import _bootstrap\n"
                     "if len(mp_note.__self__) < 3:\n    raise _bootstrap._DeadlockError('shop')\n")
    handler("shop")
    assert loads == ["shop"] * 3


# --- preloads ---

def test_a_preload_calls_its_function(importer: Any, write: Write, tmp_path: Path) -> None:
    write("boot.py", "done = []\nclass app:\n    @staticmethod\n    def start():\n        done.append(1)\n"
                     "def plain():\n    done.append(2)\n")
    path = f"['{tmp_path}'] + sys.path"
    importer.preload_module("boot", None, path)
    importer.preload_module("boot", "plain", path)
    assert sys.modules["boot"].done == [2]
    with pytest.raises(AttributeError, match="contains no 'nothing'"):
        importer.preload_module("boot", "nothing", path)


def test_a_failing_preload_leaves_nothing_half_imported(importer: Any, write: Write, tmp_path: Path) -> None:
    write("boot.py", "import sound\nimport friend\nimport boxes\n")
    write("sound.py", "")
    write("friend.py", "import boot\n")         # holds the module that fails
    write("boxes/__init__.py", "import boxes.full\nraise SystemExit('no')\n")
    write("boxes/full.py", "")
    before = set(sys.modules)
    with pytest.raises(SystemExit):
        importer.preload_module("boot", None, f"['{tmp_path}'] + sys.path")
    assert set(sys.modules) - before == {"sound"}
    write("boxes/__init__.py", "x = 1")
    importer.preload_module("boot", None, f"['{tmp_path}'] + sys.path")
    assert sys.modules["friend"].boot is sys.modules["boot"]


def test_failures_are_not_kept_alive(importer: Any, handler: Handlers, write: Write) -> None:
    write("shop.py", "1/0")
    with pytest.raises(ZeroDivisionError):
        handler("shop")
    assert importer._loading._local.failed is None


def test_a_preloaded_script(importer: Any, write: Write, tmp_path: Path, loads: list[str]) -> None:
    file = write("app.wsgi", "# -*- coding: latin-1 -*-\nmp_note(__name__)\nhas = '__mtime__' in globals()\n")
    scripts = importlib.import_module("mod_python._scripts")
    first = scripts.load(file, "_mod_wsgi_x", file, True)
    assert scripts.load(file, "_mod_wsgi_x", file, True) is first and loads == ["_mod_wsgi_x"]
    module = sys.modules[loads[0]]
    assert (module.__file__, module.__cached__, module.__dict__["has"]) == (file, None, False)
    assert module.__dict__["__mtime__"] == LONG_AGO // 1000
    assert module.__spec__ is not None and module.__loader__ is not None
    assert os.listdir(tmp_path) == ["app.wsgi"]


def test_a_script_is_decoded_by_its_cookie_and_a_failing_one_is_gone(importer: Any, tmp_path: Path) -> None:
    file = tmp_path / "app.wsgi"
    file.write_bytes(b"# coding: latin-1\nname = '\xe9'\nassert name == chr(233)\n1/0\n")
    importlib.import_module("mod_python._scripts")
    before = set(sys.modules)
    with pytest.raises(ZeroDivisionError):
        importlib.import_module("mod_python._scripts").load(str(file), "_mod_wsgi_x", str(file), True)
    assert set(sys.modules) == before


# --- what there is to know ---

def test_graph_and_info(importer: Any, handler: Handlers, write: Write) -> None:
    write("shop.py", IMPORT + "cart = apache.import_module('cart')", 1)
    write("cart.py", "")
    shop = handler("shop")
    write("shop.py", IMPORT + "cart = apache.import_module('cart')", 2)
    handler("shop")
    assert '"shop" -> "cart";' in importer.modules_graph()
    info = importer.module_info("shop")
    assert (info.label, info.children, info.cache.generation, info.cache.reload) == ("shop", ["cart"], 2, 1)
    assert info is not shop.__mp_info__
    with pytest.raises(KeyError):
        importer.module_info("nowhere")
