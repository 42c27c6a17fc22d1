/* Directives that name a script: WSGIImportScript, WSGIHandlerScript, and those whose functions httpd's hooks call. */
#ifndef MP_CONFIG_WSGI_SCRIPTS_H
#define MP_CONFIG_WSGI_SCRIPTS_H

#include "config/wsgi.h"

const char *mp_wsgi_set_import_script(cmd_parms *cmd, void *conf, const char *args);
const char *mp_wsgi_set_handler_script(cmd_parms *cmd, void *conf, const char *args);

/* WSGIDispatchScript, WSGIAccessScript ...: cmd->info is the offset in mp_dir_conf of the script's pointer. */
const char *mp_wsgi_set_script(cmd_parms *cmd, void *conf, const char *args);

#endif
