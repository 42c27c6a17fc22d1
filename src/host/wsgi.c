#include "host/wsgi.h"
#include "config/directives.h"
#include "config/wsgi_groups.h"
#include "config/wsgi_proxies.h"
#include "host/engine.h"
#include "host/gateway.h"
#include "host/wsgi_admit.h"
#include "host/wsgi_bound.h"
#include "host/wsgi_dispatch.h"
#include "host/wsgi_map.h"
#include "host/wsgi_names.h"

static int is_on;       /* mod_wsgi is not there: the requests for scripts are ours */

/* The handler script that the request's handler names, or NULL. mod_mime has names in lower case, SetHandler as they
 * are written. */
static const mp_wsgi_script *handler_script(request_rec *r, const mp_wsgi_conf *conf)
{
    char *name;

    if (!conf->handlers)
        return NULL;
    name = apr_pstrdup(r->pool, r->handler);
    ap_str_tolower(name);
    return apr_hash_get(conf->handlers, name, APR_HASH_KEY_STRING);
}

static void fill(request_rec *r, const mp_wsgi_conf *conf, const mp_wsgi_script *script, mp_wsgi_target *target)
{
    target->resource = r->filename ? r->filename : "";
    target->script = script ? script->path : target->resource;
    target->handler = r->handler;
    target->handler_script = script ? script->path : "";
    target->script_name = mp_wsgi_script_name(r);
    target->path_info = r->path_info ? r->path_info : "";
    target->listener_host = r->connection->local_ip;
    target->listener_port = r->connection->local_addr->port;
    target->case_sensitive = mp_process_get()->wsgi.case_sensitive;
    target->reloading = conf->script_reloading != 0;
    target->passes_request = conf->pass_apache_request == 1;
}

static int serve(request_rec *r, const mp_wsgi_conf *conf, const mp_wsgi_script *script)
{
    const mp_wsgi_alias *alias = mp_wsgi_alias_of(r);
    const mp_wsgi_choice *options = script ? &script->choice : alias ? &alias->choice : NULL;
    const mp_engine_table *engine = mp_engine_get();
    mp_wsgi_choice dispatched = {.pass_authorization = mp_wsgi_passes_authorization(conf, options)};
    mp_wsgi_target *target = apr_pcalloc(r->pool, sizeof(*target));
    int status;

    if ((!script && (status = mp_wsgi_admit_script(r, alias != NULL)) != OK) ||
        (status = mp_wsgi_admit_request(r, conf)) != OK)
        return status;
    fill(r, conf, script, target);
    if ((status = mp_wsgi_dispatch(r, conf, &dispatched)) != OK ||
        (status = mp_wsgi_choose(r, &dispatched, options, target)) != OK)
        return status;
    if (script)
        target->callable = "handle_request";
    if (!engine && !*target->process_group) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0314: the WSGI script %s can't run, %s", target->script,
                      mp_engine_absence());
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return mp_gateway_serve(r, target, conf, options, engine);
}

static int content(request_rec *r)
{
    const mp_wsgi_conf *conf = &mp_dir_conf_get(r)->wsgi;
    const mp_wsgi_script *script;

    if (!is_on || !r->handler)
        return DECLINED;
    if (!strcmp(r->handler, "wsgi-script") || !strcmp(r->handler, "application/x-httpd-wsgi"))
        return serve(r, conf, NULL);
    return (script = handler_script(r, conf)) ? serve(r, conf, script) : DECLINED;
}

static int translate_name(request_rec *r)
{
    return is_on ? mp_wsgi_translate(r) : DECLINED;
}

/* Before mod_dir, which would look for an index file, or redirect to a URL with a '/' at its end. */
static int fixups(request_rec *r)
{
    if (!is_on || r->finfo.filetype != APR_DIR || !r->handler || strcmp(r->handler, "wsgi-script") ||
        !mp_wsgi_alias_of(r))
        return DECLINED;
    return mp_wsgi_admit_script(r, 1);
}

const char *mp_wsgi_check(server_rec *s, apr_pool_t *ptemp)
{
    const char *error = mp_wsgi_groups_check(mp_process_get(), ptemp);

    mp_wsgi_proxies_check(s);
    return error ? error : mp_wsgi_bound_check(s, ptemp);
}

static int is_before(const apr_array_header_t *names, int end)
{
    int i;

    for (i = 0; i < end; i++)
        if (!strcmp(APR_ARRAY_IDX(names, i, const char *), APR_ARRAY_IDX(names, end, const char *)))
            return 1;
    return 0;
}

void mp_wsgi_start(server_rec *s)
{
    const apr_array_header_t *ignored = mp_process_get()->wsgi.ignored;
    const char *list = "";
    int i;

    is_on = !mp_wsgi_is_elsewhere();
    for (i = 0; i < ignored->nelts; i++)
        if (!is_before(ignored, i))
            list = apr_pstrcat(ignored->pool, list, *list ? ", " : "", APR_ARRAY_IDX(ignored, i, const char *), NULL);
    if (*list)
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, "MP0315: these directives are accepted and have no effect: %s",
                     list);
}

void mp_wsgi_register(void)
{
    static const char *const after_aliases[] = {"mod_alias.c", NULL};
    static const char *const before_users[] = {"mod_userdir.c", "mod_vhost_alias.c", NULL};
    static const char *const before_index[] = {"mod_dir.c", NULL};

    ap_hook_translate_name(translate_name, after_aliases, before_users, APR_HOOK_MIDDLE);
    ap_hook_fixups(fixups, NULL, before_index, APR_HOOK_MIDDLE);
    ap_hook_handler(content, NULL, NULL, APR_HOOK_MIDDLE);
}
