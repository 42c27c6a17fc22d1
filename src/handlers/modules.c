#include "handlers/modules.h"

#include "runtime/imports.h"

#include <sys/stat.h>

/* A file that a handler stands on, as it was when it was loaded. */
typedef struct {
    char *name;
    long long mtime;            /* nanoseconds */
    long long size;
    int missing;                /* it was gone at the last look, and that was logged */
} watched;

/* One handler text in one directory with one PythonPath. */
typedef struct cached cached;
struct cached {
    const char *directory, *path;
    PyObject *module;
    PyObject *object;           /* what stands behind "::", interned; NULL: the phase's function */
    int dotted;                 /* it has dots: classes on the way are instantiated, per call */
    watched *files;
    Py_ssize_t count;
    unsigned long epoch;        /* the interpreter's when this was imported */
    const request_rec *seen;    /* the request that looked at the files last, and when it began: looks once */
    apr_time_t seen_time;
    cached *next;               /* same text */
};

typedef struct {
    apr_hash_t *by_text;
    PyObject *functions[MP_PLACES];     /* "handler", ... interned */
} cache;

static cache *cache_of(mp_interp *interp)
{
    if (!interp->modules) {
        cache *new = apr_pcalloc(interp->pool, sizeof(*new));

        new->by_text = apr_hash_make(interp->pool);
        interp->modules = new;
    }
    return interp->modules;
}

static int same(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

static cached *find(cache *all, const char *text, const char *directory, const char *path)
{
    cached *c = apr_hash_get(all->by_text, text, APR_HASH_KEY_STRING);

    while (c && !(same(c->directory, directory) && same(c->path, path)))
        c = c->next;
    return c;
}

/* NULL with an exception. */
static cached *add(mp_interp *interp, const char *text, const char *directory, const char *path)
{
    cache *all = cache_of(interp);
    const char *object = strstr(text, "::");
    cached *c = apr_pcalloc(interp->pool, sizeof(*c));

    c->directory = apr_pstrdup(interp->pool, directory);
    c->path = apr_pstrdup(interp->pool, path);
    if (object) {
        if (!(c->object = PyUnicode_InternFromString(object + 2)))
            return NULL;
        c->dotted = strchr(object + 2, '.') != NULL;
    }
    c->next = apr_hash_get(all->by_text, text, APR_HASH_KEY_STRING);
    apr_hash_set(all->by_text, c->next ? text : apr_pstrdup(interp->pool, text), APR_HASH_KEY_STRING, c);
    return c;
}

/* A file that went away is no change (the module goes on), but the log has a line about it. */
static int file_changed(watched *file, server_rec *s)
{
    struct stat now;

    if (stat(file->name, &now) != 0) {
        if (!file->missing)
            ap_log_error(APLOG_MARK, APLOG_WARNING, errno, s, "MP0014: %s can't be looked at any more; what was loaded "
                          "from it stays in use", file->name);
        file->missing = 1;
        return 0;
    }
    file->missing = 0;
    return now.st_mtim.tv_sec * 1000000000LL + now.st_mtim.tv_nsec != file->mtime || now.st_size != file->size;
}

/* Whether what is cached may be used: no import since, no file changed. Within one request, one look is enough. */
static int fresh(cached *c, mp_interp *interp, request_rec *r, server_rec *s, int autoreload)
{
    Py_ssize_t i;

    if (!c->module || c->epoch != interp->epoch)
        return 0;
    if (!autoreload || (r && c->seen == r && c->seen_time == r->request_time))
        return 1;
    for (i = 0; i < c->count; i++)
        if (file_changed(&c->files[i], s))
            return 0;
    c->seen = r;
    c->seen_time = r ? r->request_time : 0;
    return 1;
}

static void forget_files(watched *files, Py_ssize_t count)
{
    while (count-- > 0)
        free(files[count].name);
    free(files);
}

/* From the importer's ((file, mtime in ns, size), ...). -1 with an exception. */
static int take_files(cached *c, PyObject *list)
{
    Py_ssize_t i, n = PyTuple_GET_SIZE(list);
    watched *files = calloc((size_t)n + 1, sizeof(*files));

    if (!files) {
        PyErr_NoMemory();
        return -1;
    }
    for (i = 0; i < n; i++) {
        PyObject *file = NULL;

        if (PyArg_ParseTuple(PyTuple_GET_ITEM(list, i), "O&LL;a watched file", PyUnicode_FSConverter, &file,
                             &files[i].mtime, &files[i].size))
            files[i].name = strdup(PyBytes_AS_STRING(file));
        Py_XDECREF(file);
        if (!files[i].name) {
            if (!PyErr_Occurred())
                PyErr_NoMemory();
            forget_files(files, i);
            return -1;
        }
    }
    forget_files(c->files, c->count);
    c->files = files;
    c->count = n;
    return 0;
}

static PyObject *call_importer(mp_state *state, const char *text, const char *directory, const char *path,
                               int autoreload, int log)
{
    const char *object = strstr(text, "::");
    Py_ssize_t len = object ? object - text : (Py_ssize_t)strlen(text);
    PyObject *name = PyUnicode_DecodeFSDefaultAndSize(text, len);
    PyObject *dir = directory ? PyUnicode_DecodeFSDefault(directory) : Py_NewRef(Py_None);
    PyObject *expression = path ? PyUnicode_DecodeFSDefault(path) : Py_NewRef(Py_None);
    PyObject *result = NULL;

    if (name && dir && expression)
        result = PyObject_CallFunction(state->import_handler, "OOOOO", name, dir, expression,
                                       autoreload ? Py_True : Py_False, log ? Py_True : Py_False);
    Py_XDECREF(expression);
    Py_XDECREF(dir);
    Py_XDECREF(name);
    if (result && !(PyTuple_CheckExact(result) && PyTuple_GET_SIZE(result) == 2 &&
                    PyTuple_CheckExact(PyTuple_GET_ITEM(result, 1)))) {
        Py_CLEAR(result);
        PyErr_SetString(PyExc_TypeError, "import_handler() must return (module, tuple of files)");
    }
    return result;
}

static PyObject *import(mp_state *state, const char *text, const char *directory, const char *path, int autoreload,
                        int log)
{
    PyObject *result;

    mp_imports_enter(state->interp);
    result = call_importer(state, text, directory, path, autoreload, log);
    mp_imports_leave(state->interp);
    return result;
}

/* Borrowed; NULL with an exception. */
static cached *imported(mp_state *state, request_rec *r, server_rec *s, const mp_handler *handler)
{
    const mp_dir_conf *conf = r ? mp_host->dir_conf(r) : mp_host->server_conf(s);
    const char *directory = handler->is_location ? NULL : mp_host->handler_directory(r, handler);
    int autoreload = mp_host->flag(r, "PythonAutoReload", conf->autoreload, 1);
    int log = mp_host->flag(r, "PythonDebug", conf->debug, 0);
    cached *c = find(cache_of(state->interp), handler->text, directory, conf->path);
    unsigned long epoch = state->interp->epoch;     /* from before: an import beside ours makes us look again */
    PyObject *result;
    int failed;

    if (c && fresh(c, state->interp, r, s, autoreload))
        return c;
    if (!(result = import(state, handler->text, directory, conf->path, autoreload, log)))
        return NULL;
    /* The GIL was away: another thread may have added it. */
    if (!(c = find(cache_of(state->interp), handler->text, directory, conf->path)))
        c = add(state->interp, handler->text, directory, conf->path);
    failed = !c || take_files(c, PyTuple_GET_ITEM(result, 1)) < 0;
    if (!failed) {
        PyObject *before = c->module;

        c->module = Py_NewRef(PyTuple_GET_ITEM(result, 0));
        c->epoch = epoch;
        Py_XDECREF(before);
    }
    Py_DECREF(result);
    return failed ? NULL : c;
}

/* Borrowed; NULL with an exception. */
static PyObject *function_name(mp_interp *interp, mp_phase phase)
{
    cache *all = cache_of(interp);

    if (!all->functions[phase])
        all->functions[phase] = PyUnicode_InternFromString(mp_host->phase_function(phase));
    return all->functions[phase];
}

static void say_what_is_missing(PyObject *module, PyObject *name)
{
    PyObject *file = PyModule_GetFilenameObject(module);

    if (!file)
        PyErr_Clear();
    PyErr_Format(PyExc_AttributeError, "module '%s', file \"%S\" contains no '%U'", PyModule_GetName(module),
                 file ? file : Py_None, name);
    Py_XDECREF(file);
}

PyObject *mp_modules_function(mp_state *state, request_rec *r, server_rec *s, const mp_handler *handler, mp_phase phase,
                              PyObject *arg)
{
    PyObject *name, *module, *function;
    cached *c;

    if (handler->callable && handler->interp == state->interp)
        return Py_NewRef((PyObject *)handler->callable);
    if (handler->callable)
        return PyErr_Format(PyExc_RuntimeError, "this callable was added in interpreter '%s', but %s runs in '%s'; add "
                            "the handler by its name", ((mp_interp *)handler->interp)->name,
                            mp_host->phase_directive(phase), state->interp->name);
    if (!(c = imported(state, r, s, handler)))
        return NULL;
    if (c->dotted)
        return PyObject_CallFunction(state->resolve_object, "OOOi", c->module, c->object, arg, handler->silent);
    if (!(name = c->object ? c->object : function_name(state->interp, phase)))
        return NULL;
    module = Py_NewRef(c->module);      /* a module's __getattr__ may let the GIL go */
    function = PyObject_GetAttr(module, name);
    if (!function && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        if (!handler->silent)
            say_what_is_missing(module, name);
    }
    Py_DECREF(module);
    return function;
}
