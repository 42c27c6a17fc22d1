"""The URLs."""

from django.contrib import admin
from django.urls import path

from . import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("notes/", views.notes, name="notes"),
    path("notes/<str:title>", views.note, name="note"),
    path("latest", views.latest),
    path("visits", views.visits),
    path("upload", views.upload),
    path("stream", views.stream),
    path("download", views.download),
    path("fails", views.fails),
]
