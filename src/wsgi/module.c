/* The built-in module mod_wsgi, one in each interpreter: types, facts, and the state of all that is WSGI there. */
#include "wsgi/watch.h"

#define VERSION 4, 0, 0         /* MP_VERSION */

static int mpm_limit(int query)
{
    int value = 0;

    return ap_mpm_query(query, &value) == APR_SUCCESS && value > 0 ? value : 1;
}

static int processes(void)
{
    return *mp_host->process_group ? mp_host->processes : mpm_limit(AP_MPMQ_MAX_DAEMONS);
}

static int threads(void)
{
    return *mp_host->process_group ? mp_host->threads : mpm_limit(AP_MPMQ_MAX_THREADS);
}

static int add(PyObject *module, const char *name, PyObject *value)
{
    int status = value ? PyModule_AddObjectRef(module, name, value) : -1;

    Py_XDECREF(value);
    return status;
}

static PyObject *import_name(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *value = module ? PyObject_GetAttrString(module, name) : NULL;

    Py_XDECREF(module);
    return value;
}

static int intern_names(mp_wsgi_state *state)
{
    return (state->str_mtime = PyUnicode_InternFromString("__mtime__")) &&
           (state->str_reload_required = PyUnicode_InternFromString("reload_required")) &&
           (state->str_close = PyUnicode_InternFromString("close")) &&
           (state->str_fileno = PyUnicode_InternFromString("fileno")) &&
           (state->str_tell = PyUnicode_InternFromString("tell")) ? 0 : -1;
}

static int exec(PyObject *module)
{
    mp_wsgi_state *state = PyModule_GetState(module);

    return mp_wsgi_call_type_add(module, state) < 0 || mp_wsgi_input_type_add(module, state) < 0 ||
           mp_wsgi_log_type_add(module, state) < 0 || mp_wsgi_filewrapper_type_add(module, state) < 0 ||
           mp_wsgi_watch_prepare(state, module) < 0 || PyModule_AddFunctions(module, mp_wsgi_watch_methods) < 0 ||
           PyModule_AddFunctions(module, mp_wsgi_metrics_methods) < 0 ||
           PyModule_AddFunctions(module, mp_wsgi_lines_methods) < 0 ||
           PyModule_AddFunctions(module, mp_wsgi_facts_methods) < 0 || intern_names(state) < 0 ||
           add(module, "version", Py_BuildValue("(iii)", VERSION)) < 0 ||
           mp_wsgi_environ_prepare(state, module) < 0 ? -1 : 0;
}

/* Of what belongs to the collector only the types and the template can be in a cycle. The state itself lives as long as
 * the interpreter, which is never ended. */
static int traverse(PyObject *module, visitproc visit, void *arg)
{
    mp_wsgi_state *state = PyModule_GetState(module);

    Py_VISIT(state->Call_Type);
    Py_VISIT(state->Input_Type);
    Py_VISIT(state->Log_Type);
    Py_VISIT(state->FileWrapper_Type);
    Py_VISIT(state->environ);
    Py_VISIT(state->load_script);
    Py_VISIT(state->text_wrapper);
    Py_VISIT(state->event_callbacks);
    Py_VISIT(state->shutdown_callbacks);
    Py_VISIT(state->signal_callbacks);
    Py_VISIT(state->active_requests);
    Py_VISIT(state->RequestTimeout);
    return 0;
}

static PyModuleDef_Slot slots[] = {
    { Py_mod_exec, exec },
#if PY_VERSION_HEX >= 0x030c0000
    { Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED },
#endif
    { 0, NULL }
};

static PyMethodDef methods[] = {
    { "__getattr__", mp_wsgi_watch_getattr, METH_O, NULL },
    { NULL, NULL, 0, NULL }
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "mod_wsgi",
    .m_doc = "What a WSGI application may ask of the server that runs it.",
    .m_size = sizeof(mp_wsgi_state),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = traverse,
};

PyObject *mp_wsgi_module_init(void)
{
    return PyModuleDef_Init(&definition);
}

/* The module `apache` of mod_wsgi's, for who asks for it. */
static int install_names(void)
{
    PyObject *names = PyImport_ImportModule("mod_python._wsginames");
    PyObject *done = names ? PyObject_CallMethod(names, "install", NULL) : NULL;

    Py_XDECREF(done);
    Py_XDECREF(names);
    return done ? 0 : -1;
}

int mp_wsgi_start(mp_interp *interp)
{
    PyObject *module = PyImport_ImportModule("mod_wsgi");
    const char *group = strcmp(interp->name, MP_MAIN_INTERPRETER) ? interp->name : "";
    mp_wsgi_state *state;

    if (!module)
        return -1;
    state = PyModule_GetState(module);
    state->interp = interp;
    if (mp_wsgi_environ_start(state) < 0 || mp_wsgi_lines_prepare(state) < 0 || install_names() < 0 ||
        add(module, "process_group", PyUnicode_FromString(mp_host->process_group)) < 0 ||
        add(module, "application_group", PyUnicode_DecodeFSDefault(group)) < 0 ||
        add(module, "maximum_processes", PyLong_FromLong(processes())) < 0 ||
        add(module, "threads_per_process", PyLong_FromLong(threads())) < 0 ||
        !(state->text_wrapper = import_name("io", "TextIOWrapper")) ||
        !(state->load_script = import_name("mod_python._scripts", "find"))) {
        Py_DECREF(module);
        return -1;
    }
    interp->wsgi = state;       /* the reference to the module is kept: the state is its memory */
    return 0;
}
