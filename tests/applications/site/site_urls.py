import hashlib
import os
import time

from django.contrib import admin
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.urls import path, reverse


def count(request):
    request.session["count"] = request.session.get("count", 0) + 1
    return JsonResponse({"count": request.session["count"], "token": get_token(request)})


def upload(request):
    file = request.FILES["file"]
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    return JsonResponse({"name": file.name, "size": file.size, "sha256": digest.hexdigest(),
                         "comment": request.POST["comment"]})


def stream(request):
    """The second part comes when somebody has made the file that the query names."""
    def parts():
        yield b"first"
        deadline = time.monotonic() + 10
        while not os.path.exists(request.GET["file"]) and time.monotonic() < deadline:
            time.sleep(0.005)
        yield b"second"
    return StreamingHttpResponse(parts())


def there(request):
    return HttpResponseRedirect(reverse("count"))


def fails(request):
    raise LookupError("Django's")


def root(request):
    return HttpResponse(f"{request.get_full_path()} {request.is_secure()}")


urlpatterns = [path("admin/", admin.site.urls), path("count", count, name="count"), path("upload", upload),
               path("stream", stream), path("there", there), path("fails", fails), path("", root)]
