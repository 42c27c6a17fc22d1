/* Names of process groups, application groups and callables, as directives write them. */
#ifndef MP_CONFIG_WSGI_GROUPS_H
#define MP_CONFIG_WSGI_GROUPS_H

#include "config/records.h"

/* Each returns NULL, or what is wrong with the name. A variable that does not exist is told here; a process group that
 * does not exist only when all is read (mp_wsgi_groups_check), so that the order of directives does not matter. */
const char *mp_wsgi_check_process_group(cmd_parms *cmd, const char *group);
const char *mp_wsgi_check_application_group(cmd_parms *cmd, const char *group, int has_request);
const char *mp_wsgi_check_callable(cmd_parms *cmd, const char *name);

/* Known before there is a request: %{GLOBAL}, or a plain name. */
int mp_wsgi_is_static(const char *group);

/* The script runs when a process starts, if both groups are static. */
void mp_wsgi_preload(cmd_parms *cmd, const char *path, const mp_wsgi_choice *choice);

/* In check_config: every process group that a directive names is there, and may be used there. What the main server
 * says is for its virtual hosts, too, so that one of them may have the group; then others are warned of. `s` is the
 * main server. NULL, or what is wrong. */
const char *mp_wsgi_groups_check(server_rec *s, const mp_process *process, apr_pool_t *ptemp);

#endif
