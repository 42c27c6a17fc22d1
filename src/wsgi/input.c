/* wsgi.input: the body, read as the application asks for it. There is no limit but the body's end.
 *
 * read() goes straight into the bytes object that it returns. readline() reads ahead into a buffer, which read()
 * empties first.
 */
#include "wsgi/watch.h"

#include "api/args.h"

#define FIRST_READ 8192                 /* bytes; doubled while there is more */
#define TRUSTED_LENGTH (1024 * 1024)    /* memory taken because a client says that it will send so much */
#define READ_AHEAD 8192

typedef struct {
    PyObject_HEAD
    mp_wsgi_call *call;                 /* strong */
    char *ahead;                        /* NULL: readline() was not called yet */
    size_t from, to;                    /* what is unread of it */
    int ended;
    int failed;
} mp_wsgi_input;

PyObject *mp_wsgi_input_new(mp_wsgi_call *call)
{
    mp_wsgi_input *input = PyObject_New(mp_wsgi_input, call->state->Input_Type);

    if (!input)
        return NULL;
    input->call = (mp_wsgi_call *)Py_NewRef(call);
    input->ahead = NULL;
    input->from = input->to = 0;
    input->ended = input->failed = 0;
    return (PyObject *)input;
}

static void input_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    Py_DECREF(((mp_wsgi_input *)self)->call);
    PyMem_Free(((mp_wsgi_input *)self)->ahead);
    PyObject_Free(self);
    Py_DECREF(type);
}

static int raise_if_over(const mp_wsgi_input *input, const char *what)
{
    if (input->call->gateway)
        return 0;
    PyErr_Format(PyExc_RuntimeError, "%s called on wsgi.input after request completed", what);
    return -1;
}

/* What a gateway has next, at most n bytes; 0 at the end. -1 with OSError. Inside the gateway. */
static Py_ssize_t fetch(mp_wsgi_input *input, mp_gateway *gateway, char *to, Py_ssize_t n)
{
    mp_wsgi_watch *watch = input->call->watch;
    apr_size_t got = (apr_size_t)n;
    apr_time_t before;
    apr_status_t status;
    char reason[128];

    if (input->ended)
        return 0;
    if (input->failed) {
        mp_wsgi_gateway_failed(input->call, "mod_wsgi request data read error: input is already in error state");
        return -1;
    }
    before = watch ? apr_time_now() : 0;
    Py_BEGIN_ALLOW_THREADS
    status = gateway->calls->read(gateway, to, &got);
    Py_END_ALLOW_THREADS
    if (watch) {
        watch->input_reads++;
        watch->input_time += apr_time_now() - before;
        watch->input_length += status == APR_SUCCESS ? (apr_off_t)got : 0;
    }
    if (status != APR_SUCCESS) {
        input->failed = 1;
        mp_wsgi_gateway_failed(input->call, "mod_wsgi request data read error: %s",
                               apr_strerror(status, reason, sizeof(reason)));
        return -1;
    }
    input->ended = got == 0;
    return (Py_ssize_t)got;
}

static Py_ssize_t take_ahead(mp_wsgi_input *input, char *to, Py_ssize_t n)
{
    Py_ssize_t there = (Py_ssize_t)(input->to - input->from);

    if (n > there)
        n = there;
    if (n > 0)
        memcpy(to, input->ahead + input->from, (size_t)n);
    input->from += (size_t)n;
    return n;
}

/* How much memory to begin with. A body whose length is known ends there, most likely. */
static Py_ssize_t first_size(mp_gateway *gateway, Py_ssize_t limit)
{
    apr_off_t said = gateway->body_length;
    Py_ssize_t size = said >= 0 ? (Py_ssize_t)(said < TRUSTED_LENGTH ? said : TRUSTED_LENGTH) : FIRST_READ;

    if (limit >= 0 && limit < size)
        return limit;
    if (limit >= 0 && size < FIRST_READ)
        size = limit < FIRST_READ ? limit : FIRST_READ;
    return size > 0 ? size : FIRST_READ;
}

/* read(): at most limit bytes (negative: all). Inside the gateway. */
static PyObject *gather(mp_wsgi_input *input, mp_gateway *gateway, Py_ssize_t limit)
{
    Py_ssize_t size = first_size(gateway, limit), got = 0, n;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, size);

    if (bytes)
        got = take_ahead(input, PyBytes_AS_STRING(bytes), size);
    while (bytes && (limit < 0 || got < limit)) {
        if (got == size) {
            char probe;

            n = fetch(input, gateway, &probe, 1);       /* a known length ends here: no second allocation */
            if (n > 0) {
                size = limit >= 0 && limit - size < size ? limit : size * 2;
                if (_PyBytes_Resize(&bytes, size) < 0)
                    return NULL;
                PyBytes_AS_STRING(bytes)[got] = probe;
            }
        }
        else
            n = fetch(input, gateway, PyBytes_AS_STRING(bytes) + got, size - got);
        if (n < 0)
            Py_CLEAR(bytes);
        if (n <= 0)
            break;
        got += n;
    }
    if (bytes && got < size)
        _PyBytes_Resize(&bytes, got);
    return bytes;
}

/* Appends to *line, which may be NULL. */
static int append(PyObject **line, const char *data, Py_ssize_t n)
{
    Py_ssize_t before = *line ? PyBytes_GET_SIZE(*line) : 0;

    if (!*line)
        *line = PyBytes_FromStringAndSize(NULL, n);
    else
        _PyBytes_Resize(line, before + n);
    if (!*line)
        return -1;
    memcpy(PyBytes_AS_STRING(*line) + before, data, (size_t)n);
    return 0;
}

/* readline(): up to and with the LF, at most limit bytes. Inside the gateway. */
static PyObject *gather_line(mp_wsgi_input *input, mp_gateway *gateway, Py_ssize_t limit)
{
    PyObject *line = NULL;
    Py_ssize_t got = 0;
    const char *end = NULL;

    if (!input->ahead && !(input->ahead = PyMem_Malloc(READ_AHEAD)))
        return PyErr_NoMemory();
    while (!end && (limit < 0 || got < limit)) {
        Py_ssize_t n;

        if (input->from == input->to) {
            n = fetch(input, gateway, input->ahead, READ_AHEAD);
            if (n < 0) {
                Py_XDECREF(line);
                return NULL;
            }
            if (n == 0)
                break;
            input->from = 0;
            input->to = (size_t)n;
        }
        n = (Py_ssize_t)(input->to - input->from);
        if (limit >= 0 && n > limit - got)
            n = limit - got;
        end = memchr(input->ahead + input->from, '\n', (size_t)n);
        if (end)
            n = end + 1 - (input->ahead + input->from);
        if (append(&line, input->ahead + input->from, n) < 0)
            return NULL;
        input->from += (size_t)n;
        got += n;
    }
    return line ? line : PyBytes_FromStringAndSize(NULL, 0);
}

typedef PyObject *(*gatherer)(mp_wsgi_input *, mp_gateway *, Py_ssize_t);

static PyObject *inside(mp_wsgi_input *input, gatherer gather_, Py_ssize_t limit, const char *what)
{
    PyObject *result;
    mp_gateway *gateway;

    if (raise_if_over(input, what) < 0)
        return NULL;
    if (limit == 0)
        return PyBytes_FromStringAndSize(NULL, 0);
    if (!(gateway = mp_wsgi_enter(input->call, "wsgi.input used")))
        return NULL;
    result = gather_(input, gateway, limit);
    mp_wsgi_leave(input->call);
    return result;
}

static PyObject *input_read(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "read()", 0, { "size" } };
    Py_ssize_t limit;

    return mp_args_limit(&signature, args, nargs, kwnames, &limit) < 0
         ? NULL : inside((mp_wsgi_input *)self, gather, limit, "read()");
}

static PyObject *input_readline(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "readline()", 0, { "size" } };
    Py_ssize_t limit;

    return mp_args_limit(&signature, args, nargs, kwnames, &limit) < 0
         ? NULL : inside((mp_wsgi_input *)self, gather_line, limit, "readline()");
}

static PyObject *next_line(mp_wsgi_input *input, const char *what)
{
    PyObject *line = inside(input, gather_line, -1, what);

    if (line && PyBytes_GET_SIZE(line) == 0)
        Py_CLEAR(line);
    return line;
}

static PyObject *input_next(PyObject *self)
{
    return next_line((mp_wsgi_input *)self, "next()");
}

static PyObject *input_iter(PyObject *self)
{
    return raise_if_over((mp_wsgi_input *)self, "iter()") < 0 ? NULL : Py_NewRef(self);
}

static PyObject *input_readlines(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "readlines()", 0, { "hint" } };
    Py_ssize_t hint, total = 0;
    PyObject *lines, *line;

    if (mp_args_limit(&signature, args, nargs, kwnames, &hint) < 0 || !(lines = PyList_New(0)))
        return NULL;
    while ((line = next_line((mp_wsgi_input *)self, "readlines()"))) {
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

static PyObject *input_close(PyObject *self, PyObject *Py_UNUSED(nothing))
{
    if (raise_if_over((mp_wsgi_input *)self, "close()") < 0)
        return NULL;
    Py_RETURN_NONE;
}

#define FAST(function) ((PyCFunction)(void (*)(void))(function)), METH_FASTCALL | METH_KEYWORDS

static PyMethodDef input_methods[] = {
    { "read", FAST(input_read), "read(size=-1): the next bytes of the body, all of them if size is negative." },
    { "readline", FAST(input_readline), "readline(size=-1): the next line, at most size bytes of it." },
    { "readlines", FAST(input_readlines), "readlines(hint=-1): lines, until they have hint bytes." },
    { "close", input_close, METH_NOARGS, "Does nothing." },
    { NULL, NULL, 0, NULL }
};

static PyType_Slot input_slots[] = {
    { Py_tp_dealloc, input_dealloc },
    { Py_tp_iter, input_iter },
    { Py_tp_iternext, input_next },
    { Py_tp_methods, input_methods },
    { Py_tp_doc, "The body of the request." },
    { 0, NULL }
};

static PyType_Spec input_spec = {
    .name = "mod_wsgi.Input",
    .basicsize = sizeof(mp_wsgi_input),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = input_slots,
};

int mp_wsgi_input_type_add(PyObject *module, mp_wsgi_state *state)
{
    state->Input_Type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &input_spec, NULL);
    return state->Input_Type ? 0 : -1;
}
