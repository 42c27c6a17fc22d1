"""What all sessions have in common: the id and its cookie, times, locking; a store is what a subclass adds."""

from __future__ import annotations

import re
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mod_python import Cookie, _sessioncodec, _sessionlocks
from mod_python import _sessionoptions as options

if TYPE_CHECKING:
    from mod_python._apache import mp_request

_SID = re.compile(r"[0-9a-f]{32}")
_APLOG_ERR = 3


class BaseSession(dict[Any, Any]):
    """A session: a dictionary that is the same in all requests of a client, until `timeout` seconds pass without one.

    The client knows it by its id, 32 hexadecimal digits in a cookie. An id that the client sends counts only if there
    is a session of that id; else a new session begins, with a new id and cookie. With a `secret` the cookie is signed.
    A session is locked from here to the end of the request, so that only one request has it at a time; lock=0: never.

    Subclasses define do_load(), do_save(), do_delete() and do_cleanup(). Raises ValueError for a `sid` that is no id,
    for an empty secret, and for options that are wrong.
    """

    def __init__(self, req: mp_request, sid: Any = None, secret: str | bytes | None = None, lock: int = 1,
                 timeout: float = 0) -> None:
        super().__init__()
        self._req, self._secret, self._lock = req, secret, lock
        self._sid: str = ""
        self._new: bool = True
        self._created: float = 0
        self._accessed: float = 0
        self._timeout: float = 0
        self._locked: bool = False
        self._invalid: bool = False
        self._locked_by = 0             # thread
        self._hold: _sessionlocks.Hold | None = None
        if secret is not None and not secret:
            raise ValueError("the secret of a session is empty; leave it out, or give one")
        if sid and not _is_sid(sid):
            raise ValueError(f"a session's id is 32 hexadecimal digits in lower case, not {sid!r:.80}")
        self._begin(sid or self._sid_of_cookie(), timeout)
        chance = options.number(req, "mod_python.session.cleanup_chance", options.CLEANUP_CHANCE)
        if chance and secrets.randbelow(chance) == 0:
            self.cleanup()

    def _begin(self, sid: str | None, timeout: float) -> None:
        """Find the session of that id, or make a new one."""
        self.init_lock()
        if sid:
            self._sid = sid
            self.lock()
            self._new = not self.load()
        if self._new:
            self.unlock()
            self._sid = secrets.token_hex(16)
            self.lock()
            self._send_cookie(self.make_cookie())
            self._created = time.time()
            self._timeout = timeout or options.DFT_TIMEOUT
        self._accessed = time.time()

    def __del__(self) -> None:
        # Elsewhere the request may be in httpd's hands: its end gives the lock back.
        if getattr(self, "_locked", False) and self._locked_by == threading.get_ident():
            self.unlock()

    # The cookie

    def _cookie_name(self) -> str:
        return options.text(self._req, "mod_python.session.cookie_name", "session_cookie_name") or options.COOKIE_NAME

    def _sid_of_cookie(self) -> str | None:
        name, cookie = self._cookie_name(), None
        if self._secret:
            cookie = Cookie.get_cookie(self._req, name, Cookie.SignedCookie, secret=self._secret,
                                       mismatch=Cookie.IGNORE)
        else:
            cookie = Cookie.get_cookie(self._req, name)
        return cookie.value if cookie is not None and _is_sid(cookie.value) else None

    def make_cookie(self) -> Cookie.Cookie:
        """The cookie that tells the client its session."""
        name = self._cookie_name()
        try:
            cookie = (Cookie.SignedCookie(name, self._sid, self._secret) if self._secret
                      else Cookie.Cookie(name, self._sid))
        except ValueError as error:
            raise ValueError(f"PythonOption mod_python.session.cookie_name {name}: {error}") from None
        domain = options.text(self._req, "mod_python.session.application_domain")
        if domain:
            cookie.domain = domain
        cookie.path = options.text(self._req, "mod_python.session.application_path",
                                   "ApplicationPath") or self._path_of_handler()
        if options.flag(self._req, "mod_python.session.cookie_secure", False):
            cookie.secure = True
        if options.flag(self._req, "mod_python.session.cookie_httponly", False):
            cookie.httponly = True
        samesite = options.text(self._req, "mod_python.session.cookie_samesite")
        if samesite and samesite.lower() not in _FLAGS_OFF:
            try:
                cookie.samesite = samesite
            except ValueError as error:
                raise ValueError(f"PythonOption mod_python.session.cookie_samesite {samesite}: {error}") from None
        return cookie

    def _path_of_handler(self) -> str:
        """The URL of the directory that the handler's directive stands in, if it has one."""
        hlist = self._req.hlist
        directory = hlist.directory if hlist is not None and not hlist.is_location else None
        root = self._req.document_root().rstrip("/") + "/"
        if not directory or not directory.startswith(root):
            return "/"
        path = directory[len(root) - 1:]
        return quote(path, safe="/!$&'()*+,:=@~") if (self._req.uri or "").startswith(path) else "/"

    def _send_cookie(self, cookie: Cookie.Cookie) -> None:
        Cookie.add_cookie(self._req, cookie, on_error=options.flag(
            self._req, "mod_python.session.cookie_on_error", False))

    # What is known of it

    def is_new(self) -> bool:
        """Whether it begins with this request."""
        return bool(self._new)

    def id(self) -> str:
        """The session's id."""
        return self._sid

    def created(self) -> float:
        """When it began, in seconds since 1970."""
        return self._created

    def last_accessed(self) -> float:
        """When it was opened last: that is, by this request."""
        return self._accessed

    def timeout(self) -> float:
        """After how many seconds without a save() it is over."""
        return self._timeout

    def set_timeout(self, secs: float) -> None:
        """Another timeout, from the next save() on."""
        self._timeout = secs

    # Its content

    def load(self) -> int:
        """Take what is stored; 1 if there is a session that is not over, else 0, and nothing changes."""
        try:
            kept = self.do_load()
            if kept is None:
                return 0
            _sessioncodec.check(kept)
        except _sessioncodec.Unreadable as error:
            self._req.log_error(f"MP0131: a session in {type(self).__name__}'s store can't be read, and is taken for"
                                f" none: {error}", _APLOG_ERR)
            return 0
        if time.time() - kept["_accessed"] > kept["_timeout"]:
            return 0
        self._created, self._accessed, self._timeout = kept["_created"], kept["_accessed"], kept["_timeout"]
        self.clear()
        self.update(kept["_data"])
        return 1

    def save(self) -> None:
        """Store it, unless it is invalid. Nothing else does: what is not saved is gone with the request."""
        if not self._invalid:
            self.do_save({"_data": dict(self), "_created": self._created, "_accessed": self._accessed,
                          "_timeout": self._timeout})

    def delete(self) -> None:
        """Take it out of the store, and empty it."""
        self.do_delete()
        self.clear()

    def invalidate(self) -> None:
        """The end of the session: the client is told to forget its cookie, save() does nothing any more."""
        cookie = self.make_cookie()
        cookie.expires = 0
        self._send_cookie(cookie)
        self.delete()
        self._invalid = True

    def cleanup(self) -> None:
        """Remove the sessions that are over from the store, after this request. One request in 1000 does so itself."""
        self.do_cleanup()

    # Locking

    def init_lock(self) -> None:
        """Called before the first lock(); for subclasses."""

    def lock(self) -> None:
        """Wait until no other request has the session. Without effect if lock=0, and if it is locked."""
        if not self._lock or self._locked:
            return
        self._hold = self._take_lock()
        self._locked, self._locked_by = True, threading.get_ident()
        self._req.register_cleanup(self._hold.release)

    def unlock(self) -> None:
        """Let other requests have it. Without effect if it is not locked."""
        if self._locked and self._hold is not None:
            self._locked = False
            self._hold.release()

    def _take_lock(self) -> _sessionlocks.Hold:
        return _sessionlocks.hold(self._req, self._sid)

    # For subclasses

    def do_load(self) -> dict[str, Any] | None:
        """What do_save() got, or None."""
        raise NotImplementedError(f"{type(self).__name__} has no do_load()")

    def do_save(self, dict: dict[str, Any]) -> None:
        """Keep that dictionary, with the keys _data, _created, _accessed, _timeout, under self._sid."""
        raise NotImplementedError(f"{type(self).__name__} has no do_save()")

    def do_delete(self) -> None:
        """Remove what is kept under self._sid, if there is anything."""
        raise NotImplementedError(f"{type(self).__name__} has no do_delete()")

    def do_cleanup(self) -> None:
        """Remove what is over."""
        raise NotImplementedError(f"{type(self).__name__} has no do_cleanup()")


_FLAGS_OFF = ("off", "no", "false", "0")


def _is_sid(sid: Any) -> bool:
    return isinstance(sid, str) and _SID.fullmatch(sid) is not None
