/* A process of a group: it loads the engine, runs the group's preloads, and serves requests on its threads until its
 * supervisor or a signal says otherwise.
 *
 * Threads: the main one starts Python and ends it; in a process without request threads it waits for the services,
 * which run on Python's own main thread. The control thread hears the supervisor; it is plain C and never waits for a
 * GIL, so a stuck Python does not hold it up: the engine does what it asks for on other threads. The heartbeat thread
 * tries Python's locks. The request threads and their lock are in request_threads.h.
 */
#ifndef MP_DAEMON_WORKER_H
#define MP_DAEMON_WORKER_H

#include "daemon/board.h"
#include "daemon/daemon.h"

/* Does not return. public_listener may be -1. */
void mp_worker_run(const mp_group *group, server_rec *main_server, mp_board *board, int control, int listener,
                   int public_listener, int slot);

#endif
