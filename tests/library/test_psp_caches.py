"""What keeps compiled pages: memory, .psc files and the database (spec: library, 5.4; security history, section 2)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd

# The same files in two interpreters, so that what one has in memory the other has not.
CONF = CASES_CONF + """
    PythonInterpreterOptions second gil=own
    Alias /second ${htdocs}
    <Directory ${htdocs}>
        AddHandler mod_python .psp
        PythonHandler mod_python.psp
    </Directory>
    <Directory ${htdocs}/db>
        PythonOption mod_python.psp.cache_database_filename run/pages
    </Directory>
    <Directory ${htdocs}/olddb>
        PythonOption PSPDbmCache ${root}/run/pages
    </Directory>
    <Directory ${htdocs}/opendb>
        PythonOption mod_python.psp.cache_database_filename ${root}/open/pages
    </Directory>
    <Directory ${htdocs}/nodb>
        PythonOption mod_python.psp.cache_database_filename ${root}/nothing/pages
    </Directory>
    <Directory ${htdocs}/brokendb>
        PythonOption mod_python.psp.cache_database_filename ${root}/broken/pages
    </Directory>
    <Location /second>
        PythonInterpreter second
    </Location>
"""

FILES = {"cases.py": CASES + '''
from mod_python import _apache, psp

def compiled(req):
    return psp.compile_file(req.args)

def not_compiled(req):
    return raised(psp.compile_file, req.args)

def in_memory(req):
    from mod_python import _psp_pages
    one, two = psp.PSP(req, req.args), psp.PSP(req, req.args)
    three, four = psp.PSP(req, string="text"), psp.PSP(req, string="text")
    return one._page is two._page, three._page is four._page, three._page is psp.PSP(req, string="other")._page

def lock_is_free(req):
    free = _apache._global_trylock(req.server, None, 0)
    if free:
        _apache._global_unlock(req.server, None, 0)
    return free
''', "htdocs/plain.psp": "plain"}

Write = Callable[..., Path]

OLD = 1_600_000_000_000_000_001     # long ago, and on no full second


@pytest.fixture
def write(httpd: Httpd) -> Write:
    """write(name, text, seconds) writes a file of the site as it was written so many seconds after long ago."""
    def write(name: str, text: str, seconds: int = 0) -> Path:
        file = httpd.htdocs / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        os.utime(file, ns=(OLD, OLD + seconds * 1_000_000_000))
        return file
    return write


def text_of(httpd: Httpd, path: str) -> str:
    r = httpd.get(path)
    assert r.status == 200, r.text
    return r.text


# --- memory ---

def test_pages_stay_in_memory(httpd: Httpd) -> None:
    assert case(httpd, f"in_memory?{httpd.htdocs}/plain.psp") == (True, True, False)


def test_a_changed_page_is_compiled_anew(httpd: Httpd, write: Write) -> None:
    for seconds, text in ((0, "first"), (10, "newer"), (5, "older"), (5, "size differs")):
        write("changes.psp", text, seconds)
        assert text_of(httpd, "/changes.psp") == text
    write("changes.psp", "<%= a b %>", 20)
    assert httpd.get("/changes.psp").status == 500
    httpd.claim_failure("PythonHandler mod_python.psp", "SyntaxError")
    write("changes.psp", "repaired", 30)
    assert text_of(httpd, "/changes.psp") == "repaired"
    (httpd.htdocs / "changes.psp").unlink()
    assert httpd.get("/changes.psp").status == 404


def test_changes_in_one_instant_are_seen(httpd: Httpd) -> None:
    for number in range(30):
        (httpd.htdocs / "quick.psp").write_text(f"<%= {number % 10} %>")
        assert text_of(httpd, "/quick.psp") == str(number % 10)


def test_a_changed_inclusion_is_seen(httpd: Httpd, write: Write) -> None:
    write("including.psp", '<%@ include file="parts/a.inc" %>')
    write("parts/a.inc", '<%@ include file="b.inc" %>!')
    write("parts/b.inc", "one")
    assert text_of(httpd, "/including.psp") == "one!"
    write("parts/b.inc", "two", 1)
    assert text_of(httpd, "/including.psp") == "two!"
    (httpd.htdocs / "parts/b.inc").unlink()
    assert httpd.get("/including.psp").status == 500
    httpd.claim_failure("PythonHandler mod_python.psp", "parts/b.inc")
    write("parts/b.inc", "three", 1)
    assert text_of(httpd, "/including.psp") == "three!"


def test_many_threads_run_a_page_that_changes(httpd: Httpd) -> None:
    for round_ in range(3):
        httpd.write("htdocs/busy.psp", f"<%\nfor n in range(50):\n%><%= {round_} %><%\n# end\n%>")
        barrier, answers = threading.Barrier(8), []

        def ask(barrier: threading.Barrier = barrier, answers: list[str] = answers) -> None:
            barrier.wait()
            answers.append(text_of(httpd, "/busy.psp"))
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(answers) == {str(round_) * 50} and len(answers) == 8


# --- .psc files ---

def test_a_compiled_file_is_used_while_it_is_no_older_than_the_page(httpd: Httpd, write: Write) -> None:
    write("sub/inc.inc", "<%= word %>")
    page = write("ready.psp", '<% word = "AAAA" %><%@ include file="sub/inc.inc" %>')
    assert case(httpd, f"compiled?{page}") == str(page)[:-1] + "c"
    assert (page.with_suffix(".psc").stat().st_mode & 0o777) == 0o644
    # A page that says something else, but seems to be the one that was compiled: so it is not read.
    write("ready.psp", '<% word = "BBBB" %><%@ include file="sub/inc.inc" %>')
    assert text_of(httpd, "/ready.psp") == "AAAA"
    write("ready.psp", '<% word = "CC" %><%@ include file="sub/inc.inc" %>', 1)
    assert text_of(httpd, "/ready.psp") == "CC"
    assert case(httpd, f"compiled?{page}")
    write("sub/inc.inc", "<%= word %>!", 10**9)         # later than the compiled file
    assert text_of(httpd, "/second/ready.psp") == "CC!"


def test_a_compiled_file_may_move_with_its_page(httpd: Httpd, write: Write) -> None:
    page = write("from/moved.psp", 'A\n<%@ include file="part.inc" %>')
    part = write("from/part.inc", "\n<%\ndef f():\n    return 1/0\n# end\n%><%= f() %>")
    case(httpd, f"compiled?{page}")
    page.parent.rename(httpd.htdocs / "to")
    write("to/moved.psp", 'B\n<%@ include file="part.inc" %>')
    assert httpd.get("/to/moved.psp").status == 500
    httpd.claim_failure("PythonHandler mod_python.psp", "ZeroDivisionError")
    log = httpd.log_text()
    assert f'File "{httpd.htdocs}/to/part.inc", line 4, in f' in log
    assert f'File "{httpd.htdocs}/to/part.inc", line 6, in <module>' in log and str(part) not in log


def test_a_compiled_file_that_others_may_write_is_not_used(httpd: Httpd, write: Write) -> None:
    page = write("open.psp", "AAAA")
    compiled = Path(case(httpd, f"compiled?{page}"))
    compiled.chmod(0o666)
    write("open.psp", "BBBB")
    assert text_of(httpd, "/open.psp") == "BBBB"
    httpd.claim(r"MP0121: .*/open\.psc is not used: others may write it who may not write the page")


def test_a_compiled_file_that_is_damaged_is_not_used(httpd: Httpd, write: Write) -> None:
    for number, damage in enumerate((slice(-1), slice(60), slice(None, None, -1))):
        page = write(f"damaged{number}.psp", "AAAA")
        compiled = Path(case(httpd, f"compiled?{page}"))
        data = compiled.read_bytes()
        compiled.write_bytes(data[:40] + data[40:][damage])
        write(page.name, "BBBB")
        assert text_of(httpd, f"/{page.name}") == "BBBB"
        httpd.claim(rf"MP0121: .*/damaged{number}\.psc is not used: it is damaged")


def test_a_compiled_file_for_another_python_is_not_used(httpd: Httpd, write: Write) -> None:
    for number, data in enumerate((b"", b"mod_python psp 1 \0\0\0\0", b"\xe3" + bytes(200))):
        page = write(f"other{number}.psp", "BBBB")
        page.with_suffix(".psc").write_bytes(data)
        assert text_of(httpd, f"/{page.name}") == "BBBB"
        assert f"/{page.stem}.psc is not used: it is for another Python" in httpd.log_text()


def test_a_compiled_file_does_not_lead_out_of_the_document_root(httpd: Httpd, write: Write) -> None:
    (httpd.root / "secret.inc").write_text("secret")
    page = write("leading.psp", '<%@ include file="../secret.inc" %>')
    case(httpd, f"compiled?{page}")
    assert httpd.get("/leading.psp").status == 500
    httpd.claim_failure("PythonHandler mod_python.psp", "is outside of the document root")


def test_a_page_without_a_source_is_not_there(httpd: Httpd, write: Write) -> None:
    page = write("gone.psp", "AAAA")
    case(httpd, f"compiled?{page}")
    page.unlink()
    assert httpd.get("/gone.psp").status == 404


def test_what_can_not_be_compiled_is_said(httpd: Httpd, write: Write) -> None:
    page = write("bad.psp", "\n<%= a b %>")
    assert case(httpd, f"not_compiled?{page}")[0] == "SyntaxError"
    assert case(httpd, f"not_compiled?{page}x")[0] == "FileNotFoundError"
    page = write("x.inc", "")
    assert case(httpd, f"not_compiled?{page}") == (
        "ValueError", f"{page}: the compiled file of a page has its name with a c at the end")
    assert sorted(file.name for file in httpd.htdocs.glob("bad*")) == ["bad.psp"]


# --- the database ---

def pages(httpd: Httpd) -> list[Path]:
    return sorted((httpd.root / "run").glob("pages*"))


@pytest.mark.parametrize("directory", ["db", "olddb"])
def test_interpreters_share_pages_by_the_database(httpd: Httpd, write: Write, directory: str) -> None:
    write(f"{directory}/page.psp", 'AAAA<%@ include file="part.inc" %>')
    write(f"{directory}/part.inc", "x")
    assert text_of(httpd, f"/{directory}/page.psp") == "AAAAx"
    assert pages(httpd) and all(file.stat().st_mode & 0o077 == 0 for file in pages(httpd))
    write(f"{directory}/page.psp", 'BBBB<%@ include file="part.inc" %>')      # seems to be the same file
    assert text_of(httpd, f"/second/{directory}/page.psp") == "AAAAx"
    write(f"{directory}/part.inc", "y", 1)
    assert text_of(httpd, f"/second/{directory}/page.psp") == "BBBBy"
    write(f"{directory}/page.psp", 'CCCC<%@ include file="part.inc" %>')
    assert text_of(httpd, f"/{directory}/page.psp") == "BBBBy"
    assert case(httpd, "lock_is_free") is True


def test_a_page_that_has_just_changed_is_not_put_there(httpd: Httpd) -> None:
    for text in ("one", "two", "six"):
        httpd.write("htdocs/db/quick.psp", text)
        assert text_of(httpd, "/db/quick.psp") == text_of(httpd, "/second/db/quick.psp") == text


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_database_in_a_directory_of_others_is_not_used(httpd: Httpd, write: Write, mode: int) -> None:
    (httpd.root / "open").mkdir(exist_ok=True)
    (httpd.root / "open").chmod(mode)
    write("opendb/page.psp", f"page {mode}", mode)
    assert text_of(httpd, "/opendb/page.psp") == f"page {mode}"
    assert list((httpd.root / "open").iterdir()) == []
    assert case(httpd, "lock_is_free") is True
    assert f"MP0122: {httpd.root}/open/pages" in httpd.log_text()
    assert f"others than the server may write {httpd.root}/open; chmod go-w" in httpd.log_text()


def test_a_database_that_others_may_write_is_not_used(httpd: Httpd, write: Write) -> None:
    (httpd.root / "broken").mkdir(mode=0o700, exist_ok=True)
    file = httpd.root / "broken" / "pages"
    file.write_bytes(b"x" * 100)
    file.chmod(0o666)
    write("brokendb/page.psp", "one")
    assert text_of(httpd, "/brokendb/page.psp") == "one"
    assert f"others than the server may write {file}; chmod go-w" in httpd.log_text()
    assert file.read_bytes() == b"x" * 100


def test_a_broken_database_is_not_used(httpd: Httpd, write: Write) -> None:
    (httpd.root / "broken").mkdir(mode=0o700, exist_ok=True)
    file = httpd.root / "broken" / "pages"
    file.write_bytes(b"x" * 100)
    file.chmod(0o600)
    write("brokendb/other.psp", "one")
    assert text_of(httpd, "/brokendb/other.psp") == "one"
    assert case(httpd, "lock_is_free") is True
    httpd.claim(rf"MP0122: {file}.* is not used: error: ")


def test_a_directory_that_is_not_there_is_said(httpd: Httpd, write: Write) -> None:
    write("nodb/page.psp", "one")
    assert text_of(httpd, "/nodb/page.psp") == "one"
    httpd.claim(rf"MP0122: .*: there is no directory {httpd.root}/nothing")
