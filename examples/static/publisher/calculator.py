"""Functions that URLs call: /publisher/calculator/add?a=1&b=2 is add(1, 2). Without a name in the URL it is index()."""

from mod_python import apache

layout = apache.import_module("layout")

_FORM = """<form action="/publisher/calculator/add">
    <label for="a">A whole number</label>
    <input id="a" name="a" value="{a}">
    <label for="b">Another one</label>
    <input id="b" name="b" value="{b}">
    <button>Add</button>
    </form>"""


def index(req: apache.Request) -> None:
    layout.page(req, "Publisher", _FORM.format(a="", b=""), __file__)


def add(req: apache.Request, a: int, b: int) -> None:
    """What is no whole number is answered with 400: the types say so. A name with _ in front is not published."""
    answer = f'<p class="answer" role="status">{a} + {b} = <strong>{a + b}</strong></p>'
    layout.page(req, "Publisher", answer + _FORM.format(a=a, b=b), __file__)
