#include "host/gateway.h"
#include "daemon/front.h"
#include "host/wsgi_proxies.h"

#include "apr_lib.h"

static int mpm_fact(int query)
{
    int value = AP_MPMQ_NOT_SUPPORTED;

    return ap_mpm_query(query, &value) == APR_SUCCESS ? value : 0;
}

static void log_line(mp_gateway *gateway, int level, const char *line)
{
    ap_log_rerror(APLOG_MARK, level, 0, gateway->r, "%s", line);
}

/* Asked once in a process: the MPM does not change. */
static const char *process_id(apr_pool_t *p)
{
    return apr_itoa(p, (int)getpid());
}

static void fill(mp_request_gateway *gateway, request_rec *r, const mp_wsgi_conf *conf)
{
    static const mp_gateway_calls calls = {
        mp_gateway_read, mp_gateway_head, mp_gateway_write, mp_gateway_send_file, mp_gateway_cut, log_line, NULL,
        NULL
    };
    mp_gateway *base = &gateway->base;

    base->calls = &calls;
    base->pool = r->pool;
    base->r = r;
    base->server = r->server;
    base->multithread = mpm_fact(AP_MPMQ_MAX_THREADS) > 1;
    base->multiprocess = mpm_fact(AP_MPMQ_IS_FORKED) > 0 && mpm_fact(AP_MPMQ_MAX_DAEMONS) > 1;
    base->request_start = r->request_time;
    base->request_id = r->log_id;
    base->connection_id = r->connection->log_id;
    base->server_pid = process_id(r->pool);
    base->is_head = r->header_only;
    base->sends_files = conf->enable_sendfile == 1;
    gateway->conf = conf;
}

int mp_wsgi_passes_authorization(const mp_wsgi_conf *conf, const mp_wsgi_choice *choice)
{
    return (choice && choice->pass_authorization != MP_UNSET ? choice->pass_authorization
                                                             : conf->choice.pass_authorization) == 1;
}

int mp_gateway_serve(request_rec *r, mp_wsgi_target *target, const mp_wsgi_conf *conf, const mp_wsgi_choice *choice,
                     const mp_engine_table *engine)
{
    mp_request_gateway *gateway = apr_pcalloc(r->pool, sizeof(*gateway));
    int status;

    fill(gateway, r, conf);
    mp_gateway_open_input(gateway);
    mp_gateway_variables(gateway, target, mp_wsgi_passes_authorization(conf, choice));
    mp_wsgi_proxies_apply(r, conf, gateway->base.variables, &gateway->base.is_https, &target->mount_point);
    status = *target->process_group ? mp_daemon_serve(&gateway->base, target, conf)
                                    : engine->wsgi(&gateway->base, target);
    if (r->eos_sent)                    /* all is said, maybe by httpd itself: no second answer */
        return OK;
    return gateway->replaced ? gateway->replaced : status;
}
