#include "config/wsgi_alias.h"
#include "config/directives.h"
#include "config/wsgi_groups.h"
#include "config/wsgi_records.h"
#include "config/wsgi_words.h"

static int ends_in_slash(const char *path)
{
    return *path && path[strlen(path) - 1] == '/';
}

/* What matches is cut off the URL, and the rest is put behind the target as it is. */
static void warn_of_slash(cmd_parms *cmd, const mp_wsgi_alias *alias)
{
    if (alias->pattern || !ends_in_slash(alias->url) || !strcmp(alias->url, "/") || ends_in_slash(alias->target))
        return;
    ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, cmd->server, "MP0301: %s %s %s: the URL path ends in "
                 "'/' and the target does not, so that %sx is mapped to %sx; write both with a '/' at the end, or "
                 "neither", cmd->cmd->name, alias->url, alias->target, alias->url, alias->target);
}

static const char *check(cmd_parms *cmd, mp_wsgi_alias *alias)
{
    const char *name = cmd->cmd->name;

    if (!*alias->url || !*alias->target)
        return apr_psprintf(cmd->pool, "%s takes a %s and a path, and then options as name=value", name,
                            cmd->info ? "regular expression" : "URL path");
    if (!cmd->info && *alias->url != '/')
        return apr_psprintf(cmd->pool, "%s: '%s' is no URL path; write it from / on", name, alias->url);
    if (cmd->info && !(alias->pattern = ap_pregcomp(cmd->pool, alias->url, AP_REG_EXTENDED)))
        return apr_psprintf(cmd->pool, "%s: '%s': Regular expression could not be compiled.", name, alias->url);
    return mp_wsgi_check_path(cmd, alias->target);
}

const char *mp_wsgi_set_alias(cmd_parms *cmd, void *conf, const char *args)
{
    mp_server_conf *server = ap_get_module_config(cmd->server->module_config, &python_module);
    mp_wsgi_alias *alias;
    const char *error;

    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    alias = apr_pcalloc(cmd->pool, sizeof(*alias));
    alias->directive = cmd->cmd->name;
    alias->url = ap_getword_conf(cmd->pool, &args);
    alias->target = ap_getword_conf(cmd->pool, &args);
    if ((error = check(cmd, alias)))
        return error;
    error = mp_wsgi_read_options(cmd, args, MP_WSGI_PROCESS_GROUP | MP_WSGI_APPLICATION_GROUP | MP_WSGI_CALLABLE |
                                 MP_WSGI_AUTHORIZATION, &alias->choice);
    if (error)
        return error;
    warn_of_slash(cmd, alias);
    APR_ARRAY_PUSH(server->aliases, const mp_wsgi_alias *) = alias;
    if (!ends_in_slash(alias->target) && !(alias->pattern && strchr(alias->target, '$')))
        mp_wsgi_preload(cmd, alias->target, &alias->choice);
    return NULL;
}
