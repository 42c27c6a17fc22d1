/* Process groups, as httpd's parent and children see them. The parent never runs Python, nor does the supervisor.
 *
 * For each generation (one reading of the configuration) the parent makes the groups' listening sockets and forks one
 * supervisor (supervisor.h), which forks the groups' processes (process.h, worker.h). The parent holds
 *
 *   - the listening sockets, so that a supervisor that died can be replaced and no connection is lost,
 *   - one end of a socket pair to the supervisor: a word when the generation is over, EOF when the parent is gone,
 *   - the write end of a pipe that it shares with the children of this generation: EOF tells the supervisor that the
 *     last of them is gone.
 *
 * The names of the sockets are the parent's, too. A supervisor removes those of its generation when it has been told
 * that it is over, or when the parent is dead; the parent does when a supervisor is gone and no other one takes its
 * place.
 *
 * Main thread of the parent, and of a child in mp_daemon_child_init; no locks.
 */
#ifndef MP_DAEMON_DAEMON_H
#define MP_DAEMON_DAEMON_H

#include "config/groups.h"

/* In post_config, not when httpd only checks: sockets and supervisor. It logs why it could not. */
apr_status_t mp_daemon_start(apr_pool_t *pconf, server_rec *s);

/* A child keeps only its end of the pipe, and processes that it forks not even that. */
void mp_daemon_child_init(void);

/* Words from the parent to the supervisor. */
enum { MP_WORD_OVER = 'R', MP_WORD_STOP = 'S' };

/* What a supervisor starts with. Lives in pconf. */
typedef struct {
    server_rec *server;
    apr_array_header_t *groups;     /* mp_group *; those of mp_process */
    int *listeners;                 /* for each group */
    int *public_listeners;          /* for each group: listen=, or -1 */
    const char *directory;          /* of the sockets */
    int generation;
    int parent;                     /* the supervisor's end of the socket pair */
    int children;                   /* the read end of the pipe */
    int deaths;                     /* of supervisors before it, soon after their start */
} mp_supervision;

#endif
