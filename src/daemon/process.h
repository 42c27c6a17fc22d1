/* From a fork of the supervisor to a process of a group: privileges, descriptors, limits, environment.
 *
 * Called once, in the new process, before anything of it runs. A step that fails is logged and ends the process: it
 * never goes on with wrong rights.
 */
#ifndef MP_DAEMON_PROCESS_H
#define MP_DAEMON_PROCESS_H

#include "config/groups.h"

/* keep: descriptors that stay, besides 0 to 2 and the group's error log. */
void mp_process_become(const mp_group *group, server_rec *main_server, const int *keep, int kept);

/* Closes all descriptors but 0 to 2 and these. Where a server logs to syslog, that is opened anew. */
void mp_process_close_others(const int *keep, int kept, const server_rec *main_server);

/* The descriptor of a server's error log; -1 if it is no file of its own. */
int mp_process_log_of(const server_rec *s);

#endif
