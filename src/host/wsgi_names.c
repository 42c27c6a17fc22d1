#include "host/wsgi_names.h"
#include "config/groups.h"
#include "host/wsgi_bound.h"
#include "host/wsgi_map.h"

#include "util_script.h"

#include <stdlib.h>

const char *mp_wsgi_script_name(request_rec *r)
{
    const char *rest = r->path_info ? r->path_info : "";
    size_t n = *rest ? (size_t)ap_find_path_info(r->uri, rest) : strlen(r->uri);
    char *name = apr_pstrmemdup(r->pool, r->uri, n);

    ap_no2slash(name);
    return name;
}

/* With UseCanonicalName Off the port comes from the Host header. */
static const char *with_port(request_rec *r, const char *host, int *by_client)
{
    apr_port_t port = ap_get_server_port(r);

    if (port == DEFAULT_HTTP_PORT || port == DEFAULT_HTTPS_PORT)
        return host;
    if (port != r->server->port && port != r->connection->local_addr->port)
        *by_client = 1;
    return apr_psprintf(r->pool, "%s:%u", host, port);
}

static const char *server_name(request_rec *r, int *by_client)
{
    return with_port(r, r->server->server_hostname ? r->server->server_hostname : "", by_client);
}

/* Plain aliases and files make a limited number of mount points; a regular expression, or another module that has
 * rewritten the file name, may make any. */
static const char *resource(request_rec *r, int *by_client)
{
    const mp_wsgi_alias *alias = mp_wsgi_alias_of(r);
    char *script = apr_pstrdup(r->pool, mp_wsgi_script_name(r));

    if (!alias || alias->pattern)
        *by_client = 1;
    if (!mp_process_get()->wsgi.case_sensitive)
        ap_str_tolower(script);
    return apr_pstrcat(r->pool, server_name(r, by_client), "|", script, NULL);
}

static const char *environment(request_rec *r, const char *name)
{
    const char *key = apr_pstrmemdup(r->pool, name + 6, strlen(name) - 7), *value;

    if (!(value = apr_table_get(r->notes, key)) && !(value = apr_table_get(r->subprocess_env, key)))
        value = getenv(key);
    return value;
}

static int is_environment(const char *name)
{
    size_t n = strlen(name);

    return n > 7 && !strncmp(name, "%{ENV:", 6) && name[n - 1] == '}';
}

const char *mp_wsgi_expand(request_rec *r, const char *name, int *by_client)
{
    if (is_environment(name)) {
        *by_client = 1;
        if (!(name = environment(r, name)) || is_environment(name))
            return name;                    /* one %{ENV:x} is no way to another */
    }
    if (!strcmp(name, MP_GLOBAL_GROUP))
        return "";
    if (!strcmp(name, "%{SERVER}"))
        return server_name(r, by_client);
    if (!strcmp(name, "%{RESOURCE}"))
        return resource(r, by_client);
    if (strcmp(name, "%{HOST}"))
        return name;
    *by_client = 1;
    return with_port(r, r->hostname ? r->hostname : ap_get_server_name(r), by_client);
}

/* What counts most and is not NULL; a variable that is nowhere stays as it is written. */
static const char *pick(request_rec *r, const char *dispatched, const char *option, const char *directive,
                        const char *otherwise, int *by_client)
{
    const char *name = dispatched ? dispatched : option ? option : directive ? directive : otherwise, *value;

    *by_client = 0;
    value = mp_wsgi_expand(r, name, by_client);
    return value ? value : name;
}

static int may_run(const apr_array_header_t *allowed, const char *group)
{
    const char *name = *group ? group : MP_GLOBAL_GROUP;
    int i;

    if (!allowed)
        return 1;
    for (i = 0; i < allowed->nelts; i++)
        if (!strcmp(APR_ARRAY_IDX(allowed, i, const char *), name))
            return 1;
    return 0;
}

static int check_process_group(request_rec *r, const mp_wsgi_conf *conf, const char *group)
{
    const char *why;

    if (!may_run(conf->process_groups, group))
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0310: WSGIRestrictProcess does not allow the process group '%s' "
                      "here", *group ? group : MP_GLOBAL_GROUP);
    else if (*group && !mp_groups_find(group, r->server, &why))
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0311: the process group '%s' can't be used here: %s", group, why);
    else if (!*group && mp_process_get()->wsgi.restrict_embedded)
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0312: Embedded mode of mod_wsgi disabled by runtime "
                      "configuration (WSGIRestrictEmbedded On), and no process group is chosen for %s", r->uri);
    else
        return OK;
    return HTTP_INTERNAL_SERVER_ERROR;
}

static int set_interpreter(request_rec *r, const char *group, int by_client, mp_wsgi_target *target)
{
    if (!strcmp(group, MP_MAIN_INTERPRETER))
        group = "";
    target->application_group = group;
    target->interpreter = *group ? group : MP_MAIN_INTERPRETER;
    return *group && by_client ? mp_wsgi_bound(r, target) : OK;
}

int mp_wsgi_choose(request_rec *r, const mp_wsgi_choice *dispatched, const mp_wsgi_choice *options,
                   mp_wsgi_target *target)
{
    static const mp_wsgi_choice nothing;
    const mp_wsgi_conf *conf = &mp_dir_conf_get(r)->wsgi;
    const mp_wsgi_choice *own = &conf->choice;
    int by_client, status;

    dispatched = dispatched ? dispatched : &nothing;
    options = options ? options : &nothing;
    target->process_group = pick(r, dispatched->process_group, options->process_group, own->process_group,
                                 MP_GLOBAL_GROUP, &by_client);
    apr_table_setn(r->subprocess_env, "mod_wsgi.process_group", target->process_group);
    if ((status = check_process_group(r, conf, target->process_group)) != OK)
        return status;
    target->callable = pick(r, dispatched->callable, options->callable, own->callable, "application", &by_client);
    if (!*target->callable || is_environment(target->callable))
        target->callable = "application";
    target->application_group = pick(r, dispatched->application_group, options->application_group,
                                     own->application_group, "%{RESOURCE}", &by_client);
    status = set_interpreter(r, target->application_group, by_client, target);
    apr_table_setn(r->subprocess_env, "mod_wsgi.application_group", target->application_group);
    return status;
}

int mp_wsgi_choose_interpreter(request_rec *r, const char *group, mp_wsgi_target *target)
{
    int by_client;

    group = pick(r, NULL, group, NULL, MP_GLOBAL_GROUP, &by_client);
    return set_interpreter(r, group, by_client, target);
}
