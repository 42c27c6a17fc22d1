"""The global locks: shared by children, interpreters and threads; what a killed, ending or failing holder leaves."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd, at_once, root_parent_possible, wait_for

LOCKS = 16
CONF = CASES_CONF + f"""
    PythonOption mod_python.mutex_locks {LOCKS}
    PythonInterpreterOptions second gil=own
    <LocationMatch "second$">
        PythonInterpreter second
    </LocationMatch>
    <Location /raise>
        SetHandler mod_python
        PythonHandler cases::lock_and_raise
    </Location>
"""
MPMS = ("event", "worker", "prefork")
CHILDREN = 4
THREADS = 4

FILES = {"run/counter": "0", "cases.py": CASES + """
import dataclasses, datetime, decimal, fractions, os, pathlib, threading, time, uuid
import _apache

lock, trylock, unlock = _apache._global_lock, _apache._global_trylock, _apache._global_unlock
ROOT = os.path.dirname(__file__)

@dataclasses.dataclass(frozen=True)
class Point:
    name: str
    x: int

KEYS = ["", "a", "session-1", "\\u0436\\u20ac", "\\udcff", b"bytes", 0, 1, -1, 10 ** 40, 2.5, float("inf"),
        float("nan"), None, ("a", 1), ("a", ("b", None)), frozenset("abc"), Point("p", 1), datetime.date(2026, 1, 31),
        pathlib.PurePosixPath("/srv/x"), uuid.UUID(int=7), decimal.Decimal("1.5"), 1j, Ellipsis]
SAME = [(1, True, 1.0, decimal.Decimal(1), fractions.Fraction(1), 1 + 0j), (("x", 2), ("x", 2.0)),
        (frozenset([1, "b", None]), frozenset([None, "b", 1.0])), (0.5, fractions.Fraction(1, 2))]

def number_of(server, key):
    'Which lock a key gets.'
    lock(server, key)
    try:
        taken = []
        for number in range(LOCKS):
            if trylock(server, None, number):
                unlock(server, None, number)
            else:
                taken.append(number)
        return taken
    finally:
        unlock(server, key)

def how_many(req):
    return _apache._global_locks()

def numbers(req):
    return os.getpid(), [number_of(req.server, key) for key in KEYS]

def same(req):
    return [[number_of(req.server, key) for key in keys] for keys in SAME]

def hold(req):
    'Holds the lock of a key until the gate opens.'
    lock(req.server, "held")
    with open(os.path.join(ROOT, "run", "held"), "w") as file:
        file.write("%s\\n" % os.getpid())
    while not os.path.exists(os.path.join(ROOT, "run", "gate")):
        time.sleep(0.01)
    unlock(req.server, "held")
    return os.getpid()

def try_it(req):
    got = trylock(req.server, "held")
    if got:
        unlock(req.server, "held")
    return os.getpid(), got

def wait_for_it(req):
    result = lock(req.server, "held"), unlock(req.server, "held")
    return os.getpid(), result

def count(req):
    'Adds to a number in a file, in the slowest way.'
    for _ in range(10):
        lock(req.server, "counter")
        with open(os.path.join(ROOT, "run", "counter")) as file:
            value = int(file.read())
        time.sleep(0.0005)
        with open(os.path.join(ROOT, "run", "counter"), "w") as file:
            file.write("%d" % (value + 1))
        unlock(req.server, "counter")
    return os.getpid(), req.interpreter

def other_thread(req):
    'A lock is taken here, waited for and given back elsewhere.'
    seen = []
    def wait():
        lock(req.server, "passed on")
        seen.append("got it")
        unlock(req.server, "passed on")
    lock(req.server, "passed on")
    waiter = threading.Thread(target=wait)
    waiter.start()
    busy = not trylock(req.server, "passed on") and not seen
    giver = threading.Thread(target=unlock, args=(req.server, "passed on"))
    giver.start()
    giver.join()
    waiter.join()
    return busy, seen, trylock(req.server, "passed on"), unlock(req.server, "passed on")

def errors(req):
    main = apache.main_server
    return [raised(lock), raised(lock, main), raised(lock, req, "a"), raised(trylock, None, "a"),
            raised(unlock, "server", "a"), raised(lock, main, []), raised(trylock, main, {}),
            raised(unlock, main, set()), raised(lock, main, ("a", [])), raised(lock, main, "a", "1"),
            raised(lock, main, "a", None), raised(lock, main, "a", 1, 2)]

def wrong_numbers(req):
    return [raised(function, apache.main_server, None, number)
            for function in (lock, trylock, unlock) for number in (-2, LOCKS, 2 ** 31 - 1)]

def unlock_what_is_free(req):
    server, first = req.server, raised(unlock, req.server, None, 0)
    return first, trylock(server, None, 0), trylock(server, None, 0), unlock(server, None, 0), \\
        trylock(server, [], 0), unlock(server, [], 0)

def broken_keys(req):
    class Hash:
        def __hash__(self): raise LookupError("no hash")
    class Repr:
        def __hash__(self): return 1
        def __repr__(self): raise LookupError("no repr")
    class Plain: pass
    plain, deep = Plain(), ()
    for _ in range(100000):
        deep = (deep,)
    return [raised(lock, req.server, Hash()), raised(lock, req.server, Repr()), raised(lock, req.server, deep)[0],
            lock(req.server, plain), trylock(req.server, plain), unlock(req.server, plain)]

def forked(req):
    'What a forked process may do with the lock of its parent.'
    lock(req.server, "forked")
    here, there = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(there, repr(raised(unlock, req.server, "forked")).encode())
        os._exit(0)
    os.close(there)
    text = os.read(here, 1000).decode()
    os.waitpid(pid, 0)
    os.close(here)
    still = not trylock(req.server, "forked")
    return text, still, unlock(req.server, "forked")

def lock_and_raise(req):
    lock(req.server, "held")
    raise LookupError("with the lock")

def keep(req):
    'A thread that holds the lock of a key, and one that waits for it, are left behind.'
    def wait(server):
        lock(server, "held")
        threading.Event().wait()
    for _ in range(2):
        threading.Thread(target=wait, args=(req.server,), daemon=True).start()
    while trylock(req.server, "held"):
        unlock(req.server, "held")
        time.sleep(0.001)
    return os.getpid()
""".replace("LOCKS", str(LOCKS))}

needs_root = pytest.mark.skipif(not root_parent_possible(),
                                reason="not root, or the engine's Python is not readable by other users")


@contextmanager
def held(httpd: Httpd) -> Iterator[int]:
    """A request holds the lock of the key "held"; gives its process."""
    file, gate = httpd.root / "run" / "held", httpd.root / "run" / "gate"
    for old in (file, gate):
        old.unlink(missing_ok=True)
    with httpd.raw() as client:
        client.send_request("GET", "/case/hold", {"Connection": "close"})
        wait_for(lambda: file.exists() and file.read_text().endswith("\n"), what="a request to hold the lock")
        try:
            yield int(file.read_text())
        finally:
            gate.touch()
        client.receive_all()


def from_another_child(httpd: Httpd, name: str, pid: int) -> Any:
    """What a case says in another process than that one; its first item is the process."""
    def answer() -> Any:
        value = case(httpd, name)
        return value if value[0] != pid else None
    return wait_for(answer, what="another child to answer")


@pytest.mark.parametrize("name", ["try_it", "try_it/second"])
def test_a_lock_is_one_for_all_children_and_interpreters(httpd: Httpd, name: str) -> None:
    with held(httpd) as holder:
        assert from_another_child(httpd, name, holder)[1] is False
    wait_for(lambda: case(httpd, name)[1])


def test_they_are_as_many_as_configured(httpd: Httpd) -> None:
    assert case(httpd, "how_many") == LOCKS


def test_a_request_waits_for_a_lock_of_another_child(httpd: Httpd) -> None:
    with httpd.raw() as client:
        with held(httpd):
            client.send_request("GET", "/case/wait_for_it", {"Connection": "close"})
            assert case(httpd, "try_it")[1] is False
        assert client.response().text.endswith("(None, None))")


def test_threads_interpreters_and_children_exclude_each_other(httpd: Httpd) -> None:
    names = ["count", "count/second"] * 6
    answers = at_once(len(names), lambda index: case(httpd, names[index]))
    assert int((httpd.root / "run" / "counter").read_text()) == 10 * len(names)
    assert {interpreter for _, interpreter in answers} == {"localhost", "second"}
    if httpd.mpm == "prefork":
        assert len({pid for pid, _ in answers}) > 1


def test_a_key_has_the_same_lock_in_every_process(httpd: Httpd) -> None:
    pid, numbers = case(httpd, "numbers")
    assert all(len(taken) == 1 and 1 <= taken[0] < LOCKS for taken in numbers)
    assert len({taken[0] for taken in numbers}) > 5
    assert from_another_child(httpd, "numbers", pid)[1] == numbers
    assert case(httpd, "numbers/second")[1] == numbers


def test_equal_keys_have_the_same_lock(httpd: Httpd) -> None:
    for numbers in case(httpd, "same"):
        assert numbers == [numbers[0]] * len(numbers)


def test_a_waiting_thread_lets_the_others_run_and_any_may_unlock(httpd: Httpd) -> None:
    assert case(httpd, "other_thread") == (True, ["got it"], True, None)
    assert case(httpd, "other_thread/second") == (True, ["got it"], True, None)


def test_wrong_arguments_are_type_errors(httpd: Httpd) -> None:
    errors = case(httpd, "errors")
    assert {name for name, _ in errors} == {"TypeError"}
    assert errors[2][1] == "a server is needed, as req.server or apache.main_server, not mp_request"
    assert errors[5][1] == "unhashable type: 'list'"


def test_a_number_that_is_no_lock_is_a_value_error(httpd: Httpd) -> None:
    errors = case(httpd, "wrong_numbers")
    assert {name for name, _ in errors} == {"ValueError"}
    assert errors[1][1] == f"there is no global lock {LOCKS}: index must be 0 to {LOCKS - 1}, or -1 to choose by key"


def test_unlocking_a_free_lock_is_an_error_and_does_no_harm(httpd: Httpd) -> None:
    error, *results = case(httpd, "unlock_what_is_free")
    assert error == ("ValueError", "global lock 0 can't be unlocked: this process does not hold it")
    assert results == [True, False, None, True, None]


def test_what_a_key_raises_is_raised(httpd: Httpd) -> None:
    assert case(httpd, "broken_keys") == [("LookupError", "no hash"), ("LookupError", "no repr"), "RecursionError",
                                          None, False, None]


def test_old_and_new_children_of_a_graceful_restart_exclude_each_other(httpd: Httpd) -> None:
    with held(httpd) as holder:
        before = httpd.child_pids()
        httpd.signal(signal.SIGUSR1)
        wait_for(lambda: httpd.child_pids() - before)
        pid, got = from_another_child(httpd, "try_it", holder)
        assert pid not in before and got is False
    wait_for(lambda: case(httpd, "try_it")[1])
    wait_for(lambda: not httpd.child_pids() & before)


def test_a_lock_that_a_failed_request_left_is_free_when_its_child_ends(httpd: Httpd) -> None:
    assert httpd.get("/raise").status == 500
    httpd.claim_failure("PythonHandler cases::lock_and_raise", "LookupError: with the lock")
    assert case(httpd, "try_it")[1] is False
    httpd.graceful()
    wait_for(lambda: case(httpd, "try_it")[1])


@pytest.mark.parametrize("how", ["graceful", "restart"])
def test_threads_with_and_behind_a_lock_do_not_keep_their_child(httpd: Httpd, how: str) -> None:
    case(httpd, "keep")
    assert case(httpd, "try_it")[1] is False
    getattr(httpd, how)()
    wait_for(lambda: case(httpd, "try_it")[1])


# Servers of their own

def other_threads(pid: int) -> int:
    """How many threads a process has besides its first one; a dying one may still take a connection along."""
    try:
        return len(os.listdir(f"/proc/{pid}/task")) - 1
    except FileNotFoundError:
        return 0


def kill_holder(httpd: Httpd) -> None:
    with held(httpd) as holder:
        os.kill(holder, signal.SIGKILL)
        wait_for(lambda: holder not in httpd.child_pids() and not other_threads(holder), what="the process to die")
        pid, result = from_another_child(httpd, "wait_for_it", holder)
        assert pid != holder and result == (None, None)


@pytest.mark.parametrize(("mpm", "mutex", "mechanism"), [
    ("event", "", "sysvsem"), ("prefork", "", "sysvsem"), ("event", "Mutex flock:${root}/run mod_python", "flock"),
    ("prefork", "Mutex pthread mod_python", "pthread"), ("worker", "Mutex fcntl:${root}/run default", "fcntl")])
def test_a_killed_child_does_not_keep_its_locks(tmp_path: Path, mpm: str, mutex: str, mechanism: str) -> None:
    with Httpd(tmp_path, mutex + CONF, FILES, mpm=mpm, children=2, threads=4) as server:
        line = server.claim(rf"MP0060: {LOCKS} global locks for up to 2 processes with \d+ threads each; "
                            r"mechanism (\w+); directory (.*)")
        assert line[1] == mechanism
        assert line[2].strip() == (f"{tmp_path}/run/" if "${root}" in mutex else "not needed")
        kill_holder(server)
        assert len({tuple(numbers) for numbers in case(server, "numbers")[1]}) > 5


def test_a_forked_process_does_not_have_its_parents_locks(tmp_path: Path) -> None:
    """CPython forks in its main interpreter, and up to 3.13 only well if there is no other."""
    with Httpd(tmp_path, CONF + "PythonInterpreter main_interpreter", FILES, mpm="prefork") as server:
        text, still, result = case(server, "forked")
        assert "does not hold it" in text and still and result is None


@pytest.mark.parametrize(("mechanism", "word"), [("pthread", "thread that took a lock"), ("fcntl", "deadlock"),
                                                 ("posixsem", "killed")])
def test_a_mechanism_with_a_weakness_is_told(tmp_path: Path, mechanism: str, word: str) -> None:
    with Httpd(tmp_path, f"Mutex {mechanism} mod_python\n" + CONF, FILES) as server:
        assert word in server.claim(rf"MP0064: Mutex {mechanism} for mod_python: .*")[0]
        assert case(server, "wait_for_it")[1] == (None, None)


@pytest.mark.parametrize(("mpm", "children", "threads", "option", "count"), [
    ("prefork", 1, 1, "", 2), ("prefork", 3, 1, "", 3), ("event", 1, 5, "", 5), ("event", 2, 25, "", 8),
    ("event", 1, 2, "0", 2), ("prefork", 1, 1, "1", 2), ("event", 1, 2, "33", 33)])
def test_the_number_of_locks(tmp_path: Path, mpm: str, children: int, threads: int, option: str, count: int) -> None:
    conf = CASES_CONF + (f"PythonOption mod_python.mutex_locks {option}" if option else "")
    files = {"cases.py": FILES["cases.py"].replace(f"range({LOCKS})", f"range({count})")}
    with Httpd(tmp_path, conf, files, mpm=mpm, children=children, threads=threads) as server:
        server.claim(f"MP0060: {count} global locks for up to {children} processes with ")
        assert case(server, "wait_for_it")[1] == (None, None)
        assert {taken[0] for taken in case(server, "numbers")[1]} <= set(range(1, count))
        assert case(server, "other_thread")[1] == ["got it"]


def test_a_changed_number_counts_after_a_restart(tmp_path: Path) -> None:
    with Httpd(tmp_path, CONF, FILES) as server:
        server.claim(f"MP0060: {LOCKS} global locks")
        file = tmp_path / "conf" / "httpd.conf"
        file.write_text(file.read_text().replace(f"mutex_locks {LOCKS}", "mutex_locks 20"))
        with held(server):
            server.signal(signal.SIGUSR1)
            server.claim("MP0060: 20 global locks")
        server.graceful()
        assert case(server, "wait_for_it")[1] == (None, None)


@pytest.mark.parametrize("mutex", ["Mutex flock mod_python", "Mutex flock:/nowhere mod_python"])
def test_lock_files_are_in_the_directory_of_the_option(tmp_path: Path, mutex: str) -> None:
    where = tmp_path / "locks"
    where.mkdir()
    (where / "other").touch()
    conf = f"{mutex}\nPythonOption mod_python.mutex_directory locks\n" + CONF
    with Httpd(tmp_path, conf.replace("/nowhere", str(tmp_path / "run")), FILES, children=2) as server:
        assert server.claim("MP0060: .* directory (.*)")[1] == f"{where}/"
        assert {file.name for file in where.iterdir()} == {
            "other", *(f"mod_python-{index}.{server.pid}" for index in range(LOCKS))}
        server.graceful()
        kill_holder(server)
    assert [file.name for file in where.iterdir()] == ["other"]


@needs_root
@pytest.mark.parametrize("mutex", ["", "Mutex flock:${root}/run mod_python\n", "Mutex pthread mod_python\n"])
def test_children_of_a_root_parent_may_use_the_locks(tmp_path: Path, mutex: str) -> None:
    with Httpd(tmp_path, mutex + CONF, FILES, mpm="prefork", root_parent=True) as server:
        assert case(server, "wait_for_it")[1] == (None, None)
        server.graceful()
        assert case(server, "wait_for_it")[1] == (None, None)


# Configuration

@pytest.mark.parametrize("value", ["many", "-1", "8.5", "4097", "99999999999999999999", "8x", '" "'])
def test_a_wrong_number_of_locks_stops_httpd(httpd: Httpd, value: str) -> None:
    status, output = httpd.configtest(f"PythonOption mod_python.mutex_locks {value}")
    assert status != 0
    assert f"MP0066: PythonOption mod_python.mutex_locks {value.strip(chr(34))}: the number of global locks is a " \
        "number up to 4096, e.g. 'PythonOption mod_python.mutex_locks 8'" in output


def test_a_directory_for_lock_files_that_is_none_stops_httpd(httpd: Httpd) -> None:
    status, output = httpd.configtest("PythonOption mod_python.mutex_directory conf/mime.types")
    assert status != 0
    assert "MP0066: PythonOption mod_python.mutex_directory conf/mime.types: that is no directory; name the" in output


@pytest.mark.parametrize("value", ['""', "", "0", "00", "4096"])
def test_numbers_that_are_taken(httpd: Httpd, value: str) -> None:
    status, output = httpd.configtest(f"PythonOption mod_python.mutex_locks {value}")
    assert status == 0, output


def test_a_missing_directory_is_harmless_where_there_are_no_files(tmp_path: Path) -> None:
    with Httpd(tmp_path, "PythonOption mod_python.mutex_directory gone\n" + CONF, FILES) as server:
        server.claim(f"MP0062: PythonOption mod_python.mutex_directory {tmp_path}/gone: there is no such directory; "
                     "it is not needed")
        assert case(server, "wait_for_it")[1] == (None, None)


def test_a_missing_directory_for_lock_files_stops_httpd(tmp_path: Path) -> None:
    conf = "Mutex file mod_python\nPythonOption mod_python.mutex_directory gone\n" + CONF
    with pytest.raises(ChildProcessError, match=rf"MP0061: global lock 1 of {LOCKS} can't be made in "
                                                rf"{re.escape(str(tmp_path))}/gone; create that directory"):
        Httpd(tmp_path, conf, FILES).start()


def test_options_of_a_virtual_host_are_warned_of(tmp_path: Path) -> None:
    conf = CONF + """
        <VirtualHost *>
            PythonOption mod_python.mutex_locks 5
        </VirtualHost>
        <VirtualHost *>
            PythonOption other 5
        </VirtualHost>
    """
    with Httpd(tmp_path, conf, FILES) as server:
        server.claim(r"MP0063: PythonOption mod_python.mutex_locks 5 in the virtual host at .*/httpd.conf:\d+ has no")
        server.claim(f"MP0060: {LOCKS} global locks")
        assert "MP0063" not in server.unclaimed()
