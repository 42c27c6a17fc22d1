/* Handlers and filters that are added to this request. */
#include "api/request.h"

/* The phase of a directive's name; PythonCleanupHandler takes none. -1 with an exception. */
static int phase_of(PyObject *name)
{
    int phase;

    if (!PyUnicode_Check(name)) {
        PyErr_Format(PyExc_TypeError, "htype must be str, not %.200s", Py_TYPE(name)->tp_name);
        return -1;
    }
    for (phase = 0; phase < MP_PHASES; phase++)
        if (phase != MP_CLEANUP &&
            PyUnicode_CompareWithASCIIString(name, mp_host->phase_directive((mp_phase)phase)) == 0)
            return phase;
    PyErr_Format(PyExc_IndexError, "add_handler(): no phase %R; a phase has its directive's name, such as "
                 "'PythonHandler'", name);
    return -1;
}

/* Canonical, with a slash at its end. NULL with an exception. */
static const char *directory_from(PyObject *value, apr_pool_t *p, const char *function)
{
    const char *given;
    char *directory;
    size_t length;

    if (!PyUnicode_Check(value) && !PyBytes_Check(value))
        return PyErr_Format(PyExc_TypeError, "dir must be str or None, not %.200s", Py_TYPE(value)->tp_name), NULL;
    given = mp_path_to(value, p, "dir");
    if (!given)
        return NULL;
    if (apr_filepath_merge(&directory, NULL, given, APR_FILEPATH_TRUENAME, p) != APR_SUCCESS)
        return PyErr_Format(PyExc_ValueError, "%s: %R is no directory name", function, value), NULL;
    length = strlen(directory);
    return length && directory[length - 1] == '/' ? directory : apr_pstrcat(p, directory, "/", NULL);
}

/* Whose directory a handler gets that was added without one. */
static const mp_handler *other_handler(const mp_request *req, request_rec *r, int phase)
{
    const mp_dir_conf *conf = mp_host->dir_conf(r);
    const mp_handler *other = NULL;

    if (conf && conf->stacks[phase])
        other = conf->stacks[phase]->first;
    if (!other)
        other = req->conf->added[phase];
    return other ? other : req->running.handler;
}

/* The request object keeps the callable: the handler is in httpd's memory, where no reference can be. */
static int keep_callable(mp_request *req, mp_handler *handler, PyObject *callable)
{
    if (!req->callables && !(req->callables = PyList_New(0)))
        return -1;
    if (PyList_Append(req->callables, callable) < 0)
        return -1;
    handler->text = "";
    handler->callable = callable;
    handler->interp = req->head.state->interp;
    mp_request_keep(req);
    return 0;
}

static int set_text(mp_handler *handler, PyObject *text, apr_pool_t *p, const char *function)
{
    handler->text = mp_text_to(text, p, "handler");
    if (!handler->text)
        return -1;
    if (*handler->text)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s: the handler is empty; write 'module' or 'module::function'", function);
    return -1;
}

/* From the arguments handler and dir of a method; without a dir it is where `other` is. 0, or -1 with an exception. */
static int fill(mp_handler *handler, PyObject *self, request_rec *r, const char *function, PyObject *what,
                PyObject *dir, const mp_handler *other)
{
    if (dir && dir != Py_None) {
        handler->directory = directory_from(dir, r->pool, function);
        if (!handler->directory)
            return -1;
    }
    else if (other) {
        handler->directory = mp_host->handler_directory(r, other);
        handler->is_location = other->is_location;
        handler->wildcard = other->is_location && other->wildcard;
    }
    if (PyUnicode_Check(what)) {
        if (set_text(handler, what, r->pool, function) < 0)
            return -1;
    }
    else if (!PyCallable_Check(what)) {
        PyErr_Format(PyExc_TypeError, "%s takes 'module', 'module::function' or a callable, not %.200s", function,
                     Py_TYPE(what)->tp_name);
        return -1;
    }
    else if (keep_callable((mp_request *)self, handler, what) < 0)
        return -1;
    return mp_object_rec(self) ? 0 : -1;                /* the list may have run other Python code */
}

PyObject *mp_request_add_handler(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "add_handler()", 2, { "htype", "handler", "dir" } };
    mp_request *req = (mp_request *)self;
    PyObject *given[MP_ARGS_MAX];
    mp_handler *handler, **last;
    request_rec *r;
    int phase;

    if (mp_args_take(&signature, args, nargs, kwnames, given) < 0 || (phase = phase_of(given[0])) < 0 ||
        !(r = mp_object_rec(self)))
        return NULL;
    handler = apr_pcalloc(r->pool, sizeof(*handler));
    if (fill(handler, self, r, signature.function, given[1], given[2], other_handler(req, r, phase)) < 0)
        return NULL;
    for (last = &req->conf->added[phase]; *last; last = &(*last)->next)
        ;
    handler->placeless = !handler->callable && (!given[2] || given[2] == Py_None);
    *last = handler;
    Py_RETURN_NONE;
}

/* Filters of this request */

/* A name as httpd compares it: in lower case. NULL with an exception. */
static char *filter_name(PyObject *value, apr_pool_t *p, const char *function)
{
    char *name = NULL;

    if (!PyUnicode_Check(value))
        PyErr_Format(PyExc_TypeError, "%s takes the filter's name as str, not %.200s", function,
                     Py_TYPE(value)->tp_name);
    else if ((name = mp_text_to(value, p, "name")) && !*name) {
        PyErr_Format(PyExc_ValueError, "%s: the filter's name is empty", function);
        return NULL;
    }
    if (name)
        ap_str_tolower(name);
    return name;
}

static PyObject *register_filter(PyObject *self, const mp_signature *signature, PyObject *const *args, Py_ssize_t nargs,
                                 PyObject *kwnames, int is_input)
{
    mp_request *req = (mp_request *)self;
    PyObject *given[MP_ARGS_MAX];
    mp_filter_entry *entry;
    request_rec *r;

    if (mp_args_take(signature, args, nargs, kwnames, given) < 0 || !(r = mp_object_rec(self)))
        return NULL;
    entry = apr_pcalloc(r->pool, sizeof(*entry));
    entry->is_input = is_input;
    entry->name = filter_name(given[0], r->pool, signature->function);
    if (!entry->name ||
        fill(&entry->handler, self, r, signature->function, given[1], given[2], req->running.handler) < 0)
        return NULL;
    entry->next = req->conf->filters;
    req->conf->filters = entry;
    Py_RETURN_NONE;
}

PyObject *mp_request_register_input_filter(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "register_input_filter()", 2, { "name", "handler", "dir" } };

    return register_filter(self, &signature, args, nargs, kwnames, 1);
}

PyObject *mp_request_register_output_filter(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "register_output_filter()", 2, { "name", "handler", "dir" } };

    return register_filter(self, &signature, args, nargs, kwnames, 0);
}

/* One that the request has registered; or any that httpd knows, which logs if it knows none. */
static PyObject *add_filter(PyObject *self, const mp_signature *signature, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames, int is_input)
{
    PyObject *given[MP_ARGS_MAX];
    const mp_filter_entry *entry;
    mp_filtering *filtering = NULL;
    const char *name;
    request_rec *r;

    if (mp_args_take(signature, args, nargs, kwnames, given) < 0 || !(r = mp_object_rec(self)) ||
        !(name = filter_name(given[0], r->pool, signature->function)))
        return NULL;
    for (entry = ((mp_request *)self)->conf->filters; entry; entry = entry->next)
        if (entry->is_input == is_input && !strcmp(entry->name, name))
            break;
    if (entry) {
        name = MP_DYNAMIC_FILTER;
        filtering = apr_pcalloc(r->pool, sizeof(*filtering));
        filtering->name = name;
        filtering->handler = &entry->handler;
        filtering->is_input = is_input != 0;
    }
    if (is_input)
        ap_add_input_filter(name, filtering, r, r->connection);
    else
        ap_add_output_filter(name, filtering, r, r->connection);
    Py_RETURN_NONE;
}

PyObject *mp_request_add_input_filter(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "add_input_filter()", 1, { "name" } };

    return add_filter(self, &signature, args, nargs, kwnames, 1);
}

PyObject *mp_request_add_output_filter(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "add_output_filter()", 1, { "name" } };

    return add_filter(self, &signature, args, nargs, kwnames, 0);
}
