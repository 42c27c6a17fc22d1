/* The table of the WSGI* directives, and the setters of single words. With mod_wsgi loaded beside us they are all its
 * own. */
#include "config/directives.h"
#include "config/home.h"
#include "config/records.h"
#include "config/wsgi_alias.h"
#include "config/wsgi_groups.h"
#include "config/wsgi_proxies.h"
#include "config/wsgi_scripts.h"
#include "config/wsgi_words.h"

int mp_wsgi_is_elsewhere(void)
{
    return ap_find_linked_module("mod_wsgi.c") != NULL;
}

static const char *set_home(cmd_parms *cmd, void *conf, const char *directory)
{
    return mp_wsgi_is_elsewhere() ? DECLINE_CMD : mp_home_set(cmd, directory);
}

static const char *set_process_group(cmd_parms *cmd, void *conf, const char *group)
{
    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    ((mp_dir_conf *)conf)->wsgi.choice.process_group = group;
    return mp_wsgi_check_process_group(cmd, group);
}

static const char *set_application_group(cmd_parms *cmd, void *conf, const char *group)
{
    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    ((mp_dir_conf *)conf)->wsgi.choice.application_group = group;
    return mp_wsgi_check_application_group(cmd, group, 1);
}

static const char *set_callable(cmd_parms *cmd, void *conf, const char *name)
{
    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    ((mp_dir_conf *)conf)->wsgi.choice.callable = name;
    return mp_wsgi_check_callable(cmd, name);
}

static const char *add_process_group(cmd_parms *cmd, void *conf, const char *group)
{
    apr_array_header_t **groups = &((mp_dir_conf *)conf)->wsgi.process_groups;

    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    if (!*groups)
        *groups = apr_array_make(cmd->pool, 4, sizeof(const char *));
    APR_ARRAY_PUSH(*groups, const char *) = group;
    return NULL;
}

static const char *set_flag(cmd_parms *cmd, void *conf, const char *word)
{
    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    return mp_wsgi_read_flag(cmd, word, (int *)((char *)conf + (apr_size_t)cmd->info));
}

static const char *set_process_flag(cmd_parms *cmd, void *conf, const char *word)
{
    const char *error;

    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    if ((error = ap_check_cmd_context(cmd, GLOBAL_ONLY)))
        return error;
    return mp_wsgi_read_flag(cmd, word, (int *)((char *)mp_process_get() + (apr_size_t)cmd->info));
}

static const char *set_map_head(cmd_parms *cmd, void *conf, const char *word)
{
    int *mapping = &((mp_dir_conf *)conf)->wsgi.map_head;

    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    if (!ap_cstr_casecmp(word, "auto"))
        *mapping = MP_HEAD_AUTO;
    else if (!ap_cstr_casecmp(word, "on"))
        *mapping = MP_HEAD_ON;
    else if (!ap_cstr_casecmp(word, "off"))
        *mapping = MP_HEAD_OFF;
    else
        return apr_psprintf(cmd->pool, "%s '%s': the word must be one of: Auto | On | Off", cmd->cmd->name, word);
    return NULL;
}

/* One notice at start names all of them. .htaccess files are read when httpd serves already. */
static const char *ignore(cmd_parms *cmd, void *conf, const char *args)
{
    if (mp_wsgi_is_elsewhere())
        return DECLINE_CMD;
    if (ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_RUN_MPM)
        APR_ARRAY_PUSH(mp_process_get()->wsgi.ignored, const char *) = cmd->cmd->name;
    return NULL;
}

#define AUTH_CONFIG (RSRC_CONF | OR_AUTHCFG)       /* httpd means directories only by OR_AUTHCFG alone */

#define DIR_FLAG(name, field, where, help) \
    AP_INIT_TAKE1(name, set_flag, (void *)APR_OFFSETOF(mp_dir_conf, wsgi.field), where, help)
#define PROCESS_FLAG(name, field, help) \
    AP_INIT_TAKE1(name, set_process_flag, (void *)APR_OFFSETOF(mp_process, wsgi.field), RSRC_CONF, help)
#define SCRIPT(name, field, where, help) \
    AP_INIT_RAW_ARGS(name, mp_wsgi_set_script, (void *)APR_OFFSETOF(mp_dir_conf, wsgi.field), where, help)
#define IGNORED(name, where) AP_INIT_RAW_ARGS(name, ignore, NULL, where, "has no effect")

const command_rec mp_wsgi_directives[MP_WSGI_ROWS] = {
    AP_INIT_RAW_ARGS("WSGIScriptAlias", mp_wsgi_set_alias, NULL, RSRC_CONF, "URL path, script or directory, options"),
    AP_INIT_RAW_ARGS("WSGIScriptAliasMatch", mp_wsgi_set_alias, (void *)1, RSRC_CONF,
                     "regular expression, script, options"),
    AP_INIT_RAW_ARGS("WSGIHandlerScript", mp_wsgi_set_handler_script, NULL, RSRC_CONF | ACCESS_CONF,
                     "handler's name, script, options"),
    AP_INIT_RAW_ARGS("WSGIImportScript", mp_wsgi_set_import_script, NULL, RSRC_CONF,
                     "script, process-group=, application-group=: runs it when a process starts"),
    SCRIPT("WSGIDispatchScript", dispatch, RSRC_CONF | ACCESS_CONF, "script that says where applications run"),
    SCRIPT("WSGIAccessScript", access, AUTH_CONFIG, "script that says who gets in"),
    SCRIPT("WSGIAuthUserScript", auth_user, AUTH_CONFIG, "script that knows users and passwords"),
    SCRIPT("WSGIAuthGroupScript", auth_group, AUTH_CONFIG, "script that knows the groups of users"),
    AP_INIT_TAKE1("WSGIProcessGroup", set_process_group, NULL, RSRC_CONF | ACCESS_CONF,
                  "process group that runs applications, %{GLOBAL} for the children of httpd"),
    AP_INIT_TAKE1("WSGIApplicationGroup", set_application_group, NULL, RSRC_CONF | ACCESS_CONF,
                  "interpreter that runs applications, %{GLOBAL} for main_interpreter"),
    AP_INIT_TAKE1("WSGICallableObject", set_callable, NULL, OR_FILEINFO, "name of the application in the script"),
    AP_INIT_ITERATE("WSGIRestrictProcess", add_process_group, NULL, RSRC_CONF | ACCESS_CONF,
                    "process groups that may run applications"),
    AP_INIT_ITERATE("WSGITrustedProxyHeaders", mp_wsgi_add_trusted_header, NULL, OR_FILEINFO,
                    "headers that trusted proxies set"),
    AP_INIT_ITERATE("WSGITrustedProxies", mp_wsgi_add_trusted_proxy, NULL, OR_FILEINFO,
                    "addresses and networks of trusted proxies"),
    AP_INIT_TAKE1("WSGIMapHEADToGET", set_map_head, NULL, OR_FILEINFO, "Auto, On or Off: HEAD is GET for applications"),
    DIR_FLAG("WSGIPassAuthorization", choice.pass_authorization, OR_FILEINFO,
             "On: applications see the Authorization header"),
    DIR_FLAG("WSGIScriptReloading", script_reloading, OR_FILEINFO, "On (default): load changed scripts anew"),
    DIR_FLAG("WSGIErrorOverride", error_override, OR_FILEINFO, "On: ErrorDocument replaces error answers"),
    DIR_FLAG("WSGIChunkedRequest", chunked_request, OR_FILEINFO, "On: chunked request bodies are taken"),
    DIR_FLAG("WSGIEnableSendfile", enable_sendfile, OR_FILEINFO, "On: wsgi.file_wrapper may use sendfile"),
    DIR_FLAG("WSGIIgnoreActivity", ignore_activity, OR_FILEINFO, "On: requests don't count as activity"),
    DIR_FLAG("WSGIPassApacheRequest", pass_apache_request, RSRC_CONF | ACCESS_CONF,
             "On: apache.request_rec in environ"),
    DIR_FLAG("WSGIGroupAuthoritative", group_authoritative, AUTH_CONFIG, "has no effect"),
    PROCESS_FLAG("WSGICaseSensitivity", case_sensitive, "Off: paths that differ in letter case are the same"),
    PROCESS_FLAG("WSGIRestrictEmbedded", restrict_embedded, "On: children of httpd run no applications"),
    PROCESS_FLAG("WSGIServerMetrics", server_metrics, "On: mod_wsgi.server_metrics() tells all"),
    AP_INIT_TAKE1("WSGIPythonHome", set_home, NULL, RSRC_CONF, "prefix or virtual environment of Python"),
    IGNORED("WSGITelemetryService", RSRC_CONF),
    IGNORED("WSGITelemetryOptions", RSRC_CONF),
    IGNORED("WSGISlowRequests", RSRC_CONF),
    IGNORED("WSGIVerboseDebugging", RSRC_CONF),
    IGNORED("WSGILazyInitialization", RSRC_CONF),
    IGNORED("WSGINewRelicConfigFile", RSRC_CONF),
    IGNORED("WSGINewRelicEnvironment", RSRC_CONF),
    IGNORED("WSGIPy3kWarningFlag", RSRC_CONF),
    IGNORED("WSGIUserAuthoritative", AUTH_CONFIG),
};
