#include "host/wsgi_map.h"
#include "config/wsgi_records.h"

#include <stdlib.h>

#define NOTE "mod_python-wsgi-alias"        /* the place of the alias in its server's list */
#define FORCED_TYPE "alias-forced-type"     /* httpd's modules look for it, as ScriptAlias sets it */

/* How much of the path the alias covers; 0: it does not match. Where the alias has slashes the path may have any number
 * of them. */
static size_t match_path(const char *path, const char *alias)
{
    const char *at = path, *end = alias;

    while (*end) {
        if (*end != '/') {
            if (*end++ != *at++)
                return 0;
        }
        else {
            if (*at != '/')
                return 0;
            end += strspn(end, "/");
            at += strspn(at, "/");
        }
    }
    return end[-1] == '/' || !*at || *at == '/' ? (size_t)(at - path) : 0;
}

/* What one alias makes of the path; NULL: nothing. */
static const char *apply(request_rec *r, const mp_wsgi_alias *alias)
{
    ap_regmatch_t groups[AP_MAX_REG_MATCH];
    const char *target;
    size_t n;

    if (!alias->pattern) {
        if (!(n = match_path(r->uri, alias->url)))
            return NULL;
        if (!alias->url[strspn(alias->url, "/")])
            n = 0;                          /* for "/" all of the path comes behind the target */
        return apr_pstrcat(r->pool, alias->target, r->uri + n, NULL);
    }
    if (ap_regexec(alias->pattern, r->uri, AP_MAX_REG_MATCH, groups, 0))
        return NULL;
    target = ap_pregsub(r->pool, alias->target, r->uri, AP_MAX_REG_MATCH, groups);
    return target ? apr_pstrcat(r->pool, target, r->uri + groups[0].rm_eo, NULL) : NULL;
}

/* httpd has resolved such segments, but groups of a regular expression may put them together again. */
static int leads_up(const char *path)
{
    for (; (path = strstr(path, "/..")); path += 3)
        if (!path[3] || path[3] == '/')
            return 1;
    return 0;
}

int mp_wsgi_translate(request_rec *r)
{
    const apr_array_header_t *aliases = mp_server_conf_get(r->server)->aliases;
    int i;

    if (!aliases->nelts || r->proxyreq || *r->uri != '/')
        return DECLINED;
    for (i = 0; i < aliases->nelts; i++) {
        const mp_wsgi_alias *alias = APR_ARRAY_IDX(aliases, i, const mp_wsgi_alias *);
        const char *target = apply(r, alias);

        if (!target)
            continue;
        if (leads_up(target)) {
            ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0303: %s %s would map this URL to %s; no '..' is allowed "
                          "there", alias->directive, alias->url, target);
            return HTTP_FORBIDDEN;
        }
        r->filename = apr_pstrdup(r->pool, target);
        r->handler = "wsgi-script";
        apr_table_setn(r->notes, FORCED_TYPE, r->handler);
        apr_table_setn(r->notes, NOTE, apr_itoa(r->pool, i));
        return OK;
    }
    return DECLINED;
}

const mp_wsgi_alias *mp_wsgi_alias_of(const request_rec *r)
{
    const apr_array_header_t *aliases = mp_server_conf_get(r->server)->aliases;
    const char *note = apr_table_get(r->notes, NOTE);
    int i = note ? atoi(note) : -1;

    return i >= 0 && i < aliases->nelts ? APR_ARRAY_IDX(aliases, i, const mp_wsgi_alias *) : NULL;
}
