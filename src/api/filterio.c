/* The methods of mp_filter: what is between a function's bytes and str and the stream's buckets. */
#include "api/filter.h"
#include "api/convert.h"

#define FIRST_READ 8192                 /* bytes; doubled while there is more */
#define FIRST_LINE 256
#define TRUSTED_LENGTH (1024 * 1024)    /* memory taken because a function asks for so much */

static int refuse_closed(const mp_stream *stream, const char *function)
{
    if (!stream->closed)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s: the filter is closed", function);
    return -1;
}

/* In */

static void set_read_error(const mp_stream *stream)
{
    char reason[128];

    if (APR_STATUS_IS_TIMEUP(stream->status))
        PyErr_SetString(PyExc_OSError, "Read failed (Timeout?)");
    else
        PyErr_Format(PyExc_OSError, "Read failed: %s", mp_stream_reason(stream, reason, sizeof(reason)));
}

static Py_ssize_t first_size(const mp_stream *stream, Py_ssize_t limit, int line)
{
    Py_ssize_t size = line ? FIRST_LINE : FIRST_READ;

    if (!line && limit > size)
        size = limit < TRUSTED_LENGTH ? limit : TRUSTED_LENGTH;
    else if (!line && limit < 0) {
        apr_size_t length = mp_stream_length(stream);

        if (length >= (apr_size_t)size && length < PY_SSIZE_T_MAX)
            size = (Py_ssize_t)length + 1;      /* one more, so that the end of it is met in the same read */
    }
    return limit >= 0 && limit < size ? limit : size;
}

/* read() and readline(): bytes, at most limit (negative: no limit); None at the end. */
static PyObject *gather(PyObject *self, Py_ssize_t limit, int line)
{
    mp_stream *stream = mp_filter_enter(self);
    PyObject *bytes = NULL;
    Py_ssize_t size, got = 0;
    mp_stream_stop stop;

    if (!stream || refuse_closed(stream, line ? "readline()" : "read()") < 0)
        return NULL;
    if (limit == 0)
        return PyBytes_FromStringAndSize(NULL, 0);
    size = first_size(stream, limit, line);
    bytes = PyBytes_FromStringAndSize(NULL, size);
    while (bytes) {
        char *at = PyBytes_AS_STRING(bytes) + got;

        if (!(stream = mp_filter_enter(self)))          /* the allocation may have run other Python code */
            goto failed;
        MP_BEGIN_BLOCKING(self)
        got += (Py_ssize_t)mp_stream_take(stream, at, (apr_size_t)(size - got), line, &stop);
        MP_END_BLOCKING(self)
        if (stream->status && got == 0) {
            set_read_error(stream);
            goto failed;
        }
        if (stop == MP_STREAM_END && got == 0) {
            Py_DECREF(bytes);
            Py_RETURN_NONE;
        }
        if (stop != MP_STREAM_FULL || got < size || got == limit)
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

PyObject *mp_filter_read(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "read()", 0, { "len" } };
    Py_ssize_t limit;

    return mp_args_limit(&signature, args, nargs, kwnames, &limit) < 0 ? NULL : gather(self, limit, 0);
}

PyObject *mp_filter_readline(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "readline()", 0, { "len" } };
    Py_ssize_t limit;

    return mp_args_limit(&signature, args, nargs, kwnames, &limit) < 0 ? NULL : gather(self, limit, 1);
}

/* Out */

static PyObject *written(apr_status_t status)
{
    if (status == APR_SUCCESS)
        Py_RETURN_NONE;
    PyErr_SetString(PyExc_OSError, "Write failed, client closed connection.");
    return NULL;
}

PyObject *mp_filter_write(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "write()", 1, { "data" } };
    PyObject *given[MP_ARGS_MAX], *owned, *result = NULL;
    apr_status_t status;
    mp_stream *stream;
    Py_buffer data;

    if (mp_args_take(&signature, args, nargs, kwnames, given) < 0 || mp_body_data(given[0], &data, &owned) < 0)
        return NULL;
    stream = mp_filter_enter(self);
    if (!stream || refuse_closed(stream, signature.function) < 0)
        goto done;
    if (mp_stream_fits(stream, (apr_size_t)data.len))
        status = mp_stream_write(stream, data.buf, (apr_size_t)data.len);
    else {
        MP_BEGIN_BLOCKING(self)
        status = mp_stream_write(stream, data.buf, (apr_size_t)data.len);
        MP_END_BLOCKING(self)
    }
    result = written(status);
done:
    PyBuffer_Release(&data);
    Py_XDECREF(owned);
    return result;
}

PyObject *mp_filter_flush(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t nargs, PyObject *kwnames)
{
    mp_stream *stream;
    apr_status_t status;

    if (mp_args_none("flush()", nargs, kwnames) < 0 || !(stream = mp_filter_enter(self)))
        return NULL;
    MP_BEGIN_BLOCKING(self)
    status = mp_stream_pass(stream, 1);
    MP_END_BLOCKING(self)
    return written(status);
}

PyObject *mp_filter_close(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t nargs, PyObject *kwnames)
{
    mp_stream *stream;
    apr_status_t status;

    if (mp_args_none("close()", nargs, kwnames) < 0 || !(stream = mp_filter_enter(self)))
        return NULL;
    MP_BEGIN_BLOCKING(self)
    status = mp_stream_close(stream);
    MP_END_BLOCKING(self)
    return written(status);
}

static PyObject *hand_over(PyObject *self, mp_stream *stream)
{
    apr_status_t status;

    MP_BEGIN_BLOCKING(self)
    status = mp_stream_pass_on(stream);
    MP_END_BLOCKING(self)
    return written(status);
}

PyObject *mp_filter_pass_on(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t nargs, PyObject *kwnames)
{
    mp_stream *stream;

    if (mp_args_none("pass_on()", nargs, kwnames) < 0 || !(stream = mp_filter_enter(self)) ||
        refuse_closed(stream, "pass_on()") < 0)
        return NULL;
    return hand_over(self, stream);
}

PyObject *mp_filter_disable(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t nargs, PyObject *kwnames)
{
    mp_stream *stream;

    if (mp_args_none("disable()", nargs, kwnames) < 0 || !(stream = mp_filter_enter(self)))
        return NULL;
    if (!((mp_filter *)self)->filtering)
        Py_RETURN_NONE;
    ((mp_filter *)self)->filtering->off = 1;
    return stream->closed ? Py_NewRef(Py_None) : hand_over(self, stream);
}
