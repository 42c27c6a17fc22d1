"""What a user's type checker makes of the API: `make lint` runs mypy --strict on this file; nothing else reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mod_python import apache

if TYPE_CHECKING:
    from typing_extensions import assert_type


def tables(req: apache.Request) -> None:
    headers = req.headers_in
    assert_type(headers, apache.table)
    assert_type(headers["Host"], str | list[str])
    assert_type(headers.get("Host"), str | None)
    assert_type(headers.get("Host", ""), str)
    assert_type(headers.pop("Host", 0), str | list[str] | int)
    assert_type(headers.setdefault("X", "1"), str)
    assert_type(headers.items(), list[tuple[str, str]])
    assert_type([key for key in headers], list[str])
    assert_type(dict(headers), dict[str, str | list[str]])
    req.headers_out.update({"X": "1"})
    req.notes[b"bytes"] = b"too"
    assert_type(apache.table([("a", "1")]).copy(), apache.table)
    headers["X"] = 1  # type: ignore[assignment]


def body(req: apache.Request) -> None:
    assert_type(req.read(), bytes)
    assert_type(req.readline(80), bytes)
    assert_type(req.readlines(), list[bytes])
    for line in req:
        assert_type(line, bytes)
    req.write("text", flush=0)
    req.write(memoryview(b"bytes"))
    assert_type(req.sendfile("/etc/motd", len=10), int)
    req.write(5)  # type: ignore[arg-type]


def members(req: apache.Request) -> None:
    req.status = apache.HTTP_NOT_FOUND
    req.content_type = None
    req.finfo = apache.stat("/etc/motd", apache.APR_FINFO_NORM)
    assert_type(req.finfo.size, int | None)
    assert_type(req.user, str | None)
    assert_type(req.main, apache.Request | None)
    assert_type(req.server.timeout, float)
    assert_type(req.connection.client_addr, tuple[str, int])
    assert_type(req.get_remote_host(), str | None)
    assert_type(req.get_remote_host(apache.REMOTE_NAME, 1), tuple[str, int] | None)
    req.basket = ["anything"]
    assert_type(req.basket, Any)
    req.method = "PUT"  # type: ignore[misc]
    req.connection.colour = "red"  # type: ignore[attr-defined]


def handler(req: apache.Request) -> int:
    req.register_cleanup(print, "done")
    req.add_handler("PythonLogHandler", loghandler)
    if req.server.is_virtual:
        raise apache.SERVER_RETURN(apache.HTTP_FORBIDDEN)
    return apache.OK


def connectionhandler(conn: apache.Connection) -> int:
    while line := conn.readline(eof=b""):
        assert_type(line, bytes)
        conn.write(line)
    return apache.OK


def outputfilter(filter: apache.Filter) -> None:
    while data := filter.read():
        filter.write(data.upper())
    assert_type(filter.readline(100), bytes | None)
    assert_type(filter.req, apache.Request)
    if data is None:
        filter.close()


def fixuphandler(req: apache.Request) -> int:
    req.register_output_filter("mine", outputfilter)
    req.add_output_filter("mine")
    req.register_input_filter("other", "module::function", "/srv")
    return apache.OK


def loghandler(req: apache.Request) -> int:
    hlist: apache.HandlerList | None = req.hlist
    connection: apache.Connection = req.connection
    server: apache.Server | None = apache.main_server.next
    apache.log_error(f"{hlist} {connection} {server}", apache.APLOG_NOTICE, server)
    return apache.DECLINED
