/* Lines for the error log from Python: mod_wsgi.LogHandler's, and the ends of what a request printed. */
#include "wsgi/wsgi.h"

#include "runtime/error.h"
#include "runtime/lease.h"

/* sys.stdout and sys.stderr keep an unfinished line for each thread (python/mod_python/_streams.py). A request's must
 * not become the beginning of the next one's. The dictionaries are looked at here, since they are empty most often. */
int mp_wsgi_lines_prepare(mp_wsgi_state *state)
{
    static const char *const names[] = { "__stdout__", "__stderr__" };
    PyObject *streams = PyImport_ImportModule("mod_python._streams");
    int i;

    state->finish_lines = streams ? PyObject_GetAttrString(streams, "flush_thread") : NULL;
    Py_XDECREF(streams);
    for (i = 0; state->finish_lines && i < 2; i++) {
        PyObject *stream = PySys_GetObject(names[i]);       /* borrowed */

        state->unfinished[i] = stream ? PyObject_GetAttrString(stream, "_partial") : NULL;
        if (!state->unfinished[i] || !PyDict_CheckExact(state->unfinished[i])) {
            PyErr_Clear();          /* not ours */
            Py_CLEAR(state->unfinished[i]);
        }
    }
    return state->finish_lines ? 0 : -1;
}

static int has_lines(PyObject *unfinished)
{
    return unfinished && PyDict_GET_SIZE(unfinished) > 0;
}

void mp_wsgi_lines_finish(mp_wsgi_state *state)
{
    PyObject *result;

    if (!has_lines(state->unfinished[0]) && !has_lines(state->unfinished[1]))
        return;
    result = PyObject_CallNoArgs(state->finish_lines);
    if (!result)
        mp_error_log(mp_lease_where(), "MP0378", "the last line of a request", state->interp->name, NULL);
    Py_XDECREF(result);
}

/* httpd keeps nothing of the file's name. */
static PyObject *log_line(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *text, *file, *line_bytes, *file_bytes;
    int level, line;
    mp_place where;

    if (!PyArg_ParseTuple(args, "iUUi:_log", &level, &text, &file, &line))
        return NULL;
    line_bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    file_bytes = PyUnicode_AsEncodedString(file, "utf-8", "backslashreplace");
    where = mp_lease_where();
    if (line_bytes && file_bytes) {
        const char *bytes = PyBytes_AS_STRING(line_bytes), *path = PyBytes_AS_STRING(file_bytes);

        if (where.gateway && !where.r)          /* the child of httpd writes it */
            where.gateway->calls->log_at(where.gateway, path, line, level, bytes);
        else if (where.r)
            ap_log_rerror_(path, line, APLOG_MODULE_INDEX, level, 0, where.r, "%s", bytes);
        else if (where.c)
            ap_log_cerror_(path, line, APLOG_MODULE_INDEX, level, 0, where.c, "%s", bytes);
        else
            ap_log_error_(path, line, APLOG_MODULE_INDEX, level, 0, where.s, "%s", bytes);
    }
    Py_XDECREF(file_bytes);
    Py_XDECREF(line_bytes);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

PyMethodDef mp_wsgi_lines_methods[] = {
    { "_log", log_line, METH_VARARGS, NULL },
    { NULL, NULL, 0, NULL }
};
