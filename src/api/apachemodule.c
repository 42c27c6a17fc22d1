#include "api/apachemodule.h"

#include "api/functions.h"
#include "api/types.h"

#include "apr_allocator.h"
#include "docstrings.h"

#define MAX_FREE (1024 * 1024)      /* bytes that the allocator of tables keeps for the next ones */

static int execute(PyObject *module)
{
    mp_state *state = PyModule_GetState(module);

    if (apr_allocator_create(&state->allocator) != APR_SUCCESS) {
        PyErr_NoMemory();
        return -1;
    }
    apr_allocator_max_free_set(state->allocator, MAX_FREE);
    state->SERVER_RETURN = PyErr_NewExceptionWithDoc("_apache.SERVER_RETURN", MP_DOC_SERVER_RETURN, PyExc_Exception,
                                                     NULL);
    state->keys_name = PyUnicode_InternFromString("keys");
    state->servers = PyDict_New();
    if (!state->SERVER_RETURN || !state->keys_name || !state->servers ||
        mp_table_type_add(module, state) < 0 ||
        mp_server_type_add(module, state) < 0 ||
        mp_connection_type_add(module, state) < 0 ||
        mp_finfo_type_add(module, state) < 0 ||
        mp_hlist_type_add(module, state) < 0 ||
        mp_request_type_add(module, state) < 0 ||
        mp_filter_type_add(module, state) < 0 ||
        PyModule_AddObjectRef(module, "SERVER_RETURN", state->SERVER_RETURN) < 0 ||
        PyModule_AddObjectRef(module, "table", (PyObject *)state->Table_Type) < 0 ||
        PyModule_AddType(module, state->Request_Type) < 0 ||
        PyModule_AddType(module, state->Connection_Type) < 0 ||
        PyModule_AddType(module, state->Server_Type) < 0 ||
        PyModule_AddType(module, state->FInfo_Type) < 0 ||
        PyModule_AddType(module, state->HList_Type) < 0 ||
        PyModule_AddType(module, state->Filter_Type) < 0 ||
        mp_api_constants_add(module) < 0)
        return -1;
    return 0;
}

static void release(void *module)
{
    mp_state_clear(module);
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
    .m_name = mp_state_module_name,
    .m_doc = MP_DOC__apache,
    .m_size = sizeof(mp_state),
    .m_methods = mp_api_functions,
    .m_slots = slots,
    .m_traverse = mp_state_traverse,
    .m_clear = mp_state_clear,
    .m_free = release,
};

PyMODINIT_FUNC mp_api_init(void)
{
    return PyModuleDef_Init(&definition);
}
