#include "handlers/debugger.h"

#include "apr_atomic.h"

static apr_uint32_t warned;     /* this process has said that it does not debug */

static int is_wanted(mp_place where)
{
    const mp_dir_conf *conf = where.r ? mp_host->dir_conf(where.r) : mp_host->server_conf(where.s);

    if (!mp_host->flag(where.r, "PythonEnablePdb", conf->enable_pdb, 0))
        return 0;
    if (ap_exists_config_define("ONE_PROCESS") || ap_exists_config_define("DEBUG"))
        return 1;
    if (!apr_atomic_xchg32(&warned, 1))
        mp_log(where, APLOG_WARNING, "MP0093: PythonEnablePdb is ignored, because httpd has several processes; to "
               "debug, stop it and start it in a terminal with -X");
    return 0;
}

PyObject *mp_debugger_call(mp_place where, PyObject *function, PyObject *arg)
{
    PyObject *debugger, *result = NULL;

    if (!is_wanted(where))
        return PyObject_CallOneArg(function, arg);
    if ((debugger = PyImport_ImportModule("mod_python._debugger")))
        result = PyObject_CallMethod(debugger, "run", "OO", function, arg);
    Py_XDECREF(debugger);
    return result;
}
