/* For tests of this room only, and built only with -DMP_TEST: a handler "mod_python-trial" that hands its requests to the
 * group that the variable TRIAL_GROUP names, until the handler of WSGIScriptAlias does that. */
#include "daemon/trial.h"

#ifdef MP_TEST
#include "daemon/front.h"
#include "util_script.h"

#include <unistd.h>

static apr_status_t give_head(mp_gateway *to, int status, const char *line, const apr_array_header_t *pairs)
{
    int i;

    to->r->status = status;
    to->r->status_line = line;
    for (i = 0; i < pairs->nelts; i++) {
        const mp_pair *pair = &APR_ARRAY_IDX(pairs, i, mp_pair);

        if (!ap_cstr_casecmp(pair->name, "Content-Type"))
            ap_set_content_type(to->r, pair->value);
        else if (!ap_cstr_casecmp(pair->name, "Content-Length"))
            ap_set_content_length(to->r, apr_atoi64(pair->value));
        else
            apr_table_mergen(to->r->headers_out, pair->name, pair->value);
    }
    return APR_SUCCESS;
}

static apr_status_t give(mp_gateway *to, const char *data, apr_size_t n, mp_push push)
{
    apr_bucket_alloc_t *list = to->r->connection->bucket_alloc;
    apr_bucket_brigade *out = apr_brigade_create(to->pool, list);
    apr_status_t rv;

    if (n)
        APR_BRIGADE_INSERT_TAIL(out, apr_bucket_transient_create(data, n, list));
    if (push >= MP_PUSH_LAST)
        APR_BRIGADE_INSERT_TAIL(out, apr_bucket_eos_create(list));
    if (push == MP_PUSH_NOW)
        APR_BRIGADE_INSERT_TAIL(out, apr_bucket_flush_create(list));
    rv = ap_pass_brigade(to->r->output_filters, out);
    apr_brigade_destroy(out);
    return rv;
}

static void cut(mp_gateway *to)
{
    apr_bucket_alloc_t *list = to->r->connection->bucket_alloc;
    apr_bucket_brigade *out = apr_brigade_create(to->pool, list);

    to->r->connection->keepalive = AP_CONN_CLOSE;
    APR_BRIGADE_INSERT_TAIL(out, ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, to->pool, list));
    APR_BRIGADE_INSERT_TAIL(out, apr_bucket_eos_create(list));
    ap_pass_brigade(to->r->output_filters, out);
}

static int add(void *variables, const char *name, const char *value)
{
    mp_pair *pair = apr_array_push(variables);

    pair->name = name;
    pair->value = value;
    return 1;
}

static int handle(request_rec *r)
{
    static const mp_gateway_calls calls = {.head = give_head, .write = give, .cut = cut};
    const mp_wsgi_conf *conf = &mp_dir_conf_get(r)->wsgi;
    mp_gateway *to;
    mp_wsgi_target *target;

    if (!r->handler || strcmp(r->handler, "mod_python-trial"))
        return DECLINED;
    to = apr_pcalloc(r->pool, sizeof(*to));
    target = apr_pcalloc(r->pool, sizeof(*target));
    ap_add_common_vars(r);
    ap_add_cgi_vars(r);
    to->calls = &calls;
    to->pool = r->pool;
    to->r = r;
    to->server = r->server;
    to->variables = apr_array_make(r->pool, 32, sizeof(mp_pair));
    apr_table_do(add, to->variables, r->subprocess_env, NULL);
    to->is_head = r->header_only;
    to->request_start = r->request_time;
    to->server_pid = apr_itoa(r->pool, getpid());
    to->body_length = -1;
    target->process_group = apr_table_get(r->subprocess_env, "TRIAL_GROUP");
    target->interpreter = MP_MAIN_INTERPRETER;
    target->application_group = "";
    target->script = target->resource = r->filename;
    target->callable = "application";
    target->handler = "wsgi-script";
    target->handler_script = "";
    target->script_name = "";
    target->path_info = r->path_info;
    target->listener_host = r->connection->local_ip;
    target->reloading = target->case_sensitive = 1;
    return mp_daemon_serve(to, target, conf);
}

void mp_trial_register(apr_pool_t *p)
{
    ap_hook_handler(handle, NULL, NULL, APR_HOOK_MIDDLE);
}
#else
void mp_trial_register(apr_pool_t *p)
{
}
#endif
