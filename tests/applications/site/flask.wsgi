from flask import Blueprint, Flask, Response, jsonify, redirect, request, session, url_for

application = Flask("site")
application.secret_key = "only for tests"
shop = Blueprint("shop", __name__, url_prefix="/shop")


@shop.route("/<int:number>")
def item(number):
    return jsonify(number=number, url=url_for("shop.item", number=number), root=request.script_root)


application.register_blueprint(shop)


@application.route("/form", methods=["POST"])
def form():
    session["name"] = request.form["name"]
    return redirect(url_for("hello"))


@application.route("/hello")
def hello():
    return f"Hello, {session.get('name')}"


@application.route("/stream")
def stream():
    return Response((b"%d " % number for number in range(1000)), content_type="text/plain")


@application.route("/echo", methods=["PUT"])
def echo():
    return request.get_data(), 201, {"X-One": "1"}


@application.route("/fails")
def fails():
    raise LookupError("Flask's")
