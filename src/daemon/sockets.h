/* The listening sockets of groups: made by httpd's parent, inherited by the supervisor and the groups' processes. */
#ifndef MP_DAEMON_SOCKETS_H
#define MP_DAEMON_SOCKETS_H

#include "config/groups.h"

/* The directory of this httpd's sockets, made if it is not there: nobody but the parent can put anything there. NULL:
 * it logged why not. */
const char *mp_sockets_directory(const mp_process *process, server_rec *s, apr_pool_t *p);

/* A listening socket for httpd's children; sets group->socket. -1: it logged why not. */
int mp_sockets_listen(mp_group *group, const char *directory, int generation, apr_pool_t *p);

/* The socket of listen=: that of the generation before, if it had the same one; it is kept for the next. -1: there is
 * none;
 * -2: it logged why not. */
int mp_sockets_listen_public(const mp_group *group, apr_pool_t *p);

/* Closes and removes the sockets of listen= that were not asked for since it was called last. */
void mp_sockets_drop_public(void);

/* Removes what is left of a generation in the directory, 0: of all, and the directory if it is empty then. */
void mp_sockets_remove(const char *directory, int generation, apr_pool_t *p);

#endif
