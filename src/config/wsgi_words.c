#include "config/wsgi_words.h"
#include "config/options.h"
#include "config/wsgi_groups.h"
#include "config/wsgi_records.h"

const char *mp_wsgi_read_flag(cmd_parms *cmd, const char *word, int *on)
{
    *on = !ap_cstr_casecmp(word, "on");
    if (*on || !ap_cstr_casecmp(word, "off"))
        return NULL;
    return apr_psprintf(cmd->pool, "%s '%s': the word must be one of: Off | On", cmd->cmd->name, word);
}

const char *mp_wsgi_check_path(cmd_parms *cmd, const char *path)
{
    if (ap_os_is_path_absolute(cmd->temp_pool, path))
        return NULL;
    if (!*path)
        return apr_psprintf(cmd->pool, "%s: a path is missing; write the absolute path of the script", cmd->cmd->name);
    return apr_psprintf(cmd->pool, "%s: '%s' is no absolute path; write the script's path from / on", cmd->cmd->name,
                        path);
}

/* "a=, b= and c=" */
static const char *list_options(apr_pool_t *p, int allowed)
{
    static const char *const names[] = {
        "process-group=", "application-group=", "callable-object=", "pass-authorization="
    };
    const char *list = "";
    int i, left = allowed & (MP_WSGI_NO_REQUEST - 1);

    for (i = 0; left; i++) {
        if (!(left & 1 << i))
            continue;
        left &= ~(1 << i);
        list = apr_pstrcat(p, list, !*list ? "" : left ? ", " : " and ", names[i], NULL);
    }
    return list;
}

const char *mp_wsgi_read_options(cmd_parms *cmd, const char *args, int allowed, mp_wsgi_choice *choice)
{
    const char *error, *name, *value;

    mp_wsgi_choice_init(choice);
    while (!(error = mp_option_next(cmd, &args, &name, &value)) && name) {
        if (allowed & MP_WSGI_PROCESS_GROUP && !strcmp(name, "process-group"))
            error = mp_wsgi_check_process_group(cmd, choice->process_group = value);
        else if (allowed & MP_WSGI_APPLICATION_GROUP && !strcmp(name, "application-group"))
            error = mp_wsgi_check_application_group(cmd, choice->application_group = value,
                                                    !(allowed & MP_WSGI_NO_REQUEST));
        else if (allowed & MP_WSGI_CALLABLE && !strcmp(name, "callable-object"))
            error = mp_wsgi_check_callable(cmd, choice->callable = value);
        else if (allowed & MP_WSGI_AUTHORIZATION && !strcmp(name, "pass-authorization")) {
            if (mp_wsgi_read_flag(cmd, value, &choice->pass_authorization))
                error = apr_psprintf(cmd->pool, "%s pass-authorization='%s': the word must be one of: Off | On",
                                     cmd->cmd->name, value);
        }
        else
            error = apr_psprintf(cmd->pool, "%s: the option '%s' is unknown; there are %s", cmd->cmd->name, name,
                                 list_options(cmd->pool, allowed));
        if (error)
            break;
    }
    return error;
}
