"""Pages of text with Python in them. A page hello.psp:

    <%
    name = form.getfirst("name", "whoever you are")
    %>
    <p>Hello, <%= escape(name) %>

is run by the handler of this module (AddHandler mod_python .psp, PythonHandler mod_python.psp), and a handler of yours
runs one as a template:

    from mod_python import apache, psp

    def handler(req: apache.Request) -> int:
        req.content_type = "text/html"
        psp.PSP(req, filename="hello.psp").run({"name": "Ada"})
        return apache.OK

A page sees the names of this module, and req, psp, form, session and the variables that run() gives. The syntax is in
docs/psp.md. Pages are compiled when they are first asked for, and again when they, or what they include, change;
compile_file(), or `python -m mod_python.psp FILE ...`, compiles them before.
"""

from __future__ import annotations

import errno
import importlib
import linecache
import os
import sys
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from html import escape as escape
from typing import TYPE_CHECKING, Any, NoReturn

from mod_python import _psp_pages, _psp_store, util
from mod_python._psp_code import retrace
from mod_python._psp_pages import Page

if TYPE_CHECKING:
    from mod_python._apache import mp_request

_ERR, _INFO, _DEBUG = 3, 6, 7
_NOT_FOUND = 404
_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)
_STRINGS_SHOWN = 50     # pages without a file whose lines tracebacks may show

_DATABASE = "mod_python.psp.cache_database_filename"
_DATABASE_OF_OLD = "PSPDbmCache"

_shown: deque[str] = deque()


class PSP:
    """A page, ready to run for a request.

    It is the one in a file, by default that which the request is for, or a text. Relative names of files begin at the
    directory of that file. `vars` are names for the page.

    Raises SERVER_RETURN with 404 if there is no such file; SyntaxError, with file and line, if the page is wrong, or
    what it includes; ValueError if both filename and string are given.
    """

    def __init__(self, req: mp_request, filename: str | None = None, string: str | bytes | None = None,
                 vars: Mapping[str, Any] = {}) -> None:
        if filename is not None and string is not None:
            raise ValueError("PSP(): give a filename or a string, not both")
        self.req = req
        self.vars = dict(vars)
        self.string = string
        self.filename = None if string is not None else _full_name(req, filename)
        self._page = self._load()

    def _load(self) -> Page:
        root = self.req.document_root()
        if self.string is not None:
            return _psp_pages.page_of_string(self.string, root, _directory(self.req))
        assert self.filename is not None
        try:
            return _psp_pages.page_of_file(self.filename, root, _psp_store.read_compiled, _database(self.req))
        except OSError as error:
            _not_there(self.req, error)

    def run(self, vars: Mapping[str, Any] = {}, flush: int = 0) -> None:
        """Runs the page; `vars` are more names for it. With flush what it wrote is sent at once.

        Raises what the page raises, unless the page has set an error page: that runs then, with the name `exception`.
        """
        req = self.req
        session: Any = None
        interface = PSPInterface(req, self.filename)
        try:
            try:
                if "session" in self._page.code.names and getattr(req, "session", None) is None:
                    session = req.session = importlib.import_module("mod_python.Session").Session(req)
                exec(self._page.code.code, self._namespace(interface, vars))
            except BaseException as error:
                if not self._answered(error, interface, flush):
                    raise error
            else:
                if getattr(req, "session", None) is not None:
                    req.session.save()
                if flush:
                    req.flush()
        finally:
            if session is not None:
                if getattr(req, "session", None) is session:
                    del req.session
                session.unlock()

    def _answered(self, error: BaseException, interface: PSPInterface, flush: int) -> bool:
        """Run the error page for an exception of the page; False if there is none, or if it is no failure."""
        from mod_python import _apache
        retrace(error, self._page.code)
        if self._page.text is not None:
            _show(self._page)
        if error.__traceback__ is not None:     # without the entry of run(), which is to come anyway
            error.__traceback__ = error.__traceback__.tb_next
        if interface.error_page is None or isinstance(error, _apache.SERVER_RETURN):
            return False
        name = self._page.code.places.files[0]
        self.req.log_error(f"MP0120: {name} failed, and {interface.error_page.filename} is the answer", _ERR)
        for line in "".join(traceback.format_exception(error)).splitlines():
            self.req.log_error(f"{name}: {line}".replace("\0", "\\x00"), _ERR)
        interface.error_page.run({"exception": (type(error), error, error.__traceback__)}, flush)
        return True

    def _namespace(self, interface: PSPInterface, vars: Mapping[str, Any]) -> dict[str, Any]:
        """The global names of the page: those of this module, and more."""
        req, mentioned = self.req, self._page.code.names
        names = {**globals(), "apache": importlib.import_module("mod_python.apache")}
        # They say where the source of this module is.
        del names["__spec__"], names["__loader__"]
        names["__file__"] = req.filename
        names["__mp_info__"] = PageInfo(self.filename or req.filename)
        names["__mp_path__"] = []
        if "Session" in mentioned:
            names["Session"] = importlib.import_module("mod_python.Session")
        if "form" in mentioned:
            interface.form = _form(req)
        names.update(req=req, psp=interface, form=interface.form, session=getattr(req, "session", None))
        names.update(self.vars)
        names.update(vars)
        return names

    def __str__(self) -> str:
        """Runs the page, as HTML, where it is asked for its text; the text is empty, since it is written already."""
        self.req.content_type = "text/html"
        self.run()
        return ""

    def display_code(self) -> None:
        """Writes an HTML page: the Python source that the page is made into, and the page beside it."""
        if self.string is not None:
            made = _psp_pages.generated_of_string(self.string, self.req.document_root(), _directory(self.req))
        else:
            assert self.filename is not None
            made = _psp_pages.generated_of_file(self.filename, self.req.document_root())
        _display(self.req, self.filename or made[0].name, made[1].text, made[0].text)


class PSPInterface:
    """What is called `psp` in a page."""

    def __init__(self, req: mp_request, filename: str | None = None, form: util.FieldStorage | None = None) -> None:
        self.req = req
        self.filename = filename
        self.form = form
        self.error_page: PSP | None = None

    def set_error_page(self, filename: str) -> None:
        """The page that runs if this one fails, with the name `exception`: the type, the exception and its traceback.

        A name that begins with a slash is below the document root, another one beside this page. What was written
        before stays. Raises FileNotFoundError if there is no such page.
        """
        from mod_python import _apache
        if filename.startswith("/"):
            name = self.req.document_root() + filename
        else:
            here = os.path.dirname(self.filename) if self.filename else _directory(self.req)
            name = os.path.join(here or "", filename)
        try:
            self.error_page = PSP(self.req, name)
        except _apache.SERVER_RETURN:
            raise FileNotFoundError(errno.ENOENT, f"the error page of {self.filename} is not there", name) from None

    def apply_data(self, object: Callable[..., Any]) -> Any:
        """Calls it with the fields of the form that it has parameters for; see util.apply_fs_data()."""
        if self.form is None:
            self.form = _form(self.req)
        return util.apply_fs_data(object, self.form, req=self.req)

    def redirect(self, location: str, permanent: int = 0) -> NoReturn:
        """Sends the client to another URL; see util.redirect(). The page ends here; its session is not saved."""
        util.redirect(self.req, location, permanent)


class PageInfo:
    """`__mp_info__` of a page: apache.import_module() finds modules beside the page by it."""

    def __init__(self, file: str | None) -> None:
        self.file = self.label = file
        self.children: list[str] = []


def handler(req: mp_request) -> int:
    """Runs the page that the request is for. With PythonDebug On and an underscore behind its name it is displayed.

    The answer is text/html. Raises SERVER_RETURN with 404 if there is no such page.
    """
    from mod_python import apache
    req.content_type = "text/html"
    if req.filename and req.filename.endswith("_") and req.get_config().get("PythonDebug") == "1":
        filename = req.filename[:-1]
        try:
            page, made = _psp_pages.generated_of_file(filename, req.document_root())
        except OSError as error:
            _not_there(req, error)
        _display(req, filename, made.text, page.text)
    else:
        PSP(req).run()
    return apache.OK


psphandler = handler


def parse(filename: str, dir: str | None = None) -> str:
    """The Python source that a page is made into. `dir` is the directory of a relative filename.

    Raises OSError, and SyntaxError with file and line.
    """
    return _psp_pages.generated_of_file(os.path.abspath(os.path.join(dir or "", filename)))[1].text


def parsestring(string: str | bytes) -> str:
    """The Python source that the text of a page is made into. It includes relative to the current directory.

    Raises SyntaxError.
    """
    return _psp_pages.generated_of_string(string, None, None)[1].text


def compile_file(path: str | os.PathLike[str]) -> str:
    """Compiles a page and writes it beside the page, for later: page.psp to page.psc. Returns that name.

    The file is used by this version of Python as long as neither the page nor what it includes is newer. Raises
    OSError, SyntaxError with file and line, ValueError for a name that ends in c.
    """
    return _psp_store.write_compiled(_psp_pages.compiled_file(os.path.abspath(os.fspath(path))))


def main(arguments: Sequence[str]) -> int:
    """`python -m mod_python.psp FILE ...`: compiles each page. Returns the exit status: 0 if all are good."""
    if not arguments or arguments[0].startswith("-"):
        print("usage: python -m mod_python.psp FILE ...\n\nCompile pages, and say the names of the compiled files.",
              file=sys.stdout if arguments[:1] in (["-h"], ["--help"]) else sys.stderr)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    status = 0
    for path in arguments:
        try:
            print(compile_file(path))
        except (OSError, SyntaxError, ValueError) as error:
            status = 1
            if isinstance(error, SyntaxError):
                print("".join(traceback.format_exception_only(type(error), error)), end="", file=sys.stderr)
            else:
                print(f"{path}: {error}", file=sys.stderr)
    return status


def _full_name(req: mp_request, filename: str | None) -> str:
    if req.filename is None and (filename is None or not os.path.isabs(filename)):
        raise ValueError("PSP(): this request has no file, as in a <Location> with a PythonHandler of its own;"
                         " configure pages in <Directory> or <Files>, or give a whole path or a string")
    return os.path.join(_directory(req) or "", filename if filename is not None else req.filename or "")


def _directory(req: mp_request) -> str | None:
    return os.path.dirname(req.filename) if req.filename else None


def _database(req: mp_request) -> _psp_store.Database | None:
    options = req.get_options()
    name = options.get(_DATABASE)
    if name is None:
        name = options.get(_DATABASE_OF_OLD)
        if name is not None:
            _psp_store.say(_DEBUG, f"PythonOption {_DATABASE_OF_OLD} is called {_DATABASE} now")
    if not name:
        return None
    from mod_python import apache
    return _psp_store.Database(os.path.join(apache.server_root(), name), req.server)


def _not_there(req: mp_request, error: OSError) -> NoReturn:
    """404 for a page that is not there; anything else is an error."""
    from mod_python import _apache
    if error.errno not in _MISSING:
        raise error
    req.log_error(f"page does not exist: {error.filename}", _INFO)
    raise _apache.SERVER_RETURN(_NOT_FOUND) from None


def _form(req: mp_request) -> Any:
    """The form that the request has, or gets now."""
    form = getattr(req, "form", None)
    if form is None:
        form = req.form = util.FieldStorage(req, keep_blank_values=1)
    return form


def _show(page: Page) -> None:
    """Let tracebacks show lines of a page that is no file, for some such pages."""
    name, text = page.code.places.files[0], page.text or ""
    if name not in linecache.cache:
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        _shown.append(name)
        if len(_shown) > _STRINGS_SHOWN:
            linecache.cache.pop(_shown.popleft(), None)


def _display(req: mp_request, filename: str, made: str, text: str) -> None:
    cells = "".join(f"<td><pre>{_numbered(source)}</pre></td>\n" for source in (made, text))
    name = escape(filename)
    req.write(f"<!DOCTYPE html>\n<html><head><title>{name}</title></head>\n<body><table border=\"1\">\n"
              f"<tr><th>Python made of the page</th><th>{name}</th></tr>\n"
              f"<tr valign=\"top\">\n{cells}</tr>\n</table></body></html>\n", 0)


def _numbered(source: str) -> str:
    return "\n".join(f"{number:4} {escape(line)}" for number, line in enumerate(source.split("\n"), 1))


def __getattr__(name: str) -> Any:
    """Names for pages that need httpd, or a module that few pages need."""
    if name in ("apache", "_apache", "Session"):
        return importlib.import_module(f"mod_python.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
