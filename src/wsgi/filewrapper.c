/* wsgi.file_wrapper: iterates over blocks of a file-like object, or, if that is a regular file, has httpd send it. */
#include "wsgi/wsgi.h"

#include <sys/stat.h>

#define BLOCK 8192

typedef struct {
    PyObject_HEAD
    PyObject *filelike;         /* NULL: closed */
    Py_ssize_t blksize;
} mp_wsgi_filewrapper;

static PyObject *wrapper_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "filelike", "blksize", NULL };
    Py_ssize_t blksize = BLOCK;
    mp_wsgi_filewrapper *wrapper;
    PyObject *filelike;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|n:FileWrapper", names, &filelike, &blksize))
        return NULL;
    if (blksize < 0) {
        PyErr_SetString(PyExc_ValueError, "blksize must not be negative");
        return NULL;
    }
    wrapper = (mp_wsgi_filewrapper *)type->tp_alloc(type, 0);
    if (wrapper) {
        wrapper->filelike = Py_NewRef(filelike);
        wrapper->blksize = blksize;
    }
    return (PyObject *)wrapper;
}

static int wrapper_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((mp_wsgi_filewrapper *)self)->filelike);
    return 0;
}

static int wrapper_clear(PyObject *self)
{
    Py_CLEAR(((mp_wsgi_filewrapper *)self)->filelike);
    return 0;
}

static void wrapper_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    wrapper_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

/* New reference; NULL with ValueError. */
static PyObject *open_file(PyObject *self)
{
    PyObject *filelike = ((mp_wsgi_filewrapper *)self)->filelike;

    if (filelike)
        return Py_NewRef(filelike);
    PyErr_SetString(PyExc_ValueError, "I/O operation on closed file");
    return NULL;
}

static PyObject *get_filelike(PyObject *self, void *Py_UNUSED(closure))
{
    return open_file(self);
}

static PyObject *wrapper_iter(PyObject *self)
{
    PyObject *file = open_file(self);

    Py_XDECREF(file);
    return file ? Py_NewRef(self) : NULL;
}

static PyObject *wrapper_next(PyObject *self)
{
    PyObject *file = open_file(self);
    PyObject *block = file ? PyObject_CallMethod(file, "read", "n", ((mp_wsgi_filewrapper *)self)->blksize) : NULL;

    Py_XDECREF(file);
    if (block && !PyBytes_Check(block)) {
        PyErr_Format(PyExc_TypeError, "file wrapper read() must return bytes, not %.200s", Py_TYPE(block)->tp_name);
        Py_CLEAR(block);
    }
    if (block && PyBytes_GET_SIZE(block) == 0)
        Py_CLEAR(block);
    return block;
}

static PyObject *wrapper_close(PyObject *self, PyObject *Py_UNUSED(nothing))
{
    PyObject *file = ((mp_wsgi_filewrapper *)self)->filelike, *result;

    if (!file)
        Py_RETURN_NONE;
    ((mp_wsgi_filewrapper *)self)->filelike = NULL;
    result = PyObject_CallMethod(file, "close", NULL);
    Py_DECREF(file);
    return result;
}

static PyMethodDef wrapper_methods[] = {
    { "close", wrapper_close, METH_NOARGS, "Closes the file-like object, and lets it go." },
    { NULL, NULL, 0, NULL }
};

static PyMemberDef wrapper_members[] = {
    { "blksize", T_PYSSIZET, offsetof(mp_wsgi_filewrapper, blksize), READONLY, "How much is read at once." },
    { NULL, 0, 0, 0, NULL }
};

static PyGetSetDef wrapper_getset[] = {
    { "filelike", get_filelike, NULL, "What is read.", NULL },
    { NULL, NULL, NULL, NULL, NULL }
};

static PyType_Slot wrapper_slots[] = {
    { Py_tp_new, wrapper_new },
    { Py_tp_dealloc, wrapper_dealloc },
    { Py_tp_traverse, wrapper_traverse },
    { Py_tp_clear, wrapper_clear },
    { Py_tp_iter, wrapper_iter },
    { Py_tp_iternext, wrapper_next },
    { Py_tp_methods, wrapper_methods },
    { Py_tp_members, wrapper_members },
    { Py_tp_getset, wrapper_getset },
    { Py_tp_doc, "FileWrapper(filelike, blksize=8192): an answer that is a file." },
    { 0, NULL }
};

static PyType_Spec wrapper_spec = {
    .name = "mod_wsgi.FileWrapper",
    .basicsize = sizeof(mp_wsgi_filewrapper),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = wrapper_slots,
};

int mp_wsgi_filewrapper_type_add(PyObject *module, mp_wsgi_state *state)
{
    state->FileWrapper_Type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &wrapper_spec, NULL);
    return state->FileWrapper_Type ? PyModule_AddObjectRef(module, "FileWrapper", (PyObject *)state->FileWrapper_Type)
                                   : -1;
}

/* Sending */

/* These have the descriptor of what is compressed, and read something else from it. */
static int is_compressed(PyObject *file)
{
    PyObject *mro = Py_TYPE(file)->tp_mro;
    Py_ssize_t i;

    for (i = 0; mro && i < PyTuple_GET_SIZE(mro); i++) {
        const char *name = ((PyTypeObject *)PyTuple_GET_ITEM(mro, i))->tp_name, *dot = strrchr(name, '.');

        name = dot ? dot + 1 : name;
        if (!strcmp(name, "GzipFile") || !strcmp(name, "BZ2File") || !strcmp(name, "LZMAFile") ||
            !strcmp(name, "ZstdFile"))
            return 1;
    }
    return 0;
}

/* What a method without arguments says, as a number; -1 if it has none to say. No exception stays. */
static long long ask(PyObject *file, PyObject *method)
{
    PyObject *value = PyObject_CallMethodNoArgs(file, method);
    long long number = value && PyLong_Check(value) ? PyLong_AsLongLong(value) : -1;

    Py_XDECREF(value);
    PyErr_Clear();
    return number;
}

/* Whether a regular file stands behind it, with fd, and where reading would go on. */
static int is_regular(mp_wsgi_state *state, PyObject *file, int *fd, apr_off_t *offset, apr_off_t *size)
{
    long long descriptor, position;
    struct stat facts;

    if (is_compressed(file) || (descriptor = ask(file, state->str_fileno)) < 0 || descriptor > INT_MAX ||
        (position = ask(file, state->str_tell)) < 0)
        return 0;
    *fd = (int)descriptor;
    *offset = position;
    if (fstat(*fd, &facts) != 0 || !S_ISREG(facts.st_mode))
        return 0;
    *size = facts.st_size;
    return 1;
}

int mp_wsgi_send_wrapped(mp_wsgi_call *call, PyObject *result)
{
    mp_wsgi_state *state = call->state;
    apr_off_t offset, size, n;
    PyObject *file;
    int fd, ret = 0;

    /* A subclass that iterates in its own way shall be asked. */
    if (!PyObject_TypeCheck(result, state->FileWrapper_Type) || Py_TYPE(result)->tp_iter != wrapper_iter ||
        Py_TYPE(result)->tp_iternext != wrapper_next || call->head_sent || !call->status ||
        !(file = ((mp_wsgi_filewrapper *)result)->filelike))
        return 0;
    Py_INCREF(file);
    if (is_regular(state, file, &fd, &offset, &size)) {
        n = size > offset ? size - offset : 0;
        ret = mp_wsgi_prepare_head(call, n) < 0 || mp_wsgi_send_file(call, fd, offset, n) < 0 ? -1 : 1;
    }
    Py_DECREF(file);
    return ret;
}
