/* The settings of this request, and handlers that are added to it. */
#include "api/request.h"

/* Both tables stand on the same record: brings what is there up to it. */
static mp_request_conf *own_tables(PyObject *self, request_rec *r)
{
    mp_request *req = (mp_request *)self;

    mp_request_follow_config(req, r);
    req->conf->tables_of = mp_host->dir_conf(r);
    return req->conf;
}

PyObject *mp_request_get_config(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t nargs, PyObject *kwnames)
{
    mp_request_conf *own;
    request_rec *r;

    if (mp_args_none("get_config()", nargs, kwnames) < 0 || !(r = mp_object_rec(self)))
        return NULL;
    own = own_tables(self, r);
    if (!own->config)
        own->config = mp_host->config_table(r->pool, own->tables_of);
    return mp_request_table_of((mp_request *)self, MP_CONFIG, own->config);
}

PyObject *mp_request_get_options(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t nargs, PyObject *kwnames)
{
    mp_request_conf *own;
    request_rec *r;

    if (mp_args_none("get_options()", nargs, kwnames) < 0 || !(r = mp_object_rec(self)))
        return NULL;
    own = own_tables(self, r);
    if (!own->options)
        own->options = mp_request_options_of(r->pool, own->tables_of);
    return mp_request_table_of((mp_request *)self, MP_OPTIONS, own->options);
}

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
static const char *directory_from(PyObject *value, apr_pool_t *p)
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
        return PyErr_Format(PyExc_ValueError, "add_handler(): %R is no directory name", value), NULL;
    length = strlen(directory);
    return length && directory[length - 1] == '/' ? directory : apr_pstrcat(p, directory, "/", NULL);
}

/* Without a dir: the place of the handlers that are there, else of the one that runs. */
static void copy_directory(mp_handler *handler, const mp_request *req, request_rec *r, int phase)
{
    const mp_dir_conf *conf = mp_host->dir_conf(r);
    const mp_handler *like = NULL;

    if (conf && conf->stacks[phase])
        like = conf->stacks[phase]->first;
    if (!like)
        like = req->conf->added[phase];
    if (!like)
        like = req->running.handler;
    if (!like)
        return;
    handler->directory = mp_host->handler_directory(r, like);
    handler->is_location = like->is_location;
    handler->wildcard = like->is_location && like->wildcard;
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

static int set_text(mp_handler *handler, PyObject *text, apr_pool_t *p)
{
    handler->text = mp_text_to(text, p, "handler");
    if (!handler->text)
        return -1;
    if (*handler->text)
        return 0;
    PyErr_SetString(PyExc_ValueError, "add_handler(): the handler is empty; write 'module' or 'module::function'");
    return -1;
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
    if (given[2] && given[2] != Py_None) {
        handler->directory = directory_from(given[2], r->pool);
        if (!handler->directory)
            return NULL;
    }
    else
        copy_directory(handler, req, r, phase);
    if (PyUnicode_Check(given[1])) {
        if (set_text(handler, given[1], r->pool) < 0)
            return NULL;
    }
    else if (!PyCallable_Check(given[1]))
        return PyErr_Format(PyExc_TypeError, "add_handler() takes 'module', 'module::function' or a callable, not "
                            "%.200s", Py_TYPE(given[1])->tp_name);
    else if (keep_callable(req, handler, given[1]) < 0)
        return NULL;
    if (!mp_object_rec(self))                           /* the list may have run other Python code */
        return NULL;
    for (last = &req->conf->added[phase]; *last; last = &(*last)->next)
        ;
    handler->placeless = !handler->callable && (!given[2] || given[2] == Py_None);
    *last = handler;
    Py_RETURN_NONE;
}

/* What other modules were told */

static int append_extension(void *extensions, const char *extension, const char *ours)
{
    if (*ours)
        APR_ARRAY_PUSH((apr_array_header_t *)extensions, const char *) = extension;
    return 1;
}

PyObject *mp_request_get_addhandler_exts(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t nargs,
                                         PyObject *kwnames)
{
    apr_array_header_t *extensions;
    const mp_dir_conf *conf;
    request_rec *r;

    if (mp_args_none("get_addhandler_exts()", nargs, kwnames) < 0 || !(r = mp_object_rec(self)))
        return NULL;
    conf = mp_host->dir_conf(r);
    extensions = apr_array_make(r->pool, 4, sizeof(const char *));
    if (conf->extensions)
        apr_table_do(append_extension, extensions, conf->extensions, NULL);
    if (extensions->nelts)
        APR_ARRAY_PUSH(extensions, const char *) = "";      /* a blank behind the last one, too */
    return mp_text_from(apr_array_pstrcat(r->pool, extensions, ' '));
}

PyObject *mp_request_requires(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t nargs, PyObject *kwnames)
{
    const apr_array_header_t *requirements;
    apr_array_header_t *lines;
    request_rec *r;

    if (mp_args_none("requires()", nargs, kwnames) < 0 || !(r = mp_object_rec(self)))
        return NULL;
    requirements = mp_host->dir_conf(r)->requirements;
    lines = apr_array_make(r->pool, 4, sizeof(const char *));
    for (int i = 0; requirements && i < requirements->nelts; i++) {
        const mp_requirement *requirement = &APR_ARRAY_IDX(requirements, i, mp_requirement);

        if (requirement->methods & (AP_METHOD_BIT << r->method_number))
            APR_ARRAY_PUSH(lines, const char *) = requirement->text;
    }
    return mp_tuple_from(lines);
}
