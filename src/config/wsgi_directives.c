/* The WSGI* directives. With mod_wsgi loaded beside us they are all its own. */
#include "config/directives.h"
#include "config/home.h"
#include "config/options.h"
#include "config/records.h"

#define GLOBAL_GROUP "%{GLOBAL}"
#define SAY_GLOBAL_GROUP "%%{GLOBAL}"      /* in a format */

int mp_wsgi_is_elsewhere(void)
{
    return ap_find_linked_module("mod_wsgi.c") != NULL;
}

static const char *set_home(cmd_parms *cmd, void *conf, const char *directory)
{
    return mp_wsgi_is_elsewhere() ? DECLINE_CMD : mp_home_set(cmd, directory);
}

static const char *check_process_group(cmd_parms *cmd, const char *group)
{
    if (!strcmp(group, GLOBAL_GROUP))
        return NULL;
    if (!strncmp(group, "%{", 2))
        return apr_psprintf(cmd->pool, "%s: process-group=%s can't be known before a request; write process-group="
                            SAY_GLOBAL_GROUP, cmd->cmd->name, group);
    return NULL;        /* whether there is such a group is known when all has been read (groups.c) */
}

static const char *check_application_group(cmd_parms *cmd, const char *group)
{
    if (strncmp(group, "%{", 2) || !strcmp(group, GLOBAL_GROUP))
        return NULL;
    return apr_psprintf(cmd->pool, "%s: application-group=%s can't be known before a request; write the interpreter's "
                        "name, or application-group=" SAY_GLOBAL_GROUP " for " MP_MAIN_INTERPRETER, cmd->cmd->name,
                        group);
}

static const char *set_import_script(cmd_parms *cmd, void *conf, const char *args)
{
    const char *path, *name, *value, *error, *process = NULL, *application = NULL;
    mp_preload *preload;

    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    path = ap_getword_conf(cmd->pool, &args);
    if (!ap_os_is_path_absolute(cmd->temp_pool, path))
        return apr_psprintf(cmd->pool, "%s: '%s' is no absolute path; write the script's path from / on",
                            cmd->cmd->name, path);
    while (!(error = mp_option_next(cmd, &args, &name, &value)) && name) {
        if (!strcmp(name, "process-group"))
            error = check_process_group(cmd, process = value);
        else if (!strcmp(name, "application-group"))
            error = check_application_group(cmd, application = value);
        else
            error = apr_psprintf(cmd->pool, "%s: the option '%s' is unknown; write process-group= and "
                                 "application-group=", cmd->cmd->name, name);
        if (error)
            return error;
    }
    if (error)
        return error;
    if (!process || !application)
        return apr_psprintf(cmd->pool, "%s: the option %s is missing; write %s PATH process-group=" SAY_GLOBAL_GROUP
                            " application-group=INTERPRETER", cmd->cmd->name,
                            process ? "application-group" : "process-group", cmd->cmd->name);
    preload = apr_array_push(mp_process_get()->preloads);
    preload->kind = MP_PRELOAD_SCRIPT;
    preload->name = path;
    preload->function = NULL;
    preload->interpreter = strcmp(application, GLOBAL_GROUP) ? application : MP_MAIN_INTERPRETER;
    preload->process_group = strcmp(process, GLOBAL_GROUP) ? process : "";
    preload->server = cmd->server;
    preload->directive = cmd->cmd->name;
    return NULL;
}

const command_rec mp_wsgi_directives[MP_WSGI_ROWS] = {
    AP_INIT_RAW_ARGS("WSGIImportScript", set_import_script, NULL, RSRC_CONF,
                     "script, process-group=, application-group=: runs it when a process starts"),
    AP_INIT_TAKE1("WSGIPythonHome", set_home, NULL, RSRC_CONF, "prefix or virtual environment of Python"),
};
