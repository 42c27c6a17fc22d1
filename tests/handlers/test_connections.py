"""PythonConnectionHandler: what it may return, reading and writing, what the client and the log get."""

import ast
import signal
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
from client import RawClient
from httpd import Httpd, engine_file, engine_files, linked_libraries, wait_for
from tls import certificate

MPMS = ("event", "worker", "prefork")
CHILDREN = 3
THREADS = 4
MODULES = ("ssl", "socache_shmcb", "reqtimeout", "http2")

# What a connection gets, by the name of its port.
HANDLERS = {
    "echo": "proto::echo", "lines": "proto::lines", "cases": "proto::cases", "early": "proto::early",
    "decline": "proto::decline", "password": "proto::password", "stack": "proto::pass_on proto::pass_on proto::say",
    "fallen": "proto::pass_on proto::pass_on", "default": "proto", "missing": "proto::missing",
    "raises": "proto::raises", "leaves": "proto::leaves", "none": "proto::returns_none", "status": "proto::status",
    "returned": "proto::returned", "passed": "proto::passed_on proto::say", "done": "proto::done",
    "named": "proto::say", "directory": "proto::say", "own": "proto::say", "path": "elsewhere",
    "behind": "proto::left_behind",
}
EXTRA = {
    "early": "Timeout 1", "raises": "PythonDebug On", "named": "ServerName named.example",
    "directory": "PythonInterpPerDirectory On", "own": "PythonInterpreter own",
    "path": 'PythonPath "[\'${root}/lib\'] + sys.path"',
}
PORTS = (*HANDLERS, "tls")
CONF = """
    PythonInterpreterOptions own gil=own
    PythonOption where main
    <Location /request>
        SetHandler mod_python
        PythonHandler proto::request
    </Location>
""" + "".join(f"""
    Listen 127.0.0.1:${{{name}}}
    <VirtualHost 127.0.0.1:${{{name}}}>
        PythonConnectionHandler {handlers}
        {EXTRA.get(name, "")}
    </VirtualHost>
""" for name, handlers in HANDLERS.items()) + """
    Listen 127.0.0.1:${tls}
    <VirtualHost 127.0.0.1:${tls}>
        PythonConnectionHandler proto::echo
        SSLEngine On
        SSLCertificateFile conf/cert.pem
        SSLCertificateKeyFile conf/key.pem
    </VirtualHost>
"""
FILES: dict[str, str | bytes] = {
    "htdocs/page.txt": "static",
    "lib/elsewhere.py": """
import sys

def connectionhandler(conn):
    conn.write(repr([sys.path[0].endswith("/lib"), any("htdocs" in entry for entry in sys.path)]))
    return 0
""",
    "proto.py": """
import sys, threading
from mod_python import apache

def connectionhandler(conn):
    conn.write("the default function")
    return apache.OK

def echo(conn):
    while data := conn.read(eof=b""):
        conn.write(data)
    return apache.OK

def lines(conn):
    while True:
        conn.write(conn.readline())

def early(conn):
    conn.write("hello\\r\\n")
    try:
        conn.read()
    except TimeoutError as error:
        conn.write("TimeoutError: %s" % error)
    return apache.OK

def decline(conn):
    conn.log_error("declined once", apache.APLOG_WARNING)
    return apache.DECLINED

def password(conn):
    word = conn.readline(4)
    assert conn.readline(100).endswith(b"\\n")
    return apache.DECLINED if word == b"open" else apache.OK

def pass_on(conn):
    conn.write("%s. " % conn.hlist.handler)
    return apache.DECLINED

def say(conn):
    conn.write("%s %s" % (apache.interpreter, conn.base_server.get_options().get("where")))
    return apache.OK

def raises(conn):
    conn.write("before")
    raise ValueError("not for <the client>")

def leaves(conn):
    raise SystemExit(3)

def returns_none(conn):
    pass

def status(conn):
    return apache.HTTP_FORBIDDEN

def returned(conn):
    conn.write("returned")
    raise apache.SERVER_RETURN(apache.OK)

def passed_on(conn):
    raise apache.SERVER_RETURN(apache.DECLINED)

def done(conn):
    conn.write("done")
    return apache.DONE

def request(req):
    conn = req.connection
    req.write(repr([conn.hlist, raised(conn.read), raised(conn.readline), raised(conn.write, b"x"), read(conn)]))
    return apache.OK

def read(conn):
    return bool(conn.notes.get("seen"))

# Functions that a client asks for by name; it gets the repr of what they return.

kept = []

def cases(conn):
    name = conn.readline().decode().strip()
    conn.write(repr(globals()[name](conn)))
    return apache.OK

def raised(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except Exception as error:
        return type(error).__name__, str(error)
    return None

def reads(conn):
    got = [conn.read(3), conn.read(2), conn.readline(), conn.readline(2), conn.readline(len=100), conn.read(0)]
    conn.write("+")
    return got + [conn.read(-1)]

def some(conn):
    first = conn.read()
    while len(first) < 8192:
        conn.write("+")
        first += conn.read(8192 - len(first))
    big = b""
    while len(big) < 50000:
        big += conn.read(1000000)
    return [first == b"a" * 8192, big == b"a" * 50000]

def all(conn):
    return [len(conn.read(-1)), conn.read(-1, b"-"), conn.read(eof=b""), conn.readline(eof=b"end"),
            raised(conn.read, -1), raised(conn.read)]

def last_line(conn):
    return [conn.readline(), conn.readline(), raised(conn.readline), raised(conn.read)]

def long_line(conn):
    return [len(conn.readline()), conn.readline()]

def arguments(conn):
    return [raised(conn.read, "1"), raised(conn.read, 1.5), raised(conn.read, 1, bytearray()),
            raised(conn.readline, eof="x"), raised(conn.write), raised(conn.write, 1),
            raised(conn.write, None), raised(conn.read, 1, b"", 2),
            raised(conn.read, size=1)]

def writes(conn):
    data = bytearray(b"array")
    for part in ("text \\u20ac \\udcff", b"bytes", data, memoryview(b"view"), b"", ""):
        conn.write(part)
    return [conn.write("")]

def write_much(conn):
    conn.write(b"x" * 3000000)
    return []

def client_resets(conn):
    conn.write("+")
    apache.log_error("reset: %s" % (raised(conn.read),), apache.APLOG_WARNING)
    apache.log_error("again: %s" % (raised(conn.read),), apache.APLOG_WARNING)
    apache.log_error("write: %s" % (raised(write_on, conn),), apache.APLOG_WARNING)

def client_leaves(conn):
    conn.write("+")
    apache.log_error("write: %s" % (raised(write_on, conn),), apache.APLOG_WARNING)

def write_on(conn):
    while True:
        conn.write(b"x" * 100000)

def handlers(conn):
    hlist = conn.hlist
    before = [type(hlist).__name__, hlist is conn.hlist, hlist.handler, hlist.directory, hlist.is_location,
              hlist.location, hlist.silent, hlist.parent]
    hlist.next()
    return before + [hlist.handler, hlist.next(), hlist.handler]

def members(conn):
    conn.notes["seen"] = "yes"
    conn.keepalive = apache.AP_CONN_CLOSE
    return [conn.client_ip, conn.local_addr == (conn.local_ip, conn.local_addr[1]), conn.client_addr[0], conn.aborted,
            conn.keepalives, conn.base_server.is_virtual, dict(conn.notes),
            raised(setattr, conn, "new", 1)[0], type(conn).__name__]

def keeps(conn):
    kept[:] = [conn, conn.hlist, conn.notes]
    return []

def kept_ones(conn):
    old, hlist, notes = kept
    return [raised(use) for use in (lambda: old.client_ip, lambda: old.read(), lambda: old.write("x"),
            lambda: old.log_error("x"), lambda: old.hlist, lambda: hlist.handler, lambda: notes["x"])]

def second_thread(conn):
    answers, started = [], threading.Event()
    def reader():
        started.set()
        answers.append(conn.read(1))
    thread = threading.Thread(target=reader)
    thread.start()
    started.wait()
    error = None
    while not error:
        error = raised(conn.read, 1) if thread.is_alive() and answers == [] else ("no", "error")
    apache.log_error("they met: %s" % (error,), apache.APLOG_WARNING)
    thread.join()
    return [error, answers]

def left_behind(conn):
    'A thread that is still inside when the handler ends.'
    def reader():
        apache.log_error("left behind: %r" % (raised(conn.readline),), apache.APLOG_WARNING)
        apache.log_error("left behind: %r" % (raised(conn.readline),), apache.APLOG_WARNING)
    def reader_is_in():
        return "another thread" in str(raised(conn.write, b""))
    threading.Thread(target=reader).start()
    while not reader_is_in():
        pass
    apache.log_error("the handler leaves", apache.APLOG_WARNING)
    return apache.OK

def prints(conn):
    print("printed here")
    print("on stderr", file=sys.stderr)
    conn.log_error("by the connection", apache.APLOG_WARNING)
    return []
"""}


@pytest.fixture(scope="module", autouse=True)
def _files(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("tls")
    for file in certificate(directory):
        FILES[f"conf/{file.name}"] = file.read_bytes()


def connect(httpd: Httpd, name: str) -> RawClient:
    return RawClient(httpd.ports[name])


def ask(httpd: Httpd, name: str, more: bytes = b"") -> Any:
    """What a function of proto.py's cases returned."""
    with connect(httpd, "cases") as client:
        client.send(name.encode() + b"\n" + more).half_close()
        return ast.literal_eval(client.receive_all().decode())


def says(httpd: Httpd, name: str, data: bytes = b"") -> bytes:
    with connect(httpd, name) as client:
        return client.send(data).half_close().receive_all()


# What it returns

def test_a_handler_has_the_connection_instead_of_http(httpd: Httpd) -> None:
    assert says(httpd, "echo", b"GET / HTTP/1.1\r\n\r\n") == b"GET / HTTP/1.1\r\n\r\n"
    assert httpd.get("/page.txt").body == b"static"


def test_the_default_function_is_connectionhandler(httpd: Httpd) -> None:
    assert says(httpd, "default") == b"the default function"


@pytest.mark.parametrize(("name", "answer"), [
    ("done", b"done"),
    ("returned", b"returned"),
    ("passed", b"localhost main"),
    ("stack", b"proto::pass_on. proto::pass_on. localhost main"),
])
def test_a_result_that_is_ok_or_done_ends_the_stack_and_the_connection(
        httpd: Httpd, name: str, answer: bytes) -> None:
    with connect(httpd, name) as client:
        assert client.receive_all() == answer


def test_http_follows_where_all_handlers_decline(httpd: Httpd) -> None:
    with connect(httpd, "decline") as client:
        for _ in range(3):
            assert client.send_request("GET", "/page.txt").response().body == b"static"
    httpd.claim("declined once")
    assert "declined once" not in httpd.unclaimed()


def test_http_gets_every_byte_that_python_did_not(httpd: Httpd) -> None:
    request = b"GET /page.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connect(httpd, "password") as client:
        client.send(b"open sesame\n" + request + request).half_close()
        answer = client.receive_all()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.count(b"\r\n\r\nstatic") == 2


def test_what_declined_handlers_wrote_is_sent_before_http(httpd: Httpd) -> None:
    with connect(httpd, "fallen") as client:
        client.send_request("GET", "/page.txt", {"Connection": "close"})
        answer = client.receive_all()
    assert answer.startswith(b"proto::pass_on. proto::pass_on. HTTP/1.1 200 OK\r\n") and answer.endswith(b"static")


@pytest.mark.parametrize(("name", "exception", "sent"), [
    ("missing", "contains no 'missing'", b""),
    ("raises", "ValueError: not for <the client>", b"before"),
    ("leaves", "SystemExit: 3", b""),
    ("none", "a non-integer", b""),
])
def test_a_failure_closes_the_connection_and_is_logged(
        httpd: Httpd, name: str, exception: str, sent: bytes) -> None:
    children = httpd.child_pids()
    with connect(httpd, name) as client:
        assert client.receive_all() == sent
        port = client.socket.getsockname()[1]
    where = f"[client 127.0.0.1:{port}] "
    wait_for(lambda: exception in httpd.unclaimed())
    assert all(where in line for line in httpd.unclaimed().splitlines() if "ConnectionHandler" in line)
    httpd.claim_failure(f"ConnectionHandler {HANDLERS[name]}", exception)
    assert httpd.child_pids() == children


def test_an_http_status_is_no_result_for_a_connection(httpd: Httpd) -> None:
    assert says(httpd, "status", b"x") == b""
    httpd.claim("MP0092: ConnectionHandler proto::status returned 403")


# Reading

@pytest.mark.parametrize(("length", "size"), [(200000, 1), (1000000, 1000), (1000000, 1000000)])
def test_an_echo_gives_everything_back(httpd: Httpd, length: int, size: int) -> None:
    data = (bytes(range(256)) * 4096)[:length]
    with connect(httpd, "echo") as client:
        def send() -> None:
            for start in range(0, len(data), size):
                client.socket.send(data[start:start + size])
            client.half_close()
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sender = threading.Thread(target=send)
        sender.start()
        assert client.receive_all() == data
        sender.join()


def test_reads_and_lines_mix(httpd: Httpd) -> None:
    with connect(httpd, "cases") as client:
        client.send(b"reads\nabcde1st line\nlimited\nrest")
        assert client.receive(1) == b"+"
        answer = client.send(b" of it").half_close().receive_all()
    assert ast.literal_eval(answer.decode()) == [
        b"abc", b"de", b"1st line\n", b"li", b"mited\n", b"rest", b" of it"]


def test_a_read_waits_for_its_first_byte_only(httpd: Httpd) -> None:
    with connect(httpd, "cases") as client:
        client.send(b"some\n").send(b"a" * 8191)
        assert client.receive(1) == b"+"
        answer = client.send(b"a" * 50001).receive_all()
    assert answer.lstrip(b"+") == b"[True, True]"


def test_the_end_is_an_exception_or_what_eof_says(httpd: Httpd) -> None:
    closed = ("OSError", "Connection read error: the client has closed the connection")
    assert ask(httpd, "all", b"x" * 100000) == [100000, b"-", b"", b"end", closed, closed]
    assert ask(httpd, "all") == [0, b"-", b"", b"end", closed, closed]


def test_the_last_line_may_lack_its_end(httpd: Httpd) -> None:
    closed = ("OSError", "Connection read error: the client has closed the connection")
    assert ask(httpd, "last_line", b"one\nlast") == [b"one\n", b"last", closed, closed]


def test_a_line_may_be_long(httpd: Httpd) -> None:
    assert ask(httpd, "long_line", b"x" * 300000 + b"\nnext\n") == [300001, b"next\n"]


def test_the_loop_of_the_old_documentation_ends_with_the_client(httpd: Httpd) -> None:
    assert says(httpd, "lines", b"one\ntwo\n") == b"one\ntwo\n"
    httpd.claim_failure("ConnectionHandler proto::lines", "OSError: Connection read error")


def test_a_client_that_sends_nothing_times_out(httpd: Httpd) -> None:
    with connect(httpd, "early") as client:
        assert client.receive(7) == b"hello\r\n"
        assert client.receive_all() == (b"TimeoutError: Connection read error: the client sent nothing for 1 seconds "
                                        b"(Timeout)")


def test_bad_arguments_are_refused(httpd: Httpd) -> None:
    names = [name for name, _ in ask(httpd, "arguments")]
    assert names == ["TypeError"] * 9


def test_a_client_that_resets_is_an_error_for_both_directions(httpd: Httpd) -> None:
    with connect(httpd, "cases") as client:
        assert client.send(b"client_resets\n").receive(1) == b"+"
        client.hang_up()
    httpd.claim(r"reset: \('OSError', 'Connection read error: .*reset")
    httpd.claim(r"again: \('OSError', 'Connection read error: ")
    httpd.claim(r"write: \('OSError', 'Connection write error: the client is gone")
    httpd.claim_failure("ConnectionHandler proto::cases", "OSError: Connection write error")


# Writing

def test_text_and_bytes_can_be_written(httpd: Httpd) -> None:
    with connect(httpd, "cases") as client:
        answer = client.send(b"writes\n").receive_all()
    assert answer == "text \u20ac ".encode() + b"\xffbytesarrayview[None]"


def test_much_can_be_written_at_once(httpd: Httpd) -> None:
    with connect(httpd, "cases") as client:
        assert client.send(b"write_much\n").receive_all() == b"x" * 3000000 + b"[]"


def test_a_write_fails_when_the_client_has_gone(httpd: Httpd) -> None:
    with connect(httpd, "cases") as client:
        client.send(b"client_leaves\n").receive(1)
    httpd.claim(r"write: \('OSError', 'Connection write error: the client is gone")
    httpd.claim_failure("ConnectionHandler proto::cases", "OSError: Connection write error")


# The object

def test_the_connection_object_has_its_members(httpd: Httpd) -> None:
    assert ask(httpd, "members") == [
        "127.0.0.1", True, "127.0.0.1", 0, 0, 1, {"seen": "yes"},
        "AttributeError", "mp_conn"]


def test_hlist_tells_the_running_handler(httpd: Httpd) -> None:
    assert ask(httpd, "handlers") == ["mp_hlist", True, "proto::cases", None, 0, None, 0, None, None, None, None]


def test_a_request_has_no_part_of_it(httpd: Httpd) -> None:
    answers = ast.literal_eval(httpd.get("/request").text)
    assert answers[0] is None
    assert all(name == "RuntimeError" and "PythonConnectionHandler" in text for name, text in answers[1:4])
    with connect(httpd, "decline") as client:
        answers = ast.literal_eval(client.send_request("GET", "/request").response().text)
    assert answers[0] is None
    assert all(name == "RuntimeError" and "PythonConnectionHandler" in text for name, text in answers[1:4])
    httpd.claim("declined once")


def test_a_kept_object_raises_when_the_connection_is_over(tmp_path: Path) -> None:
    with Httpd(tmp_path, CONF, FILES, modules=MODULES, ports=PORTS, threads=4) as server:
        assert ask(server, "keeps") == []
        answers = ask(server, "kept_ones")
    assert [name for name, _ in answers] == ["RuntimeError"] * 7
    assert all("this connection is over" in text for _, text in answers[:5])
    assert "hlist is over" in answers[5][1]


def test_only_one_thread_may_be_inside(httpd: Httpd) -> None:
    with connect(httpd, "cases") as client:
        client.send(b"second_thread\n")
        httpd.claim(r"they met: \('RuntimeError', 'another thread is reading or writing")
        answer = ast.literal_eval(client.send(b"x").receive_all().decode())
    assert answer[0][0] == "RuntimeError" and answer[1] == [b"x"]


def test_the_connection_waits_for_a_thread_that_is_still_inside(httpd: Httpd) -> None:
    with connect(httpd, "behind") as client:
        httpd.claim("the handler leaves")
        client.send(b"late\n").half_close()
        assert client.receive_all() == b""
    httpd.claim("left behind: None")
    httpd.claim(r"left behind: \('(?:RuntimeError', 'this connection is over|OSError')")


def test_log_lines_name_the_client(httpd: Httpd) -> None:
    with connect(httpd, "cases") as client:
        port = client.socket.getsockname()[1]
        assert client.send(b"prints\n").receive_all() == b"[]"
    for text in ("printed here", "on stderr", "by the connection"):
        httpd.claim(rf"\[client 127\.0\.0\.1:{port}\] {text}")


# Where it runs

@pytest.mark.parametrize(("name", "interpreter"), [
    ("named", b"named.example main"), ("directory", b"main_interpreter main"), ("own", b"own main")])
def test_the_server_of_the_address_names_the_interpreter(httpd: Httpd, name: str, interpreter: bytes) -> None:
    assert says(httpd, name) == interpreter


def test_only_the_servers_pythonpath_counts(httpd: Httpd) -> None:
    assert says(httpd, "path") == b"[True, False]"


def test_tls_is_taken_off(httpd: Httpd) -> None:
    context = ssl.create_default_context(cafile=httpd.root / "conf" / "cert.pem")
    with connect(httpd, "tls") as client, context.wrap_socket(client.socket, server_hostname="localhost") as secure:
        for text in (b"hello", b"x" * 100000):
            secure.sendall(text)
            assert secure.makefile("rb").read(len(text)) == text


def test_a_client_without_tls_does_not_reach_the_handler(httpd: Httpd) -> None:
    assert says(httpd, "tls", b"hello\r\n") == b""
    answer = says(httpd, "tls", b"GET / HTTP/1.0\r\n\r\nhello")      # mod_ssl knows this mistake
    assert b"400 Bad Request" in answer and b"hello" not in answer


# The server ends or restarts meanwhile

@pytest.mark.parametrize("mpm", ["worker", "prefork"])      # event lets any read, also of HTTP, keep its child
def test_a_handler_that_waits_does_not_hold_up_the_end(tmp_path: Path, mpm: str) -> None:
    with Httpd(tmp_path, CONF, FILES, mpm=mpm, modules=MODULES, ports=PORTS, threads=4) as server:
        with connect(server, "echo") as client:
            assert client.send(b"x").receive(1) == b"x"
            server.end()
            assert client.receive_all() == b""
        if mpm == "worker":     # it closes the sockets of its threads
            server.claim_failure("ConnectionHandler proto::echo", "OSError: Connection read error")


@pytest.mark.parametrize("mpm", MPMS)
@pytest.mark.parametrize("how", [signal.SIGUSR1, signal.SIGWINCH])
def test_a_graceful_restart_or_stop_lets_a_handler_end(tmp_path: Path, mpm: str, how: int) -> None:
    with Httpd(tmp_path, CONF, FILES, mpm=mpm, modules=MODULES, ports=PORTS, threads=4, children=2) as server:
        with connect(server, "echo") as client:
            client.send(b"x").receive(1)
            before = server.child_pids()
            server.signal(how)
            if how == signal.SIGUSR1:
                wait_for(lambda: server.child_pids() - before)
                assert says(server, "echo", b"new") == b"new"
            else:
                server.claim("shutting down gracefully")
            assert client.send(b"y").half_close().receive_all() == b"y"
        wait_for(lambda: not server.child_pids() & before)


def test_a_process_without_python_closes_the_connection(tmp_path: Path) -> None:
    """The engine's stamp is right, but its libpython is gone: children can't load it."""
    engine = engine_file() or engine_files()[0]
    library = next(name for name in linked_libraries(engine) if name.startswith("libpython")).encode()
    (tmp_path / "broken.so").write_bytes(engine.read_bytes().replace(library, b"libnothon" + library[9:]))
    with Httpd(tmp_path, f'PythonEngine "{tmp_path}/broken.so"\n' + CONF, FILES, modules=MODULES,
               ports=PORTS) as server:
        assert server.get("/page.txt").body == b"static"
        assert says(server, "echo", b"x") == b""
        server.claim("MP0200: the engine .* can't be loaded")
        server.claim("MP0250: PythonConnectionHandler can't run")
