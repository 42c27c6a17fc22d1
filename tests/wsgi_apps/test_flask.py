"""A Flask application below a mount point, in a group of its own name: routes, forms, sessions, blueprints, streams."""

from __future__ import annotations

import io

import pytest
from httpd import Httpd
from visitor import VENV_CONF, Visitor

FILES = {"flask/shop.wsgi": r'''
import time
from pathlib import Path

import mod_wsgi
from flask import (Blueprint, Flask, Response, abort, flash, get_flashed_messages, jsonify, redirect,
                   render_template_string, request, send_file, session, stream_with_context, url_for)

application = app = Flask("shop", root_path=str(Path(__file__).parent))
app.secret_key = "for tests only"
goods = Blueprint("goods", __name__, url_prefix="/goods")
app.config["MAX_CONTENT_LENGTH"] = 100000
PAGE = "{% for text in get_flashed_messages() %}{{ text }};{% endfor %}{{ name }}, {{ session.get('cart', []) }}"

@goods.route("/<int:number>")
def one(number):
    return jsonify(number=number, here=url_for("goods.one", number=number), all=url_for(".every", _external=True))

@goods.route("/", methods=["GET", "PUT", "DELETE"])
def every():
    return jsonify(method=request.method, root=request.script_root, path=request.path, url=request.url)

app.register_blueprint(goods)

@app.route("/group")
def group():
    return mod_wsgi.application_group

@app.route("/cart/add", methods=["POST"])
def add():
    session["cart"] = [*session.get("cart", []), request.form["item"]]
    flash("added " + request.form["item"])
    return redirect(url_for("cart"))

@app.route("/cart")
def cart():
    return render_template_string(PAGE, name=request.args.get("name", "<you>"))

@app.route("/file", methods=["POST"])
def file():
    upload = request.files["file"]
    return jsonify(name=upload.filename, text=upload.read().decode(), kind=upload.mimetype)

@app.route("/json", methods=["POST"])
def echo():
    return jsonify(request.get_json())

@app.route("/picture")
def picture():
    return send_file("picture.png", conditional=True)

@app.route("/stream")
def stream():
    go_on = Path(app.root_path, "go-on")
    @stream_with_context
    def parts():
        yield "first to " + request.path
        deadline = time.monotonic() + 10
        while not go_on.exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        yield " second" if go_on.exists() else " nobody saw the first part"
    return Response(parts(), mimetype="text/plain")

@app.route("/broken-stream")
def broken_stream():
    def parts():
        yield "first"
        raise LookupError("a stream that fails")
    return Response(parts(), mimetype="text/plain")

@app.route("/teapot")
def teapot():
    abort(418)

@app.errorhandler(404)
def missing(error):
    return "no " + request.path, 404, {"X-Handled": "yes"}

@app.route("/fails")
def fails():
    app.logger.warning("about to fail")
    raise LookupError("a view that fails")
''', "flask/picture.png": bytes(range(256)) * 400}
CONF = VENV_CONF + """
WSGIScriptAlias /shop "${root}/flask/shop.wsgi" application-group=flask
<Directory "${root}/flask">
    Require all granted
</Directory>
"""
MPMS = ("event",)


def test_urls_have_the_mount_point_in_front(visitor: Visitor) -> None:
    assert visitor.get("/shop/goods/7").json() == {
        "number": 7, "here": "/shop/goods/7", "all": f"{visitor.site}/shop/goods/"}
    moved = visitor.get("/shop/goods")
    assert moved.history[0].status_code == 308
    assert moved.json() == {"method": "GET", "root": "/shop", "path": "/goods/", "url": f"{visitor.site}/shop/goods/"}


def test_it_runs_in_the_group_that_the_alias_names(visitor: Visitor) -> None:
    assert visitor.get("/shop/group").text == "flask"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_methods_select_the_view(visitor: Visitor, method: str) -> None:
    assert visitor.request(method, "/shop/goods/").json()["method"] == method
    refused = visitor.request(method, "/shop/cart")
    assert refused.status_code == 405 and "GET" in refused.headers["Allow"]


def test_a_form_changes_the_session_and_redirects(visitor: Visitor) -> None:
    visitor.post("/shop/cart/add", data={"item": "Käse"})
    answer = visitor.post("/shop/cart/add", data={"item": "Brot"})
    assert answer.history[0].headers["Location"] == "/shop/cart"
    assert answer.text == "added Brot;&lt;you&gt;, [&#39;Käse&#39;, &#39;Brot&#39;]"
    assert [(c.name, c.path) for c in visitor.cookies] == [("session", "/")]


def test_bodies_are_parsed(visitor: Visitor) -> None:
    assert visitor.post("/shop/file", files={"file": ("ä.txt", io.BytesIO(b"text"), "text/x-test")}).json() == {
        "name": "ä.txt", "text": "text", "kind": "text/x-test"}
    assert visitor.post("/shop/json", json={"a": [1, None, "ü"]}).json() == {"a": [1, None, "ü"]}
    assert visitor.post("/shop/json", data="{", headers={"Content-Type": "application/json"}).status_code == 400
    assert visitor.post("/shop/file", data=b"x" * 200000,
                        headers={"Content-Type": "application/x-www-form-urlencoded"}).status_code == 413


def test_files_are_sent_whole_in_part_or_not_at_all(visitor: Visitor) -> None:
    whole = visitor.get("/shop/picture")
    assert whole.content == FILES["flask/picture.png"] and whole.headers["Content-Type"] == "image/png"
    part = visitor.get("/shop/picture", headers={"Range": "bytes=10-300"})
    assert (part.status_code, part.content) == (206, whole.content[10:301])
    same = visitor.get("/shop/picture", headers={"If-None-Match": whole.headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")


def test_a_stream_is_sent_as_it_is_made(httpd: Httpd, visitor: Visitor) -> None:
    with visitor.get("/shop/stream", stream=True) as answer:
        parts = answer.iter_content(chunk_size=None)
        assert next(parts) == b"first to /stream"
        httpd.write("flask/go-on", "")
        assert b"".join(parts) == b" second"


def test_errors_are_the_applications(visitor: Visitor) -> None:
    missing = visitor.get("/shop/none")
    assert (missing.status_code, missing.text, missing.headers["X-Handled"]) == (404, "no /none", "yes")
    assert visitor.get("/shop/teapot").status_code == 418
    assert "X-Handled" not in visitor.get("/elsewhere").headers         # no one's: httpd's


def test_a_view_that_fails_is_logged_and_answers_500(httpd: Httpd, visitor: Visitor) -> None:
    answer = visitor.get("/shop/fails")
    assert answer.status_code == 500 and "LookupError" not in answer.text
    httpd.claim(r"WARNING in shop: about to fail")
    httpd.claim(r"(?s)ERROR in app: Exception on /fails \[GET\].*LookupError: a view that fails")


def test_a_stream_that_fails_is_cut(httpd: Httpd) -> None:
    with httpd.raw() as client:
        client.send(b"GET /shop/broken-stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = client.receive_all()
    assert answer.endswith(b"\r\n5\r\nfirst\r\n")        # no last chunk
    httpd.claim_failure(f"processing WSGI script '{httpd.root}/flask/shop.wsgi'", "LookupError: a stream that fails",
                        "flask")
    httpd.claim_cut()
