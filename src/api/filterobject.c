/* mp_filter: its life and its members. */
#include "api/filter.h"
#include "api/convert.h"

#include "docstrings.h"

PyObject *mp_filter_from(mp_state *state, mp_stream *stream, mp_filtering *filtering)
{
    mp_filter *self = PyObject_New(mp_filter, state->Filter_Type);

    if (!self)
        return NULL;
    self->head.state = state;
    self->head.rec = stream;
    self->head.in_flight = 0;
    self->filtering = filtering;
    self->thread = 0;
    self->softspace = 0;
    return (PyObject *)self;
}

void mp_filter_done(PyObject *self)
{
    mp_object_expire(self);
    ((mp_filter *)self)->filtering = NULL;
    Py_DECREF(self);
}

mp_stream *mp_filter_enter(PyObject *self)
{
    mp_filter *filter = (mp_filter *)self;
    mp_stream *stream = mp_object_rec(self);
    unsigned long me = PyThread_get_thread_ident();

    if (!stream)
        return NULL;
    if (filter->head.in_flight && filter->thread != me) {
        PyErr_SetString(PyExc_RuntimeError, "another thread is reading or writing this filter; only one may at a time");
        return NULL;
    }
    filter->thread = me;
    return stream;
}

/* NULL for a page; then *stream tells it from an object that is over. */
static const mp_filtering *facts(PyObject *self, mp_stream **stream)
{
    *stream = mp_object_rec(self);
    return ((mp_filter *)self)->filtering;
}

static PyObject *get_name(PyObject *self, void *Py_UNUSED(closure))
{
    mp_stream *stream;
    const mp_filtering *filtering = facts(self, &stream);

    return stream ? mp_text_from(filtering ? filtering->name : "includes") : NULL;
}

static PyObject *get_req(PyObject *self, void *Py_UNUSED(closure))
{
    mp_stream *stream = mp_object_rec(self);

    return stream ? mp_request_share(((mp_object *)self)->state, stream->f->r) : NULL;
}

static PyObject *get_is_input(PyObject *self, void *Py_UNUSED(closure))
{
    mp_stream *stream = mp_object_rec(self);

    return stream ? PyLong_FromLong(stream->kind == MP_STREAM_INPUT) : NULL;
}

static PyObject *get_handler(PyObject *self, void *Py_UNUSED(closure))
{
    mp_stream *stream;
    const mp_filtering *filtering = facts(self, &stream);

    return stream ? mp_text_from(filtering ? filtering->handler->text : NULL) : NULL;
}

static PyObject *get_dir(PyObject *self, void *Py_UNUSED(closure))
{
    mp_stream *stream;
    const mp_filtering *filtering = facts(self, &stream);

    if (!stream)
        return NULL;
    return mp_path_from(filtering ? mp_host->handler_directory(stream->f->r, filtering->handler) : NULL);
}

static PyObject *get_closed(PyObject *self, void *Py_UNUSED(closure))
{
    mp_stream *stream = mp_object_rec(self);

    return stream ? PyLong_FromLong(stream->closed) : NULL;
}

/* The importer of mod_python 3.3 had lists within lists. */
static PyObject *get_parent(PyObject *self, void *Py_UNUSED(closure))
{
    return mp_object_rec(self) ? Py_NewRef(Py_None) : NULL;
}

static PyObject *get_softspace(PyObject *self, void *Py_UNUSED(closure))
{
    return mp_object_rec(self) ? PyLong_FromLong(((mp_filter *)self)->softspace) : NULL;
}

static int set_softspace(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    long long number;

    if (!value)
        return PyErr_Format(PyExc_AttributeError, "softspace cannot be deleted"), -1;
    if (mp_args_int(value, 0, &number, "softspace") < 0 || !mp_object_rec(self))
        return -1;
    ((mp_filter *)self)->softspace = number != 0;
    return 0;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_Free(self);
    Py_DECREF(type);
}

#define MEMBER(name) { #name, get_##name, NULL, MP_DOC_mp_filter_##name, NULL }
static PyGetSetDef members[] = {
    MEMBER(name),
    MEMBER(req),
    MEMBER(is_input),
    MEMBER(handler),
    MEMBER(dir),
    MEMBER(closed),
    MEMBER(parent),
    { "softspace", get_softspace, set_softspace, MP_DOC_mp_filter_softspace, NULL },
    { NULL, NULL, NULL, NULL, NULL }
};

#define X(name) \
    { #name, (PyCFunction)(void (*)(void))mp_filter_##name, METH_FASTCALL | METH_KEYWORDS, MP_DOC_mp_filter_##name },
static PyMethodDef methods[] = {
    MP_FILTER_METHODS(X)
    { NULL, NULL, 0, NULL }
};
#undef X

static PyType_Slot slots[] = {
    { Py_tp_doc, MP_DOC_mp_filter },
    { Py_tp_dealloc, dealloc },
    { Py_tp_getset, members },
    { Py_tp_methods, methods },
    { 0, NULL }
};

static PyType_Spec spec = {
    .name = "builtins.mp_filter",
    .basicsize = sizeof(mp_filter),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

int mp_filter_type_add(PyObject *module, mp_state *state)
{
    state->Filter_Type = mp_type_new(module, &spec);
    return state->Filter_Type ? 0 : -1;
}
