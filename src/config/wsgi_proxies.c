#include "config/wsgi_proxies.h"
#include "config/directives.h"
#include "config/records.h"

const char *mp_wsgi_add_trusted_header(cmd_parms *cmd, void *conf, const char *name)
{
    mp_wsgi_conf *wsgi = &((mp_dir_conf *)conf)->wsgi;

    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    if (!wsgi->trusted_headers)
        wsgi->trusted_headers = apr_array_make(cmd->pool, 4, sizeof(const char *));
    APR_ARRAY_PUSH(wsgi->trusted_headers, const char *) = name;
    return NULL;
}

const char *mp_wsgi_add_trusted_proxy(cmd_parms *cmd, void *conf, const char *network)
{
    mp_wsgi_conf *wsgi = &((mp_dir_conf *)conf)->wsgi;
    char *address = apr_pstrdup(cmd->temp_pool, network), *mask = strchr(address, '/');
    apr_ipsubnet_t *subnet;

    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    if (mask)
        *mask++ = '\0';
    if (apr_ipsubnet_create(&subnet, address, mask, cmd->pool) != APR_SUCCESS)
        return apr_psprintf(cmd->pool, "%s: Unable to parse trusted proxy IP address/subnet of \"%s\"; write an "
                            "address such as 10.1.2.3 or ::1, or a network such as 10.0.0.0/8", cmd->cmd->name,
                            network);
    if (!wsgi->trusted_proxies)
        wsgi->trusted_proxies = apr_array_make(cmd->pool, 4, sizeof(apr_ipsubnet_t *));
    APR_ARRAY_PUSH(wsgi->trusted_proxies, apr_ipsubnet_t *) = subnet;
    return NULL;
}

static int has(const ap_directive_t *line, const char *name)
{
    for (; line; line = line->next)
        if (!ap_cstr_casecmp(line->directive, name))
            return 1;
    return 0;
}

/* `known`: a section around says who is trusted. */
static void look(const ap_directive_t *line, int known, server_rec *s)
{
    known = known || has(line, "WSGITrustedProxies");
    for (; line; line = line->next) {
        if (line->first_child)
            look(line->first_child, known, s);
        else if (!known && !ap_cstr_casecmp(line->directive, "WSGITrustedProxyHeaders"))
            ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s, "MP0302: WSGITrustedProxyHeaders %s (%s:%d): "
                         "without WSGITrustedProxies every client is believed what it writes into these headers; write "
                         "WSGITrustedProxies with the addresses of your proxies beside it", line->args, line->filename,
                         line->line_num);
    }
}

void mp_wsgi_proxies_check(server_rec *s)
{
    if (!mp_wsgi_is_elsewhere())
        look(ap_conftree, 0, s);
}
