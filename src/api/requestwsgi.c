/* What mod_python.wsgi needs of a request: its environ, and start_response(). */
#include "api/request.h"

#include "apr_lib.h"
#include "util_script.h"

#define BASE_URI "mod_python.wsgi.base_uri"

/* environ */

/* The part of the URI that is the application's own name: the option, else the text of the <Location> that the handler
 * stands in. NULL with ValueError. */
static const char *script_name(PyObject *self)
{
    PyObject *options = mp_request_get_options(self, NULL, 0, NULL);
    request_rec *r = options ? mp_object_rec(self) : NULL;
    const mp_handler *handler = ((mp_request *)self)->running.handler;
    const char *option = r ? apr_table_get(((mp_object *)options)->rec, BASE_URI) : NULL;
    const char *name = NULL;
    size_t length;

    if (!r)
        goto done;
    if (option && *option) {
        if (option[strlen(option) - 1] == '/')
            PyErr_Format(PyExc_ValueError, "PythonOption " BASE_URI " must not end with '/': write '%s'",
                         apr_pstrmemdup(r->pool, option, strlen(option) - 1));
        else
            name = apr_pstrdup(r->pool, option);
        goto done;
    }
    name = "";
    if (handler && handler->is_location && !handler->wildcard && handler->directory) {
        for (length = strlen(handler->directory); length > 0 && handler->directory[length - 1] == '/'; length--)
            ;
        name = apr_pstrmemdup(r->pool, handler->directory, length);
    }
done:
    Py_XDECREF(options);
    return name;
}

/* What is behind the name; NULL if the URI is not below it. */
static const char *rest_of(const char *uri, const char *name)
{
    size_t length = strlen(name);

    if (strncmp(uri, name, length) || (uri[length] && uri[length] != '/'))
        return NULL;
    return uri + length;
}

static int set_object(PyObject *environ, const char *key, PyObject *value)
{
    int status = value ? PyDict_SetItemString(environ, key, value) : -1;

    Py_XDECREF(value);
    return status;
}

/* PEP 3333: text stands for bytes, one character for each. */
static int set_text(PyObject *environ, const char *key_, const char *value_)
{
    PyObject *key = mp_latin1_from(key_);
    PyObject *value = key ? mp_latin1_from(value_) : NULL;
    int status = value ? PyDict_SetItem(environ, key, value) : -1;

    Py_XDECREF(value);
    Py_XDECREF(key);
    return status;
}

static int is_mpm(int question)
{
    int answer = AP_MPMQ_NOT_SUPPORTED;

    return ap_mpm_query(question, &answer) == APR_SUCCESS && answer != AP_MPMQ_NOT_SUPPORTED;
}

/* What is no variable of the request. Makes objects that the garbage collector knows, so it comes first. */
static int set_wsgi(PyObject *environ, PyObject *self)
{
    PyObject *errors = PySys_GetObject("stderr");       /* borrowed */

    return set_object(environ, "wsgi.version", Py_BuildValue("(ii)", 1, 0)) < 0 ||
           set_object(environ, "wsgi.input", Py_NewRef(self)) < 0 ||
           set_object(environ, "wsgi.errors", Py_NewRef(errors ? errors : Py_None)) < 0 ||
           set_object(environ, "wsgi.multithread", PyBool_FromLong(is_mpm(AP_MPMQ_IS_THREADED))) < 0 ||
           set_object(environ, "wsgi.multiprocess", PyBool_FromLong(is_mpm(AP_MPMQ_IS_FORKED))) < 0 ||
           set_object(environ, "wsgi.run_once", PyBool_FromLong(0)) < 0 ? -1 : 0;
}

/* Of several variables of one name the first counts, as in a process's environment. */
static int set_variables(PyObject *environ, request_rec *r, const char *name, const char *path_info)
{
    const apr_array_header_t *entries = apr_table_elts(r->subprocess_env);
    const char *authorization = apr_table_get(r->headers_in, "Authorization");
    int i;

    for (i = entries->nelts - 1; i >= 0; i--) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(entries, i, apr_table_entry_t);

        if (entry->val && set_text(environ, entry->key, entry->val) < 0)
            return -1;
    }
    if (authorization && set_text(environ, "HTTP_AUTHORIZATION", authorization) < 0)
        return -1;
    return set_text(environ, "SCRIPT_NAME", name) < 0 || set_text(environ, "PATH_INFO", path_info) < 0 ||
           set_text(environ, "wsgi.url_scheme", ap_http_scheme(r)) < 0 ? -1 : 0;
}

PyObject *mp_request_build_wsgi_env(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t nargs,
                                    PyObject *kwnames)
{
    PyObject *environ = NULL, *none = NULL;
    const char *name, *path_info;
    request_rec *r;

    if (mp_args_none("build_wsgi_env()", nargs, kwnames) < 0 || !(name = script_name(self)) ||
        !(r = mp_object_rec(self)))
        return NULL;
    path_info = rest_of(r->uri, name);
    if (!path_info)
        Py_RETURN_NONE;
    if (!(none = mp_request_add_cgi_vars(self, NULL, 0, NULL)) ||
        !(environ = PyDict_New()) || set_wsgi(environ, self) < 0 ||
        !(r = mp_object_rec(self)) || set_variables(environ, r, name, path_info) < 0)
        Py_CLEAR(environ);
    Py_XDECREF(none);
    return environ;
}

/* start_response */

/* A status line such as "404 Not Found". NULL with TypeError or ValueError. */
static const char *status_from(PyObject *value, apr_pool_t *p)
{
    const char *status = mp_text_to(value, p, "status");

    if (!status)
        return NULL;
    if (!apr_isdigit(status[0]) || status[0] == '0' || !apr_isdigit(status[1]) || !apr_isdigit(status[2]) ||
        (status[3] && status[3] != ' '))
        return PyErr_Format(PyExc_ValueError, "status must be a number of three digits, at least 100, and a text, such "
                            "as '404 Not Found', not %R", value), NULL;
    if (strpbrk(status, "\r\n"))
        return PyErr_Format(PyExc_ValueError, "status must not contain a line end: %R", value), NULL;
    return status;
}

static int is_token(const char *name)
{
    const char *c;

    for (c = name; *c; c++)
        if (!apr_isalnum(*c) && !strchr("!#$%&'*+-.^_`|~", *c))
            return 0;
    return c > name;
}

static int is_length(const char *value)
{
    apr_off_t length;
    char *end;

    return apr_isdigit(*value) && apr_strtoff(&length, value, &end, 10) == APR_SUCCESS && !*end;
}

/* One (name, value), added to `headers`. 0, or -1 with an exception. */
static int take_header(apr_table_t *headers, PyObject *pair, apr_pool_t *p)
{
    const char *name, *value;

    if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2)
        return PyErr_Format(PyExc_TypeError, "headers must be a list of (name, value), not of %R", pair), -1;
    name = mp_text_to(PyTuple_GET_ITEM(pair, 0), p, "header name");
    value = name ? mp_text_to(PyTuple_GET_ITEM(pair, 1), p, "header value") : NULL;
    if (!value)
        return -1;
    if (!is_token(name))
        return PyErr_Format(PyExc_ValueError, "%R is no name of a header", PyTuple_GET_ITEM(pair, 0)), -1;
    if (strpbrk(value, "\r\n"))
        return PyErr_Format(PyExc_ValueError, "the value of header %s must not contain a line end: %R", name,
                            PyTuple_GET_ITEM(pair, 1)), -1;
    if (!ap_cstr_casecmp(name, "Content-Length") && !is_length(value))
        return PyErr_Format(PyExc_ValueError, "Content-Length must be a number of bytes, not %R",
                            PyTuple_GET_ITEM(pair, 1)), -1;
    apr_table_addn(headers, name, value);
    return 0;
}

static apr_table_t *headers_from(PyObject *list, apr_pool_t *p)
{
    apr_table_t *headers = apr_table_make(p, 8);
    Py_ssize_t i;

    if (!PyList_Check(list))
        return PyErr_Format(PyExc_TypeError, "headers must be a list of (name, value), not %.200s",
                            Py_TYPE(list)->tp_name), NULL;
    for (i = 0; i < PyList_GET_SIZE(list); i++)
        if (take_header(headers, PyList_GET_ITEM(list, i), p) < 0)
            return NULL;
    return headers;
}

/* The exception of an exc_info is raised again. */
static void raise_again(PyObject *exc_info)
{
    PyObject *value = PyTuple_GET_ITEM(exc_info, 1), *traceback = PyTuple_GET_ITEM(exc_info, 2);

    if (traceback != Py_None && PyException_SetTraceback(value, traceback) < 0)
        return;
    PyErr_SetObject((PyObject *)Py_TYPE(value), value);
}

static int check_exc_info(PyObject *exc_info)
{
    if (PyTuple_Check(exc_info) && PyTuple_GET_SIZE(exc_info) == 3 &&
        PyExceptionInstance_Check(PyTuple_GET_ITEM(exc_info, 1)))
        return 0;
    PyErr_SetString(PyExc_TypeError, "exc_info must be what sys.exc_info() gave while an exception was handled");
    return -1;
}

static int set_header(void *r_, const char *name, const char *value)
{
    request_rec *r = r_;

    if (!ap_cstr_casecmp(name, "Content-Type"))
        ap_set_content_type(r, value);
    else if (!ap_cstr_casecmp(name, "Content-Length")) {
        apr_off_t length = 0;
        char *end;

        apr_strtoff(&length, value, &end, 10);
        ap_set_content_length(r, length);
    }
    else
        apr_table_addn(r->headers_out, name, value);
    return 1;
}

static int add_header(void *headers, const char *name, const char *value)
{
    apr_table_addn(headers, name, value);
    return 1;
}

/* For an error that comes up before anything is sent: what the first call does can be taken back. */
static void remember(mp_request *req, const request_rec *r)
{
    req->before_response.headers = apr_table_copy(r->pool, r->headers_out);
    req->before_response.content_type = r->content_type;
}

static void start_over(mp_request *req, request_rec *r)
{
    apr_table_clear(r->headers_out);
    apr_table_do(add_header, r->headers_out, req->before_response.headers, NULL);
    ap_set_content_type(r, req->before_response.content_type);
    r->clength = 0;
}

/* Whether something may have reached the client. */
static int has_begun(const mp_request *req, const request_rec *r)
{
    return r->sent_bodyct || r->eos_sent || req->queued;
}

PyObject *mp_request_wsgi_start_response(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const mp_signature signature = { "wsgi_start_response()", 2, { "status", "headers", "exc_info" } };
    mp_request *req = (mp_request *)self;
    PyObject *given[MP_ARGS_MAX], *exc_info, *write = NULL;
    request_rec *r = mp_object_rec(self);
    const char *status;
    apr_table_t *headers;

    if (!r || mp_args_take(&signature, args, nargs, kwnames, given) < 0)
        return NULL;
    exc_info = given[2] && given[2] != Py_None ? given[2] : NULL;
    if (exc_info && check_exc_info(exc_info) < 0)
        return NULL;
    if (exc_info && has_begun(req, r))
        return raise_again(exc_info), NULL;
    if (!exc_info && req->before_response.headers) {
        PyErr_SetString(PyExc_RuntimeError, "start_response() was called already; only with exc_info it may be again");
        return NULL;
    }
    if (!(status = status_from(given[0], r->pool)) || !(headers = headers_from(given[1], r->pool)) ||
        !(write = PyObject_GetAttrString(self, "write")) || !(r = mp_object_rec(self))) {
        Py_XDECREF(write);
        return NULL;
    }
    if (req->before_response.headers)
        start_over(req, r);
    else
        remember(req, r);
    r->status = atoi(status);
    r->status_line = status;
    req->conf->content_type_set |= apr_table_get(headers, "Content-Type") != NULL;
    apr_table_do(set_header, r, headers, NULL);
    return write;
}
