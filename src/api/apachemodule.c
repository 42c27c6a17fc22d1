#include "api/functions.h"
#include "api/types.h"

#include "apr_allocator.h"

mp_register_cleanup_fn mp_api_register_cleanup;

#define MAX_FREE (1024 * 1024)      /* bytes that the allocator of tables keeps for the next ones */

static PyModuleDef definition;

mp_state *mp_state_of_module(PyObject *module)
{
    return PyModule_GetState(module);
}

mp_state *mp_state_of_type(PyTypeObject *type)
{
    for (; type; type = type->tp_base) {
        PyObject *module = PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) ? ((PyHeapTypeObject *)type)->ht_module : NULL;

        if (module && PyModule_GetDef(module) == &definition)
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

static int execute(PyObject *module)
{
    mp_state *state = PyModule_GetState(module);

    if (apr_allocator_create(&state->allocator) != APR_SUCCESS) {
        PyErr_NoMemory();
        return -1;
    }
    apr_allocator_max_free_set(state->allocator, MAX_FREE);
    state->SERVER_RETURN = PyErr_NewExceptionWithDoc("_apache.SERVER_RETURN",
                                                     "Ends the handler; args[0] is what it returns.",
                                                     PyExc_Exception, NULL);
    state->keys_name = PyUnicode_InternFromString("keys");
    state->servers = PyDict_New();
    if (!state->SERVER_RETURN || !state->keys_name || !state->servers ||
        mp_table_type_add(module, state) < 0 ||
        mp_server_type_add(module, state) < 0 ||
        mp_connection_type_add(module, state) < 0 ||
        mp_finfo_type_add(module, state) < 0 ||
        mp_hlist_type_add(module, state) < 0 ||
        mp_request_type_add(module, state) < 0 ||
        PyModule_AddObjectRef(module, "SERVER_RETURN", state->SERVER_RETURN) < 0 ||
        PyModule_AddObjectRef(module, "table", (PyObject *)state->Table_Type) < 0 ||
        PyModule_AddType(module, state->Request_Type) < 0 ||
        PyModule_AddType(module, state->Connection_Type) < 0 ||
        PyModule_AddType(module, state->Server_Type) < 0 ||
        PyModule_AddType(module, state->FInfo_Type) < 0 ||
        PyModule_AddType(module, state->HList_Type) < 0 ||
        mp_api_constants_add(module) < 0)
        return -1;
    return 0;
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    mp_state *state = PyModule_GetState(module);

    Py_VISIT(state->Request_Type);
    Py_VISIT(state->Connection_Type);
    Py_VISIT(state->Server_Type);
    Py_VISIT(state->Table_Type);
    Py_VISIT(state->TableIterator_Type);
    Py_VISIT(state->FInfo_Type);
    Py_VISIT(state->HList_Type);
    Py_VISIT(state->SERVER_RETURN);
    Py_VISIT(state->keys_name);
    Py_VISIT(state->servers);
    Py_VISIT(state->apache);
    Py_VISIT(state->import_handler);
    Py_VISIT(state->resolve_object);
    return 0;
}

static int clear(PyObject *module)
{
    mp_state *state = PyModule_GetState(module);

    Py_CLEAR(state->Request_Type);
    Py_CLEAR(state->Connection_Type);
    Py_CLEAR(state->Server_Type);
    Py_CLEAR(state->Table_Type);
    Py_CLEAR(state->TableIterator_Type);
    Py_CLEAR(state->FInfo_Type);
    Py_CLEAR(state->HList_Type);
    Py_CLEAR(state->SERVER_RETURN);
    Py_CLEAR(state->keys_name);
    Py_CLEAR(state->servers);
    Py_CLEAR(state->apache);
    Py_CLEAR(state->import_handler);
    Py_CLEAR(state->resolve_object);
    return 0;
}

static void release(void *module)
{
    clear(module);
}

static PyModuleDef_Slot slots[] = {
    { Py_mod_exec, execute },
#if PY_VERSION_HEX >= 0x030c0000
    { Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED },
#endif
#if PY_VERSION_HEX >= 0x030d0000
    { Py_mod_gil, Py_MOD_GIL_NOT_USED },
#endif
    { 0, NULL }
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_apache",
    .m_doc = "httpd's objects and functions; mod_python.apache is the public face.",
    .m_size = sizeof(mp_state),
    .m_methods = mp_api_functions,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = release,
};

PyMODINIT_FUNC mp_api_init(void)
{
    return PyModuleDef_Init(&definition);
}
