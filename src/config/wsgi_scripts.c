#include "config/wsgi_scripts.h"
#include "config/directives.h"
#include "config/wsgi_groups.h"
#include "config/wsgi_words.h"

#define SAY_GLOBAL "%%{GLOBAL}"            /* in a format */

static const char *check_import(cmd_parms *cmd, const mp_wsgi_choice *choice)
{
    const char *name = cmd->cmd->name;

    if (!choice->process_group || !choice->application_group)
        return apr_psprintf(cmd->pool, "%s: the option %s is missing; write %s PATH process-group=" SAY_GLOBAL
                            " application-group=INTERPRETER", name,
                            choice->process_group ? "application-group" : "process-group", name);
    if (!mp_wsgi_is_static(choice->process_group))
        return apr_psprintf(cmd->pool, "%s: process-group=%s can't be known before a request; write process-group="
                            SAY_GLOBAL, name, choice->process_group);
    if (!mp_wsgi_is_static(choice->application_group))
        return apr_psprintf(cmd->pool, "%s: application-group=%s can't be known before a request; write the "
                            "interpreter's name, or application-group=" SAY_GLOBAL " for " MP_MAIN_INTERPRETER, name,
                            choice->application_group);
    return NULL;
}

const char *mp_wsgi_set_import_script(cmd_parms *cmd, void *conf, const char *args)
{
    const char *path, *error;
    mp_wsgi_choice choice;

    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    path = ap_getword_conf(cmd->pool, &args);
    if ((error = mp_wsgi_check_path(cmd, path)) ||
        (error = mp_wsgi_read_options(cmd, args, MP_WSGI_PROCESS_GROUP | MP_WSGI_APPLICATION_GROUP, &choice)) ||
        (error = check_import(cmd, &choice)))
        return error;
    mp_wsgi_preload(cmd, path, &choice);
    return NULL;
}

/* mod_mime has names of handlers in lower case. */
const char *mp_wsgi_set_handler_script(cmd_parms *cmd, void *conf, const char *args)
{
    mp_wsgi_conf *wsgi = &((mp_dir_conf *)conf)->wsgi;
    mp_wsgi_script *script;
    const char *error;
    char *name;

    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    script = apr_pcalloc(cmd->pool, sizeof(*script));
    script->name = name = ap_getword_conf(cmd->pool, &args);
    script->path = ap_getword_conf(cmd->pool, &args);
    if (!*name || !*script->path)
        return apr_psprintf(cmd->pool, "%s takes a handler's name and a path, and then options as name=value",
                            cmd->cmd->name);
    ap_str_tolower(name);
    if (!strcmp(name, "wsgi-script") || !strcmp(name, "mod_python") || !strcmp(name, "python-program"))
        return apr_psprintf(cmd->pool, "%s: the handler '%s' is there already; write another name", cmd->cmd->name,
                            name);
    if ((error = mp_wsgi_check_path(cmd, script->path)) ||
        (error = mp_wsgi_read_options(cmd, args, MP_WSGI_PROCESS_GROUP | MP_WSGI_APPLICATION_GROUP |
                                      MP_WSGI_AUTHORIZATION, &script->choice)))
        return error;
    if (!wsgi->handlers)
        wsgi->handlers = apr_hash_make(cmd->pool);
    apr_hash_set(wsgi->handlers, name, APR_HASH_KEY_STRING, script);
    mp_wsgi_preload(cmd, script->path, &script->choice);
    return NULL;
}

const char *mp_wsgi_set_script(cmd_parms *cmd, void *conf, const char *args)
{
    mp_wsgi_script *script;
    const char *error;

    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    script = apr_pcalloc(cmd->pool, sizeof(*script));
    script->path = ap_getword_conf(cmd->pool, &args);
    if ((error = mp_wsgi_check_path(cmd, script->path)) ||
        (error = mp_wsgi_read_options(cmd, args, MP_WSGI_APPLICATION_GROUP | MP_WSGI_NO_REQUEST, &script->choice)))
        return error;
    *(const mp_wsgi_script **)((char *)conf + (apr_size_t)cmd->info) = script;
    mp_process_get()->needs_embedded = 1;
    return NULL;
}
