"""Arguments of every method of the objects: how many, which keywords, of which types (spec: API, 1 and 3.1)."""

import pytest
from cases import CASES, CASES_CONF, case
from httpd import Httpd

CONF = CASES_CONF

FILES = {"cases.py": CASES + r'''
import ast

def objects(req):
    return {"req": req, "conn": req.connection, "server": req.server, "table": apache.table(), "apache": apache}

def refusals(req):
    "What a method says to an argument too few, one too many, an unknown keyword."
    found = {}
    rows = ast.literal_eval(req.headers_in["X-Rows"])
    for name, required, names in rows:
        prefix, _, method = name.partition(".")
        call = getattr(objects(req)[prefix], method)
        seen = []
        if required:
            seen.append(raised(lambda: call(*[object()] * (required - 1))))
        if names is not None:
            seen.append(raised(lambda: call(*[object()] * (len(names) + 1))))
            seen.append(raised(lambda: call(*[object()] * required, unknown=1)))
        found[name] = sorted({error and error[0] for error in seen}, key=str)
    return found

def keywords(req):
    req.register_cleanup(callable=lambda data: None, data=1)
    req.add_handler(htype="PythonLogHandler", handler=lambda req: 0, dir=None)
    req.allow_methods(methods=["PUT"], reset=1)
    req.log_error(message="by keyword", level=apache.APLOG_NOTICE)
    req.connection.log_error(message="by keyword", level=apache.APLOG_NOTICE)
    req.server.log_error(message="by keyword", level=apache.APLOG_NOTICE)
    req.update_mtime(dependency_mtime=5)
    return [req.allowed_methods, req.construct_url(uri="/x")[-2:], req.read(len=1), req.readline(len=1),
            req.readlines(sizehint=1), req.get_remote_host(type=apache.REMOTE_NOLOOKUP, str_is_ip=1),
            req.ssl_var_lookup(name="HTTPS"), req.sendfile(path=__file__, offset=0, len=0), req.mtime,
            req.write(data="", flush=0), req.set_content_length(len=req.clength)]

def wrong_types(req):
    def no(data):
        pass
    return {
        "add_handler": [raised(req.add_handler, *args)[0] for args in (
            (5, "x"), ("PythonHandler", 5), ("PythonHandler", None), ("PythonHandler", "x", 5), (b"PythonHandler", "x"),
            ("PythonHandler", "a\0b"), ("PythonHandler", "x", "/a\0b"))],
        "allow_methods": [raised(req.allow_methods, value)[0] for value in (5, None, [5], {1})],
        "construct_url": [raised(req.construct_url, value)[0] for value in (5, None, b"/x", "/a\0b")],
        "get_remote_host": [raised(req.get_remote_host, value)[0] for value in ("x", None, 4, -1)],
        "internal_redirect": [raised(req.internal_redirect, value)[0] for value in (5, None, "/a\0b")],
        "log_error": [raised(req.log_error, *args)[0] for args in ((5,), (b"x",), ("x", "y"), ("x", None), ("a\0b",))],
        "read": [raised(req.read, value)[0] for value in ("x", 1.5)],
        "readline": [raised(req.readline, value)[0] for value in ("x", 1.5)],
        "readlines": [raised(req.readlines, value)[0] for value in ("x", 1.5)],
        "register_cleanup": [raised(req.register_cleanup, value)[0] for value in (None, 5, "x")],
        "sendfile": [raised(req.sendfile, *args)[0] for args in ((5,), (None,), (__file__, "x"), (__file__, 0, "x"),
                                                                 (__file__, -1))],
        "set_content_length": [raised(req.set_content_length, value)[0] for value in ("5", None, 1.5, -1)],
        "ssl_var_lookup": [raised(req.ssl_var_lookup, value)[0] for value in (5, None, "a\0b")],
        "update_mtime": [raised(req.update_mtime, value)[0] for value in ("5", None, float("nan"), 1e300)],
        "write": [raised(req.write, value)[0] for value in (5, None, ["x"])],
        "server.log_error": [raised(req.server.log_error, *args)[0] for args in ((5,), ("x", "y"), ("a\0b",))],
        "conn.log_error": [raised(req.connection.log_error, *args)[0] for args in ((5,), ("x", "y"), ("a\0b",))],
        "server.register_cleanup": [raised(req.server.register_cleanup, *args)[0] for args in (
            (None, no), (req.server, no), (req, None), (req, 5))],
        "apache.log_error": [raised(apache.log_error, *args)[0] for args in (
            (5,), (b"x",), ("x", "y"), ("x", 3, req), ("x", 3, "server"), ("a\0b",))],
        "apache.mpm_query": [raised(apache.mpm_query, value)[0] for value in ("x", None, 1.5, 99, -1)],
        "apache.stat": [raised(apache.stat, *args)[0] for args in ((5, 0), (None, 0), ("/x", "y"), ("/a\0b", 0))],
        "apache.exists_config_define": [raised(apache.exists_config_define, value)[0] for value in (5, None, "a\0b")],
        "apache.register_cleanup": [raised(apache.register_cleanup, value)[0] for value in (5, None, "x")],
    }
'''}

# Name, how many arguments are required, names of all (None: they are told elsewhere or may have any).
METHODS: list[tuple[str, int, tuple[str, ...] | None]] = [
    ("req.add_cgi_vars", 0, ()), ("req.add_common_vars", 0, ()), ("req.add_handler", 2, ("htype", "handler", "dir")),
    ("req.allow_methods", 1, ("methods", "reset")), ("req.auth_name", 0, ()), ("req.auth_type", 0, ()),
    ("req.construct_url", 1, ("uri",)), ("req.discard_request_body", 0, ()), ("req.document_root", 0, ()),
    ("req.flush", 0, ()), ("req.get_basic_auth_pw", 0, ()), ("req.get_config", 0, ()), ("req.get_options", 0, ()),
    ("req.get_remote_host", 0, ("type", "str_is_ip")), ("req.internal_redirect", 1, ("new_uri",)),
    ("req.is_https", 0, ()), ("req.log_error", 1, ("message", "level")), ("req.meets_conditions", 0, ()),
    ("req.read", 0, ("len",)), ("req.readline", 0, ("len",)), ("req.readlines", 0, ("sizehint",)),
    ("req.register_cleanup", 1, ("callable", "data")), ("req.send_http_header", 0, ()),
    ("req.sendfile", 1, ("path", "offset", "len")), ("req.set_content_length", 1, ("len",)), ("req.set_etag", 0, ()),
    ("req.set_last_modified", 0, ()), ("req.ssl_var_lookup", 1, ("name",)),
    ("req.update_mtime", 1, ("dependency_mtime",)), ("req.write", 1, ("data", "flush")),
    ("conn.log_error", 1, ("message", "level")), ("server.log_error", 1, ("message", "level")),
    ("server.get_config", 0, ()), ("server.get_options", 0, ()),
    ("server.register_cleanup", 2, ("req", "callable", "data")),
    ("table.get", 1, ("key", "default")), ("table.has_key", 1, ("key",)), ("table.add", 2, ("key", "value")),
    ("table.setdefault", 1, ("key", "default")), ("table.pop", 1, ("key", "default")), ("table.popitem", 0, ()),
    ("table.keys", 0, ()), ("table.values", 0, ()), ("table.items", 0, ()), ("table.iterkeys", 0, ()),
    ("table.itervalues", 0, ()), ("table.iteritems", 0, ()), ("table.clear", 0, ()), ("table.copy", 0, ()),
    ("table.update", 1, ("mapping",)),
    ("apache.log_error", 1, ("message", "level", "server")), ("apache.exists_config_define", 1, ("name",)),
    ("apache.stat", 2, ("fname", "wanted")), ("apache.register_cleanup", 1, ("callable", "data")),
    ("apache.config_tree", 0, ()), ("apache.server_root", 0, ()), ("apache.mpm_query", 1, ("code",)),
]

WRONG_TYPES = {
    "add_handler": ["TypeError"] * 5 + ["ValueError"] * 2, "allow_methods": ["TypeError"] * 4,
    "construct_url": ["TypeError"] * 3 + ["ValueError"], "get_remote_host": ["TypeError"] * 2 + ["ValueError"] * 2,
    "internal_redirect": ["TypeError", "TypeError", "ValueError"], "log_error": ["TypeError"] * 4 + ["ValueError"],
    "read": ["TypeError"] * 2, "readline": ["TypeError"] * 2, "readlines": ["TypeError"] * 2,
    "register_cleanup": ["ValueError"] * 3, "sendfile": ["TypeError"] * 4 + ["ValueError"],
    "set_content_length": ["TypeError"] * 3 + ["ValueError"], "ssl_var_lookup": ["TypeError"] * 2 + ["ValueError"],
    "update_mtime": ["TypeError"] * 2 + ["OverflowError"] * 2, "write": ["TypeError"] * 3,
    "server.log_error": ["TypeError"] * 2 + ["ValueError"], "conn.log_error": ["TypeError"] * 2 + ["ValueError"],
    "server.register_cleanup": ["ValueError"] * 4, "apache.log_error": ["TypeError"] * 5 + ["ValueError"],
    "apache.mpm_query": ["TypeError"] * 3 + ["ValueError"] * 2,
    "apache.stat": ["TypeError"] * 3 + ["ValueError"],
    "apache.exists_config_define": ["TypeError"] * 2 + ["ValueError"], "apache.register_cleanup": ["ValueError"] * 3,
}


@pytest.mark.parametrize("prefix", ["req", "conn", "server", "table", "apache"])
def test_arguments_are_counted_and_unknown_keywords_refused(httpd: Httpd, prefix: str) -> None:
    rows = [row for row in METHODS if row[0].startswith(f"{prefix}.")]
    found = case(httpd, "refusals", {"X-Rows": repr(rows)})
    assert found == {name: ["TypeError"] for name, _, _ in rows}


def test_the_documented_names_may_be_keywords(httpd: Httpd) -> None:
    assert case(httpd, "keywords", body=b"ab\ncd") == [
        ("PUT",), "/x", b"a", b"b", [b"\n"], ("127.0.0.1", 1), None, 0, 5.0, None, None]
    for _ in range(3):
        httpd.claim(r"\[python:notice\].*by keyword")


def test_wrong_types_and_values_are_refused(httpd: Httpd) -> None:
    assert case(httpd, "wrong_types") == WRONG_TYPES
