#include "config/wsgi_records.h"
#include "config/records.h"

void mp_wsgi_choice_init(mp_wsgi_choice *choice)
{
    memset(choice, 0, sizeof(*choice));
    choice->pass_authorization = MP_UNSET;
}

void mp_wsgi_conf_init(mp_wsgi_conf *conf)
{
    mp_wsgi_choice_init(&conf->choice);
    conf->script_reloading = conf->error_override = conf->chunked_request = conf->map_head = MP_UNSET;
    conf->enable_sendfile = conf->ignore_activity = conf->pass_apache_request = conf->group_authoritative = MP_UNSET;
}

void mp_wsgi_process_init(apr_pool_t *pconf, mp_wsgi_process *process)
{
    process->group_uses = apr_array_make(pconf, 4, sizeof(mp_wsgi_group_use));
    process->ignored = apr_array_make(pconf, 4, sizeof(const char *));
    process->case_sensitive = 1;
}

void mp_wsgi_conf_merge(apr_pool_t *p, const mp_wsgi_conf *base, const mp_wsgi_conf *add, mp_wsgi_conf *out)
{
#define PICK(field, unset) if (add->field != (unset)) out->field = add->field
    PICK(choice.process_group, NULL);
    PICK(choice.application_group, NULL);
    PICK(choice.callable, NULL);
    PICK(choice.pass_authorization, MP_UNSET);
    PICK(process_groups, NULL);
    PICK(dispatch, NULL);
    PICK(access, NULL);
    PICK(auth_user, NULL);
    PICK(auth_group, NULL);
    PICK(script_reloading, MP_UNSET);
    PICK(error_override, MP_UNSET);
    PICK(chunked_request, MP_UNSET);
    PICK(map_head, MP_UNSET);
    PICK(enable_sendfile, MP_UNSET);
    PICK(ignore_activity, MP_UNSET);
    PICK(pass_apache_request, MP_UNSET);
    PICK(group_authoritative, MP_UNSET);
    PICK(trusted_headers, NULL);
    PICK(trusted_proxies, NULL);
#undef PICK
    if (add->handlers)
        out->handlers = base->handlers ? apr_hash_overlay(p, add->handlers, base->handlers) : add->handlers;
}

void *mp_server_conf_create(apr_pool_t *p, server_rec *s)
{
    mp_server_conf *conf = apr_palloc(p, sizeof(*conf));

    conf->aliases = apr_array_make(p, 4, sizeof(const mp_wsgi_alias *));
    return conf;
}

void *mp_server_conf_merge(apr_pool_t *p, void *base, void *add)
{
    mp_server_conf *conf = apr_palloc(p, sizeof(*conf));

    conf->aliases = apr_array_append(p, ((mp_server_conf *)add)->aliases, ((mp_server_conf *)base)->aliases);
    return conf;
}

const mp_server_conf *mp_server_conf_get(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &python_module);
}
