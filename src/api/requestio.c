/* The body in, the answer out.
 *
 * In: buckets are taken from httpd's input filters as they are needed. What a line left over of a bucket waits in
 * body.unread, so read, readline and readlines may be mixed. httpd removes the chunked coding.
 * Out: by httpd's own ap_rwrite() and ap_rflush(), which reuse their brigades: a million writes take no more memory
 * than one.
 */
#include "api/request.h"

#define FIRST_READ 8192                 /* bytes; doubled while there is more */
#define FIRST_LINE 256
#define TRUSTED_LENGTH (1024 * 1024)    /* memory taken because a client says that it will send so much */

/* Out */

static request_rec *enter_output(PyObject *self)
{
    request_rec *r = mp_request_enter(self);

    if (r && r->eos_sent) {
        PyErr_SetString(PyExc_OSError, "Write failed, the answer to this request is complete already.");
        return NULL;
    }
    return r;
}

/* httpd gathers small unflushed writes in one buffer (its filter OLD_WRITE) before it sends them down the chain.
 * Nothing can wait in a write that surely ends there; to let go of the GIL would cost more than the copy. */
static int stays_in_buffer(const mp_request *req, const request_rec *r, Py_ssize_t n)
{
    if (req->queued == 0 && !ap_cstr_casecmp(r->output_filters->frec->name, "OLD_WRITE"))
        return 0;                       /* of unknown filling */
    return n <= APR_BUCKET_BUFF_SIZE && req->queued + n <= APR_BUCKET_BUFF_SIZE;
}

/* Detached, but for what stays in the buffer. -1: the client is gone. */
static int put(request_rec *r, const char *data, Py_ssize_t n, int flush)
{
    while (n > 0) {
        int part = n > INT_MAX ? INT_MAX : (int)n;

        if (ap_rwrite(data, part, r) < 0)
            return -1;
        data += part;
        n -= part;
    }
    return flush ? ap_rflush(r) : 0;
}

static int send_data(mp_request *req, request_rec *r, const char *data, Py_ssize_t n, int flush)
{
    int status;

    if (!flush && stays_in_buffer(req, r, n))
        status = put(r, data, n, 0);
    else {
        MP_BEGIN_BLOCKING(req)
        status = put(r, data, n, flush);
        MP_END_BLOCKING(req)
    }
    req->queued = flush ? 0 : req->queued + n;
    if (status < 0)
        PyErr_SetString(PyExc_OSError, "Write failed, client closed connection.");
    return status;
}

PyObject *mp_request_write(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "write()", 1, { "data", "flush" } };
    PyObject *given[MP_ARGS_MAX], *owned;
    int flush = 1, status = -1;
    Py_buffer data;
    request_rec *r;

    if (mp_args_take(&signature, args, nargs, kwnames, given) < 0)
        return NULL;
    if (given[1] && (flush = PyObject_IsTrue(given[1])) < 0)
        return NULL;
    if (mp_body_data(given[0], &data, &owned) < 0)
        return NULL;
    r = enter_output(self);
    if (r)
        status = send_data((mp_request *)self, r, data.buf, data.len, flush);   /* nothing, flushed: what is queued */
    PyBuffer_Release(&data);
    Py_XDECREF(owned);
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *mp_request_flush(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t nargs, PyObject *kwnames)
{
    request_rec *r;
    int status;

    if (mp_args_none("flush()", nargs, kwnames) < 0 || !(r = enter_output(self)))
        return NULL;
    MP_BEGIN_BLOCKING(self)
    status = ap_rflush(r);
    MP_END_BLOCKING(self)
    ((mp_request *)self)->queued = 0;
    if (status < 0) {
        PyErr_SetString(PyExc_OSError, "Flush failed, client closed connection.");
        return NULL;
    }
    Py_RETURN_NONE;
}

/* What became of a sendfile: a status, and if that is none of success, where. */
typedef struct {
    apr_off_t offset;
    apr_off_t length;           /* wanted: -1 for all; then what was sent */
    const char *failed;         /* NULL: the client is gone */
} transfer;

/* Detached. The file and the brigade live in p; a filter that holds a bucket back takes the file into a pool of its
 * own (apr_bucket_setaside), so that p may go when this returns. */
static apr_status_t send_file(request_rec *r, apr_pool_t *p, const char *path, transfer *t)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    apr_bucket_brigade *bb;
    apr_file_t *file;
    apr_finfo_t finfo;
    apr_status_t status;

    t->failed = "Could not stat file for reading";
    status = apr_stat(&finfo, path, APR_FINFO_SIZE | APR_FINFO_TYPE, p);
    if (status != APR_SUCCESS && status != APR_INCOMPLETE)
        return status;
    if (finfo.filetype == APR_DIR)
        return EISDIR;
    if (finfo.filetype != APR_REG) {
        t->failed = "Not a regular file";
        return EINVAL;
    }
    t->failed = "Could not open file for reading";
    status = apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY | AP_SENDFILE_ENABLED(core->enable_sendfile),
                           APR_FPROT_OS_DEFAULT, p);
    if (status != APR_SUCCESS)
        return status;
    t->failed = NULL;
    if (t->offset >= finfo.size) {
        t->length = 0;
        return APR_SUCCESS;
    }
    if (t->length < 0 || t->length > finfo.size - t->offset)
        t->length = finfo.size - t->offset;
    bb = apr_brigade_create(p, r->connection->bucket_alloc);
    apr_brigade_insert_file(bb, file, t->offset, t->length, p);
    return ap_pass_brigade(r->output_filters, bb);
}

static void set_transfer_error(const transfer *t, apr_status_t status, const char *path)
{
    PyObject *name, *error;

    if (!t->failed) {
        PyErr_SetString(PyExc_OSError, "Write failed, client closed connection.");
        return;
    }
    name = mp_path_from(path);
    error = name ? PyObject_CallFunction(PyExc_OSError, "isO", (int)status, t->failed, name) : NULL;
    if (error)
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_XDECREF(error);
    Py_XDECREF(name);
}

PyObject *mp_request_sendfile(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "sendfile()", 1, { "path", "offset", "len" } };
    PyObject *given[MP_ARGS_MAX], *path, *result = NULL;
    long long offset, length;
    transfer t = { 0 };
    apr_pool_t *p = NULL;
    apr_status_t status;
    const char *file;
    request_rec *r;

    if (mp_args_take(&signature, args, nargs, kwnames, given) < 0 ||
        mp_args_int(given[1], 0, &offset, "offset") < 0 || mp_args_int(given[2], -1, &length, "len") < 0)
        return NULL;
    if (offset < 0)
        return PyErr_Format(PyExc_ValueError, "sendfile(): offset must not be negative (%lld)", offset);
    path = PyOS_FSPath(given[0]);       /* runs Python code: before the request is looked at */
    if (!path)
        return NULL;
    r = enter_output(self);
    if (!r)
        goto done;
    t.offset = (apr_off_t)offset;
    t.length = (apr_off_t)length;
    apr_pool_create(&p, r->pool);
    apr_pool_tag(p, "mod_python sendfile");
    file = mp_path_to(path, p, "path");
    if (!file)
        goto done;
    MP_BEGIN_BLOCKING(self)
    status = send_file(r, p, file, &t);
    if (status == APR_SUCCESS && r->connection->aborted)
        status = APR_ECONNABORTED;
    MP_END_BLOCKING(self)
    if (status == APR_SUCCESS)
        result = PyLong_FromLongLong(t.length);
    else
        set_transfer_error(&t, status, file);
done:
    if (p)
        apr_pool_destroy(p);
    Py_DECREF(path);
    return result;
}

/* In */

/* Before the first read. A refusal of httpd's (411, 413 and the like) is kept for the reads to raise. */
static void open_body(mp_request_body *body, request_rec *r)
{
    body->unread = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    if (r->read_body == REQUEST_NO_BODY) {              /* else another object has been here */
        int chunked = apr_table_get(r->headers_in, "Transfer-Encoding") != NULL;

        body->refused = ap_setup_client_block(r, chunked ? REQUEST_CHUNKED_DECHUNK : REQUEST_CHUNKED_ERROR);
    }
}

/* LimitRequestBody. httpd answers in our place, which does not always show in r->status. */
static int is_too_large(const request_rec *r, apr_bucket_brigade *fetched, apr_status_t status)
{
    apr_off_t limit = ap_get_limit_req_body(r), n = 0;

    if (status != AP_FILTER_ERROR)
        return ap_map_http_request_error(status, HTTP_BAD_REQUEST) == HTTP_REQUEST_ENTITY_TOO_LARGE;
    apr_brigade_length(fetched, 0, &n);
    return r->status == HTTP_REQUEST_ENTITY_TOO_LARGE || (limit > 0 && r->read_length + n > limit);
}

/* Detached, and nothing is unread: asks httpd for at most n bytes. */
static void fetch(mp_request_body *body, request_rec *r, apr_size_t n)
{
    int was_complete = r->eos_sent;
    apr_status_t status = ap_get_brigade(r->input_filters, body->unread, AP_MODE_READBYTES, APR_BLOCK_READ,
                                         (apr_off_t)n);

    if (status == APR_SUCCESS && APR_BRIGADE_EMPTY(body->unread))
        status = APR_EOF;                               /* blocking reads bring something, or there is nothing left */
    if (status == APR_SUCCESS && r->eos_sent && !was_complete)
        status = AP_FILTER_ERROR;                       /* httpd 2.4 ended a begun answer, and gives out raw chunks */
    if (status == APR_SUCCESS)
        return;
    if (is_too_large(r, body->unread, status))
        body->refused = HTTP_REQUEST_ENTITY_TOO_LARGE;
    apr_brigade_cleanup(body->unread);
    body->error = status;
    r->connection->keepalive = AP_CONN_CLOSE;           /* nobody knows where the next request begins */
}

/* What is left was fetched for this call only; filters may reuse its memory at the next one. */
static void set_aside(mp_request_body *body, request_rec *r)
{
    apr_bucket *e = APR_BRIGADE_FIRST(body->unread);

    for (; e != APR_BRIGADE_SENTINEL(body->unread); e = APR_BUCKET_NEXT(e)) {
        apr_status_t status = APR_BUCKET_IS_METADATA(e) ? APR_SUCCESS : apr_bucket_setaside(e, r->pool);

        if (status != APR_SUCCESS && status != APR_ENOTIMPL)
            body->error = status;
    }
}

/* Metadata is dropped, the end is noted. The first bucket with data, or NULL. */
static apr_bucket *first_data(mp_request_body *body)
{
    while (!APR_BRIGADE_EMPTY(body->unread)) {
        apr_bucket *e = APR_BRIGADE_FIRST(body->unread);

        if (!APR_BUCKET_IS_METADATA(e))
            return e;
        if (APR_BUCKET_IS_EOS(e)) {
            body->ended = 1;
            apr_brigade_cleanup(body->unread);
            return NULL;
        }
        apr_bucket_delete(e);
    }
    return NULL;
}

static void count(request_rec *r, apr_size_t n)
{
    r->read_length += n;
    if (!r->read_chunked)
        r->remaining = r->remaining > (apr_off_t)n ? r->remaining - (apr_off_t)n : 0;
}

/* Detached. Moves at most n bytes of the body to `to`, with `line` at most up to and including a LF; *complete then
 * says that it came. Fewer without one: the body ended or broke off. */
static apr_size_t take(mp_request_body *body, request_rec *r, char *to, apr_size_t n, int line, int *complete)
{
    apr_size_t got = 0;

    while (got < n && !*complete && !body->error) {
        apr_bucket *e = first_data(body);
        const char *data, *lf;
        apr_size_t length;

        if (!e && body->ended)
            break;
        if (!e) {
            fetch(body, r, line ? FIRST_READ : n - got);
            continue;
        }
        body->error = apr_bucket_read(e, &data, &length, APR_BLOCK_READ);
        if (body->error)
            break;
        if (length > n - got) {
            length = n - got;
            apr_bucket_split(e, length);
        }
        if (line && (lf = memchr(data, '\n', length))) {
            if ((apr_size_t)(lf + 1 - data) < length)
                apr_bucket_split(e, lf + 1 - data);
            length = lf + 1 - data;
            *complete = 1;
        }
        memcpy(to + got, data, length);
        apr_bucket_delete(e);
        got += length;
        count(r, length);
    }
    first_data(body);
    set_aside(body, r);
    return got;
}

static void set_read_error(mp_request *req)
{
    const mp_request_body *body = &req->body;
    char reason[128];

    if (body->refused) {
        PyObject *status = PyLong_FromLong(body->refused);

        if (status)
            PyErr_SetObject(req->head.state->SERVER_RETURN, status);
        Py_XDECREF(status);
    }
    else if (APR_STATUS_IS_TIMEUP(body->error))
        PyErr_SetString(PyExc_OSError, "Client read error (Timeout?)");
    else if (body->error == AP_FILTER_ERROR)
        PyErr_SetString(PyExc_OSError, "Client read error: httpd has refused the body and ended the answer");
    else
        PyErr_Format(PyExc_OSError, "Client read error (connection closed before the end of the body?): %s",
                     apr_strerror(body->error, reason, sizeof(reason)));
}

/* A body that broke off: what was asked for in pieces is given out as far as it came, the next call raises. Without a
 * limit, or where waiting was in vain, the caller must not take a part for the whole. */
static int is_failure(const mp_request_body *body, Py_ssize_t limit, int line, Py_ssize_t got)
{
    if (body->refused)
        return 1;
    return body->error && (got == 0 || (limit < 0 && !line) || APR_STATUS_IS_TIMEUP(body->error));
}

static Py_ssize_t first_size(const request_rec *r, Py_ssize_t limit, int line)
{
    Py_ssize_t size = line ? FIRST_LINE : FIRST_READ;

    if (!line && limit > size)
        size = limit < TRUSTED_LENGTH ? limit : TRUSTED_LENGTH;
    else if (!line && r->remaining > size)
        size = r->remaining < TRUSTED_LENGTH ? (Py_ssize_t)r->remaining : TRUSTED_LENGTH;
    return limit >= 0 && limit < size ? limit : size;
}

/* read() and readline(): bytes, at most limit (negative: no limit). */
static PyObject *gather(PyObject *self, Py_ssize_t limit, int line)
{
    mp_request *req = (mp_request *)self;
    mp_request_body *body = &req->body;
    request_rec *r = mp_request_enter(self);
    PyObject *bytes = NULL;
    Py_ssize_t size, got = 0;
    int complete = 0;

    if (!r)
        return NULL;
    if (limit == 0)
        return PyBytes_FromStringAndSize(NULL, 0);
    if (!body->unread)
        open_body(body, r);
    if (body->refused)
        return set_read_error(req), NULL;
    size = first_size(r, limit, line);
    bytes = PyBytes_FromStringAndSize(NULL, size);
    while (bytes) {
        char *at = PyBytes_AS_STRING(bytes) + got;

        if (!(r = mp_request_enter(self)))              /* the allocation may have run other Python code */
            goto failed;
        if (body->busy) {
            PyErr_SetString(PyExc_RuntimeError, "the body of this request is being read; an input filter reads it with "
                            "filter.read()");
            goto failed;
        }
        body->busy = 1;
        MP_BEGIN_BLOCKING(self)
        got += (Py_ssize_t)take(body, r, at, (apr_size_t)(size - got), line, &complete);
        MP_END_BLOCKING(self)
        body->busy = 0;
        if (is_failure(body, limit, line, got)) {
            set_read_error(req);
            goto failed;
        }
        if (complete || got < size || got == limit || body->ended)
            break;
        size = limit >= 0 && limit - size < size ? limit : size * 2;
        _PyBytes_Resize(&bytes, size);
    }
    if (bytes && got < size)
        _PyBytes_Resize(&bytes, got);
    return bytes;
failed:
    Py_DECREF(bytes);
    return NULL;
}

PyObject *mp_request_read(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "read()", 0, { "len" } };
    Py_ssize_t limit;

    return mp_args_limit(&signature, args, nargs, kwnames, &limit) < 0 ? NULL : gather(self, limit, 0);
}

PyObject *mp_request_readline(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "readline()", 0, { "len" } };
    Py_ssize_t limit;

    return mp_args_limit(&signature, args, nargs, kwnames, &limit) < 0 ? NULL : gather(self, limit, 1);
}

PyObject *mp_request_next_line(PyObject *self)
{
    PyObject *line = gather(self, -1, 1);

    if (line && PyBytes_GET_SIZE(line) == 0)
        Py_CLEAR(line);
    return line;
}

PyObject *mp_request_readlines(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "readlines()", 0, { "sizehint" } };
    Py_ssize_t hint, total = 0;
    PyObject *lines, *line;

    if (mp_args_limit(&signature, args, nargs, kwnames, &hint) < 0 || !(lines = PyList_New(0)))
        return NULL;
    while ((line = mp_request_next_line(self))) {
        int status = PyList_Append(lines, line);

        total += PyBytes_GET_SIZE(line);
        Py_DECREF(line);
        if (status < 0 || (hint > 0 && total >= hint))
            break;
    }
    if (PyErr_Occurred())
        Py_CLEAR(lines);
    return lines;
}

PyObject *mp_request_discard_request_body(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t nargs,
                                          PyObject *kwnames)
{
    mp_request *req = (mp_request *)self;
    request_rec *r;
    int status;

    if (mp_args_none("discard_request_body()", nargs, kwnames) < 0 || !(r = mp_request_enter(self)))
        return NULL;
    MP_BEGIN_BLOCKING(self)
    status = ap_discard_request_body(r);
    MP_END_BLOCKING(self)
    if (status == AP_FILTER_ERROR)      /* httpd has answered in our place, as for a chunked body that is too large */
        status = r->status >= HTTP_BAD_REQUEST ? r->status : HTTP_BAD_REQUEST;
    if (!req->body.unread)
        req->body.unread = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    apr_brigade_cleanup(req->body.unread);
    req->body.error = APR_SUCCESS;
    req->body.refused = 0;
    req->body.ended = 1;
    mp_request_keep(req);               /* httpd may not have read to the end: only this object knows that it is over */
    return PyLong_FromLong(status);
}

/* Internal redirect */

PyObject *mp_request_internal_redirect(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "internal_redirect()", 1, { "new_uri" } };
    PyObject *given[MP_ARGS_MAX];
    request_rec *r;
    char *uri;

    if (mp_args_take(&signature, args, nargs, kwnames, given) < 0)
        return NULL;
    if (!PyUnicode_Check(given[0]))
        return PyErr_Format(PyExc_TypeError, "internal_redirect() takes a str, not %.200s", Py_TYPE(given[0])->tp_name);
    r = enter_output(self);
    if (!r || !(uri = mp_text_to(given[0], r->pool, "new_uri")))
        return NULL;
    MP_BEGIN_BLOCKING(self)
    ap_internal_redirect(uri, r);
    MP_END_BLOCKING(self)
    Py_RETURN_NONE;
}
