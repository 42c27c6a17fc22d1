#include "handlers/preload.h"

#include "api/types.h"
#include "runtime/bound.h"
#include "runtime/error.h"
#include "runtime/lease.h"
#include "runtime/thread.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

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
    int failed;

    if (!preload->directive)
        mp_bound_inherit(preload->interpreter);
    if (mp_lease_take(&lease, preload->interpreter, mp_at_server(preload->server)) != APR_SUCCESS)
        return;         /* logged; the interpreter is tried again by the first request */
    failed = load(lease.interp, preload, load_script) < 0;
    if (failed && !preload->directive) {
        PyErr_Clear();      /* a request for it will have the traceback */
        mp_log(mp_at_server(preload->server), APLOG_INFO,
               "MP0458: WSGI script '%s' could not be loaded before it is needed",
               preload->name);
    }
    else if (failed) {
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

    for (i = 0; i < process->preloads->nelts && mp_host->goes_on(); i++)
        run(&APR_ARRAY_IDX(process->preloads, i, mp_preload), load_script);
    if (i < process->preloads->nelts)
        mp_log(mp_at_server(ap_server_conf), APLOG_INFO, "MP0485: this process is told to end; %d of its preloads are "
               "left out", process->preloads->nelts - i);
}

/* Services */

typedef struct {
    const mp_preload *preload;
    mp_preload_script_fn load_script;
} service;

/* Which one runs, and on which thread; written by the keeper. */
static struct {
    mp_interp *interp;                  /* atomic; NULL: none */
    unsigned long thread;
} serving;

/* Attached. Only the main interpreter can: signals are heard there. */
static void hear_signals(mp_interp *interp, void *unused)
{
    PyObject *module = PyImport_ImportModule("mod_python._service");
    PyObject *done = module ? PyObject_CallMethod(module, "hear", NULL) : NULL;

    if (!done)
        mp_error_log(mp_at_server(ap_server_conf), "MP0454", "the start of services", interp->name, NULL);
    Py_XDECREF(done);
    Py_XDECREF(module);
}

/* A service that is told to end, or ends itself by sys.exit(), is none that fails. */
static void log_service(const service *s, const mp_interp *interp)
{
    char what[1024];

    if (PyErr_ExceptionMatches(PyExc_SystemExit)) {
        PyErr_Clear();
        return;
    }
    apr_snprintf(what, sizeof(what), "service %s", s->preload->name);
    mp_error_log(mp_at_server(s->preload->server), "MP0454", what, interp->name, NULL);
}

static void run_service(mp_interp *interp, void *data)
{
    const service *s = data;
    pid_t pid = getpid();
    sigset_t none, before;

    sigemptyset(&none);
    serving.thread = PyThread_get_thread_ident();
    __atomic_store_n(&serving.interp, interp, __ATOMIC_RELEASE);
    pthread_sigmask(SIG_SETMASK, &none, &before);
    if (load(interp, s->preload, s->load_script) < 0)
        log_service(s, interp);
    if (getpid() != pid) {
        mp_log(mp_at_server(s->preload->server), APLOG_WARNING, "MP0465: a process that service %s forked has come to "
               "the end of its script; it ends here, and only its parent goes on", s->preload->name);
        _exit(1);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    __atomic_store_n(&serving.interp, NULL, __ATOMIC_RELEASE);
    PyThreadState_SetAsyncExc(serving.thread, NULL);
    if (PyErr_CheckSignals() < 0)       /* it came too late for the script */
        PyErr_Clear();
}

void mp_preload_run_services(const mp_process *process, mp_preload_script_fn load_script)
{
    int i;

    mp_interp_run_on_keeper(mp_interp_main(), hear_signals, NULL);
    for (i = 0; i < process->preloads->nelts && mp_host->goes_on(); i++) {
        service s = { &APR_ARRAY_IDX(process->preloads, i, mp_preload), load_script };
        mp_interp *interp = mp_interp_get(s.preload->interpreter, s.preload->server);

        if (interp)
            mp_interp_run_on_keeper(interp, run_service, &s);
    }
}

static void *end_service(void *interp)
{
    mp_lease lease;

    if (mp_lease_take_interp(&lease, interp, mp_at_server(ap_server_conf)) == APR_SUCCESS) {
        if (__atomic_load_n(&serving.interp, __ATOMIC_ACQUIRE) == interp)
            PyThreadState_SetAsyncExc(serving.thread, PyExc_SystemExit);
        mp_lease_release(&lease);
    }
    return NULL;
}

void mp_preload_end_services(void)
{
    mp_interp *interp = __atomic_load_n(&serving.interp, __ATOMIC_ACQUIRE);

    if (interp && interp != mp_interp_main() && mp_thread_start(end_service, interp) != APR_SUCCESS)
        return;                         /* it is killed when its time is over */
}
