/* Arguments of the form name=value, in which the word or the value may be quoted: a=b "a=b c" a="b c" a='b c'. */
#ifndef MP_CONFIG_OPTIONS_H
#define MP_CONFIG_OPTIONS_H

#include "mp.h"

/* Takes the next option from *args; *name is NULL at the end. Returns NULL, or what is wrong with it (a whole message
 * for the directive `cmd`). Strings live in cmd->pool. */
const char *mp_option_next(cmd_parms *cmd, const char **args, const char **name, const char **value);

#endif
