/* Loading the engine and handing it the process. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* RTLD_DEFAULT */
#endif
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>

#include "host/engine.h"
#include "config/home.h"
#include "host/mutex.h"
#include "host/signals.h"

static const mp_engine_table *engine;
static int is_unwanted;
static mp_host_table host = {
    .seam = MP_SEAM,
    .module = &python_module,
    .process_group = "",
    .phase_directive = mp_phase_directive,
    .phase_function = mp_phase_function,
    .dir_conf = mp_dir_conf_get,
    .server_conf = mp_dir_conf_of_server,
    .request_conf = mp_request_conf_get,
    .request_conf_find = mp_request_conf_find,
    .connection_conf = mp_connection_conf_get,
    .handler_directory = mp_handler_directory,
    .flag = mp_flag,
    .config_table = mp_config_table,
    .idle = mp_signals_idle,
    .mutex_count = mp_mutex_count,
    .mutex = mp_mutex_do,
};

const mp_engine_table *mp_engine_get(void)
{
    return engine;
}

const char *mp_engine_absence(void)
{
    return is_unwanted ? "because this process has no Python: WSGIRestrictEmbedded is On, and no directive of the "
                         "server's files runs Python in httpd's children. `WSGIRestrictEmbedded Off` or a PythonImport "
                         "line brings it"
                       : "because this process has no Python; what it logged when it started (MP0200 to MP0204) says "
                          "why";
}

/* Another module of httpd (mod_wsgi, say) may have brought a libpython along, and its symbols come first: an engine for
 * another version would call into it and crash. */
static int is_other_python(const char *python, server_rec *s)
{
    const char *(*version)(void) = (const char *(*)(void))dlsym(RTLD_DEFAULT, "Py_GetVersion");

    if (!version || mp_home_minor(version()) == mp_home_minor(python))
        return 0;
    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "MP0204: another module of this httpd has loaded Python %.*s, and the "
                 "engine is for Python %s; both can't be in one process. Remove the LoadModule line of that module "
                 "(mod_wsgi?), or take the same Python version for both (PythonHome, PythonEngine)",
                 (int)strcspn(version(), " "), version(), python);
    return 1;
}

/* Global symbols, because extension modules of Python expect to find libpython's there. Never closed: libpython and
 * extension modules leave threads, thread-specific keys and exit functions behind that point into their code. */
static const mp_engine_table *open_engine(const char *file, server_rec *s)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_GLOBAL);
    const mp_engine_table *table = library ? dlsym(library, MP_ENGINE_SYMBOL) : NULL;

    if (!library)
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "MP0200: the engine %s can't be loaded: %s; check that this process "
                     "may read it and the libpython it needs", file, dlerror());
    else if (!table)
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "MP0201: %s is no engine of mod_python: it has no symbol "
                     MP_ENGINE_SYMBOL "; rebuild it: make && make install", file);
    else if (table->seam != MP_SEAM) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "MP0202: the engine %s has seam %d and mod_python.so has %d; "
                     "rebuild both from the same source: make && make install", file, table->seam, MP_SEAM);
        table = NULL;
    }
    return table;
}

static apr_status_t stop_engine(void *table)
{
    ((const mp_engine_table *)table)->stop();
    return APR_SUCCESS;
}

/* What other processes preload is none of ours. */
static const mp_process *own_preloads(const mp_process *process, const char *group)
{
    mp_process *own = apr_pmemdup(process->pool, process, sizeof(*own));
    int i;

    own->preloads = apr_array_make(process->pool, process->preloads->nelts + 1, sizeof(mp_preload));
    for (i = 0; i < process->preloads->nelts; i++) {
        const mp_preload *preload = &APR_ARRAY_IDX(process->preloads, i, mp_preload);

        if (!strcmp(preload->process_group, group))
            *(mp_preload *)apr_array_push(own->preloads) = *preload;
    }
    return own;
}

/* By a child of httpd. */
static int is_wanted(const mp_process *process)
{
    return !process->wsgi.restrict_embedded || process->wanted_by || process->preloads->nelts;
}

/* Requests run on the main thread. */
static int is_unthreaded(void)
{
    int threaded;

    return ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded) != APR_SUCCESS || threaded == AP_MPMQ_NOT_SUPPORTED;
}

/* A child loads with all signals blocked. Where it is unthreaded, httpd's handler of the SIGTERM that waits will end
 * it; where it has threads, it may be that it goes on, and then it needs all of its preloads. */
static int goes_on(void)
{
    sigset_t waiting;

    return !is_unthreaded() || sigpending(&waiting) != 0 || !sigismember(&waiting, SIGTERM);
}

static const mp_engine_table *load(server_rec *s, const char *group)
{
    const mp_engine_table *table;
    sigset_t all, before;
    apr_status_t rv;

    host.process = own_preloads(mp_process_get(), group);
    if (!*group && !is_wanted(host.process)) {
        is_unwanted = 1;
        return NULL;
    }
    host.library = mp_home_library();
    host.process_group = group;
    if (is_other_python(host.process->python, s) || !(table = open_engine(host.process->engine, s)))
        return NULL;

    /* Threads that preloads start inherit the mask, so httpd's signals stay on httpd's threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rv = table->start(&host, s);
    if (rv == APR_SUCCESS) {
        engine = table;
        if (!*group && is_unthreaded())
            mp_signals_guard(table, s);
    }
    else
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "MP0203: the engine %s did not start; the lines before this one say "
                     "why", host.process->engine);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return engine;
}

void mp_engine_load(apr_pool_t *pchild, server_rec *s)
{
    host.goes_on = goes_on;
    if (load(s, ""))
        apr_pool_pre_cleanup_register(pchild, engine, stop_engine);
}

const mp_engine_table *mp_engine_load_in_group(const mp_group *group, int (*group_goes_on)(void))
{
    host.home = group->is_home_given ? group->home : NULL;
    host.goes_on = group_goes_on;
    host.processes = group->processes;
    host.threads = group->threads;
    host.server_metrics = group->server_metrics == 1;
    return load(group->server, group->name);
}
