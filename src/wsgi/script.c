/* From a script's path to its application. A script is a module of the interpreter, in sys.modules under a name made
 * from its path; loading and loading anew is Python's business (mod_python/_scripts.py), as is every doubt. What is
 * done here, for every request, is one look at the module and one at the file.
 */
#include "wsgi/wsgi.h"

#include "runtime/imports.h"

#include "apr_lib.h"
#include "apr_md5.h"

#include <sys/stat.h>

/* What an interpreter knows of a script; in its pool, guarded by its GIL. */
typedef struct {
    PyObject *path;
    PyObject *module;           /* the module's name */
    char *callable_text;        /* the name that was asked for last */
    PyObject *callable;
} script;

static PyObject *module_name(const char *path, int case_sensitive)
{
    unsigned char digest[APR_MD5_DIGESTSIZE];
    char name[sizeof("_mod_wsgi_") + 2 * APR_MD5_DIGESTSIZE], *to = name + sizeof("_mod_wsgi_") - 1;
    char *lower = case_sensitive ? NULL : strdup(path);
    size_t i;

    for (i = 0; lower && lower[i]; i++)
        lower[i] = (char)apr_tolower(lower[i]);
    memcpy(name, "_mod_wsgi_", sizeof("_mod_wsgi_") - 1);
    apr_md5(digest, lower ? lower : path, strlen(path));
    free(lower);
    for (i = 0; i < APR_MD5_DIGESTSIZE; i++, to += 2)
        apr_snprintf(to, 3, "%02x", digest[i]);
    return PyUnicode_InternFromString(name);
}

/* NULL with an exception. */
static script *script_of(mp_wsgi_state *state, const char *path, int case_sensitive)
{
    apr_hash_t **all = &state->scripts[case_sensitive != 0];
    script *found = *all ? apr_hash_get(*all, path, APR_HASH_KEY_STRING) : NULL;
    PyObject *text, *name;

    if (found)
        return found;
    text = PyUnicode_DecodeFSDefault(path);
    name = module_name(path, case_sensitive);
    if (!text || !name) {
        Py_XDECREF(text);
        Py_XDECREF(name);
        return NULL;
    }
    found = apr_pcalloc(state->interp->pool, sizeof(*found));
    found->path = text;
    found->module = name;
    if (!*all)
        *all = apr_hash_make(state->interp->pool);
    apr_hash_set(*all, apr_pstrdup(state->interp->pool, path), APR_HASH_KEY_STRING, found);
    return found;
}

/* Whether the module is the one that the file makes now. All that is out of the ordinary is no: Python looks closer. */
static int is_current(mp_wsgi_state *state, PyObject *module, const char *path, int reloading)
{
    PyObject *dict = PyModule_GetDict(module);
    PyObject *mtime = PyDict_GetItemWithError(dict, state->str_mtime);
    struct stat now;

    if (!mtime || !PyLong_CheckExact(mtime))        /* it is being loaded, perhaps */
        return 0;
    if (!reloading)
        return 1;
    return !PyDict_GetItemWithError(dict, state->str_reload_required) && stat(path, &now) == 0 &&
           PyLong_AsLongLong(mtime) == now.st_mtim.tv_sec * 1000000LL + now.st_mtim.tv_nsec / 1000;
}

static PyObject *load(mp_wsgi_state *state, const script *s, const char *resource_, int reloading)
{
    PyObject *resource = PyUnicode_DecodeFSDefault(resource_), *module;

    if (!resource)
        return NULL;
    mp_imports_enter(state->interp);
    module = PyObject_CallFunctionObjArgs(state->load_script, s->path, s->module, resource,
                                          reloading ? Py_True : Py_False,
                                          *mp_host->process_group ? Py_False : Py_True, NULL);
    mp_imports_leave(state->interp);
    Py_DECREF(resource);
    return module;
}

/* The module; new reference. NULL with an exception. Py_None: it is not the one of now, but for another process. */
static PyObject *module_of(mp_wsgi_state *state, const script *s, const mp_wsgi_target *target)
{
    PyObject *module = PyDict_GetItemWithError(PyImport_GetModuleDict(), s->module);    /* borrowed */

    if (module && PyModule_CheckExact(module)) {
        int current;

        Py_INCREF(module);
        current = is_current(state, module, target->script, target->reloading);
        if (current && !PyErr_Occurred())
            return module;
        PyErr_Clear();
        Py_DECREF(module);
    }
    return load(state, s, target->resource ? target->resource : target->script, target->reloading);
}

static PyObject *callable_name(script *s, const char *text)
{
    PyObject *name;
    char *copy;

    if (s->callable_text && !strcmp(s->callable_text, text))
        return s->callable;
    name = PyUnicode_DecodeFSDefault(text);
    copy = name ? strdup(text) : NULL;
    if (!copy) {
        Py_XDECREF(name);
        return name ? PyErr_NoMemory() : NULL;
    }
    PyUnicode_InternInPlace(&name);
    free(s->callable_text);
    s->callable_text = copy;
    Py_XSETREF(s->callable, name);
    return name;
}

PyObject *mp_wsgi_application(mp_wsgi_state *state, const mp_wsgi_target *target)
{
    script *s = script_of(state, target->script, target->case_sensitive);
    PyObject *name = s ? callable_name(s, target->callable) : NULL;     /* borrowed: others may ask for another one */
    PyObject *module = NULL, *application = NULL;

    Py_XINCREF(name);
    if (name)
        module = module_of(state, s, target);
    if (module && module != Py_None)
        application = PyObject_GetAttr(module, name);
    if (module && module != Py_None && !application && PyErr_ExceptionMatches(PyExc_AttributeError))
        PyErr_Format(PyExc_AttributeError, "Target WSGI script '%U' does not contain WSGI application '%U'", s->path,
                     name);
    Py_XDECREF(module);
    Py_XDECREF(name);
    return application;
}

PyObject *mp_wsgi_script_module(mp_wsgi_state *state, const mp_wsgi_target *target)
{
    const script *s = script_of(state, target->script, target->case_sensitive);

    return s ? module_of(state, s, target) : NULL;
}

int mp_wsgi_script_preload(mp_interp *interp, const char *path, int case_sensitive)
{
    mp_wsgi_state *state = interp->wsgi;
    const script *s = script_of(state, path, case_sensitive);
    PyObject *module = s ? load(state, s, path, 0) : NULL;

    Py_XDECREF(module);
    return module ? 0 : -1;
}
