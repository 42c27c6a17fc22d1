"""Numbers beyond 32 bits (MODPYTHON-250)."""

from cases import CASES, CASES_CONF, case
from httpd import Httpd

GIGABYTES = 5 * 2**30

CONF = CASES_CONF + """
    <Location /raw>
        SetHandler mod_python
        PythonHandler cases::raw
    </Location>
"""

FILES = {"cases.py": CASES + rf'''
import os

large = os.path.join(os.path.dirname(__file__), "run", "large")

def make(req):
    with open(large, "wb") as file:
        file.seek({GIGABYTES} - 3)
        file.write(b"end")

def raw(req):
    req.sendfile(large, {GIGABYTES} - 6, 4)
    req.sendfile(large, {GIGABYTES} - 2)
    return apache.OK

def numbers(req):
    req.set_content_length(2**40)
    length = [req.clength, req.headers_out["Content-Length"]]
    del req.headers_out["Content-Length"]
    info = apache.stat(large, 0)
    return [*length, info.size, info[apache.FINFO_SIZE], req.sendfile(large, 2**50),
            raised(req.set_content_length, 2**70)[0], raised(req.sendfile, large, 2**70)[0],
            raised(req.read, 2**70)[0], req.read(2**62), req.readline(2**62), req.readlines(2**62)]
'''}


def test_files_and_lengths_may_be_larger_than_four_gigabytes(httpd: Httpd) -> None:
    assert case(httpd, "make") is None
    assert httpd.get("/raw").body == b"\0\0\0end"[:4] + b"nd"
    with httpd.raw() as client:
        r = client.send_request("POST", "/case/numbers", {"Content-Length": "4"}, b"body").response()
    assert eval(r.text) == [
        2**40, str(2**40), GIGABYTES, GIGABYTES, 0, "OverflowError", "OverflowError", "OverflowError", b"body", b"", []]
    (httpd.root / "run" / "large").unlink()
