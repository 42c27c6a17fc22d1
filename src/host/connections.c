#include "host/connections.h"
#include "host/engine.h"

#include "apr_atomic.h"
#include "apr_optional.h"
#include "http_connection.h"
#include "scoreboard.h"

APR_DECLARE_OPTIONAL_FN(int, ssl_is_https, (conn_rec *));

static int fail_without_engine(conn_rec *c)
{
    static apr_uint32_t said;
    int level = apr_atomic_inc32(&said) ? APLOG_ERR : APLOG_CRIT;

    ap_log_cerror(APLOG_MARK, level, 0, c, "MP0250: PythonConnectionHandler can't run, %s. The connection is closed",
                  mp_engine_absence());
    return DONE;
}

static int is_secondary(const conn_rec *c)
{
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 52)
    return c->master != NULL;       /* a stream of HTTP/2: its connection had its turn */
#else
    return 0;
#endif
}

/* A client that speaks HTTP in clear where TLS is due: mod_ssl, which is there, stands aside, so that the client can be
 * told over HTTP. A handler must not take the bytes, past encryption and client certificates. */
static int is_refused_by_tls(conn_rec *c)
{
    APR_OPTIONAL_FN_TYPE(ssl_is_https) *is_https = APR_RETRIEVE_OPTIONAL_FN(ssl_is_https);
    const ap_filter_t *f = c->input_filters;

    while (f && strcasecmp(f->frec->name, "SSL/TLS Filter"))
        f = f->next;
    return f && !(is_https && is_https(c));
}

/* The server is the one that owns the address; which virtual host is meant is only known with a request. */
static int run(conn_rec *c, mp_handler *stack)
{
    const mp_engine_table *engine = mp_engine_get();
    mp_visit visit = {MP_CONNECTION, stack, mp_interpreter_name_of_server(c->base_server), NULL};

    ap_update_child_status_from_conn(c->sbh, SERVER_BUSY_READ, c);
    return engine ? engine->connection(c, &visit) : fail_without_engine(c);
}

static int process_connection(conn_rec *c)
{
    mp_handler *stack = mp_handlers_of_connection(c->base_server);
    mp_connection_conf *conf;

    if (!stack || is_secondary(c) || c->aborted || is_refused_by_tls(c))
        return DECLINED;
    conf = mp_connection_conf_get(c);
    if (!conf->declined && run(c, stack) != DECLINED) {
        c->keepalive = AP_CONN_CLOSE;
        if (c->cs)
            c->cs->state = CONN_STATE_LINGER;       /* the event MPM: flush and close */
        return OK;
    }
    conf->declined = 1;     /* the event MPM runs this hook for each request */
    return DECLINED;
}

void mp_connections_register(apr_pool_t *p)
{
    /* There the handshake is made, or fails; with some versions of httpd in several turns. */
    static const char *const after_handshake[] = {"mod_ssl.c", NULL};

    ap_hook_process_connection(process_connection, after_handshake, NULL, APR_HOOK_MIDDLE);
}
