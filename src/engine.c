/* The engine's side of the seam: what mod_python.so may call, put together from the rooms. */
#include "runtime/python.h"

#include "api/apachemodule.h"
#include "api/exports.h"
#include "api/package.h"
#include "handlers/cleanup.h"
#include "handlers/connections.h"
#include "handlers/filters.h"
#include "handlers/include.h"
#include "handlers/phases.h"
#include "handlers/preload.h"
#include "runtime/bound.h"
#include "runtime/end.h"
#include "runtime/heartbeat.h"
#include "runtime/imports.h"
#include "runtime/lease.h"
#include "runtime/stacks.h"
#include "runtime/turns.h"
#include "wsgi/watch.h"

const mp_host_table *mp_host;

/* Found by the parent in this file, without loading it. */
__attribute__((used)) static const char stamp[] = MP_STAMP "seam=" MP_SEAM_TEXT " python=" PY_VERSION;

static int born(mp_interp *interp)
{
    if (*mp_host->process_group)
        mp_stacks_prepare(interp);
    return mp_package_start(interp) < 0 ? -1 : mp_wsgi_start(interp);
}

static const mp_interp_callbacks interp_callbacks = {
    { { "_apache", mp_api_init }, { "mod_wsgi", mp_wsgi_module_init }, { NULL, NULL } }, born
};

/* Subscribers to the end come before the threads are waited for: they may be what ends them. */
static int finish(mp_interp *interp, int step)
{
    if (step == 0)
        mp_wsgi_watch_stop(interp, mp_wsgi_stop_reason());
    return mp_package_finish(interp, step);
}

static const mp_end_callbacks end_callbacks = { mp_cleanup_run_last, finish };

static int is_service(void)
{
    return *mp_host->process_group && !mp_host->threads;
}

static apr_status_t start(const mp_host_table *host, server_rec *s)
{
    apr_status_t status;

    mp_host = host;
    mp_api_register_cleanup = mp_cleanup_add;
    if ((status = mp_lease_start()) != APR_SUCCESS || (status = mp_turns_start()) != APR_SUCCESS ||
        (status = mp_bound_start()) != APR_SUCCESS ||
        (status = mp_imports_start()) != APR_SUCCESS || (status = mp_cleanup_start()) != APR_SUCCESS ||
        (status = mp_interp_start(&interp_callbacks, s)) != APR_SUCCESS)
        return status;
    mp_preload_check_paths(host->process, s);
    mp_wsgi_interrupt_start(*host->process_group ? host->threads : 0);
    if (!is_service())
        mp_preload_run(host->process, mp_wsgi_script_preload);
    return APR_SUCCESS;
}

static void run_services(void)
{
    mp_preload_run_services(mp_host->process, mp_wsgi_script_preload);
}

static void stop(void)
{
    mp_end_run(&end_callbacks, ap_server_conf);
}

__attribute__((visibility("default"))) const mp_engine_table mp_engine = {
    .seam = MP_SEAM,
    .python = PY_VERSION,
    .start = start,
    .stop = stop,
    .stopping = mp_wsgi_stopping,
    .signaled = mp_wsgi_signaled,
    .beat = mp_heartbeat,
    .dump = mp_stacks_dump,
    .interrupt = mp_wsgi_interrupt,
    .run_services = run_services,
    .end_services = mp_preload_end_services,
    .phase = mp_phases_run,
    .connection = mp_connections_run,
    .output_filter = mp_filters_output,
    .input_filter = mp_filters_input,
    .include = mp_include_run,
    .wsgi = mp_wsgi_run,
    .decide = mp_wsgi_decide,
    .busy = mp_lease_busy,
    .acquire = mp_exports_acquire,
    .release = mp_exports_release,
    .request_object = mp_exports_request,
    .server_object = mp_exports_server,
    .connection_object = mp_exports_connection,
};
