"""FileSession's directory, DbmSession's file: what they look like, broken ones, cleaning up (spec: library, 3.2)."""

from __future__ import annotations

import os
import pickle
import stat
import time
from pathlib import Path

import pytest
from httpd import Httpd, wait_for
from sessions import LOCAL_CONF, SESSION_CASES, value

MPMS = ("event", "prefork")
CONF = LOCAL_CONF + """
    <LocationMatch "/slow/file$">
        PythonOption mod_python.file_session.enable_fast_cleanup No
        PythonOption mod_python.file_session.cleanup_time_limit 0
    </LocationMatch>
    <LocationMatch "/unread/file$">
        PythonOption mod_python.file_session.verify_session_timeout 0
    </LocationMatch>
    <Location /case/look/always/file>
        PythonOption mod_python.session.cleanup_chance 1
    </Location>
    <LocationMatch "/grace/file$">
        PythonOption mod_python.file_session.cleanup_grace_period 1000
    </LocationMatch>
    <LocationMatch "/json/file$">
        PythonOption mod_python.session.codec json
    </LocationMatch>
    <LocationMatch "/codec/file$">
        PythonOption mod_python.session.codec cases::Reversed
    </LocationMatch>
    <LocationMatch "/foreign/file$">
        PythonOption mod_python.file_session.database_directory run/foreign
    </LocationMatch>
    <LocationMatch "/broken/dbm$">
        PythonOption mod_python.dbm_session.database_filename run/broken.dbm
    </LocationMatch>
"""
FILES = {"run/broken.dbm": "this is no database\n" * 100, "run/broken.dbm.dat": "nor this", "run/broken.dbm.dir": "(((",
         "run/foreign/mp_sess/x": "", "cases.py": SESSION_CASES + r"""
import pickle

class Reversed:
    @staticmethod
    def dumps(kept): return pickle.dumps(kept)[::-1]
    @staticmethod
    def loads(data): return pickle.loads(data[::-1])

class Unpicklable:
    def __reduce__(self): raise LookupError("not to be kept")

def save_what_can_not_be_kept(req):
    session = open_session(req)
    session["x"] = Unpicklable()
    session.save()
    return session.id()

def objects(req):
    session = open_session(req)
    before = session.get("x")
    session["x"] = (1, {2: b"3"})
    session.save()
    return session.id(), before

def json_error(req):
    session = open_session(req)
    session["x"] = {"list": [1, (2,)]}
    session.save()

def with_arguments(req):
    'fast and verify as arguments.'
    fast, verify = map(int, req.args.split(","))
    session = Session.FileSession(req, fast_cleanup=fast, verify_cleanup=verify)
    session.cleanup()
    return session._fast_cleanup, session._verify_cleanup

def limited(req):
    session = open_session(req)
    session._cleanup_time_limit = 1e-9
    session.cleanup()

def dbm_with(req):
    from dbm import dumb
    session = Session.DbmSession(req, os.path.join(os.path.dirname(__file__), "run", "dumb.dbm"), dbmtype=dumb)
    session["x"] = 1
    session.save()
    return session.id(), type(session._dbmtype).__name__, session._dbmfile

def spoil_dbm(req):
    'Entries that are no sessions, beside good ones.'
    session = open_session(req)
    with session._open() as file:
        file[b"1" * 32] = b"no pickle"
        file[b"2" * 32] = pickle.dumps([], 2)
        file[b"no id"] = b""
    session.save()
    return session.id()

def dbm_keys(req):
    session = Session.DbmSession(req, lock=0)
    with session._open() as file:
        return sorted(bytes(key).decode() for key in file.keys())

def memory_keys(req):
    return sorted(Session.MemorySession.sdict)
"""}

COMPLETE = r"MP0132: the cleanup of .*/mp_sess is complete: (\d+) of (\d+) sessions deleted in [\d.]+ s"


@pytest.fixture
def place(httpd: Httpd) -> Path:
    return httpd.root / "run" / "mp_sess"


def file_of(place: Path, sid: str) -> Path:
    return place / sid[:2] / sid


def saved(httpd: Httpd, path: str = "count/file") -> str:
    return str(value(httpd, path)[0])


def long_ago(file: Path, seconds: float, accessed: float | None = None) -> None:
    """As if the session in the file was read, and accessed, that long ago."""
    if accessed is not None:
        kept = pickle.loads(file.read_bytes())
        kept["_accessed"] = time.time() - accessed
        file.write_bytes(pickle.dumps(kept, 2))
    os.utime(file, (time.time() - seconds,) * 2)


def cleaned(httpd: Httpd, path: str = "cleanup/file") -> tuple[int, int]:
    """How many sessions a whole cleanup deleted, and how many there were."""
    value(httpd, path)
    found = httpd.claim(COMPLETE)
    wait_for(lambda: not (httpd.root / "run/mp_sess/.mp_sess.lck").exists(), what="the lock file to go")
    return int(found[1]), int(found[2])


# FileSession

def test_the_files_and_their_modes(httpd: Httpd, place: Path) -> None:
    sid = saved(httpd)
    file = file_of(place, sid)
    kept = pickle.loads(file.read_bytes())
    assert file.read_bytes()[:2] == b"\x80\x02"
    assert set(kept) == {"_data", "_created", "_accessed", "_timeout"} and kept["_data"] == {"count": 1}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(entry.name for entry in place.iterdir() if entry.is_dir()) == [f"{n:02x}" for n in range(256)]
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in [place, *place.iterdir()] if entry.is_dir()} == {0o750}
    assert [entry.name for entry in file.parent.iterdir() if entry.name.startswith(".")] == []


def test_reading_a_session_touches_its_file(httpd: Httpd, place: Path) -> None:
    sid = saved(httpd)
    long_ago(file_of(place, sid), 1000)
    assert value(httpd, "look/file", sid)[2] is False
    assert file_of(place, sid).stat().st_mtime > time.time() - 100


def test_an_id_of_the_client_opens_no_other_file(httpd: Httpd, place: Path) -> None:
    sid = saved(httpd)
    kept = file_of(place, sid).read_bytes()
    for name in ("outside", "x" * 32):
        (place.parent / name).write_bytes(kept)
        (place / name[:2]).mkdir(exist_ok=True)
        (place / name[:2] / name).write_bytes(kept)
    for bad in ("../outside", f"../../run/mp_sess/{sid[:2]}/{sid}", "x" * 32, f"{sid}/", f"./{sid}"):
        assert value(httpd, "look/file", bad)[1:] == ({}, True)


@pytest.mark.parametrize("content", [b"", b"\x80\x02", b"no pickle", pickle.dumps(["x"], 2), pickle.dumps({}, 2),
                                     pickle.dumps({"_data": 1, "_created": 0, "_accessed": 9e9, "_timeout": 1}, 2),
                                     b"cnosuchmodule\nX\n."])
def test_a_broken_file_is_no_session_and_is_logged(httpd: Httpd, place: Path, content: bytes) -> None:
    sid = saved(httpd)
    file_of(place, sid).write_bytes(content)
    other, count, new = value(httpd, "count/file", sid)
    assert other != sid and (count, new) == (1, True)
    claim_traceback(httpd, rf"MP0130: the session file .*/{sid} can't be read", "Unreadable: ")
    file_of(place, sid).unlink()


def claim_traceback(httpd: Httpd, first: str, last: str) -> None:
    httpd.claim(rf"{first}[\s\S]*?Traceback[\s\S]*?{last}.*")


def test_a_missing_file_is_not_logged(httpd: Httpd, place: Path) -> None:
    sid = saved(httpd)
    file_of(place, sid).unlink()
    assert value(httpd, "look/file", sid)[2] is True
    assert "MP0130" not in httpd.unclaimed()


def test_a_directory_in_the_place_of_a_file(httpd: Httpd, place: Path) -> None:
    sid = saved(httpd)
    file_of(place, sid).unlink()
    file_of(place, sid).mkdir()
    assert value(httpd, "look/file", sid)[2] is True
    claim_traceback(httpd, "MP0130: .* can't be read", "IsADirectoryError: ")
    file_of(place, sid).rmdir()


def test_what_can_not_be_saved_is_logged_and_the_old_file_stays(httpd: Httpd, place: Path) -> None:
    sid = saved(httpd)
    assert value(httpd, "save_what_can_not_be_kept/file", sid) == sid
    claim_traceback(httpd, f"MP0130: .*/{sid} can't be written; the session is not saved",
                    "LookupError: not to be kept")
    assert value(httpd, "look/file", sid) == (sid, {"count": 1}, False)
    assert [entry.name for entry in file_of(place, sid).parent.iterdir() if entry.name.startswith(".")] == []


def test_old_stores_keep_any_object(httpd: Httpd) -> None:
    for store in ("file", "dbm", "memory"):
        sid, before = value(httpd, f"objects/{store}")
        assert before is None and value(httpd, f"objects/{store}", sid) == (sid, (1, {2: b"3"}))


def test_another_codec(httpd: Httpd, place: Path) -> None:
    sid = saved(httpd, "count/json/file")
    assert file_of(place, sid).read_bytes().startswith(b'{"_data":{"count":1},')
    assert value(httpd, "count/json/file", sid) == (sid, 2, False)
    value(httpd, "json_error/json/file", sid)
    claim_traceback(httpd, "MP0130: .* can't be written", r"TypeError: session\['x'\]\['list'\]\[1\] is \(2,\): tuple")
    sid = saved(httpd, "count/codec/file")
    assert file_of(place, sid).read_bytes()[-2:-1] == pickle.dumps({})[1:2]
    assert value(httpd, "count/codec/file", sid) == (sid, 2, False)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to others")
def test_a_directory_of_another_user_is_refused(httpd: Httpd) -> None:
    os.chown(httpd.root / "run/foreign/mp_sess", 12345, 12345)
    assert httpd.get("/case/count/foreign/file").status == 500
    httpd.claim_failure("PythonHandler cases::dispatch", f"PermissionError: {httpd.root}/run/foreign/mp_sess, where")


def test_a_directory_that_all_may_write_to_is_refused(httpd: Httpd) -> None:
    place = httpd.root / "run/foreign/mp_sess"
    os.chown(place, os.getuid(), os.getgid())
    place.chmod(0o777)
    assert httpd.get("/case/count/foreign/file").status == 500
    httpd.claim_failure("PythonHandler cases::dispatch", "PermissionError: ")
    place.chmod(0o755)
    assert httpd.get("/case/count/foreign/file").status == 200


# FileSession.cleanup()

@pytest.fixture
def empty(httpd: Httpd, place: Path) -> Path:
    saved(httpd)
    for file in [*place.glob("*/*"), *place.glob("*.txt"), *place.glob(".mp*")]:
        file.unlink()
    return place


def test_cleanup_deletes_what_is_over(httpd: Httpd, empty: Path) -> None:
    over, unverified, fresh, young = (file_of(empty, saved(httpd)) for _ in range(4))
    long_ago(over, 3000, accessed=3000)
    long_ago(unverified, 3000, accessed=10)
    long_ago(young, 10, accessed=3000)
    assert cleaned(httpd) == (1, 4)
    assert [file.exists() for file in (over, unverified, fresh, young)] == [False, True, True, True]
    assert (empty / "fs_status.txt").read_text().startswith("MPFS_3.2 0 0 0 0.")
    httpd.claim("MP0132: the cleanup of .* starts")


def test_a_slow_cleanup_reads_every_file(httpd: Httpd, empty: Path) -> None:
    young, fresh = (file_of(empty, saved(httpd)) for _ in range(2))
    long_ago(young, 10, accessed=3000)
    assert cleaned(httpd, "cleanup/slow/file") == (1, 2)
    assert (young.exists(), fresh.exists()) == (False, True)


def test_a_cleanup_that_does_not_verify_goes_by_the_files_time(httpd: Httpd, empty: Path) -> None:
    unverified, broken, fresh = (file_of(empty, saved(httpd)) for _ in range(3))
    long_ago(unverified, 3000, accessed=10)
    broken.write_bytes(b"broken")
    long_ago(broken, 3000)
    assert cleaned(httpd, "cleanup/unread/file") == (2, 3)
    assert fresh.exists()


def test_the_grace_period(httpd: Httpd, empty: Path) -> None:
    file = file_of(empty, saved(httpd))
    for seconds in (1800 + 200, 1800 + 900):
        long_ago(file, seconds, accessed=seconds)
        assert cleaned(httpd, "cleanup/grace/file" if seconds > 2500 else "cleanup/file") == (0, 1)
    assert cleaned(httpd) == (1, 1)


def test_arguments_come_before_options(httpd: Httpd, empty: Path) -> None:
    file = file_of(empty, saved(httpd))
    long_ago(file, 10, accessed=3000)
    assert value(httpd, "with_arguments/file?1,0") == (True, False)
    assert httpd.claim(COMPLETE)[1] == "0"
    wait_for(lambda: not (empty / ".mp_sess.lck").exists())
    assert value(httpd, "with_arguments/slow/file?-1,-1") == (False, True)
    assert httpd.claim(COMPLETE)[1] == "1"
    wait_for(lambda: not (empty / ".mp_sess.lck").exists())


def test_a_broken_file_does_not_stop_a_cleanup(httpd: Httpd, empty: Path) -> None:
    broken, over = (file_of(empty, saved(httpd)) for _ in range(2))
    broken.write_bytes(b"broken")
    long_ago(broken, 3000)
    long_ago(over, 3000, accessed=3000)
    assert cleaned(httpd) == (1, 2)
    claim_traceback(httpd, f"MP0133: the session file {broken} can't be cleaned up", "Unreadable: ")
    assert broken.exists() and not over.exists()


def test_a_cleanup_goes_on_where_the_last_one_stopped(httpd: Httpd, empty: Path) -> None:
    over = file_of(empty, saved(httpd))
    long_ago(over, 3000, accessed=3000)
    (empty / "fs_status.txt").write_text("MPFS_3.2 255 7 9 1.5\n")
    expected = (8, 10) if over.parent.name == "ff" else (7, 9)
    assert cleaned(httpd) == expected
    httpd.claim("MP0132: the cleanup of .* goes on with directory 255")
    value(httpd, "limited/file")
    httpd.claim("MP0132: the cleanup of .* is incomplete: the next run goes on with directory 1$")
    wait_for(lambda: not (empty / ".mp_sess.lck").exists())
    assert (empty / "fs_status.txt").read_text().startswith("MPFS_3.2 1 ")


@pytest.mark.parametrize("text", ["", "MPFS_3.1 255 0 0 0.0\n", "MPFS_3.2 256 0 0 0\n", "MPFS_3.2 x", "\xff\x00"])
def test_a_status_file_that_says_nothing(httpd: Httpd, empty: Path, text: str) -> None:
    over = file_of(empty, saved(httpd))
    long_ago(over, 3000, accessed=3000)
    (empty / "fs_status.txt").write_text(text)
    assert cleaned(httpd) == (1, 1)


def test_one_request_of_so_many_cleans_up(httpd: Httpd, empty: Path) -> None:
    file = file_of(empty, saved(httpd))
    assert cleaned(httpd, "look/always/file") == (0, 1)
    long_ago(file, 3000, accessed=3000)
    assert cleaned(httpd, "look/always/file") == (1, 1)


def test_only_one_cleanup_runs(httpd: Httpd, empty: Path) -> None:
    over, lock = file_of(empty, saved(httpd)), empty / ".mp_sess.lck"
    long_ago(over, 3000, accessed=3000)
    lock.touch()
    value(httpd, "cleanup/file")
    value(httpd, "look")
    assert over.exists() and lock.exists()
    os.utime(lock, (time.time() - 3700,) * 2)
    value(httpd, "cleanup/file")
    httpd.claim("MP0133: .*/.mp_sess.lck is older than an hour")
    assert over.exists() and not lock.exists()
    assert cleaned(httpd) == (1, 1)


def test_a_failing_cleanup_leaves_no_lock_file(httpd: Httpd, empty: Path) -> None:
    (empty / "fs_status.txt").mkdir()
    value(httpd, "cleanup/file")
    claim_traceback(httpd, "MP0133: the cleanup of .*/mp_sess failed", "IsADirectoryError: ")
    wait_for(lambda: not (empty / ".mp_sess.lck").exists())
    (empty / "fs_status.txt").rmdir()


def test_what_an_interrupted_save_left_is_deleted(httpd: Httpd, empty: Path) -> None:
    sid = saved(httpd)
    old, young = (file_of(empty, sid).parent / f".{sid}.0123456{digit}" for digit in "78")
    old.touch()
    young.touch()
    os.utime(old, (time.time() - 3700,) * 2)
    assert cleaned(httpd) == (0, 1)
    assert (old.exists(), young.exists()) == (False, True)


# DbmSession

def dbm_files(httpd: Httpd, name: str) -> list[Path]:
    return [file for file in (httpd.root / "run").iterdir() if file.name.startswith(name)]


def test_the_dbm_file(httpd: Httpd) -> None:
    value(httpd, "count/dbm")
    files = dbm_files(httpd, "mp_sess.dbm")
    assert files and {stat.S_IMODE(file.stat().st_mode) for file in files} <= {0o640}


def test_another_dbm_module_and_file(httpd: Httpd) -> None:
    sid, kind, file = value(httpd, "dbm_with")
    assert kind == "module" and file.endswith("/run/dumb.dbm") and (httpd.root / "run/dumb.dbm.dat").exists()
    assert value(httpd, "dbm_with", sid)[0] == sid


def test_a_broken_dbm_file_is_named(httpd: Httpd) -> None:
    assert httpd.get("/case/count/broken/dbm").status == 500
    httpd.claim_failure("PythonHandler cases::dispatch",
                        f"OSError: the session database {httpd.root}/run/broken.dbm can't be opened: ")


def test_the_cleanup_of_a_dbm_file(httpd: Httpd) -> None:
    sid, over = saved(httpd, "count/dbm"), saved(httpd, "count/dbm")
    value(httpd, "age/dbm?seconds=2000", over)
    value(httpd, "spoil_dbm/dbm", sid)
    assert value(httpd, "look/dbm", "1" * 32)[2] is True
    httpd.claim("MP0131: a session in DbmSession's store can't be read")
    value(httpd, "cleanup/dbm", sid)
    httpd.claim(r"MP0132: .*/run/mp_sess.dbm is cleaned up: 4 of \d+ sessions deleted")
    for _ in range(3):
        httpd.claim("MP0131: a session in .*/run/mp_sess.dbm can't be read, and is deleted")
    keys = value(httpd, "dbm_keys")
    assert sid in keys and not {over, "1" * 32, "2" * 32, "no id"} & set(keys)


# MemorySession

def test_the_cleanup_of_the_memory(httpd: Httpd) -> None:
    sid, over = saved(httpd, "count/memory"), saved(httpd, "count/memory")
    value(httpd, "age/memory?seconds=2000", over)
    assert {sid, over} <= set(value(httpd, "memory_keys"))
    value(httpd, "cleanup/memory", sid)
    wait_for(lambda: over not in value(httpd, "memory_keys"))
    assert sid in value(httpd, "memory_keys")
