/* mp_finfo: what httpd or APR found out about a file. A copy, so it never expires. */
#include "api/types.h"
#include "api/convert.h"

#include "apr_file_info.h"
#include "docstrings.h"

typedef struct {
    PyObject_HEAD
    apr_finfo_t finfo;          /* fname and name are ours: PyMem; pool is NULL */
} mp_finfo;

/* In the order of repr(). */
typedef enum {
    FNAME, FILETYPE, VALID, PROTECTION, USER, GROUP, SIZE, INODE, DEVICE, NLINK, ATIME, MTIME, CTIME, NAME, FACTS
} fact;

static const struct {
    const char *name;
    apr_int32_t valid;          /* the bit that says that the fact is known */
} facts[FACTS] = {
    [FNAME] = { "fname", 0 },
    [FILETYPE] = { "filetype", 0 },
    [VALID] = { "valid", 0 },
    [PROTECTION] = { "protection", APR_FINFO_PROT },
    [USER] = { "user", APR_FINFO_USER },
    [GROUP] = { "group", APR_FINFO_GROUP },
    [SIZE] = { "size", APR_FINFO_SIZE },
    [INODE] = { "inode", APR_FINFO_INODE },
    [DEVICE] = { "device", APR_FINFO_DEV },
    [NLINK] = { "nlink", APR_FINFO_NLINK },
    [ATIME] = { "atime", APR_FINFO_ATIME },
    [MTIME] = { "mtime", APR_FINFO_MTIME },
    [CTIME] = { "ctime", APR_FINFO_CTIME },
    [NAME] = { "name", APR_FINFO_NAME },
};

/* apache.FINFO_MODE to FINFO_FILETYPE. As a sequence an mp_finfo has all but the last. */
static const fact by_index[] = {
    PROTECTION, INODE, DEVICE, NLINK, USER, GROUP, SIZE, ATIME, MTIME, CTIME, FNAME, NAME, FILETYPE
};
#define INDEXES (Py_ssize_t)(sizeof(by_index) / sizeof(by_index[0]))
#define LENGTH (INDEXES - 1)

static PyObject *value_of(const apr_finfo_t *finfo, fact which)
{
    if (which == FILETYPE)
        return PyLong_FromLong(finfo->filetype);
    if (finfo->filetype == APR_NOFILE || (finfo->valid & facts[which].valid) != facts[which].valid)
        Py_RETURN_NONE;
    switch (which) {
    case FNAME:      return mp_path_from(finfo->fname);
    case NAME:       return mp_path_from(finfo->name);
    case VALID:      return PyLong_FromLong(finfo->valid);
    case PROTECTION: return PyLong_FromLong(finfo->protection);
    case USER:       return PyLong_FromUnsignedLong(finfo->user);
    case GROUP:      return PyLong_FromUnsignedLong(finfo->group);
    case SIZE:       return PyLong_FromLongLong(finfo->size);
    case INODE:      return PyLong_FromUnsignedLongLong(finfo->inode);
    case DEVICE:     return PyLong_FromUnsignedLongLong(finfo->device);
    case NLINK:      return PyLong_FromLong(finfo->nlink);
    case ATIME:      return PyLong_FromLongLong(apr_time_sec(finfo->atime));
    case MTIME:      return PyLong_FromLongLong(apr_time_sec(finfo->mtime));
    case CTIME:      return PyLong_FromLongLong(apr_time_sec(finfo->ctime));
    default:         Py_UNREACHABLE();
    }
}

static PyObject *get_fact(PyObject *self, void *which)
{
    return value_of(&((mp_finfo *)self)->finfo, (fact)(uintptr_t)which);
}

static Py_ssize_t length(PyObject *Py_UNUSED(self))
{
    return LENGTH;
}

static PyObject *item(PyObject *self, Py_ssize_t i)
{
    if (i < 0 || i >= INDEXES)
        return PyErr_Format(PyExc_IndexError, "an mp_finfo has the indexes 0 to %zd (apache.FINFO_*)", INDEXES - 1);
    return value_of(&((mp_finfo *)self)->finfo, by_index[i]);
}

static PyObject *iterate(PyObject *self)
{
    PyObject *values = PyTuple_New(LENGTH), *iterator;

    if (!values)
        return NULL;
    for (Py_ssize_t i = 0; i < LENGTH; i++) {
        PyObject *value = item(self, i);

        if (!value) {
            Py_DECREF(values);
            return NULL;
        }
        PyTuple_SET_ITEM(values, i, value);
    }
    iterator = PyObject_GetIter(values);
    Py_DECREF(values);
    return iterator;
}

static PyObject *repr(PyObject *self)
{
    PyObject *dict = PyDict_New(), *text = NULL;

    if (!dict)
        return NULL;
    for (fact which = 0; which < FACTS; which++) {
        PyObject *value = value_of(&((mp_finfo *)self)->finfo, which);
        int status = value ? PyDict_SetItemString(dict, facts[which].name, value) : -1;

        Py_XDECREF(value);
        if (status < 0)
            goto done;
    }
    text = PyObject_Repr(dict);
done:
    Py_DECREF(dict);
    return text;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    apr_finfo_t *finfo = &((mp_finfo *)self)->finfo;

    PyMem_Free((char *)finfo->fname);
    PyMem_Free((char *)finfo->name);
    type->tp_free(self);
    Py_DECREF(type);
}

#define FACT(name, which) { #name, get_fact, NULL, MP_DOC_mp_finfo_##name, (void *)(uintptr_t)(which) }
static PyGetSetDef members[] = {
    FACT(fname, FNAME), FACT(filetype, FILETYPE), FACT(valid, VALID), FACT(protection, PROTECTION),
    FACT(user, USER), FACT(group, GROUP), FACT(size, SIZE), FACT(inode, INODE), FACT(device, DEVICE),
    FACT(nlink, NLINK), FACT(atime, ATIME), FACT(mtime, MTIME), FACT(ctime, CTIME), FACT(name, NAME),
    { NULL, NULL, NULL, NULL, NULL }
};

static PyType_Slot slots[] = {
    { Py_tp_doc, MP_DOC_mp_finfo },
    { Py_tp_dealloc, dealloc },
    { Py_tp_getset, members },
    { Py_tp_repr, repr },
    { Py_tp_iter, iterate },
    { Py_sq_length, length },
    { Py_sq_item, item },
    { 0, NULL }
};

static PyType_Spec spec = {
    .name = "builtins.mp_finfo",
    .basicsize = sizeof(mp_finfo),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

int mp_finfo_type_add(PyObject *module, mp_state *state)
{
    state->FInfo_Type = mp_type_new(module, &spec);
    return state->FInfo_Type ? 0 : -1;
}

static int copy_text(const char **to, const char *from)
{
    size_t n = from ? strlen(from) + 1 : 0;
    char *copy = n ? PyMem_Malloc(n) : NULL;

    *to = copy ? memcpy(copy, from, n) : NULL;
    if (n && !copy)
        PyErr_NoMemory();
    return n && !copy ? -1 : 0;
}

PyObject *mp_finfo_from(mp_state *state, const apr_finfo_t *finfo)
{
    mp_finfo *self = PyObject_New(mp_finfo, state->FInfo_Type);

    if (!self)
        return NULL;
    self->finfo = *finfo;
    self->finfo.pool = NULL;
    self->finfo.filehand = NULL;
    self->finfo.fname = self->finfo.name = NULL;
    if (copy_text(&self->finfo.fname, finfo->fname) < 0 ||
        ((finfo->valid & APR_FINFO_NAME) && copy_text(&self->finfo.name, finfo->name) < 0)) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

const apr_finfo_t *mp_finfo_check(mp_state *state, PyObject *object)
{
    if (Py_IS_TYPE(object, state->FInfo_Type))
        return &((mp_finfo *)object)->finfo;
    PyErr_Format(PyExc_TypeError, "an mp_finfo (apache.stat()) is needed, not %.200s", Py_TYPE(object)->tp_name);
    return NULL;
}
