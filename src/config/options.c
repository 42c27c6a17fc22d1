#include "config/options.h"
#include "apr_lib.h"

static const char *complain(cmd_parms *cmd, const char *word, const char *what)
{
    return apr_psprintf(cmd->pool, "%s: '%s' %s; write name=value, without blanks around the '=', and with quotes "
                        "around a value that has blanks", cmd->cmd->name, word, what);
}

const char *mp_option_next(cmd_parms *cmd, const char **args, const char **name, const char **value)
{
    const char *word, *end;

    *name = *value = NULL;
    while (apr_isspace(**args))
        ++*args;
    if (!**args)
        return NULL;
    if (**args == '"' || **args == '\'') {
        word = ap_getword_conf(cmd->pool, args);
        if (!(end = strchr(word, '=')))
            return complain(cmd, word, "is no option");
        *value = end + 1;
    }
    else {
        for (word = end = *args; *end && *end != '=' && !apr_isspace(*end); end++)
            ;
        if (*end != '=')
            return complain(cmd, apr_pstrmemdup(cmd->pool, word, (apr_size_t)(end - word)), "is no option");
        *args = end + 1;
        *value = **args && !apr_isspace(**args) ? ap_getword_conf(cmd->pool, args) : "";
    }
    *name = apr_pstrmemdup(cmd->pool, word, (apr_size_t)(end - word));
    if (!**name)
        return complain(cmd, word, "has no name");
    if (!**value)
        return complain(cmd, *name, "has no value");
    return NULL;
}
