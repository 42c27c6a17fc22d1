"""httpd's records and functions, as objects of Python. Handlers import mod_python.apache, which has all of it."""

# Types of the C module `_apache`, as the engine gives it to each interpreter. Its docstrings are made from this file
# (tools/docstrings.py), and so is the API reference; what a docstring is written in is plain reStructuredText.

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from os import PathLike
from typing import Any, AnyStr, ClassVar, Final, Protocol, TypeVar, final, overload

from typing_extensions import Buffer, CapsuleType

_T = TypeVar("_T")
_Text = str | bytes
_Path = str | bytes | PathLike[str] | PathLike[bytes]

MODULE_MAGIC_NUMBER_MAJOR: Final[int]
"""The version of httpd's module interface that the engine was built with; 20120211 for httpd 2.4."""
MODULE_MAGIC_NUMBER_MINOR: Final[int]
"""Its minor number: it grows with each addition to the interface."""

AP_CONN_UNKNOWN: Final = 0
AP_CONN_CLOSE: Final = 1
AP_CONN_KEEPALIVE: Final = 2

APR_NOFILE: Final = 0
APR_REG: Final = 1
APR_DIR: Final = 2
APR_CHR: Final = 3
APR_BLK: Final = 4
APR_PIPE: Final = 5
APR_LNK: Final = 6
APR_SOCK: Final = 7
APR_UNKFILE: Final = 127

_version: Final[str]
_library: Final[str]

class SERVER_RETURN(Exception):
    """Ends the running handler, from however deep inside it: raise apache.SERVER_RETURN(apache.HTTP_FORBIDDEN) is as
    good as return apache.HTTP_FORBIDDEN in the handler itself.

    args[0] is the result. With a second argument, SERVER_RETURN(apache.DONE, apache.HTTP_NOT_FOUND), that one is
    assigned to req.status first.
    """

class _Keyed(Protocol):
    def keys(self) -> Iterable[Any]: ...
    def __getitem__(self, key: Any, /) -> Any: ...

class table:
    """A mapping from text to text, over a table of httpd's: headers, notes, options, environment.

    Keys are found in any letter case. A key may occur several times: add() adds an entry; t[key] gives the value, or
    the list of values if there are several, and t[key] = value replaces them all. del t[key] takes out all entries of
    the key, and is content if there is none. Entries have an order, that in which they were added.

    Keys and values are str or bytes; anything else is a TypeError, and so is a NUL character a ValueError. Text is
    stored as Latin-1 if it can be, else as UTF-8. What is read is UTF-8 if it is valid as that, else Latin-1. A value
    with a line end is refused in the headers of an answer (ValueError).

    apache.table(items) makes a table of its own from a mapping or from (key, value) pairs; what is no text there goes
    through str(). Tables of a request or connection are live, and raise RuntimeError after its end; copy() keeps what
    is needed longer. Equality is that of dictionaries. A table cannot be pickled.
    """

    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __init__(self, items: _Keyed | Iterable[tuple[object, object]] = ()) -> None: ...
    def __getitem__(self, key: _Text, /) -> str | list[str]: ...
    def __setitem__(self, key: _Text, value: _Text, /) -> None: ...
    def __delitem__(self, key: _Text, /) -> None: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __copy__(self) -> table: ...
    @overload
    def get(self, key: str | bytes, default: None = None, /) -> str | None:
        """The first value of the key, or the default. Unlike t[key] it never gives a list."""
    @overload
    def get(self, key: str | bytes, default: _T, /) -> str | _T: ...
    @overload
    def pop(self, key: str | bytes, /) -> str | list[str]:
        """Takes out all entries of the key and returns what t[key] was.

        Without an entry it returns the default, or raises KeyError if none was given.
        """
    @overload
    def pop(self, key: str | bytes, default: _T, /) -> str | list[str] | _T: ...
    def has_key(self, key: _Text, /) -> int:
        """1 if there is such a key, else 0. Of old; write: key in t."""
    def add(self, key: _Text, value: _Text, /) -> None:
        """Adds an entry, besides those that the key has."""
    @overload
    def setdefault(self, key: str | bytes, default: str = "", /) -> str:
        """The first value of the key; if there is none, the default is stored and returned."""
    @overload
    def setdefault(self, key: str | bytes, default: bytes, /) -> str | bytes: ...
    def popitem(self) -> tuple[str, str]:
        """Takes out the last entry and returns it as (key, value). KeyError if the table is empty."""
    def keys(self) -> list[str]:
        """The keys of all entries, in their order; a key that occurs several times does so here."""
    def values(self) -> list[str]:
        """The values of all entries, in their order."""
    def items(self) -> list[tuple[str, str]]:
        """All entries as (key, value), in their order."""
    def iterkeys(self) -> Iterator[str]:
        """An iterator over the keys, as iter(t). RuntimeError if the number of entries changes meanwhile."""
    def itervalues(self) -> Iterator[str]:
        """An iterator over the values. RuntimeError if the number of entries changes meanwhile."""
    def iteritems(self) -> Iterator[tuple[str, str]]:
        """An iterator over (key, value). RuntimeError if the number of entries changes meanwhile."""
    def clear(self) -> None:
        """Takes out all entries."""
    def copy(self) -> table:
        """A table of its own with the same entries. It stays valid when the request is over."""
    def update(self, mapping: _Keyed, /) -> None:
        """Sets t[key] for each key of the mapping; from another table it takes all entries.

        The mapping needs keys() and []. Keys and values that are no text go through str().
        """

@final
class mp_finfo:
    """Facts about a file, as apache.stat() or httpd found them out: a copy, which stays valid.

    It is a sequence as well: finfo[apache.FINFO_SIZE] is finfo.size, and tuple(finfo) has the values from FINFO_MODE
    to FINFO_NAME. A fact that is not known is None; of a missing file filetype is apache.APR_NOFILE and all the
    others are None.
    """

    @property
    def fname(self) -> str | None:
        """The path."""
    @property
    def filetype(self) -> int | None:
        """What it is: one of apache.APR_REG, APR_DIR, APR_LNK and so on; APR_NOFILE if there is no such file."""
    @property
    def valid(self) -> int | None:
        """Which facts are known: bits of apache.APR_FINFO_SIZE and the like."""
    @property
    def protection(self) -> int | None:
        """Permissions in APR's form: a hexadecimal digit each for owner, group and others, so 0x644 is rw-r--r--."""
    @property
    def user(self) -> int | None:
        """The owner's user id."""
    @property
    def group(self) -> int | None:
        """The group id."""
    @property
    def size(self) -> int | None:
        """The size in bytes."""
    @property
    def inode(self) -> int | None:
        """The number of the inode."""
    @property
    def device(self) -> int | None:
        """The number of the device that the file is on."""
    @property
    def nlink(self) -> int | None:
        """The number of hard links."""
    @property
    def atime(self) -> int | None:
        """Time of the last access, in seconds since 1970."""
    @property
    def mtime(self) -> int | None:
        """Time of the last change of the content, in seconds since 1970."""
    @property
    def ctime(self) -> int | None:
        """Time of the last change of the inode, in seconds since 1970."""
    @property
    def name(self) -> str | None:
        """The name in its directory, where the file system knows it in another spelling; mostly None."""
    def __getitem__(self, index: int, /) -> Any: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...

@final
class mp_hlist:
    """The handlers of the running phase, from the one that runs. The object itself moves along the list by next()."""

    @property
    def handler(self) -> str | None:
        """The handler as the directive names it, such as 'module::function'; None behind the last one."""
    @property
    def silent(self) -> int:
        """1 if it comes from PythonHandlerModule, so that a missing function is no error."""
    @property
    def is_location(self) -> int:
        """1 if the directive stands in a Location section."""
    @property
    def directory(self) -> str | None:
        """The directory that the directive stands in, with a slash at its end; of a Location its text; else None."""
    @property
    def location(self) -> str | None:
        """The text of the Location that the directive stands in, or None."""
    @property
    def parent(self) -> mp_hlist | None:
        """None. mod_python 3.3 had lists within lists."""
    def next(self) -> None:
        """Moves on to the next handler. Behind the last one nothing happens."""

@final
class mp_server:
    """A server of the configuration: the main one (apache.main_server) or a virtual host.

    There is one object for each server and interpreter, which lives as long as the process. Other attributes may be
    set on it, and stay as long.
    """

    @property
    def defn_name(self) -> str | None:
        """The configuration file that defines it."""
    @property
    def defn_line_number(self) -> int:
        """The line in that file."""
    @property
    def server_admin(self) -> str:
        """ServerAdmin."""
    @property
    def server_hostname(self) -> str:
        """ServerName, without the port."""
    @property
    def names(self) -> tuple[str, ...]:
        """The names of ServerAlias that have no wildcard."""
    @property
    def wild_names(self) -> tuple[str, ...]:
        """The names of ServerAlias that have a wildcard."""
    @property
    def port(self) -> int:
        """The port of ServerName; 0 if it has none."""
    @property
    def error_fname(self) -> str | None:
        """ErrorLog as it is written."""
    @property
    def loglevel(self) -> int:
        """LogLevel: apache.APLOG_ERR and the like; larger than APLOG_DEBUG for trace levels."""
    @property
    def is_virtual(self) -> int:
        """1 if it is a virtual host."""
    @property
    def timeout(self) -> float:
        """Timeout, in seconds."""
    @property
    def keep_alive_timeout(self) -> float:
        """KeepAliveTimeout, in seconds."""
    @property
    def keep_alive_max(self) -> int:
        """MaxKeepAliveRequests."""
    @property
    def keep_alive(self) -> int:
        """1 if KeepAlive is on."""
    @property
    def path(self) -> str | None:
        """ServerPath."""
    @property
    def pathlen(self) -> int:
        """The length of ServerPath."""
    @property
    def limit_req_line(self) -> int:
        """LimitRequestLine, in bytes."""
    @property
    def limit_req_fieldsize(self) -> int:
        """LimitRequestFieldSize, in bytes."""
    @property
    def limit_req_fields(self) -> int:
        """LimitRequestFields."""
    @property
    def my_generation(self) -> int:
        """How often httpd was restarted before this child began: 0 at first."""
    @property
    def restart_time(self) -> float:
        """When httpd was started or restarted, in seconds since 1970."""
    @property
    def next(self) -> mp_server | None:
        """The next server of the configuration, or None: a way through all of them, from apache.main_server."""
    @property
    def _server_rec(self) -> CapsuleType:
        """The server_rec in a capsule without a name, for extension modules."""
    def get_config(self) -> table:
        """The Python directives that stand outside of sections in this server, as in req.get_config().

        The same table each time. What is changed in it stays changed in this interpreter.
        """
    def get_options(self) -> table:
        """The PythonOption values that stand outside of sections in this server, empty ones too.

        The same table each time. What is changed in it stays changed in this interpreter.
        """
    def log_error(self, message: str | None, level: int = 3) -> None:
        """Writes a line to this server's error log, if its LogLevel lets it through.

        level is one of apache.APLOG_ERR (also for 0), APLOG_WARNING and so on. With None as the message nothing is
        written. TypeError for other than str, ValueError for a NUL character.
        """
    def register_cleanup(self, req: mp_request, callable: Callable[[Any], object], data: Any = None, /) -> None:
        """callable(data) will run when this process ends, as with apache.register_cleanup().

        ValueError if req is no request, or callable cannot be called.
        """
    def __getattr__(self, name: str) -> Any: ...
    def __setattr__(self, name: str, value: Any) -> None: ...

@final
class mp_conn:
    """A connection to a client. Its members are read-only unless the text says otherwise; there are no others.

    There is one object for each connection and interpreter. When the connection is closed, using it raises
    RuntimeError.
    """

    keepalive: int
    """What happens after this request: one of apache.AP_CONN_UNKNOWN, AP_CONN_CLOSE, AP_CONN_KEEPALIVE. Writable;
    TypeError for other than int, ValueError for another number.
    """
    @property
    def base_server(self) -> mp_server:
        """The server whose address the client connected to; req.server may be another virtual host."""
    @property
    def local_addr(self) -> tuple[str, int]:
        """Our end, as (address, port)."""
    @property
    def client_addr(self) -> tuple[str, int]:
        """The peer's end, as (address, port): the client, or the proxy before us. req.useragent_addr looks behind a
        proxy that mod_remoteip trusts.
        """
    @property
    def remote_addr(self) -> tuple[str, int]:
        """The name of old of client_addr. Using it logs a warning, MP0050."""
    @property
    def client_ip(self) -> str:
        """The peer's address as text."""
    @property
    def local_ip(self) -> str:
        """Our address as text."""
    @property
    def remote_ip(self) -> str:
        """The name of old of client_ip. Using it logs a warning, MP0050."""
    @property
    def remote_host(self) -> str | None:
        """The peer's host name: None if nobody has looked it up yet, '' if it has none."""
    @property
    def remote_logname(self) -> str | None:
        """The user by the ident protocol (RFC 1413), if mod_ident has asked."""
    @property
    def local_host(self) -> str | None:
        """Our host name, if it was looked up."""
    @property
    def aborted(self) -> int:
        """1 once httpd knows that the client is gone."""
    @property
    def double_reverse(self) -> int:
        """How the check of the host name by a second look-up ended: 1 good, -1 bad, 0 not made."""
    @property
    def keepalives(self) -> int:
        """How many requests this connection has had: 1 in its first one."""
    @property
    def id(self) -> int:
        """A number that no other open connection of the server has."""
    @property
    def notes(self) -> table:
        """Notes that modules leave for each other, as long as the connection. The same table each time."""
    @property
    def hlist(self) -> mp_hlist | None:
        """The connection handlers, from the one that runs; None when none does, as in a request."""
    @property
    def _conn_rec(self) -> CapsuleType:
        """The conn_rec in a capsule without a name, for extension modules."""
    def read(self, len: int = 0, eof: bytes | None = None) -> bytes:
        """Returns bytes that the client sent; for connection handlers, elsewhere RuntimeError.

        Waits for the first byte and returns what is there, at most len bytes; without a len, or with 0, at most 8192.
        With -1 it waits for everything until the client closes its side, which may be nothing.

        When the client has closed its side and nothing is left, eof is returned, as in
        "while data := conn.read(eof=b''):"; without one, OSError is raised. OSError also if the connection broke, and
        TimeoutError, which is one, if nothing came within httpd's Timeout: with -1, what came before is lost.
        RuntimeError while another thread reads or writes.
        """
    def readline(self, len: int = 0, eof: bytes | None = None) -> bytes:
        """Returns the next line with its LF, or, if the line is longer than len, its first len bytes; without a len, or
        with 0, there is no limit. The last line before the client closes may lack its LF.

        The end and errors as with read(); after an error, what came of the line is lost.
        """
    def write(self, data: str | Buffer) -> None:
        """Sends str, as UTF-8, or bytes, at once; for connection handlers, elsewhere RuntimeError.

        Returns when all is sent. OSError if the client is gone; TimeoutError, which is one, if it took nothing for
        httpd's Timeout. TypeError for other data; RuntimeError while another thread reads or writes.
        """
    def log_error(self, message: str | None, level: int = 3) -> None:
        """Writes a line with the client's address to the error log.

        level is one of apache.APLOG_ERR (also for 0), APLOG_WARNING and so on. With None as the message nothing is
        written. TypeError for other than str, ValueError for a NUL character.
        """

@final
class mp_request:
    """A request, as its handlers see it.

    There is one object for each request and interpreter, the same in all phases; sub-requests and internal redirects
    are requests of their own. Any other attribute may be set, req.basket = [], and stays as long as the request.
    When the request is over, all but these objects themselves is gone: using them raises RuntimeError.

    Members are read-only unless the text says that they are writable. Text from the network is UTF-8 if it is valid
    as that, else Latin-1; file names are as by os.fsdecode(). Text that is set may be str or bytes.

    Iterating over a request gives the lines of its body. Only one thread at a time may read, write or redirect it;
    for a second one it is a RuntimeError.
    """

    assbackwards: int
    """1 to send no status line and no headers, as in HTTP/0.9. Writable."""
    proxyreq: int
    """What sort of a proxy's request it is: one of apache.PROXYREQ_NONE and so on. Writable."""
    status_line: str | None
    """The status line without the protocol, '404 Not Found'; None to have httpd make it from status. Writable."""
    status: int
    """The HTTP status of the answer, 200 at first. Writable: it counts when the handler returns apache.OK."""
    chunked: int
    """1 if the answer goes out in chunked coding (RFC 9112, section 7.1). Writable."""
    content_type: str | None
    """The content type of the answer, as by ap_set_content_type(). Writable; None or del takes it away."""
    content_encoding: str | None
    """The content coding of the answer, such as 'gzip'. Writable."""
    content_languages: tuple[str, ...]
    """The languages of the answer. Writable, with any sequence of str; None or del takes them away."""
    handler: str | None
    """The name of httpd's handler for the content, as by SetHandler: 'mod_python' is ours. Writable: an earlier phase
    may choose another one.
    """
    user: str | None
    """The name of the user who has logged in; always Latin-1. Writable: a PythonAuthenHandler sets it."""
    ap_auth_type: str | None
    """How the user has logged in: 'Basic', 'Digest' or what an authentication handler set. Writable."""
    no_cache: int
    """1 to have httpd send an Expires header that forbids caching. Writable."""
    no_local_copy: int
    """1 to have httpd never answer 304. Writable."""
    uri: str
    """The path of the URL, decoded, without the query. Writable."""
    filename: str | None
    """The file that the URL is mapped to; None before httpd has mapped it, and for handlers of a Location. Writable,
    also with a path object: a PythonTransHandler sets it.
    """
    canonical_filename: str | None
    """The file name in the spelling of the file system. Writable."""
    path_info: str | None
    """What follows the file name in the path of the URL, with its slash. Writable."""
    args: str | None
    """The query, what stands behind the question mark, not decoded; None if there is none. Writable."""
    finfo: mp_finfo
    """Facts about the file, as httpd found them. Writable, with what apache.stat() returns; TypeError for others."""
    used_path_info: int
    """Whether path_info is welcome: one of apache.AP_REQ_ACCEPT_PATH_INFO, AP_REQ_REJECT_PATH_INFO,
    AP_REQ_DEFAULT_PATH_INFO. Writable.
    """
    @property
    def connection(self) -> mp_conn:
        """The connection that it came on."""
    @property
    def server(self) -> mp_server:
        """The server, by the request's host name."""
    @property
    def next(self) -> mp_request | None:
        """The request that this one was redirected to inside httpd, or None."""
    @property
    def prev(self) -> mp_request | None:
        """The request that was redirected to this one inside httpd, or None."""
    @property
    def main(self) -> mp_request | None:
        """The request that this one is a sub-request of, or None."""
    @property
    def the_request(self) -> str:
        """The request line as it came: 'GET /shop?page=2 HTTP/1.1'."""
    @property
    def header_only(self) -> int:
        """1 if the client wants headers only (HEAD); httpd drops what is written."""
    @property
    def protocol(self) -> str:
        """The protocol: 'HTTP/1.1'."""
    @property
    def proto_num(self) -> int:
        """The protocol as a number: 1000 times the major version, plus the minor one; 1001 is HTTP/1.1."""
    @property
    def hostname(self) -> str | None:
        """The host that the client wants, from the URL or the Host header, without the port."""
    @property
    def request_time(self) -> float:
        """When the request began, in seconds since 1970."""
    @property
    def method(self) -> str:
        """The method: 'GET', 'POST' and so on."""
    @property
    def method_number(self) -> int:
        """The method as one of apache.M_GET, M_POST and so on. HEAD is M_GET, an unknown one M_INVALID."""
    @property
    def allowed(self) -> int:
        """The methods of allow_methods() as bits: 1 << apache.M_GET and so on."""
    @property
    def allowed_methods(self) -> tuple[str, ...]:
        """The methods of allow_methods()."""
    @property
    def allowed_xmethods(self) -> tuple[str, ...]:
        """Those of them that httpd has no number for."""
    @property
    def sent_bodyct(self) -> int:
        """Not 0 once a part of the answer's body was sent."""
    @property
    def bytes_sent(self) -> int:
        """How many bytes of the answer's body were sent, without headers and transfer coding."""
    @property
    def mtime(self) -> float:
        """When what is sent was changed last, in seconds since 1970; 0.0 if unknown. See update_mtime()."""
    @property
    def range(self) -> str | None:
        """The Range header, once httpd serves a range of the answer (RFC 9110, section 14)."""
    @property
    def clength(self) -> int:
        """The length of the answer in bytes, as given to set_content_length()."""
    @property
    def remaining(self) -> int:
        """How many bytes of the body are still to be read, by its Content-Length; 0 before the first read."""
    @property
    def read_length(self) -> int:
        """How many bytes of the body have been read."""
    @property
    def read_body(self) -> int:
        """How the body is read: apache.REQUEST_NO_BODY before the first read, then REQUEST_CHUNKED_DECHUNK or
        REQUEST_CHUNKED_ERROR.
        """
    @property
    def read_chunked(self) -> int:
        """1 if the body is sent in chunked coding; read() takes that away."""
    @property
    def expecting_100(self) -> int:
        """1 if the client waits for 100 Continue before it sends the body; the first read sends it."""
    @property
    def headers_in(self) -> table:
        """The request's headers. The same table each time. httpd joins repeated ones with a comma."""
    @property
    def headers_out(self) -> table:
        """The answer's headers, for answers without an error. A line end in a value is a ValueError."""
    @property
    def err_headers_out(self) -> table:
        """Headers that are sent also with error pages, and stay through internal redirects."""
    @property
    def subprocess_env(self) -> table:
        """Environment variables for CGI scripts and server side includes. See add_cgi_vars()."""
    @property
    def notes(self) -> table:
        """Notes that modules leave for each other, as long as the request."""
    @property
    def phase(self) -> str | None:
        """The directive of the running phase, such as 'PythonHandler'; None in functions of register_cleanup()."""
    @property
    def interpreter(self) -> str:
        """The name of the interpreter that runs the handler."""
    @property
    def unparsed_uri(self) -> str:
        """The URL as it came, with its query, not decoded."""
    @property
    def parsed_uri(self) -> tuple[str | None, str | None, str | None, str | None, str | None, int | None, str | None,
                                  str | None, str | None]:
        """The URL in its parts, at the indexes apache.URI_SCHEME to URI_FRAGMENT: scheme, hostinfo, user, password,
        hostname, port, path, query, fragment. What the URL does not have is None.
        """
    @property
    def eos_sent(self) -> int:
        """1 when the answer is complete: nothing more can be written."""
    @property
    def useragent_addr(self) -> tuple[str, int]:
        """The client as (address, port): behind a proxy that mod_remoteip trusts, the client that the proxy names."""
    @property
    def useragent_ip(self) -> str:
        """The client's address as text, as in useragent_addr."""
    @property
    def extension(self) -> str | None:
        """The file name extension by which the handler was chosen, '.html'; None if its directive names none."""
    @property
    def hlist(self) -> mp_hlist | None:
        """The handlers of the running phase, from the one that runs; None outside of handlers."""
    @property
    def vlist_validator(self) -> str | None:
        """The validator of the variant list, if content negotiation chose the file."""
    @property
    def _bytes_queued(self) -> int:
        """How many bytes were written since the last flush."""
    @property
    def _content_type_set(self) -> int:
        """1 if content_type was set from Python."""
    @property
    def _request_rec(self) -> CapsuleType:
        """The request_rec in a capsule without a name, for extension modules."""
    def add_cgi_vars(self) -> None:
        """Fills subprocess_env with the variables of CGI (RFC 3875, section 4.1), but for PATH_TRANSLATED.

        It includes add_common_vars(). apache.build_cgi_env() gives them in a table of their own.
        """
    def add_common_vars(self) -> None:
        """Fills subprocess_env with the variables that ap_add_common_vars() knows. Prefer add_cgi_vars()."""
    def add_handler(self, htype: str, handler: _Handler, dir: str | None = None) -> None:
        """Adds a handler to a phase of this request, behind those that are configured.

        htype is the phase by its directive, such as 'PythonHandler'; IndexError if there is none of that name. handler
        is what a directive may name, or a callable that takes the request; ValueError if it is empty. dir is the
        directory whose modules are found first; by default that of the other handlers of the phase. A handler for a
        phase that is over never runs. For the content phase handler must be 'mod_python' as well.
        """
    def add_input_filter(self, name: str) -> None:
        """Adds a filter to those that the request's body goes through: of register_input_filter(), or any of httpd's.

        An unknown name is only logged.
        """
    def add_output_filter(self, name: str) -> None:
        """Adds a filter to those that the answer goes through.

        One of register_output_filter(), or any of httpd's. It sees what is written from now on. An unknown name is only
        logged.
        """
    def allow_methods(self, methods: Sequence[str], reset: int = 0) -> None:
        """Adds methods to the Allow header of the answers 405 and 501; with reset they replace those that were there.

        TypeError if methods is no sequence of str.
        """
    def auth_name(self) -> str | None:
        """AuthName in effect, or None."""
    def auth_type(self) -> str | None:
        """AuthType in effect, or None."""
    def build_wsgi_env(self) -> dict[str, Any] | None:
        """The environ of a WSGI application (PEP 3333) for this request, or None if its URI is not below it.

        SCRIPT_NAME is the option mod_python.wsgi.base_uri, else the text of the <Location> that the handler stands in,
        else ''; PATH_INFO is the rest of req.uri. With them come the variables of add_cgi_vars(), HTTP_AUTHORIZATION,
        and what PEP 3333 names: wsgi.input is this request, wsgi.errors is sys.stderr. Text is Latin-1.

        ValueError if the option ends with '/'.
        """
    def construct_url(self, uri: str) -> str:
        """The absolute URL of a path on this server: scheme, host, port if it is not the usual one, and uri.

        By ap_construct_url(): UseCanonicalName decides where host and port come from. TypeError for other than str.
        """
    def discard_request_body(self) -> int:
        """Reads the rest of the body and forgets it. Returns apache.OK or the HTTP status to answer with.

        After it, read() returns b''. Follows ap_discard_request_body().
        """
    def document_root(self) -> str:
        """DocumentRoot, as modules such as mod_userdir may have changed it for this request."""
    def flush(self) -> None:
        """Sends what is queued. OSError if the client is gone or the answer is complete."""
    def get_addhandler_exts(self) -> str:
        """The extensions that AddHandler maps to mod_python here, without dots, each with a blank behind it; or ''."""
    def get_basic_auth_pw(self) -> str | None:
        """The password of Basic authentication (RFC 7617), read as Latin-1, or None if the client sent none.

        It sets req.user and req.ap_auth_type as well, so call it before you look at req.user. The section needs
        AuthType Basic. Follows ap_get_basic_auth_pw().
        """
    def get_config(self) -> table:
        """The Python directives in effect, as far as they are configured.

        Keys are PythonDebug, PythonPath, PythonInterpreter, PythonAutoReload and so on; flags are '1' or '0'. The
        table is the request's own: what is changed in it counts for the rest of the request.
        """
    def get_options(self) -> table:
        """The PythonOption values in effect, without empty ones.

        The table is the request's own: what is changed in it counts for the rest of the request.
        """
    @overload
    def get_remote_host(self, type: int = 1, str_is_ip: None = None) -> str | None:
        """The client's host name or address, or None if it has no name.

        type is one of apache.REMOTE_HOST (the name, or None), REMOTE_NAME (the name, else the address),
        REMOTE_NOLOOKUP (as REMOTE_NAME, but nobody is asked) and REMOTE_DOUBLE_REV (the name if a second look-up
        confirms it); ValueError for others. Names need HostnameLookups On, but for REMOTE_DOUBLE_REV; asking the DNS
        may take seconds. If str_is_ip is not None the result is a pair of the text and 1 if it is an address, else 0.
        """
    @overload
    def get_remote_host(self, type: int, str_is_ip: object) -> tuple[str, int] | None: ...
    def internal_redirect(self, new_uri: str) -> None:
        """Serves new_uri in the place of this request, and returns when that is done: return apache.OK then.

        The new request has req.prev. OSError if the answer is complete, TypeError for other than str.
        """
    def is_https(self) -> int:
        """1 if the client came by TLS, else 0."""
    def log_error(self, message: str | None, level: int = 3) -> None:
        """Writes a line with the client's address to the error log of this request.

        level is one of apache.APLOG_ERR (also for 0), APLOG_WARNING and so on. With None as the message nothing is
        written. TypeError for other than str, ValueError for a NUL character.
        """
    def meets_conditions(self) -> int:
        """Whether the answer is wanted, by the conditional headers (RFC 9110, section 13): apache.OK, or
        apache.HTTP_NOT_MODIFIED or HTTP_PRECONDITION_FAILED for the handler to return.

        Call it after set_etag() and set_last_modified(). Follows ap_meets_conditions().
        """
    def read(self, len: int | None = -1) -> bytes:
        """The next bytes of the request's body, at most len; all that is left if len is absent, negative or None.

        b'' at the end. It waits for the client. A chunked body is read like any other. What is asked for in pieces is
        returned as far as it came before the body broke off; the next call raises.

        OSError if the client is gone or too slow (Timeout). SERVER_RETURN if httpd refuses the body, with the status
        to answer with, such as 413 by LimitRequestBody. Let it pass.
        """
    def readline(self, len: int | None = -1) -> bytes:
        """The next line of the body with its line feed, at most len bytes of it; b'' at the end. Raises as read()."""
    def readlines(self, sizehint: int | None = -1) -> list[bytes]:
        """The lines of the body, up to the one with which they are sizehint bytes or more; all without a sizehint.

        Raises as read().
        """
    def register_cleanup(self, callable: Callable[[Any], object], data: Any = None) -> None:
        """callable(data) will run when the request ends, after the log phase; the last one registered runs first.

        Nothing can be read or written then. What it returns does not count; an exception is logged, MP0040.
        ValueError if callable cannot be called.
        """
    def register_input_filter(self, name: str, handler: _FilterHandler, dir: str | None = None) -> None:
        """Makes a filter known to this request, for add_input_filter(name). Its own name is then 'mod_python'.

        handler is what PythonInputFilter may name, or a callable that takes the filter; ValueError if it is empty. dir
        is the directory whose modules are found first; by default that of the running handler.
        """
    def register_output_filter(self, name: str, handler: _FilterHandler, dir: str | None = None) -> None:
        """Makes a filter known to this request, for add_output_filter(name); else as register_input_filter()."""
    def requires(self) -> tuple[str, ...]:
        """The Require lines in effect for this request's method, such as ('valid-user', 'user anna bob'); () if none.

        Those in <RequireAll> and the like are among them, one after the other. AuthMerging and <Limit> count. httpd
        checks them; nothing needs to be done about them.
        """
    def send_http_header(self) -> None:
        """Does nothing; httpd sends the headers with the first data. Of old."""
    def sendfile(self, path: _Path, offset: int = 0, len: int = -1) -> int:
        """Sends a file, or len bytes of it from offset on. Returns how many bytes that were.

        By default all, up to the end; 0 if offset is behind the end. EnableSendfile counts. OSError if the file cannot
        be read, IsADirectoryError for a directory, OSError if the client is gone, ValueError for a negative offset.
        """
    def set_content_length(self, len: int) -> None:
        """Sets the Content-Length header, in bytes. It is too late when headers are out.

        httpd finds the length itself of answers that are not flushed. ValueError for a negative one.
        """
    def set_etag(self) -> None:
        """Sets the ETag header from req.finfo, as FileETag says. Follows ap_set_etag()."""
    def set_last_modified(self) -> None:
        """Sets the Last-Modified header from req.mtime. Follows ap_set_last_modified()."""
    def ssl_var_lookup(self, name: str) -> str | None:
        """A variable of mod_ssl, such as 'SSL_CLIENT_S_DN'; None if it is empty or unknown, or without mod_ssl."""
    def update_mtime(self, dependency_mtime: float) -> None:
        """req.mtime becomes the later of itself and dependency_mtime, in seconds since 1970.

        TypeError for other than a number, OverflowError for what is no time.
        """
    def write(self, data: str | Buffer, flush: int = 1) -> None:
        """Writes to the body of the answer: str as UTF-8, bytes and the like as they are. Headers go out before it.

        With flush=0 it may stay in httpd's buffers, until something flushes them or the handler is done; an answer
        that is never flushed gets a Content-Length. OSError if the client is gone or the answer is complete,
        TypeError for other data, UnicodeEncodeError for a lone surrogate that is none of os.fsdecode().
        """
    def wsgi_start_response(self, status: _Text, headers: list[tuple[_Text, _Text]],
                            exc_info: tuple[Any, BaseException, Any] | None = None) -> Callable[..., None]:
        """start_response() of WSGI (PEP 3333): sets status, reason and headers of the answer. Returns req.write.

        status is a number and a text, such as '404 Not Found'; headers is a list of pairs. Content-Type and
        Content-Length are set, the others added. With exc_info, as sys.exc_info() gives it, the answer is begun anew
        if nothing is sent yet; else its exception is raised again.

        TypeError and ValueError for what is no status and no header, such as a line end in it; then nothing is set.
        RuntimeError for a second call without exc_info.
        """
    def __iter__(self) -> Iterator[bytes]: ...
    def __getattr__(self, name: str) -> Any: ...
    def __setattr__(self, name: str, value: Any) -> None: ...

_Handler = str | Callable[[mp_request], object]

@final
class mp_filter:
    """A filter, as its function sees it during one call. After the call it is over, and using it raises RuntimeError.

    The function of an output filter is called for each brigade of data that reaches the filter, that of an input filter
    each time somebody asks for more of the body. What it returns does not count. When it raises, the filter is switched
    off for this request, and the rest of the data goes by unchanged. In the code of a page, filter is where it writes
    to; there is nothing to read then, and close(), pass_on() and disable() do nothing.
    """

    softspace: int
    """Of old; it does nothing."""
    @property
    def name(self) -> str:
        """The filter's name, in lower case; 'mod_python' if the request has registered it, 'includes' in a page."""
    @property
    def req(self) -> mp_request:
        """The request whose data it is."""
    @property
    def is_input(self) -> int:
        """1 in an input filter."""
    @property
    def handler(self) -> str | None:
        """The handler as the directive names it; '' for a callable, None in a page."""
    @property
    def dir(self) -> str | None:
        """The directory that the directive stands in, with a slash at its end; of a Location its text; else None."""
    @property
    def closed(self) -> int:
        """1 after the end of the data was passed on: by close(), or with the data by pass_on()."""
    @property
    def parent(self) -> None:
        """None. mod_python 3.3 had lists within lists."""
    def read(self, len: int | None = -1) -> bytes | None:
        """The next bytes of what there is now, at most len; all of it if len is absent, negative or None.

        b'' when there is no more for now: the function returns then, and is called again when more has come. None at
        the end of the data. An output filter reads what was passed to it in this call, up to a flush; what it does not
        read is dropped. An input filter asks for more of the body at most once in a call; what it does not read it
        finds in the next call.

        OSError if the source fails, ValueError if the filter is closed.
        """
    def readline(self, len: int | None = -1) -> bytes | None:
        """The next line with its line feed, at most len bytes of it; what there is of it now. Else as read()."""
    def write(self, data: str | Buffer) -> None:
        """Writes to the next filter: str as UTF-8, bytes and the like as they are. Small writes are gathered.

        All is passed on when the function returns, or before by flush(). OSError if the client is gone, ValueError if
        the filter is closed, TypeError and UnicodeEncodeError as in req.write().
        """
    def flush(self) -> None:
        """Passes on what was written, and makes httpd send it to the client. An input filter has nothing to flush."""
    def close(self) -> None:
        """Passes on what was written and the end of the data. What still comes is dropped.

        It is done by itself after the end of the data. A second call does nothing.
        """
    def pass_on(self) -> None:
        """Passes on unchanged what was not read. ValueError if the filter is closed."""
    def disable(self) -> None:
        """Does as pass_on(); the function is not called any more for this request, and all goes by unchanged."""

_FilterHandler = str | Callable[[mp_filter], object]

def config_tree() -> list[Any]:
    """A copy of the configuration as httpd has read it: a list with a tuple (name, arguments) for each directive.

    Behind the tuple of a section comes a list with what is in it. Files of AllowOverride are not there.
    """

def exists_config_define(name: _Text, /) -> bool:
    """Whether httpd was started with -D name, or the configuration has Define name."""

def log_error(message: str | None, level: int = 3, server: mp_server | None = None, /) -> None:
    """Writes a line to the error log of a server; without one, to httpd's own. req.log_error() adds the client.

    level is one of apache.APLOG_ERR (also for 0), APLOG_WARNING and so on; without a server APLOG_INFO and APLOG_DEBUG
    are dropped. With None as the message nothing is written. TypeError for other than str or for what is no server,
    ValueError for a NUL character.
    """

def mpm_query(code: int, /) -> int:
    """What httpd's process model (MPM) is like: the answer to one of apache.AP_MPMQ_IS_THREADED, AP_MPMQ_MAX_DAEMONS
    and so on, from ap_mpm_query(). TypeError for other than int, ValueError for a code that the MPM does not know.
    """

def parse_qs(qs: AnyStr, keep_blank_values: int = 0, strict_parsing: int = 0,
             max_num_fields: int | None = 10000) -> dict[AnyStr, list[AnyStr]]:
    """The fields of a form by name, each with the list of its values. Arguments and errors are those of parse_qsl()."""

def parse_qsl(qs: AnyStr, keep_blank_values: int = 0, strict_parsing: int = 0,
              max_num_fields: int | None = 10000) -> list[tuple[AnyStr, AnyStr]]:
    """The fields of a form (application/x-www-form-urlencoded: a query, or a body) as pairs of name and value.

    Fields are separated by '&' or ';'. Those without a value are left out unless keep_blank_values. bytes give bytes;
    str gives str, where a name or value that is no UTF-8 is read as Latin-1. strict_parsing means nothing. ValueError
    for more than max_num_fields fields (None: any number), TypeError for other than str and bytes.
    """

def register_cleanup(callable: Callable[[Any], object], data: Any = None, /) -> None:
    """callable(data) will run once when this process ends; the last one registered runs first.

    An exception is logged, MP0034, and the others run. ValueError if callable cannot be called.
    """

def server_root() -> str:
    """ServerRoot, the directory."""

def stat(fname: str | bytes, wanted: int, /) -> mp_finfo:
    """Facts about a file, as an mp_finfo, by apr_stat(). wanted are bits of apache.APR_FINFO_NORM and the like.

    For a missing file filetype is apache.APR_NOFILE and all else None. Other failures are an OSError.
    """

def _global_locks() -> int:
    """How many locks there are that all processes and interpreters of this httpd share; 0 if this process can't."""

def _global_lock(server: mp_server, key: Hashable, index: int = -1, /) -> None:
    """Waits for one of the locks that all processes and interpreters of this httpd share, and takes it.

    It is chosen by key, or by index, which is 0 to the number of locks less one; 0 is for dbm files. Equal keys have
    the same lock, different keys may have. It is not recursive: a thread that takes a lock twice waits for itself.
    TypeError if server is none or key can't be hashed, ValueError for an index that there is not or if the system
    refuses.
    """

def _global_trylock(server: mp_server, key: Hashable, index: int = -1, /) -> bool:
    """Takes the lock if it is free, without waiting: True if so. The rest is as with _global_lock()."""

def _global_unlock(server: mp_server, key: Hashable, index: int = -1, /) -> None:
    """Gives the lock back; any thread of the process that has it may. ValueError if this process does not have it.

    The rest is as with _global_lock().
    """

def _process_lock() -> None:
    """Waits for the one lock that all threads and interpreters of this process share, and takes it.

    For what changes the process itself: its working directory, its environment. RuntimeError if this thread has it.
    """

def _process_unlock() -> None:
    """Gives the lock of the process back. RuntimeError if this thread does not have it."""

def _request() -> mp_request | None:
    """The request that this thread serves, or None."""

def _log(level: int, message: str, /) -> None:
    """Writes a line to the error log of the request or server that this thread serves."""

def _modules_changed() -> None:
    """What was imported for a handler may have changed: look again."""
