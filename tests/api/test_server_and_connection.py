"""What the server and the connection say of themselves (spec: API, sections 5 and 6)."""

from typing import Any

from cases import CASES, CASES_CONF, case
from httpd import Httpd

LOG_LEVEL = "debug"

CONF = CASES_CONF + """
    ServerAdmin admin@example.org
    PythonOption at_server yes
    PythonDebug Off
    PythonPath "sys.path"
    <VirtualHost *>
        ServerName first.example
    </VirtualHost>
    <VirtualHost *>
        ServerName full.example:1234
        ServerAlias one.example two.example *.wild.example
        ServerAdmin other@example.org
        ErrorLog logs/full_log
        LogLevel trace3
        Timeout 7
        KeepAlive Off
        KeepAliveTimeout 1500ms
        MaxKeepAliveRequests 9
        LimitRequestLine 4000
        LimitRequestFieldSize 5000
        LimitRequestFields 33
        ServerPath /full
        PythonOption at_vhost yes
        PythonInterpreter other
        PythonAutoReload Off
        PythonInterpPerDirective On
    </VirtualHost>
    <VirtualHost *>
        ServerName last.example
        LogLevel error
    </VirtualHost>
"""

FILES = {"cases.py": CASES + r'''
MEMBERS = ("server_admin", "server_hostname", "names", "wild_names", "port", "error_fname", "loglevel", "is_virtual",
           "timeout", "keep_alive_timeout", "keep_alive_max", "keep_alive", "path", "pathlen", "limit_req_line",
           "limit_req_fieldsize", "limit_req_fields", "my_generation")

def server(req):
    return {name: getattr(req.server, name) for name in MEMBERS}

def main_server(req):
    return {name: getattr(apache.main_server, name) for name in MEMBERS}

def place(req):
    s = req.server
    return [s.defn_name, s.defn_line_number, s.restart_time > 1e9, s.restart_time <= req.request_time]

def chain(req):
    names, s = [], apache.main_server
    while s is not None:
        names.append(s.server_hostname)
        s = s.next
    return names

def tables(req):
    s = req.server
    return [sorted(s.get_config().items()), sorted(s.get_options().items())]

def tables_stay(req):
    req.server.get_config()["Mine"] = "1"
    return req.server.get_config()["mine"]

def logs(req):
    for level in range(1, 16):
        req.server.log_error("of %s at %d." % (req.server.server_hostname, level), level)

def attributes(req):
    req.server.shop = getattr(req.server, "shop", 0) + 1
    return [req.server.shop, getattr(apache.main_server, "shop", None)]

def connection(req):
    c = req.connection
    req.flush()
    return {name: getattr(c, name) for name in (
        "local_addr", "client_addr", "client_ip", "local_ip", "remote_host", "remote_logname", "local_host", "aborted",
        "keepalive", "double_reverse", "keepalives", "hlist")}

def base_server(req):
    return [req.connection.base_server.server_hostname, req.server.server_hostname]

def notes(req):
    c = req.connection
    seen = [repr(c.notes), c.notes.get("count")]
    c.notes["count"] = str(int(c.notes.get("count", "0")) + 1)
    return seen

def same_wrapper(req):
    global kept
    kept = [c for c in kept if c is req.connection] if req.args else [req.connection]
    return len(kept)
kept = []

def close(req):
    req.connection.keepalive = apache.AP_CONN_CLOSE
    return req.connection.keepalive

def connection_logs(req):
    req.connection.log_error("of the connection %s %n", apache.APLOG_WARNING)
    req.connection.log_error("without a level")
    return req.connection.log_error(None)
'''}

DEFAULTS = {"server_admin": "admin@example.org", "names": (), "wild_names": (), "is_virtual": 1, "timeout": 60.0,
            "keep_alive_timeout": 5.0, "keep_alive_max": 100, "keep_alive": 1, "path": None, "pathlen": 0,
            "limit_req_line": 8190, "limit_req_fieldsize": 8190, "limit_req_fields": 100, "my_generation": 0}


def ask(httpd: Httpd, name: str, host: str = "first.example") -> Any:
    return case(httpd, name, {"Host": host})


def test_a_server_with_defaults(httpd: Httpd) -> None:
    assert ask(httpd, "server") == {
        **DEFAULTS, "server_hostname": "first.example", "port": 0, "error_fname": None, "loglevel": 7}


def test_a_server_with_all_of_its_own(httpd: Httpd) -> None:
    assert ask(httpd, "server", "full.example") == {
        "server_admin": "other@example.org", "server_hostname": "full.example", "names": ("one.example", "two.example"),
        "wild_names": ("*.wild.example",), "port": 1234, "error_fname": "logs/full_log", "loglevel": 10,
        "is_virtual": 1,
        "timeout": 7.0, "keep_alive_timeout": 1.5, "keep_alive_max": 9, "keep_alive": 0, "path": "/full", "pathlen": 5,
        "limit_req_line": 4000, "limit_req_fieldsize": 5000, "limit_req_fields": 33, "my_generation": 0}


def test_the_main_server(httpd: Httpd) -> None:
    found = ask(httpd, "main_server")
    assert (found["is_virtual"], found["server_hostname"], found["port"]) == (0, "localhost", httpd.port)
    assert found["error_fname"] == str(httpd.root / "logs" / "error_log")


def test_where_a_server_is_defined(httpd: Httpd) -> None:
    conf = httpd.root / "conf" / "httpd.conf"
    line = conf.read_text().splitlines().index("        ServerName first.example") + 1
    assert ask(httpd, "place") == [str(conf), line - 1, True, True]


def test_servers_are_a_chain(httpd: Httpd) -> None:
    names = ask(httpd, "chain")
    assert names[0] == "localhost" and sorted(names[1:]) == ["first.example", "full.example", "last.example"]


def test_settings_of_a_server(httpd: Httpd) -> None:
    config, options = ask(httpd, "tables")
    assert config == [("PythonDebug", "0"), ("PythonPath", "sys.path")] and options == [("at_server", "yes")]
    config, options = ask(httpd, "tables", "full.example")
    assert dict(config) == {"PythonDebug": "0", "PythonPath": "sys.path", "PythonInterpreter": "other",
                            "PythonAutoReload": "0", "PythonInterpPerDirective": "1"}
    assert options == [("at_server", "yes"), ("at_vhost", "yes")]
    assert ask(httpd, "tables_stay", "last.example") == "1"


def test_a_server_logs_by_its_own_level_to_its_own_log(httpd: Httpd) -> None:
    for host in ("first.example", "full.example", "last.example"):
        ask(httpd, "logs", host)
    text, own = httpd.log_text(), (httpd.root / "logs" / "full_log").read_text()
    assert [level for level in range(1, 16) if f"of first.example at {level}." in text] == [1, 2, 3, 4, 5, 6, 7]
    assert [level for level in range(1, 16) if f"of full.example at {level}." in own] == [*range(1, 11)]
    # httpd writes a notice whatever the level
    assert [level for level in range(1, 16) if f"of last.example at {level}." in text] == [1, 2, 3, 5]
    assert "of full.example" not in text
    for host in ("first", "last"):
        for level in (1, 2, 3):
            httpd.claim(rf".*of {host}\.example at {level}\.\n")


def test_attributes_of_a_server_stay(httpd: Httpd) -> None:
    assert ask(httpd, "attributes", "full.example")[0] == 1
    assert ask(httpd, "attributes", "full.example") == [2, None]


def test_a_connection(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send_request("GET", "/case/connection")
        own = client.socket.getsockname()
        found = eval(client.response().text)
    assert found == {
        "local_addr": ("127.0.0.1", httpd.port), "client_addr": own, "client_ip": "127.0.0.1", "local_ip": "127.0.0.1",
        "remote_host": None, "remote_logname": None, "local_host": None, "aborted": 0, "keepalive": 2,
        "double_reverse": 0, "keepalives": 1, "hlist": None}


def test_the_base_server_is_that_of_the_address(httpd: Httpd) -> None:
    base, named = ask(httpd, "base_server", "last.example")
    assert (base, named) == ("first.example", "last.example")


def test_notes_and_object_of_a_connection_stay_over_its_requests(httpd: Httpd) -> None:
    with httpd.session() as connection:
        first, second = (eval(connection("GET", "/case/notes").text) for _ in range(2))
        assert connection("GET", "/case/same_wrapper").text == "1"
        assert connection("GET", "/case/same_wrapper?again").text == "1"
    assert first == ["{}", None] and second == ["{'count': '1'}", "1"]
    assert case(httpd, "notes") == ["{}", None]


def test_keepalive_can_be_switched_off(httpd: Httpd) -> None:
    r = httpd.get("/case/close")
    assert r.body == b"1" and r.headers["Connection"] == "close"


def test_a_connection_logs_with_its_client(httpd: Httpd) -> None:
    assert case(httpd, "connection_logs") is None
    httpd.claim(r"\[python:warn\].*\[client 127.0.0.1:\d+\].*of the connection %s %n\n")
    httpd.claim(r"\[python:error\].*\[client 127.0.0.1:\d+\].*without a level\n")
