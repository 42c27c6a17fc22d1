/* mp_hlist: the handlers of the running phase. next() moves the object itself along the list. */
#include "api/convert.h"
#include "api/types.h"

#include "docstrings.h"

typedef struct {
    mp_object head;             /* rec: the request_rec or conn_rec */
    request_rec *r;             /* NULL: a connection's */
    const mp_handler *handler;  /* borrowed from the configuration or the request; NULL behind the last */
} mp_hlist;

static void *current(PyObject *self, const mp_handler **handler)
{
    *handler = ((mp_hlist *)self)->handler;
    return mp_object_rec(self);
}

static PyObject *get_handler(PyObject *self, void *Py_UNUSED(closure))
{
    const mp_handler *handler;

    return current(self, &handler) ? mp_text_from(handler ? handler->text : NULL) : NULL;
}

static PyObject *get_silent(PyObject *self, void *Py_UNUSED(closure))
{
    const mp_handler *handler;

    return current(self, &handler) ? PyLong_FromLong(handler && handler->silent) : NULL;
}

static PyObject *get_is_location(PyObject *self, void *Py_UNUSED(closure))
{
    const mp_handler *handler;

    return current(self, &handler) ? PyLong_FromLong(handler && handler->is_location) : NULL;
}

static PyObject *get_directory(PyObject *self, void *Py_UNUSED(closure))
{
    const mp_handler *handler;

    if (!current(self, &handler))
        return NULL;
    return mp_path_from(handler ? mp_host->handler_directory(((mp_hlist *)self)->r, handler) : NULL);
}

static PyObject *get_location(PyObject *self, void *Py_UNUSED(closure))
{
    const mp_handler *handler;

    return current(self, &handler) ? mp_text_from(handler && handler->is_location ? handler->directory : NULL) : NULL;
}

/* The importer of mod_python 3.3 had lists within lists; its users only test this for None. */
static PyObject *get_parent(PyObject *self, void *Py_UNUSED(closure))
{
    return mp_object_rec(self) ? Py_NewRef(Py_None) : NULL;
}

static PyObject *next(PyObject *self, PyObject *Py_UNUSED(args))
{
    const mp_handler *handler;

    if (!current(self, &handler))
        return NULL;
    if (handler)
        ((mp_hlist *)self)->handler = handler->next;
    Py_RETURN_NONE;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_Free(self);
    Py_DECREF(type);
}

static PyGetSetDef members[] = {
    { "handler", get_handler, NULL, MP_DOC_mp_hlist_handler, NULL },
    { "silent", get_silent, NULL, MP_DOC_mp_hlist_silent, NULL },
    { "is_location", get_is_location, NULL, MP_DOC_mp_hlist_is_location, NULL },
    { "directory", get_directory, NULL, MP_DOC_mp_hlist_directory, NULL },
    { "location", get_location, NULL, MP_DOC_mp_hlist_location, NULL },
    { "parent", get_parent, NULL, MP_DOC_mp_hlist_parent, NULL },
    { NULL, NULL, NULL, NULL, NULL }
};

static PyMethodDef methods[] = {
    { "next", next, METH_NOARGS, MP_DOC_mp_hlist_next },
    { NULL, NULL, 0, NULL }
};

static PyType_Slot slots[] = {
    { Py_tp_doc, MP_DOC_mp_hlist },
    { Py_tp_dealloc, dealloc },
    { Py_tp_getset, members },
    { Py_tp_methods, methods },
    { 0, NULL }
};

static PyType_Spec spec = {
    .name = "builtins.mp_hlist",
    .basicsize = sizeof(mp_hlist),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

int mp_hlist_type_add(PyObject *module, mp_state *state)
{
    state->HList_Type = mp_type_new(module, &spec);
    return state->HList_Type ? 0 : -1;
}

static PyObject *make(mp_state *state, void *rec, request_rec *r, const mp_handler *handler)
{
    mp_hlist *self = PyObject_New(mp_hlist, state->HList_Type);

    if (!self)
        return NULL;
    self->head.state = state;
    self->head.rec = rec;
    self->head.in_flight = 0;
    self->r = r;
    self->handler = handler;
    return (PyObject *)self;
}

PyObject *mp_hlist_from(mp_state *state, request_rec *r, const mp_handler *handler)
{
    return make(state, r, r, handler);
}

PyObject *mp_hlist_from_connection(mp_state *state, conn_rec *c, const mp_handler *handler)
{
    return make(state, c, NULL, handler);
}

void mp_hlist_expire(PyObject *self)
{
    mp_object_expire(self);
    ((mp_hlist *)self)->handler = NULL;
}
