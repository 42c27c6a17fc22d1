#include "config/wsgi_groups.h"
#include "config/groups.h"

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

const char *mp_wsgi_groups_check(const mp_process *process, apr_pool_t *ptemp)
{
    int i;

    for (i = 0; i < process->wsgi.group_uses->nelts; i++) {
        const mp_wsgi_group_use *use = &APR_ARRAY_IDX(process->wsgi.group_uses, i, mp_wsgi_group_use);
        const char *why;

        if (!mp_groups_find(use->group, use->server, &why))
            return apr_psprintf(ptemp, "%s (%s:%d): the process group '%s' can't be used here: %s; write its name as in "
                                "WSGIDaemonProcess, or " SAY_GLOBAL ", which means every child of httpd", use->directive,
                                use->file, use->line, use->group, why);
    }
    return NULL;
}
