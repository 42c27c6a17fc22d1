#include "handlers/preload.h"

#include "api/types.h"
#include "runtime/error.h"
#include "runtime/lease.h"

/* Attached. New reference (None), or NULL with an exception. */
static PyObject *load_module(const mp_preload *preload)
{
    const mp_dir_conf *conf = mp_host->server_conf(preload->server);
    PyObject *importer = PyImport_ImportModule("mod_python.importer");
    PyObject *name = PyUnicode_DecodeFSDefault(preload->name);
    PyObject *result = NULL;

    if (importer && name)
        result = PyObject_CallMethod(importer, "preload_module", "Ozz", name, preload->function, conf->path);
    Py_XDECREF(name);
    Py_XDECREF(importer);
    return result;
}

/* Attached. -1 with an exception. */
static int load(mp_interp *interp, const mp_preload *preload, mp_preload_script_fn load_script)
{
    PyObject *result;

    if (preload->kind == MP_PRELOAD_SCRIPT)
        return load_script(interp, preload->name, mp_host->process->wsgi.case_sensitive);
    result = load_module(preload);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static void run(const mp_preload *preload, mp_preload_script_fn load_script)
{
    mp_lease lease;
    char what[1024];

    if (mp_lease_take(&lease, preload->interpreter, mp_at_server(preload->server)) != APR_SUCCESS)
        return;         /* logged; the interpreter is tried again by the first request */
    if (load(lease.interp, preload, load_script) < 0) {
        apr_snprintf(what, sizeof(what), "%s %s%s%s (error importing)", preload->directive, preload->name,
                     preload->function ? "::" : "", preload->function ? preload->function : "");
        mp_error_log(mp_at_server(preload->server), "MP0020", what, preload->interpreter, NULL);
    }
    mp_lease_release(&lease);
}

void mp_preload_check_paths(const mp_process *process, server_rec *s)
{
    char what[1024];
    mp_lease lease;
    int i;

    if (!process->paths->nelts || mp_lease_take(&lease, MP_MAIN_INTERPRETER, mp_at_server(s)) != APR_SUCCESS)
        return;
    for (i = 0; i < process->paths->nelts; i++) {
        const mp_path *path = &APR_ARRAY_IDX(process->paths, i, mp_path);
        const char *expression = path->expression + strspn(path->expression, " \t");  /* as eval() does */
        PyObject *code = Py_CompileString(expression, "PythonPath", Py_eval_input);

        if (!code) {
            apr_snprintf(what, sizeof(what), "PythonPath %s (%s:%d)", path->expression, path->file, path->line);
            mp_error_log(mp_at_server(s), "MP0021", what, lease.interp->name, NULL);
        }
        Py_XDECREF(code);
    }
    mp_lease_release(&lease);
}

void mp_preload_run(const mp_process *process, mp_preload_script_fn load_script)
{
    int i;

    for (i = 0; i < process->preloads->nelts; i++)
        run(&APR_ARRAY_IDX(process->preloads, i, mp_preload), load_script);
}
