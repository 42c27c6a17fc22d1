#include "api/state.h"

const char mp_state_module_name[] = "_apache";

mp_register_cleanup_fn mp_api_register_cleanup;

mp_state *mp_state_of_module(PyObject *module)
{
    return PyModule_GetState(module);
}

mp_state *mp_state_of_type(PyTypeObject *type)
{
    for (; type; type = type->tp_base) {
        PyObject *module = PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) ? ((PyHeapTypeObject *)type)->ht_module : NULL;

        if (module && PyModule_GetDef(module)->m_name == mp_state_module_name)
            return PyModule_GetState(module);
    }
    PyErr_SetString(PyExc_TypeError, "not a type of _apache");
    return NULL;
}

/* A spec without a module in its name is deprecated, and messages would show the module: the name that CPython keeps is
 * "builtins.mp_x", the one that it shows stands behind the dot. */
PyTypeObject *mp_type_new(PyObject *module, PyType_Spec *spec)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    const char *dot = type ? strrchr(type->tp_name, '.') : NULL;

    if (dot)
        type->tp_name = dot + 1;
    return type;
}

int mp_state_traverse(PyObject *module, visitproc visit, void *arg)
{
    mp_state *state = PyModule_GetState(module);

    Py_VISIT(state->Request_Type);
    Py_VISIT(state->Connection_Type);
    Py_VISIT(state->Server_Type);
    Py_VISIT(state->Table_Type);
    Py_VISIT(state->TableIterator_Type);
    Py_VISIT(state->FInfo_Type);
    Py_VISIT(state->HList_Type);
    Py_VISIT(state->Filter_Type);
    Py_VISIT(state->SERVER_RETURN);
    Py_VISIT(state->keys_name);
    Py_VISIT(state->servers);
    Py_VISIT(state->apache);
    Py_VISIT(state->import_handler);
    Py_VISIT(state->resolve_object);
    return 0;
}

int mp_state_clear(PyObject *module)
{
    mp_state *state = PyModule_GetState(module);

    Py_CLEAR(state->Request_Type);
    Py_CLEAR(state->Connection_Type);
    Py_CLEAR(state->Server_Type);
    Py_CLEAR(state->Table_Type);
    Py_CLEAR(state->TableIterator_Type);
    Py_CLEAR(state->FInfo_Type);
    Py_CLEAR(state->HList_Type);
    Py_CLEAR(state->Filter_Type);
    Py_CLEAR(state->SERVER_RETURN);
    Py_CLEAR(state->keys_name);
    Py_CLEAR(state->servers);
    Py_CLEAR(state->apache);
    Py_CLEAR(state->import_handler);
    Py_CLEAR(state->resolve_object);
    return 0;
}
