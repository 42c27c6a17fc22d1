/* The module's record, and the hooks of its life. How anything works is elsewhere. */
#include "mp.h"
#include "config/directives.h"
#include "config/groups.h"
#include "config/home.h"
#include "config/wsgi_records.h"
#include "config/merge.h"
#include "daemon/daemon.h"
#include "daemon/front.h"
#include "host/connections.h"
#include "host/engine.h"
#include "host/exports.h"
#include "host/filters.h"
#include "host/hooks.h"
#include "host/include.h"
#include "host/mutex.h"
#include "host/wsgi.h"
#include "host/wsgi_access.h"

static int pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    mp_process_new(pconf);
    mp_mutex_register(pconf);
    return OK;
}

static int refuse(server_rec *s, const char *code, const char *error)
{
    if (error)
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, s, "%s: %s", code, error);
    return error != NULL;
}

/* In this phase, not in post_config, because `httpd -t` goes no further. */
static int check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    if (refuse(s, "MP0400", mp_groups_check(mp_process_get(), ptemp)) ||      /* it needs what PythonEngine says */
        refuse(s, "MP0220", mp_home_choose(mp_process_get(), ptemp)) ||
        refuse(s, "MP0066", mp_mutex_check(s, ptemp)) ||
        refuse(s, "MP0245", mp_filters_check(ptemp)) ||
        refuse(s, "MP0300", mp_wsgi_check(s, ptemp)))
        return HTTP_INTERNAL_SERVER_ERROR;
    return OK;
}

static void warn_of_old_python(const mp_process *process, server_rec *s)
{
    int i;

    for (i = 0; i < process->interpreters->nelts; i++) {
        mp_interp_options *options = &APR_ARRAY_IDX(process->interpreters, i, mp_interp_options);

        if (options->gil == MP_GIL_OWN && mp_home_minor(process->python) < 13) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, "MP0221: %s%s: a GIL of its own needs Python 3.13 or later, "
                         "and this is %s; the shared one is used", options->directive,
                         options->directive[0] == 'P' ? " gil=own" : "", process->python);
            options->gil = MP_GIL_SHARED;
        }
    }
}

static int post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    const mp_process *process = mp_process_get();

    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG)
        return OK;      /* httpd reads its configuration once more before it starts */
    ap_add_version_component(pconf, "mod_python/" MP_VERSION);
    ap_add_version_component(pconf, apr_pstrcat(ptemp, "Python/", process->python, NULL));
    warn_of_old_python(process, s);
    if (mp_mutex_create(s, ptemp) != APR_SUCCESS || mp_daemon_start(pconf, s) != APR_SUCCESS)
        return HTTP_INTERNAL_SERVER_ERROR;
    mp_include_register();
    mp_wsgi_start(s);
    if (mp_wsgi_is_elsewhere())
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, "MP0222: mod_wsgi is loaded beside mod_python; all WSGI "
                     "directives are left to it, and both need the same Python version");
    return OK;
}

static void child_init(apr_pool_t *pchild, server_rec *s)
{
    mp_daemon_child_init();
    mp_front_child_init(pchild);
    mp_mutex_join(s);
    mp_engine_load(pchild, s);
}

static void register_hooks(apr_pool_t *p)
{
    /* Process groups are forked before private keys are in the parent's memory. */
    static const char *const keepers_of_keys[] = {"mod_ssl.c", "mod_gnutls.c", "mod_md.c", NULL};

    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config, NULL, keepers_of_keys, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
    mp_filters_start();
    mp_hooks_register(p);
    mp_connections_register(p);
    mp_exports_register();
    mp_wsgi_register();
    mp_wsgi_access_register(p);
}

module AP_MODULE_DECLARE_DATA python_module = {
    STANDARD20_MODULE_STUFF,
    mp_dir_conf_create,
    mp_dir_conf_merge,
    mp_server_conf_create,
    mp_server_conf_merge,
    mp_directives,
    register_hooks,
    0
};
