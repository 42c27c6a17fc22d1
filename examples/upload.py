"""A file upload, read with util.FieldStorage."""

from __future__ import annotations

import hashlib

from mod_python import apache, util

layout = apache.import_module("layout")

FORM = """<form method="post" action="/upload" enctype="multipart/form-data">
    <label for="file">A file, up to 4 MB</label>
    <input id="file" name="file" type="file" required>
    <label for="note">A note about it</label>
    <input id="note" name="note" maxlength="80">
    <button>Upload</button>
    </form>"""


def facts(upload: util.Field, note: str) -> dict[str, object]:
    """What there is to say of an upload. It is read piece by piece: however large it is, it takes no memory."""
    size, digest = 0, hashlib.sha256()
    assert upload.file is not None
    while piece := upload.file.read(65536):
        size += len(piece)
        digest.update(piece)
    return {
        "Name": upload.filename,  # what the client calls it; never a path to write to
        "Type": upload.type,
        "Size": f"{size} bytes",
        "SHA-256": digest.hexdigest(),
        "Note": note,
    }


def handler(req: apache.Request) -> int:
    if req.method in ("GET", "HEAD"):
        layout.page(req, "Upload", FORM, __file__)
        return apache.OK
    if req.method != "POST":
        return apache.HTTP_METHOD_NOT_ALLOWED

    form = util.FieldStorage(req, keep_blank_values=1)  # a body beyond the limits ends here, with 413
    upload = form.get("file")
    if not isinstance(upload, util.Field) or not upload.filename:
        req.status = apache.HTTP_UNPROCESSABLE_ENTITY
        alert = '<p class="alert" role="alert">Please choose a file.</p>'
        layout.page(req, "Upload", alert + FORM, __file__)
        return apache.OK
    answer = layout.facts(facts(upload, str(form.getfirst("note", ""))))
    layout.page(req, "Upload", f'<div class="answer" role="status">{answer}</div>{FORM}', __file__)
    return apache.OK
