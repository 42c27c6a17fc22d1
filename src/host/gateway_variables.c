/* environ's text, from the request: what CGI says, SetEnv and the like, and the headers.
 *
 * Made here and not by ap_add_common_vars(), which would put the headers into the environment of the request as well,
 * where internal redirects carry them on and other modules see them; and which costs more than the rest of a small
 * request.
 */
#include "host/gateway.h"

#include "apr_lib.h"
#include "util_script.h"

static void add(apr_array_header_t *variables, const char *name, const char *value)
{
    mp_pair *pair = apr_array_push(variables);

    pair->name = name;
    pair->value = value ? value : "";
}

/* Headers. "HTTP_..." for a name of letters, digits and '-'; NULL for all others, which could pass for one. */
static const char *variable_of(apr_pool_t *p, const char *header)
{
    size_t n = strlen(header);
    char *name = apr_palloc(p, n + sizeof("HTTP_")), *to = name + 5;

    memcpy(name, "HTTP_", 5);
    for (; *header; header++, to++) {
        if (*header == '-')
            *to = '_';
        else if (apr_isalnum(*header))
            *to = (char)apr_toupper(*header);
        else
            return NULL;
    }
    *to = '\0';
    return to > name + 5 ? name : NULL;
}

static const char *variable_of_header(request_rec *r, const char *header, int pass_authorization, int pass_proxy)
{
    switch (*header | 0x20) {
    case 'c':
        if (!ap_cstr_casecmp(header, "Content-Type"))
            return "CONTENT_TYPE";
        if (!ap_cstr_casecmp(header, "Content-Length"))
            return "CONTENT_LENGTH";
        break;
    case 'p':
        if (!ap_cstr_casecmp(header, "Proxy") || (!pass_proxy && !ap_cstr_casecmp(header, "Proxy-Authorization")))
            return NULL;
        break;
    case 'a':
        if (!pass_authorization && !ap_cstr_casecmp(header, "Authorization"))
            return NULL;
    }
    return variable_of(r->pool, header);
}

/* The variable of that name from the place `first` on, or NULL. */
static mp_pair *find(apr_array_header_t *variables, int first, const char *name)
{
    for (; first < variables->nelts; first++)
        if (!strcmp(APR_ARRAY_IDX(variables, first, mp_pair).name, name))
            return &APR_ARRAY_IDX(variables, first, mp_pair);
    return NULL;
}

/* httpd joins the headers of a client that have the same name, but other modules may have added some. `seen` has a bit
 * for the names that were there, so that the list is hardly ever looked through. */
static void add_headers(apr_array_header_t *variables, request_rec *r, int pass_authorization, int pass_proxy)
{
    const apr_array_header_t *headers = apr_table_elts(r->headers_in);
    int i, first = variables->nelts;
    apr_uint64_t seen = 0;

    for (i = 0; i < headers->nelts; i++) {
        const apr_table_entry_t *header = &APR_ARRAY_IDX(headers, i, apr_table_entry_t);
        const char *name = header->key && header->val
                         ? variable_of_header(r, header->key, pass_authorization, pass_proxy) : NULL;
        mp_pair *before = NULL;
        apr_uint64_t bit;
        size_t n;

        if (!name)
            continue;
        n = strlen(name);
        bit = APR_UINT64_C(1) << ((n + 7 * (unsigned char)name[n / 2] + 13 * (unsigned char)name[n - 1]) % 64);
        if (seen & bit)
            before = find(variables, first, name);
        seen |= bit;
        if (before)
            before->value = apr_pstrcat(r->pool, before->value, ", ", header->val, NULL);
        else
            add(variables, name, header->val);
    }
}

/* What an internal redirect carried over must not show what the headers may not. */
static int is_hidden(const char *name, int pass_authorization, int pass_proxy)
{
    static const char *const ours[] = { "wsgi.", "mod_wsgi.", "apache.", NULL };
    const char *plain = name;
    int i;

    if (!strcmp(name, "HTTPS") || !strcmp(name, "PATH"))
        return 1;
    while (!strncmp(plain, "REDIRECT_", 9))
        plain += 9;
    for (i = 0; ours[i]; i++)
        if (!strncmp(plain, ours[i], strlen(ours[i])))
            return 1;
    if (strncmp(plain, "HTTP_", 5))
        return 0;
    return !strcmp(plain, "HTTP_PROXY") || (!pass_authorization && !strcmp(plain, "HTTP_AUTHORIZATION")) ||
           (!pass_proxy && !strcmp(plain, "HTTP_PROXY_AUTHORIZATION"));
}

static void add_environment(apr_array_header_t *variables, request_rec *r, int pass_authorization, int pass_proxy)
{
    const apr_array_header_t *entries = apr_table_elts(r->subprocess_env);
    int i;

    for (i = 0; i < entries->nelts; i++) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(entries, i, apr_table_entry_t);

        if (entry->key && entry->val && !is_hidden(entry->key, pass_authorization, pass_proxy))
            add(variables, entry->key, entry->val);
    }
}

/* Runs of slashes become one. */
static const char *collapse(apr_pool_t *p, const char *path)
{
    char *copy, *to;

    if (!strstr(path, "//"))
        return path;
    copy = to = apr_palloc(p, strlen(path) + 1);
    for (; *path; path++)
        if (*path != '/' || path[1] != '/')
            *to++ = *path;
    *to = '\0';
    return copy;
}

static void split_path(request_rec *r, mp_wsgi_target *target)
{
    const char *rest = r->path_info ? r->path_info : "";
    int length = *rest ? ap_find_path_info(r->uri, rest) : (int)strlen(r->uri);

    target->script_name = collapse(r->pool, apr_pstrmemdup(r->pool, r->uri, (apr_size_t)length));
    target->path_info = collapse(r->pool, rest);
}

/* The target as the client sent it; internal redirects keep the request line. */
static const char *request_uri(request_rec *r)
{
    const char *first = r->the_request ? r->the_request : "", *last;

    while (*first && !apr_isspace(*first))
        first++;
    while (apr_isspace(*first))
        first++;
    for (last = first; *last && !apr_isspace(*last); last++)
        ;
    return apr_pstrmemdup(r->pool, first, (apr_size_t)(last - first));
}

/* The answer to HEAD should have the headers of GET: a filter that changes the body must see one. */
int mp_gateway_is_transformed(const request_rec *r)
{
    const ap_filter_t *f;

    for (f = r->output_filters; f && f->frec->ftype < AP_FTYPE_PROTOCOL; f = f->next)
        if (ap_cstr_casecmp(f->frec->name, "OLD_WRITE"))
            return 1;
    return 0;
}

static const char *method(const request_rec *r, const mp_wsgi_conf *conf)
{
    if (r->method_number != M_GET || !r->header_only || conf->map_head == MP_HEAD_OFF)
        return r->method;
    return conf->map_head == MP_HEAD_ON || mp_gateway_is_transformed(r) ? "GET" : r->method;
}

static int said_https(const char *value)
{
    return value && (!ap_cstr_casecmp(value, "on") || !strcmp(value, "1"));
}

static void add_request(apr_array_header_t *variables, request_rec *r, const mp_wsgi_conf *conf,
                        const mp_wsgi_target *target)
{
    apr_pool_t *p = r->pool;
    conn_rec *c = r->connection;

    add(variables, "REQUEST_METHOD", method(r, conf));
    add(variables, "SCRIPT_NAME", target->script_name);
    add(variables, "PATH_INFO", target->path_info);
    add(variables, "QUERY_STRING", r->args);
    add(variables, "REQUEST_URI", request_uri(r));
    add(variables, "SERVER_NAME", ap_escape_html(p, ap_get_server_name_for_url(r)));
    add(variables, "SERVER_PORT", apr_itoa(p, ap_get_server_port(r)));
    add(variables, "SERVER_ADDR", c->local_ip);
    add(variables, "SERVER_PROTOCOL", r->protocol);
    add(variables, "SERVER_SOFTWARE", ap_get_server_banner());
    add(variables, "SERVER_ADMIN", r->server->server_admin);
    add(variables, "REMOTE_ADDR", r->useragent_ip);
    add(variables, "REMOTE_PORT", apr_itoa(p, r->useragent_addr->port));
    add(variables, "DOCUMENT_ROOT", ap_document_root(r));
    add(variables, "CONTEXT_DOCUMENT_ROOT", ap_context_document_root(r));
    add(variables, "CONTEXT_PREFIX", ap_context_prefix(r));
    add(variables, "SCRIPT_FILENAME", r->filename);
    add(variables, "REQUEST_SCHEME", ap_http_scheme(r));
    if (r->user)
        add(variables, "REMOTE_USER", r->user);
    if (r->ap_auth_type)
        add(variables, "AUTH_TYPE", r->ap_auth_type);
    if (r->prev) {
        if (r->prev->args)
            add(variables, "REDIRECT_QUERY_STRING", r->prev->args);
        if (r->prev->uri)
            add(variables, "REDIRECT_URL", r->prev->uri);
    }
}

void mp_gateway_variables(mp_request_gateway *gateway, mp_wsgi_target *target, int pass_authorization)
{
    request_rec *r = gateway->base.r;
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    int pass_proxy = core->cgi_pass_auth == AP_CGI_PASS_AUTH_ON;
    apr_array_header_t *variables = apr_array_make(r->pool, 48, sizeof(mp_pair));
    const char *https = apr_table_get(r->subprocess_env, "HTTPS");

    pass_authorization |= pass_proxy;
    split_path(r, target);
    target->listener_host = r->connection->local_ip;
    target->listener_port = r->connection->local_addr->port;
    add_environment(variables, r, pass_authorization, pass_proxy);
    add_request(variables, r, gateway->conf, target);
    add_headers(variables, r, pass_authorization, pass_proxy);
    gateway->base.variables = variables;
    gateway->base.is_https = said_https(https) || !strcmp(ap_http_scheme(r), "https");
}

void mp_gateway_early_variables(mp_request_gateway *gateway, mp_wsgi_target *target)
{
    request_rec *r = gateway->base.r;
    mp_wsgi_conf conf = { .map_head = MP_HEAD_OFF };

    split_path(r, target);
    gateway->base.variables = apr_array_make(r->pool, 40, sizeof(mp_pair));
    add_request(gateway->base.variables, r, &conf, target);
    add_headers(gateway->base.variables, r, 0, 0);
    gateway->base.is_https = !strcmp(ap_http_scheme(r), "https");
}
