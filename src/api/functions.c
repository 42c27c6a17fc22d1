#include "api/functions.h"
#include "api/convert.h"
#include "api/logline.h"
#include "api/types.h"
#include "runtime/lease.h"

#include "docstrings.h"
#include "util_cfgtree.h"

static PyObject *log_error(PyObject *module, PyObject *args)
{
    mp_state *state = mp_state_of_module(module);
    PyObject *message, *level = NULL, *server = Py_None;
    server_rec *s = NULL;
    mp_logline line;

    if (!PyArg_ParseTuple(args, "O|OO:log_error", &message, &level, &server))
        return NULL;
    if (server != Py_None && !(s = mp_server_check(state, server)))
        return NULL;
    if (mp_logline_from(&line, message, level) < 0)
        return NULL;
    if (line.text)
        ap_log_error(APLOG_MARK, line.level, 0, s, "%s", line.text);
    mp_logline_done(&line);
    Py_RETURN_NONE;
}

static PyObject *log_here(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *message, *level;
    mp_logline line;

    if (!PyArg_ParseTuple(args, "OO:_log", &level, &message) || mp_logline_from(&line, message, level) < 0)
        return NULL;
    if (line.text)
        mp_log(mp_lease_where(), line.level, "%s", line.text);
    mp_logline_done(&line);
    Py_RETURN_NONE;
}

/* A directive is a tuple; what a container holds follows it as a list. */
static PyObject *tree_from(const ap_directive_t *directive)
{
    PyObject *list = PyList_New(0), *item = NULL;

    if (!list)
        return NULL;
    for (; directive; directive = directive->next) {
        item = Py_BuildValue("(NN)", mp_text_from(directive->directive), mp_text_from(directive->args));
        if (!item || PyList_Append(list, item) < 0)
            goto failed;
        Py_CLEAR(item);
        if (directive->first_child) {
            item = tree_from(directive->first_child);
            if (!item || PyList_Append(list, item) < 0)
                goto failed;
            Py_CLEAR(item);
        }
    }
    return list;
failed:
    Py_XDECREF(item);
    Py_DECREF(list);
    return NULL;
}

static PyObject *config_tree(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(args))
{
    return tree_from(ap_conftree);
}

static PyObject *mpm_query(PyObject *Py_UNUSED(module), PyObject *code)
{
    int result = 0, overflow;
    long number;

    if (!PyLong_Check(code))
        return PyErr_Format(PyExc_TypeError, "mpm_query() takes one of apache.AP_MPMQ_*, not %.200s",
                            Py_TYPE(code)->tp_name);
    number = PyLong_AsLongAndOverflow(code, &overflow);
    if (overflow || number < 0 || number > INT_MAX || ap_mpm_query((int)number, &result) != APR_SUCCESS)
        return PyErr_Format(PyExc_ValueError, "the MPM knows no code %S: mpm_query() takes one of apache.AP_MPMQ_*",
                            code);
    return PyLong_FromLong(result);
}

static PyObject *server_root(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(args))
{
    return mp_path_from(ap_server_root);
}

static PyObject *exists_config_define(PyObject *Py_UNUSED(module), PyObject *value)
{
    PyObject *owned;
    const char *name = mp_text_borrow(value, &owned, "name");
    int exists = name && ap_exists_config_define(name);

    Py_XDECREF(owned);
    return name ? PyBool_FromLong(exists) : NULL;
}

static PyObject *register_cleanup(PyObject *module, PyObject *args)
{
    mp_state *state = mp_state_of_module(module);
    PyObject *callable, *data = Py_None;

    if (!PyArg_ParseTuple(args, "O|O:register_cleanup", &callable, &data))
        return NULL;
    if (!PyCallable_Check(callable))
        return PyErr_Format(PyExc_ValueError, "register_cleanup() takes a callable first, not %.200s",
                            Py_TYPE(callable)->tp_name);
    if (mp_api_register_cleanup(state->interp, mp_lease_where().s, callable, data) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static void set_os_error(apr_status_t status, PyObject *filename)
{
    char text[256];

    if (status < APR_OS_START_ERROR) {
        errno = status;
        PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, filename);
    }
    else
        PyErr_Format(PyExc_OSError, "%R: %s", filename, apr_strerror(status, text, sizeof(text)));
}

static PyObject *stat_file(PyObject *module, PyObject *args)
{
    PyObject *filename, *result = NULL;
    apr_finfo_t finfo = { 0 };
    apr_pool_t *pool = NULL;
    apr_status_t status;
    const char *path;
    int wanted;

    if (!PyArg_ParseTuple(args, "Oi:stat", &filename, &wanted))
        return NULL;
    if (apr_pool_create_unmanaged_ex(&pool, NULL, NULL) != APR_SUCCESS)
        return PyErr_NoMemory();
    path = mp_path_to(filename, pool, "file name");
    if (!path)
        goto done;
    Py_BEGIN_ALLOW_THREADS
    status = apr_stat(&finfo, path, wanted, pool);
    Py_END_ALLOW_THREADS
    if (APR_STATUS_IS_ENOENT(status))
        finfo.filetype = APR_NOFILE;
    else if (status != APR_SUCCESS && status != APR_INCOMPLETE) {   /* incomplete: this system lacks some fact */
        set_os_error(status, filename);
        goto done;
    }
    result = mp_finfo_from(mp_state_of_module(module), &finfo);
done:
    apr_pool_destroy(pool);
    return result;
}

static PyObject *current_request(PyObject *module, PyObject *Py_UNUSED(args))
{
    request_rec *r = mp_lease_where().r;

    if (!r)
        Py_RETURN_NONE;
    return mp_request_share(mp_state_of_module(module), r);
}

static PyObject *modules_changed(PyObject *module, PyObject *Py_UNUSED(args))
{
    mp_state_of_module(module)->interp->epoch++;
    Py_RETURN_NONE;
}

PyMethodDef mp_api_functions[] = {
    { "log_error", log_error, METH_VARARGS, MP_DOC_log_error },
    { "config_tree", config_tree, METH_NOARGS, MP_DOC_config_tree },
    { "mpm_query", mpm_query, METH_O, MP_DOC_mpm_query },
    { "server_root", server_root, METH_NOARGS, MP_DOC_server_root },
    { "exists_config_define", exists_config_define, METH_O, MP_DOC_exists_config_define },
    { "register_cleanup", register_cleanup, METH_VARARGS, MP_DOC_register_cleanup },
    { "stat", stat_file, METH_VARARGS, MP_DOC_stat },
    { "_global_locks", mp_api_global_locks, METH_NOARGS, MP_DOC__global_locks },
    { "_global_lock", mp_api_global_lock, METH_VARARGS, MP_DOC__global_lock },
    { "_global_trylock", mp_api_global_trylock, METH_VARARGS, MP_DOC__global_trylock },
    { "_global_unlock", mp_api_global_unlock, METH_VARARGS, MP_DOC__global_unlock },
    { "_process_lock", mp_api_process_lock, METH_NOARGS, MP_DOC__process_lock },
    { "_process_unlock", mp_api_process_unlock, METH_NOARGS, MP_DOC__process_unlock },
    { "_request", current_request, METH_NOARGS, MP_DOC__request },
    { "_log", log_here, METH_VARARGS, MP_DOC__log },
    { "_modules_changed", modules_changed, METH_NOARGS, MP_DOC__modules_changed },
    { NULL, NULL, 0, NULL }
};
