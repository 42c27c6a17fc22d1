/* WSGIScriptAlias and WSGIScriptAliasMatch. */
#ifndef MP_CONFIG_WSGI_ALIAS_H
#define MP_CONFIG_WSGI_ALIAS_H

#include "config/wsgi.h"

/* Setter of both (cmd->info: is a regular expression). */
const char *mp_wsgi_set_alias(cmd_parms *cmd, void *conf, const char *args);

#endif
