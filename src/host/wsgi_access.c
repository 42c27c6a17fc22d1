#include "host/wsgi_access.h"
#include "host/engine.h"
#include "host/gateway.h"
#include "host/wsgi_names.h"
#include "host/wsgi_proxies.h"

#include "config/directives.h"

#include "ap_provider.h"
#include "mod_auth.h"

/* The question */

static void log_line(mp_gateway *gateway, int level, const char *line)
{
    ap_log_rerror(APLOG_MARK, level, 0, gateway->r, "%s", line);
}

static mp_wsgi_target *target_of(request_rec *r, const mp_wsgi_script *script)
{
    mp_wsgi_target *target = apr_pcalloc(r->pool, sizeof(*target));

    target->process_group = "";
    target->script = target->resource = script->path;
    target->handler = r->handler;
    target->case_sensitive = mp_process_get()->wsgi.case_sensitive;
    target->reloading = mp_dir_conf_get(r)->wsgi.script_reloading != 0;
    return target;
}

/* The law lists what there is; the rest is not known yet when these functions are asked. */
static int is_untimely(const char *name)
{
    static const char *const names[] = {
        "AUTH_TYPE", "CONTEXT_DOCUMENT_ROOT", "CONTEXT_PREFIX", "REDIRECT_QUERY_STRING", "REDIRECT_URL", "REMOTE_USER",
        "REQUEST_SCHEME", "SCRIPT_FILENAME", NULL
    };
    int i;

    for (i = 0; names[i]; i++)
        if (!strcmp(name, names[i]))
            return 1;
    return 0;
}

static void add(apr_array_header_t *variables, const char *name, const char *value)
{
    mp_pair *pair = apr_array_push(variables);

    pair->name = name;
    pair->value = value;
}

static void add_early_facts(apr_array_header_t *variables, request_rec *r)
{
    const char *host = ap_get_useragent_host(r, REMOTE_HOST, NULL);
    int i, n = 0;

    for (i = 0; i < variables->nelts; i++)
        if (!is_untimely(APR_ARRAY_IDX(variables, i, mp_pair).name))
            APR_ARRAY_IDX(variables, n++, mp_pair) = APR_ARRAY_IDX(variables, i, mp_pair);
    variables->nelts = n;
    add(variables, "SERVER_SIGNATURE", ap_psignature("", r));
    if (host)
        add(variables, "REMOTE_HOST", host);
}

static mp_gateway *gateway_of(request_rec *r, mp_question question, mp_wsgi_target *target, int pass_authorization)
{
    static const mp_gateway_calls calls = { NULL, NULL, NULL, NULL, NULL, log_line, NULL, NULL };
    mp_request_gateway *gateway = apr_pcalloc(r->pool, sizeof(*gateway));
    mp_gateway *base = &gateway->base;

    base->calls = &calls;
    base->pool = r->pool;
    base->r = r;
    base->server = r->server;
    base->body_length = -1;
    base->request_start = r->request_time;
    base->request_id = r->log_id;
    base->connection_id = r->connection->log_id;
    gateway->conf = &mp_dir_conf_get(r)->wsgi;
    if (question == MP_ASK_DISPATCH)
        mp_gateway_variables(gateway, target, pass_authorization);
    else {
        mp_gateway_early_variables(gateway, target);
        add_early_facts(base->variables, r);
    }
    mp_wsgi_proxies_apply(r, gateway->conf, base->variables, &base->is_https, &target->mount_point);
    return base;
}

void mp_wsgi_ask(request_rec *r, mp_question question, const char *directive, const mp_wsgi_script *script,
                 const char *first, const char *second, int pass_authorization, mp_answer *answer)
{
    const mp_engine_table *engine = mp_engine_get();
    mp_wsgi_target *target = target_of(r, script);
    mp_decision decision = { question, directive, target, first, second };

    *answer = (mp_answer){ .verdict = MP_SAYS_FAILED };
    if (mp_wsgi_choose_interpreter(r, script->choice.application_group, target) != OK)
        return;
    if (engine)
        engine->decide(gateway_of(r, question, target, pass_authorization), &decision, answer);
    else
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0370: %s %s can't run, %s", directive, script->path,
                      mp_engine_absence());
}

/* Access */

int mp_wsgi_access_any(const request_rec *r)
{
    const mp_wsgi_conf *conf = &mp_dir_conf_get(r)->wsgi;

    return conf->access || conf->auth_user || conf->auth_group;
}

static int check_access(request_rec *r)
{
    const mp_wsgi_script *script = mp_dir_conf_get(r)->wsgi.access;
    const char *host;
    mp_answer answer;

    if (!script)
        return DECLINED;
    host = ap_get_useragent_host(r, REMOTE_HOST, NULL);
    mp_wsgi_ask(r, MP_ASK_ACCESS, "WSGIAccessScript", script, host ? host : r->useragent_ip, NULL, 0, &answer);
    if (answer.verdict == MP_SAYS_YES)
        return OK;
    if (answer.verdict == MP_SAYS_NOTHING)
        return DECLINED;
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "MP0371: client denied by WSGIAccessScript %s: %s", script->path, r->uri);
    return HTTP_FORBIDDEN;
}

/* Users */

static const mp_wsgi_script *script_for(request_rec *r, const mp_wsgi_script *script, const char *what,
                                        const char *directive)
{
    if (!script)
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0372: %s needs %s, and there is none for %s; nobody is let in",
                      what, directive, r->uri);
    return script;
}

static authn_status check_password(request_rec *r, const char *user, const char *password)
{
    const mp_wsgi_script *script = script_for(r, mp_dir_conf_get(r)->wsgi.auth_user, "AuthBasicProvider wsgi",
                                              "WSGIAuthUserScript");
    mp_answer answer;

    if (!script)
        return AUTH_GENERAL_ERROR;
    mp_wsgi_ask(r, MP_ASK_PASSWORD, "WSGIAuthUserScript", script, user, password, 0, &answer);
    if (answer.verdict == MP_SAYS_FAILED)
        return AUTH_GENERAL_ERROR;
    if (answer.verdict == MP_SAYS_NOTHING)
        return AUTH_USER_NOT_FOUND;
    if (answer.verdict == MP_SAYS_NO)
        return AUTH_DENIED;
    if (answer.text)
        r->user = apr_pstrdup(r->pool, answer.text);
    return AUTH_GRANTED;
}

static authn_status get_realm_hash(request_rec *r, const char *user, const char *realm, char **hash)
{
    const mp_wsgi_script *script = script_for(r, mp_dir_conf_get(r)->wsgi.auth_user, "AuthDigestProvider wsgi",
                                              "WSGIAuthUserScript");
    mp_answer answer;

    if (!script)
        return AUTH_GENERAL_ERROR;
    mp_wsgi_ask(r, MP_ASK_REALM_HASH, "WSGIAuthUserScript", script, user, realm, 0, &answer);
    if (answer.verdict == MP_SAYS_NOTHING)
        return AUTH_USER_NOT_FOUND;
    if (answer.verdict != MP_SAYS_YES || !answer.text)
        return AUTH_GENERAL_ERROR;
    *hash = apr_pstrdup(r->pool, answer.text);
    return AUTH_USER_FOUND;
}

/* Groups */

/* An expression, as in httpd's own Require group: names may have %{...} in them. */
static const char *parse_groups(cmd_parms *cmd, const char *line, const void **parsed)
{
    const char *error = NULL;

    if (!*line)
        return "wsgi-group: the names of groups are missing; write Require wsgi-group NAME ...";
    *parsed = ap_expr_parse_cmd(cmd, line, AP_EXPR_FLAG_STRING_RESULT, &error, NULL);
    return error ? apr_pstrcat(cmd->pool, "Cannot parse expression in Require wsgi-group: ", error, NULL) : NULL;
}

static int is_among(const apr_array_header_t *groups, const char *name)
{
    int i;

    for (i = 0; i < groups->nelts; i++)
        if (!strcmp(APR_ARRAY_IDX(groups, i, const char *), name))
            return 1;
    return 0;
}

static authz_status check_groups(request_rec *r, const char *line, const void *parsed)
{
    const mp_wsgi_script *script;
    const char *names, *error = NULL;
    mp_answer answer;

    if (!r->user)
        return AUTHZ_DENIED_NO_USER;
    script = script_for(r, mp_dir_conf_get(r)->wsgi.auth_group, "Require wsgi-group", "WSGIAuthGroupScript");
    if (!script)
        return AUTHZ_DENIED;
    names = ap_expr_str_exec(r, parsed, &error);
    if (error) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0373: Require wsgi-group %s: %s", line, error);
        return AUTHZ_DENIED;
    }
    mp_wsgi_ask(r, MP_ASK_GROUPS, "WSGIAuthGroupScript", script, r->user, NULL, 0, &answer);
    while (answer.verdict == MP_SAYS_YES && answer.groups && *names)
        if (is_among(answer.groups, ap_getword_conf(r->pool, &names)))
            return AUTHZ_GRANTED;
    return AUTHZ_DENIED;
}

/* mod_wsgi registers the same names. If it is loaded after us, its providers replace these. */
void mp_wsgi_access_register(apr_pool_t *p)
{
    static const authn_provider users = { check_password, get_realm_hash };
    static const authz_provider groups = { check_groups, parse_groups };

    if (mp_wsgi_is_elsewhere())
        return;
    ap_register_auth_provider(p, AUTHN_PROVIDER_GROUP, "wsgi", AUTHN_PROVIDER_VERSION, &users,
                              AP_AUTH_INTERNAL_PER_URI);
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, "wsgi-group", AUTHZ_PROVIDER_VERSION, &groups,
                              AP_AUTH_INTERNAL_PER_URI);
    ap_hook_check_access(check_access, NULL, NULL, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_URI);
}
