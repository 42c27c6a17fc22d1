/* Reading and writing in a connection handler, through httpd's connection filters, so behind TLS too.
 *
 * In: a line is looked at before it is taken (AP_MODE_SPECULATIVE), so that what follows it stays in httpd's own
 * buffers, where the next read, or HTTP after a handler that declined, finds it.
 * Out: each write goes out at once. The buckets are copies: filters may keep them longer than the call lasts.
 */
#include "api/connection.h"

#define FIRST_READ 8192         /* bytes; doubled while there is more */
#define FIRST_LINE 256
#define PIECE 65536             /* of a write */

typedef enum { SOME, ALL, LINE } amount;

/* The conn_rec for a call that may block. NULL with RuntimeError. */
static conn_rec *enter(PyObject *self_, const char *function)
{
    mp_connection *self = (mp_connection *)self_;
    conn_rec *c = mp_object_rec(self_);
    unsigned long me = PyThread_get_thread_ident();

    if (!c)
        return NULL;
    if (!self->handler)
        return PyErr_Format(PyExc_RuntimeError, "%s of a connection works only while its PythonConnectionHandler runs; "
                            "a request reads and writes with req.read() and req.write()", function), NULL;
    if (self->object.in_flight && self->thread != me) {
        PyErr_SetString(PyExc_RuntimeError, "another thread is reading or writing this connection; only one may at a "
                        "time");
        return NULL;
    }
    self->thread = me;
    return c;
}

/* In */

/* What a brigade holds, at most n bytes of it, to `to`; it is empty then. */
static apr_size_t unload(mp_connection_io *io, char *to, apr_size_t n)
{
    apr_size_t got = 0;

    while (!APR_BRIGADE_EMPTY(io->in)) {
        apr_bucket *e = APR_BRIGADE_FIRST(io->in);
        const char *data;
        apr_size_t length = 0;

        if (APR_BUCKET_IS_EOS(e))
            io->ended = 1;
        else if (!APR_BUCKET_IS_METADATA(e) && got < n) {
            io->error = apr_bucket_read(e, &data, &length, APR_BLOCK_READ);
            if (io->error) {
                apr_brigade_cleanup(io->in);
                break;
            }
            if (length > n - got)
                length = n - got;       /* no filter gives more than was asked for */
            memcpy(to + got, data, length);
            got += length;
        }
        apr_bucket_delete(e);
    }
    return got;
}

/* Detached: asks httpd for at most n bytes. 0: the input ended or broke off, or (not blocking) has nothing yet. */
static apr_size_t fetch(mp_connection_io *io, conn_rec *c, char *to, apr_size_t n, ap_input_mode_t mode,
                        apr_read_type_e block)
{
    apr_size_t got = 0;

    if (!io->in)
        io->in = apr_brigade_create(c->pool, c->bucket_alloc);
    while (got == 0 && !io->ended && !io->error) {
        apr_status_t status = ap_get_brigade(c->input_filters, io->in, mode, block, (apr_off_t)n);
        int is_empty = APR_BRIGADE_EMPTY(io->in);

        if (status == APR_SUCCESS)
            got = unload(io, to, n);
        else
            apr_brigade_cleanup(io->in);
        if (block == APR_NONBLOCK_READ && (status == APR_SUCCESS || APR_STATUS_IS_EAGAIN(status)))
            break;
        /* A blocking read brings something, or there is nothing left. */
        if (APR_STATUS_IS_EOF(status) || (status == APR_SUCCESS && is_empty))
            io->ended = 1;
        else if (status != APR_SUCCESS)
            io->error = status;
    }
    return got;
}

/* Detached. At most n bytes, up to and including a LF; *complete then says that it came. */
static apr_size_t take_line(mp_connection_io *io, conn_rec *c, char *to, apr_size_t n, int *complete)
{
    apr_size_t got = 0;

    while (got < n && !*complete && !io->ended && !io->error) {
        apr_size_t there = fetch(io, c, to + got, n - got, AP_MODE_SPECULATIVE, APR_BLOCK_READ);
        const char *lf = memchr(to + got, '\n', there);

        if (lf)
            there = (apr_size_t)(lf + 1 - (to + got));
        while (there > 0 && !io->ended && !io->error) {
            apr_size_t part = fetch(io, c, to + got, there, AP_MODE_READBYTES, APR_BLOCK_READ);

            got += part;
            there -= part;
        }
        *complete = lf && there == 0;
    }
    return got;
}

/* Detached. *complete: there is no need to go on, even if the room is full. */
static apr_size_t take(mp_connection_io *io, conn_rec *c, char *to, apr_size_t n, amount what, int is_first,
                       int *complete)
{
    apr_size_t got = 0;

    switch (what) {
    case LINE:
        return take_line(io, c, to, n, complete);
    case SOME:
        return fetch(io, c, to, n, AP_MODE_READBYTES, is_first ? APR_BLOCK_READ : APR_NONBLOCK_READ);
    case ALL:
        while (got < n && !io->ended && !io->error)
            got += fetch(io, c, to + got, n - got, AP_MODE_READBYTES, APR_BLOCK_READ);
    }
    return got;
}

static void set_read_error(mp_connection_io *io, const conn_rec *c)
{
    char reason[128];

    if (APR_STATUS_IS_TIMEUP(io->error)) {
        PyErr_Format(PyExc_TimeoutError, "Connection read error: the client sent nothing for %ld seconds (Timeout)",
                     (long)apr_time_sec(c->base_server->timeout));
        io->error = APR_SUCCESS;        /* it may still send */
    }
    else if (io->error)
        PyErr_Format(PyExc_OSError, "Connection read error: %s", apr_strerror(io->error, reason, sizeof(reason)));
    else
        PyErr_SetString(PyExc_OSError, "Connection read error: the client has closed the connection");
}

/* Bytes, at most limit. eof (NULL: OSError) stands for an orderly end with nothing before it. */
static PyObject *gather(PyObject *self, const char *function, amount what, Py_ssize_t limit, PyObject *eof)
{
    mp_connection_io *io = &((mp_connection *)self)->io;
    conn_rec *c = enter(self, function);
    Py_ssize_t size = what == LINE ? FIRST_LINE : FIRST_READ, got = 0;
    PyObject *bytes = NULL;
    int complete = 0, had_ended = io->ended;

    if (!c)
        return NULL;
    if (size > limit)
        size = limit;
    bytes = PyBytes_FromStringAndSize(NULL, size);
    while (bytes) {
        char *at = PyBytes_AS_STRING(bytes) + got;

        if (!(c = enter(self, function)))               /* the allocation may have run other Python code */
            goto failed;
        MP_BEGIN_BLOCKING(self)
        got += (Py_ssize_t)take(io, c, at, (apr_size_t)(size - got), what, got == 0, &complete);
        MP_END_BLOCKING(self)
        if (io->error && (what != SOME || got == 0)) {  /* a part must not be taken for the whole */
            set_read_error(io, c);
            goto failed;
        }
        if (complete || got < size || got == limit)
            break;
        size = limit - size < size ? limit : size * 2;
        _PyBytes_Resize(&bytes, size);
    }
    if (bytes && got == 0 && (what != ALL || had_ended)) {
        Py_DECREF(bytes);
        if (!eof)
            set_read_error(io, c);
        return Py_XNewRef(eof);
    }
    if (bytes && got < size)
        _PyBytes_Resize(&bytes, got);
    return bytes;
failed:
    Py_DECREF(bytes);
    return NULL;
}

/* The arguments of read() and readline(): a number, 0 if there is none, and bytes or NULL. */
static int take_arguments(const mp_signature *signature, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                          Py_ssize_t *limit, PyObject **eof)
{
    PyObject *given[MP_ARGS_MAX];

    if (mp_args_take(signature, args, nargs, kwnames, given) < 0 || mp_args_size(given[0], 0, limit, "len") < 0)
        return -1;
    *eof = given[1] == Py_None ? NULL : given[1];
    if (*eof && !PyBytes_Check(*eof))
        return PyErr_Format(PyExc_TypeError, "%s: eof must be bytes, such as b'', not %.200s", signature->function,
                            Py_TYPE(*eof)->tp_name), -1;
    return 0;
}

PyObject *mp_connection_read(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "read()", 0, { "len", "eof" } };
    Py_ssize_t limit;
    PyObject *eof;

    if (take_arguments(&signature, args, nargs, kwnames, &limit, &eof) < 0)
        return NULL;
    if (limit < 0)
        return gather(self, "read()", ALL, PY_SSIZE_T_MAX, eof);
    return gather(self, "read()", SOME, limit ? limit : FIRST_READ, eof);
}

PyObject *mp_connection_readline(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "readline()", 0, { "len", "eof" } };
    Py_ssize_t limit;
    PyObject *eof;

    if (take_arguments(&signature, args, nargs, kwnames, &limit, &eof) < 0)
        return NULL;
    return gather(self, "readline()", LINE, limit > 0 ? limit : PY_SSIZE_T_MAX, eof);
}

/* Out */

/* Detached. */
static apr_status_t put(mp_connection_io *io, conn_rec *c, const char *data, apr_size_t n)
{
    apr_status_t status = APR_SUCCESS;

    if (!io->out)
        io->out = apr_brigade_create(c->pool, c->bucket_alloc);
    while (n > 0 && status == APR_SUCCESS) {
        apr_size_t part = n > PIECE ? PIECE : n;

        APR_BRIGADE_INSERT_TAIL(io->out, apr_bucket_heap_create(data, part, NULL, c->bucket_alloc));
        APR_BRIGADE_INSERT_TAIL(io->out, apr_bucket_flush_create(c->bucket_alloc));
        status = ap_pass_brigade(c->output_filters, io->out);
        apr_brigade_cleanup(io->out);
        data += part;
        n -= part;
    }
    return status == APR_SUCCESS && c->aborted ? APR_ECONNABORTED : status;
}

static void set_write_error(apr_status_t status, const conn_rec *c)
{
    char reason[128];

    if (APR_STATUS_IS_TIMEUP(status))
        PyErr_Format(PyExc_TimeoutError, "Connection write error: the client took nothing for %ld seconds (Timeout)",
                     (long)apr_time_sec(c->base_server->timeout));
    else
        PyErr_Format(PyExc_OSError, "Connection write error: the client is gone: %s",
                     apr_strerror(status, reason, sizeof(reason)));
}

PyObject *mp_connection_write(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "write()", 1, { "data" } };
    mp_connection_io *io = &((mp_connection *)self)->io;
    PyObject *given[MP_ARGS_MAX], *owned = NULL;
    apr_status_t status;
    Py_buffer view;
    conn_rec *c;

    if (mp_args_take(&signature, args, nargs, kwnames, given) < 0 || mp_body_data(given[0], &view, &owned) < 0)
        return NULL;
    if ((c = enter(self, "write()"))) {
        MP_BEGIN_BLOCKING(self)
        status = put(io, c, view.buf, (apr_size_t)view.len);
        MP_END_BLOCKING(self)
        if (status != APR_SUCCESS)
            set_write_error(status, c);
    }
    PyBuffer_Release(&view);
    Py_XDECREF(owned);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}
