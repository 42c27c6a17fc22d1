#include "config/wsgi_groups.h"
#include "config/groups.h"

#include "ap_listen.h"

#define SAY_GLOBAL "%%{GLOBAL}"            /* in a format */

static int is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (!strcmp(name, *names))
            return 1;
    return 0;
}

static int is_environment(const char *name)
{
    size_t n = strlen(name);

    return n > 7 && !strncmp(name, "%{ENV:", 6) && name[n - 1] == '}';
}

int mp_wsgi_is_static(const char *group)
{
    return strncmp(group, "%{", 2) || !strcmp(group, MP_GLOBAL_GROUP);
}

static const char *check_variable(cmd_parms *cmd, const char *what, const char *name)
{
    static const char *const names[] = { MP_GLOBAL_GROUP, "%{SERVER}", "%{HOST}", "%{RESOURCE}", NULL };

    if (mp_wsgi_is_static(name) || is_one_of(name, names) || is_environment(name))
        return NULL;
    return apr_psprintf(cmd->pool, "%s: '%s' is no variable of %s; there are " SAY_GLOBAL ", %%{SERVER}, %%{HOST}, "
                        "%%{RESOURCE} and %%{ENV:NAME}", cmd->cmd->name, name, what);
}

const char *mp_wsgi_check_process_group(cmd_parms *cmd, const char *group)
{
    const char *error = check_variable(cmd, "a process group", group);
    mp_wsgi_group_use *use;

    if (error || !mp_wsgi_is_static(group) || !strcmp(group, MP_GLOBAL_GROUP))
        return error;
    use = apr_array_push(mp_process_get()->wsgi.group_uses);
    use->group = group;
    use->directive = cmd->cmd->name;
    use->server = cmd->server;
    use->file = cmd->directive->filename;
    use->line = cmd->directive->line_num;
    return NULL;
}

const char *mp_wsgi_check_application_group(cmd_parms *cmd, const char *group, int has_request)
{
    static const char *const names[] = { MP_GLOBAL_GROUP, "%{SERVER}", "%{HOST}", NULL };

    if (has_request || mp_wsgi_is_static(group) || is_one_of(group, names))
        return check_variable(cmd, "an application group", group);
    return apr_psprintf(cmd->pool, "%s: application-group=%s can't be had here; write the interpreter's name, "
                        SAY_GLOBAL ", %%{SERVER} or %%{HOST}", cmd->cmd->name, group);
}

const char *mp_wsgi_check_callable(cmd_parms *cmd, const char *name)
{
    if (strncmp(name, "%{", 2) || is_environment(name))
        return NULL;
    return apr_psprintf(cmd->pool, "%s: '%s' is no variable of a callable; write the name of an object in the script, "
                        "or %%{ENV:NAME}", cmd->cmd->name, name);
}

void mp_wsgi_preload(cmd_parms *cmd, const char *path, const mp_wsgi_choice *choice)
{
    mp_preload *preload;

    if (!choice->process_group || !mp_wsgi_is_static(choice->process_group) ||
        !choice->application_group || !mp_wsgi_is_static(choice->application_group))
        return;
    preload = apr_array_push(mp_process_get()->preloads);
    preload->kind = MP_PRELOAD_SCRIPT;
    preload->name = path;
    preload->function = NULL;
    preload->interpreter = strcmp(choice->application_group, MP_GLOBAL_GROUP) ? choice->application_group
                                                                              : MP_MAIN_INTERPRETER;
    preload->process_group = strcmp(choice->process_group, MP_GLOBAL_GROUP) ? choice->process_group : "";
    preload->server = cmd->server;
    preload->directive = cmd->cmd->name;
}

static int is_at(const server_rec *host, const apr_sockaddr_t *address)
{
    const server_addr_rec *own;

    for (own = host->addrs; own; own = own->next)
        if ((!own->host_port || own->host_port == address->port) &&
            (apr_sockaddr_is_wildcard(own->host_addr) || apr_sockaddr_equal(own->host_addr, address)))
            return 1;
    return 0;
}

/* A virtual host always is; the main server if there is none for one of the addresses that httpd listens at. */
static int is_asked(const server_rec *s)
{
    const ap_listen_rec *listener;
    const server_rec *host;

    for (listener = ap_listeners; listener && !s->is_virtual; listener = listener->next) {
        for (host = s->next; host && !is_at(host, listener->bind_addr); host = host->next)
            ;
        if (!host)
            return 1;
    }
    return s->is_virtual;
}

static const char *where(const server_rec *s, apr_pool_t *p)
{
    if (!s->is_virtual)
        return "the main server";
    return apr_psprintf(p, "virtual host %s (%s:%u)", s->server_hostname, s->defn_name, s->defn_line_number);
}

/* Once for a group. */
static void warn_of_others(server_rec *s, const mp_group *group, const mp_wsgi_group_use *use,
                           const mp_wsgi_group_use *first, apr_pool_t *ptemp)
{
    const server_rec *other;
    const char *why;

    for (; first < use; first++)
        if (!first->server->is_virtual && !strcmp(first->group, use->group))
            return;
    for (other = s; other && (!is_asked(other) || mp_groups_find(use->group, other, &why)); other = other->next)
        ;
    if (other)
        ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s, "MP0480: %s (%s:%d): the process group '%s' is "
                     "defined in %s, and only there can it be used; the same request at %s is answered 500. Write its "
                     "WSGIDaemonProcess outside of virtual hosts, or this line in those that may use it",
                     use->directive, use->file, use->line, use->group, where(group->server, ptemp),
                     where(other, ptemp));
}

const char *mp_wsgi_groups_check(server_rec *s, const mp_process *process, apr_pool_t *ptemp)
{
    const mp_wsgi_group_use *uses = (const mp_wsgi_group_use *)process->wsgi.group_uses->elts;
    int i;

    for (i = 0; i < process->wsgi.group_uses->nelts; i++) {
        const mp_wsgi_group_use *use = &uses[i];
        const mp_group *group = mp_groups_named(use->group);
        const char *why;

        if (!mp_groups_find(use->group, use->server, &why) && (!group || use->server->is_virtual))
            return apr_psprintf(ptemp, "%s (%s:%d): the process group '%s' can't be used here: %s; write its name as "
                                "in WSGIDaemonProcess, or " SAY_GLOBAL ", which means every child of httpd",
                                use->directive, use->file, use->line, use->group, why);
        if (!use->server->is_virtual)
            warn_of_others(s, group, use, uses, ptemp);
    }
    return NULL;
}
