"""What a site does with requests: answers of every kind, the session, files."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.csrf import csrf_exempt

from .models import Note


def notes(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"titles": [note.title for note in Note.objects.order_by("pk")],
                         "here": request.build_absolute_uri(), "query": request.GET.getlist("q")})


def note(request: HttpRequest, title: str) -> HttpResponse:
    return HttpResponse(get_object_or_404(Note, title=title).text, content_type="text/plain; charset=utf-8")


def latest(request: HttpRequest) -> HttpResponse:
    return redirect("note", title=Note.objects.latest("pk").title)


def visits(request: HttpRequest) -> HttpResponse:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JsonResponse(request.session["visits"], safe=False)


@csrf_exempt
def upload(request: HttpRequest) -> HttpResponse:
    file = request.FILES["file"]
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    return JsonResponse({"name": file.name, "size": file.size, "sha256": digest.hexdigest(),
                         "comment": request.POST["comment"]})


def stream(request: HttpRequest) -> StreamingHttpResponse:
    go_on = settings.SITE / "go-on"

    def parts() -> Iterator[str]:
        yield "first"
        deadline = time.monotonic() + 10
        while not go_on.exists():
            if time.monotonic() > deadline:
                yield " nobody saw the first part"
                return
            time.sleep(0.005)
        yield " second"
    return StreamingHttpResponse(parts(), content_type="text/plain")


def download(request: HttpRequest) -> FileResponse:
    return FileResponse(open(settings.SITE / "big.bin", "rb"), as_attachment=True)


def fails(request: HttpRequest) -> HttpResponse:
    raise LookupError("a view that fails")
