/* Iterators over a table. They go by index and look at the table anew each time: it may change, or its request end. */
#include "api/tableobject.h"

typedef struct {
    PyObject_HEAD
    PyObject *table;            /* owned; NULL once it is exhausted */
    mp_table_part part;
    int next;
    int size;                   /* of the table when the iteration began */
} mp_table_iterator;

static PyObject *next(PyObject *self_)
{
    mp_table_iterator *self = (mp_table_iterator *)self_;
    apr_table_entry_t entry;
    apr_table_t *table;

    if (!self->table)
        return NULL;
    table = mp_object_rec(self->table);
    if (!table)
        return NULL;
    if (apr_table_elts(table)->nelts != self->size) {
        self->size = -1;        /* it stays so */
        PyErr_SetString(PyExc_RuntimeError, "the table changed its size during iteration; iterate over its items()");
        return NULL;
    }
    if (mp_table_entry(self->table, self->next, &entry) == 1) {
        self->next++;
        return mp_table_entry_part(&entry, self->part);
    }
    Py_CLEAR(self->table);
    return NULL;
}

static PyObject *length_hint(PyObject *self_, PyObject *Py_UNUSED(args))
{
    mp_table_iterator *self = (mp_table_iterator *)self_;

    return PyLong_FromLong(self->table && self->size > self->next ? self->size - self->next : 0);
}

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((mp_table_iterator *)self)->table);
    return 0;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    Py_XDECREF(((mp_table_iterator *)self)->table);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    { "__length_hint__", length_hint, METH_NOARGS, NULL },
    { NULL, NULL, 0, NULL }
};

static PyType_Slot slots[] = {
    { Py_tp_dealloc, dealloc },
    { Py_tp_traverse, traverse },
    { Py_tp_iter, PyObject_SelfIter },
    { Py_tp_iternext, next },
    { Py_tp_methods, methods },
    { 0, NULL }
};

static PyType_Spec spec = {
    .name = "builtins.mp_table_iterator",
    .basicsize = sizeof(mp_table_iterator),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

int mp_table_iterator_type_add(PyObject *module, mp_state *state)
{
    state->TableIterator_Type = mp_type_new(module, &spec);
    return state->TableIterator_Type ? 0 : -1;
}

PyObject *mp_table_iterate(PyObject *table, mp_table_part part)
{
    apr_table_t *rec = mp_object_rec(table);
    mp_table_iterator *self;

    if (!rec)
        return NULL;
    self = PyObject_GC_New(mp_table_iterator, ((mp_object *)table)->state->TableIterator_Type);
    if (!self)
        return NULL;
    self->table = Py_NewRef(table);
    self->part = part;
    self->next = 0;
    self->size = apr_table_elts(rec)->nelts;
    PyObject_GC_Track((PyObject *)self);
    return (PyObject *)self;
}
