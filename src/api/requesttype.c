/* mp_request: the type, put together from the files that request.h lists. */
#include "api/request.h"

#include "docstrings.h"

#define X(name) \
    { #name, (PyCFunction)(void (*)(void))mp_request_##name, METH_FASTCALL | METH_KEYWORDS, MP_DOC_mp_request_##name },
static PyMethodDef methods[] = {
    MP_REQUEST_METHODS(X)
    { NULL, NULL, 0, NULL }
};
#undef X

static PyMemberDef offsets[] = {
    { "__dictoffset__", T_PYSSIZET, offsetof(mp_request, dict), READONLY, NULL },
    { NULL, 0, 0, 0, NULL }
};

static PyType_Slot slots[] = {
    { Py_tp_doc, MP_DOC_mp_request },
    { Py_tp_dealloc, mp_request_dealloc },
    { Py_tp_traverse, mp_request_traverse },
    { Py_tp_clear, mp_request_clear },
    { Py_tp_setattro, mp_request_setattro },
    { Py_tp_getattro, PyObject_GenericGetAttr },
    { Py_tp_iter, PyObject_SelfIter },
    { Py_tp_iternext, mp_request_next_line },
    { Py_tp_methods, methods },
    { Py_tp_members, offsets },
    { Py_tp_getset, (void *)mp_request_fields },
    { 0, NULL }
};

static PyType_Spec spec = {
    .name = "builtins.mp_request",
    .basicsize = sizeof(mp_request),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

int mp_request_type_add(PyObject *module, mp_state *state)
{
    state->Request_Type = mp_type_new(module, &spec);
    return state->Request_Type ? 0 : -1;
}
