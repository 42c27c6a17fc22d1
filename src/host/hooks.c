#include "host/hooks.h"
#include "host/engine.h"
#include "host/wsgi_access.h"
#include "mod_auth.h"

#include "apr_atomic.h"

static int fail_without_engine(request_rec *r, mp_phase phase)
{
    static apr_uint32_t said;
    int level = apr_atomic_inc32(&said) ? APLOG_ERR : APLOG_CRIT;

    ap_log_rerror(APLOG_MARK, level, 0, r, "MP0210: %s can't run, %s", mp_phase_directive(phase),
                  mp_engine_absence());
    return HTTP_INTERNAL_SERVER_ERROR;
}

static mp_handler *added(const request_rec *r, mp_phase phase)
{
    const mp_request_conf *conf = mp_request_conf_find(r);

    return conf ? conf->added[phase] : NULL;
}

static int any(request_rec *r, mp_phase phase)
{
    return added(r, phase) || mp_handlers_find(r, phase, NULL);
}

/* The configured stack, which may be NULL, and what the request added. */
static int run_stack(request_rec *r, mp_phase phase, mp_handler *stack, const char *extension)
{
    const mp_handler *first = stack ? stack : added(r, phase);
    const mp_engine_table *engine = mp_engine_get();
    mp_visit visit = {phase, stack, NULL, extension};

    if (!first)
        return DECLINED;
    if (!engine)
        return fail_without_engine(r, phase);
    visit.interpreter = mp_interpreter_name(r, first);
    return engine->phase(r, &visit);
}

static int run(request_rec *r, mp_phase phase)
{
    const char *extension;
    mp_handler *stack = mp_handlers_find(r, phase, &extension);

    return run_stack(r, phase, stack, extension);
}

/* PythonInitHandler of the server runs before everything; that of a directory, when the directory is known, unless it
 * is the server's, inherited. What the request adds to the phase runs once too. */
static int init(request_rec *r)
{
    const char *extension;
    mp_handler *stack = mp_handlers_find(r, MP_INIT, &extension);
    mp_request_conf *conf = mp_request_conf_find(r);
    int result;

    if (stack && conf && conf->init_done == stack)
        stack = NULL;
    result = run_stack(r, MP_INIT, stack, extension);
    if (stack || added(r, MP_INIT)) {
        conf = mp_request_conf_get(r);
        conf->init_done = stack ? stack : conf->init_done;
        conf->added[MP_INIT] = NULL;
    }
    return result;
}

/* httpd runs this hook again for internal redirects, which are the same request for us. */
static int post_read_request(request_rec *r)
{
    int result;

    if (r->main || r->prev)
        return DECLINED;
    result = init(r);
    return result == OK || result == DECLINED ? run(r, MP_POST_READ_REQUEST) : result;
}

static int header_parser(request_rec *r)
{
    int result = init(r);

    return result == OK || result == DECLINED ? run(r, MP_HEADER_PARSER) : result;
}

/* A <Location> that has content handlers of its own is not mapped to files. httpd forgets the section between the two
 * hooks, so the request's record tells the second one. */
static int translate_name(request_rec *r)
{
    const mp_handler *content;
    int result = run(r, MP_TRANS);

    if (result != DECLINED)
        return result;
    content = mp_handlers_find(r, MP_CONTENT, NULL);
    if (!content || !content->is_location)
        return DECLINED;
    mp_request_conf_get(r)->unmapped = 1;
    r->filename = NULL;     /* mod_rewrite may have left a URI there */
    return OK;
}

static int map_to_storage(request_rec *r)
{
    const mp_request_conf *conf = mp_request_conf_find(r);

    return conf && conf->unmapped && !r->filename ? OK : DECLINED;
}

/* httpd skips the access and user phases of a sub-request or internal redirect whose configuration is the same piece of
 * memory as that of the request before it, which it is for files side by side, whatever AP_AUTH_INTERNAL_PER_URI says.
 * Handlers may decide by the URI: where there are some, such a request gets a copy. */
static int post_perdir_config(request_rec *r)
{
    int same = (r->prev && r->prev->per_dir_config == r->per_dir_config) ||
               (r->main && r->main->per_dir_config == r->per_dir_config);

    if (same && (mp_wsgi_access_any(r) || any(r, MP_ACCESS) || any(r, MP_AUTHEN) || any(r, MP_AUTHZ)))
        r->per_dir_config = ap_merge_per_dir_configs(r->pool, r->per_dir_config, ap_create_request_config(r->pool));
    return DECLINED;
}

static int access_checker(request_rec *r)
{
    return run(r, MP_ACCESS);
}

/* The client needs to hear how to authenticate, also where no module of httpd speaks for the AuthType. A handler that
 * has set the header itself knows better. */
static void note_auth_failure(request_rec *r)
{
    const char *header = r->proxyreq == PROXYREQ_PROXY ? "Proxy-Authenticate" : "WWW-Authenticate";
    const char *type = ap_auth_type(r), *name = ap_auth_name(r);

    if (!type || apr_table_get(r->err_headers_out, header))
        return;
    ap_note_auth_failure(r);
    if (!ap_cstr_casecmp(type, "Basic") && !apr_table_get(r->err_headers_out, header))
        apr_table_setn(r->err_headers_out, header,
                       apr_pstrcat(r->pool, "Basic realm=\"", name ? name : "", "\"", NULL));
}

static int check_authn(request_rec *r)
{
    int result = run(r, MP_AUTHEN);

    if (result == HTTP_UNAUTHORIZED)
        note_auth_failure(r);
    else if (result == OK && !r->user) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0211: PythonAuthenHandler returned apache.OK, but there is no "
                      "user; req.user must be assigned before");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return result;
}

static int check_authz(request_rec *r)
{
    return run(r, MP_AUTHZ);
}

static int type_checker(request_rec *r)
{
    return run(r, MP_TYPE);
}

static int fixups(request_rec *r)
{
    return run(r, MP_FIXUP);
}

static int content(request_rec *r)
{
    if (!r->handler || (strcmp(r->handler, "mod_python") && strcmp(r->handler, "python-program")))
        return DECLINED;
    return run(r, MP_CONTENT);
}

static apr_status_t run_cleanup(void *r)
{
    run(r, MP_CLEANUP);
    return APR_SUCCESS;
}

/* Registered last of all the request's, so it runs first; the engine calls what req.register_cleanup() got before the
 * handlers. */
static void register_cleanup(request_rec *r)
{
    mp_request_conf *conf;

    if (!any(r, MP_CLEANUP))
        return;
    conf = mp_request_conf_get(r);
    if (!conf->cleanup_registered)
        apr_pool_pre_cleanup_register(r->pool, r, run_cleanup);
    conf->cleanup_registered = 1;
}

/* Nothing that a handler returns here may keep other modules from logging. */
static int log_transaction(request_rec *r)
{
    run(r, MP_LOG);
    for (; r; r = r->next)      /* internal redirects are requests of their own, in the same pool */
        register_cleanup(r);
    return DECLINED;
}

void mp_hooks_register(apr_pool_t *p)
{
    static const char *const before_mapping[] = {"mod_alias.c", "mod_userdir.c", "mod_vhost_alias.c", NULL};
    static const char *const before_authn[] = {"mod_auth_basic.c", "mod_auth_digest.c", "mod_auth_form.c", NULL};
    static const char *const before_authz[] = {"mod_authz_core.c", NULL};
    static const char *const before_types[] = {"mod_mime.c", "mod_mime_magic.c", "mod_negotiation.c", NULL};

    ap_hook_post_read_request(post_read_request, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_translate_name(translate_name, NULL, before_mapping, APR_HOOK_MIDDLE);
    ap_hook_map_to_storage(map_to_storage, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_header_parser(header_parser, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_perdir_config(post_perdir_config, NULL, NULL, APR_HOOK_MIDDLE);
    /* By the URI: see post_perdir_config(). */
    ap_hook_check_access(access_checker, NULL, NULL, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_check_authn(check_authn, NULL, before_authn, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_check_authz(check_authz, NULL, before_authz, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_URI);
    ap_hook_type_checker(type_checker, NULL, before_types, APR_HOOK_MIDDLE);
    ap_hook_fixups(fixups, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(content, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(log_transaction, NULL, NULL, APR_HOOK_MIDDLE);
}
