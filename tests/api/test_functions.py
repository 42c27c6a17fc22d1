"""The functions of mod_python.apache that are httpd's, and its names from the C module."""

import os
from typing import Any

from cases import CASES, CASES_CONF, case
from httpd import Httpd

MPMS = ("event", "prefork")

CONF = CASES_CONF + """
    Define MP_TEST_DEFINED
    Include ${root}/odd.conf
    <Directory "/nowhere">
        <Files "x">
            Options None
        </Files>
    </Directory>
"""

FILES = {
    "odd.conf": b'<Location "/\xe9">\nPythonOption odd "\xff\xfe"\nPythonOption good "\xc3\xa9"\n</Location>\n',
    "file.txt": "12345",
    "locked/file.txt": "",
    "cases.py": CASES + r'''
import errno, os, sys
import _apache

ROOT = os.path.dirname(__file__)

def constants(req):
    names = ("AP_CONN_UNKNOWN AP_CONN_CLOSE AP_CONN_KEEPALIVE APR_NOFILE APR_REG APR_DIR APR_CHR APR_BLK APR_PIPE"
             " APR_LNK APR_SOCK APR_UNKFILE MODULE_MAGIC_NUMBER_MAJOR").split()
    assert all(getattr(apache, name) is getattr(_apache, name) for name in names)
    return [getattr(apache, name) for name in names] + [type(apache.MODULE_MAGIC_NUMBER_MINOR).__name__]

def names(req):
    exception = apache.SERVER_RETURN
    return [apache.interpreter == req.interpreter, type(apache.main_server).__name__,
            apache.main_server.server_hostname, exception is _apache.SERVER_RETURN, exception.__name__,
            exception.__module__, exception.__mro__[1].__name__, exception(5).args, apache.make_table is apache.table,
            apache.exists_config is apache.exists_config_define]

def types_are_not_made(req):
    return [(raised(type(one)) or ["made"])[0] for one in
            (req, req.server, req.connection, req.finfo, req.hlist, req.headers_in)]

def log_lines(req):
    seen = [apache.log_error("absent"), apache.log_error("zero", 0), apache.log_error("or", apache.APLOG_NOERRNO |
            apache.APLOG_WARNING), apache.log_error(None), apache.log_error(None, 4, req.server)]
    for name in ("EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG", "TRACE1"):
        apache.log_error("plain " + name, getattr(apache, "APLOG_" + name))
        apache.log_error("server " + name, getattr(apache, "APLOG_" + name), req.server)
    apache.log_error("none", apache.APLOG_ERR, None)
    apache.log_error("\xe9\u20ac\udcff\ud800 %s %n")
    return seen

def log_errors(req):
    return [(raised(apache.log_error, *arguments) or ["logged"])[0] for arguments in
            [(), (5,), (b"x",), ("x", "y"), ("x", None), ("x", 4, "server"), ("x", 4, req), ("a\0b",), ("x", -1),
             ("x", 4, None, 5)]]

def log_keyword(req):
    try:
        apache.log_error(message="x")
    except TypeError:
        return "TypeError"

def defined(req):
    return [apache.exists_config_define("MP_TEST_DEFINED"), apache.exists_config_define(b"MP_TEST_DEFINED"),
            apache.exists_config_define("FOREGROUND"), apache.exists_config_define("mp_test_defined"),
            apache.exists_config_define(""), [(raised(apache.exists_config_define, *arguments) or ["ok"])[0]
                                              for arguments in [(5,), (None,), ("a\0b",), ()]]]

def tree(req):
    tree = apache.config_tree()
    tree.clear()
    return apache.config_tree()

def mpm(req):
    codes = {name: getattr(apache, name) for name in dir(apache) if name.startswith("AP_MPMQ_")}
    for answer in ("NOT_SUPPORTED", "STATIC", "DYNAMIC"):
        del codes["AP_MPMQ_" + answer]
    return {name: apache.mpm_query(code) for name, code in codes.items()}

def mpm_errors(req):
    return [(raised(apache.mpm_query, *arguments) or ["answered"])[0] for arguments in
            [(999,), (0,), (-1,), (2**31,), (2**80,), (-2**80,), ("2",), (2.0,), (None,), ()]]

def root(req):
    return apache.server_root()

FACTS = ("fname valid protection user group size inode device nlink atime mtime ctime name").split()

def stat_file(req):
    path = ROOT + "/file.txt"
    real = os.stat(path)
    found = []
    for wanted in (0, apache.APR_FINFO_NORM, apache.APR_FINFO_SIZE):
        f = apache.stat(path, wanted)
        found.append([f.filetype == apache.APR_REG, f.size, f.mtime == int(real.st_mtime), f.inode == real.st_ino])
    f = apache.stat(os.fsencode(path), 0)
    return found + [[f.fname == path, f.protection == 0x644, type(f).__name__]]

def stat_kinds(req):
    if not os.path.lexists(ROOT + "/link"):
        os.symlink(ROOT + "/file.txt", ROOT + "/link")
        os.symlink(ROOT + "/absent", ROOT + "/dangling")
        os.mkfifo(ROOT + "/fifo")
    return [apache.stat(path, wanted).filetype for path, wanted in [
        (ROOT, 0), ("/dev/null", 0), (ROOT + "/fifo", 0), (ROOT + "/link", 0), (ROOT + "/link", apache.APR_FINFO_LINK),
        (ROOT + "/dangling", 0), (ROOT + "/\udcff", 0)]]

def stat_missing(req):
    f = apache.stat(ROOT + "/absent", apache.APR_FINFO_NORM)
    return [f.filetype, [getattr(f, name) for name in FACTS], tuple(f), f[apache.FINFO_FILETYPE]]

def stat_failures(req):
    found = []
    os.chmod(ROOT + "/locked", 0)
    try:
        for path in (ROOT + "/file.txt/below", ROOT + "/" + "x" * 300, ROOT + "/locked/file.txt"):
            try:
                apache.stat(path, 0)
                found.append("found")
            except OSError as error:
                found.append([type(error).__name__, errno.errorcode[error.errno], error.filename == path])
    finally:
        os.chmod(ROOT + "/locked", 0o755)
    return found

def stat_arguments(req):
    return [(raised(apache.stat, *arguments) or ["found"])[0] for arguments in
            [(), ("/",), ("/", 0, 0), (5, 0), (None, 0), ("/", "0"), ("/", None), ("a\0b", 0), ("/", 2**40)]]
'''}


def test_constants_of_httpd(httpd: Httpd) -> None:
    assert case(httpd, "constants") == [0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7, 127, 20120211, "int"]


def test_names(httpd: Httpd) -> None:
    assert case(httpd, "names") == [True, "mp_server", "localhost", True, "SERVER_RETURN", "_apache", "Exception", (5,),
                                    True, True]


def test_only_tables_can_be_made(httpd: Httpd) -> None:
    assert case(httpd, "types_are_not_made") == ["TypeError"] * 5 + ["made"]


def test_log_lines_have_their_level(httpd: Httpd) -> None:
    """The fixture's LogLevel is info. Without a server httpd drops what is below its own default."""
    assert case(httpd, "log_lines") == [None] * 5
    httpd.claim(r"\[python:error\] .*absent\n")
    httpd.claim(r"\[python:error\] .*zero\n")
    httpd.claim(r"\[python:warn\] .*or\n")
    for name, level in (("EMERG", "error"), ("ALERT", "alert"), ("CRIT", "crit"), ("ERR", "error"),
                        ("WARNING", "warn"), ("NOTICE", "notice")):
        httpd.claim(rf"\[python:{level}\] .*plain {name}\n")
        httpd.claim(rf"\[python:{level}\] .*server {name}\n")
    httpd.claim(r"\[python:info\] .*server INFO\n")
    httpd.claim(r"\[python:error\] .*none\n")
    httpd.claim(r"\[python:error\] .*\\xc3\\xa9\\xe2\\x82\\xac\\\\udcff\\\\ud800 %s %n\n")
    for dropped in ("plain INFO", "plain DEBUG", "plain TRACE1", "server DEBUG", "server TRACE1", "None"):
        assert f"] {dropped}" not in httpd.log_text()


def test_wrong_log_lines_are_refused(httpd: Httpd) -> None:
    assert case(httpd, "log_errors") == ["TypeError"] * 7 + ["ValueError", "ValueError", "TypeError"]
    assert case(httpd, "log_keyword") == "TypeError"


def test_defines(httpd: Httpd) -> None:
    *found, errors = case(httpd, "defined")
    assert found == [True, True, True, False, False] and [type(one) for one in found] == [bool] * 5
    assert errors == ["TypeError", "TypeError", "ValueError", "TypeError"]


def test_the_configuration_tree(httpd: Httpd) -> None:
    tree = case(httpd, "tree")
    assert ("ServerName", f"localhost:{httpd.port}") in tree and ("LogLevel", "info") in tree
    at = tree.index(("<Directory", '"/nowhere">'))
    assert tree[at + 1] == [("<Files", '"x">'), [("Options", "None")]]
    at = tree.index(("<Location", '"/\xe9">'))
    assert tree[at + 1] == [("PythonOption", 'odd "\xff\xfe"'), ("PythonOption", 'good "\xe9"')]

    def check(entries: list[Any]) -> None:
        for entry in entries:
            if isinstance(entry, list):
                check(entry)
            else:
                assert [type(part) for part in entry] == [str, str]
    check(tree)


def test_what_the_mpm_answers(httpd: Httpd) -> None:
    answers = case(httpd, "mpm")
    threaded = httpd.mpm == "event"
    assert len(answers) == 12 and all(type(answer) is int for answer in answers.values())
    assert (answers["AP_MPMQ_IS_THREADED"] != 0) == threaded
    assert answers["AP_MPMQ_IS_FORKED"] in (1, 2)
    assert answers["AP_MPMQ_HARD_LIMIT_DAEMONS"] == httpd.children + 4
    assert answers["AP_MPMQ_MAX_THREADS"] == httpd.threads


def test_unknown_questions_to_the_mpm(httpd: Httpd) -> None:
    assert case(httpd, "mpm_errors") == ["ValueError"] * 6 + ["TypeError"] * 4


def test_the_server_root(httpd: Httpd) -> None:
    assert case(httpd, "root") == str(httpd.root)


def test_facts_about_a_file(httpd: Httpd) -> None:
    os.chmod(httpd.root / "file.txt", 0o644)
    assert case(httpd, "stat_file") == [[True, 5, True, True]] * 3 + [[True, True, "mp_finfo"]]


def test_kinds_of_files(httpd: Httpd) -> None:
    assert case(httpd, "stat_kinds") == [2, 3, 5, 1, 6, 0, 0]


def test_a_missing_file_is_no_error(httpd: Httpd) -> None:
    assert case(httpd, "stat_missing") == [0, [None] * 13, (None,) * 12, 0]


def test_other_failures_are_oserrors(httpd: Httpd) -> None:
    assert case(httpd, "stat_failures") == [
        ["NotADirectoryError", "ENOTDIR", True], ["OSError", "ENAMETOOLONG", True], ["PermissionError", "EACCES", True]]


def test_wrong_arguments_of_stat(httpd: Httpd) -> None:
    assert case(httpd, "stat_arguments") == ["TypeError"] * 7 + ["ValueError", "OverflowError"]
