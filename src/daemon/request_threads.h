/* The request threads of a process, and the connections that they serve. Idle threads wait together at the listening
 * sockets and the idle connections; one is woken for what comes, and serves it.
 *
 * All of it is owned here: the threads with their seats, the ring of idle connections, epoll, and the listening sockets
 * of the process. The lock (request_threads.lock) guards the ring, how many threads wait or have a request, and whether
 * and why the process closes. It is held over a fork of the application's, and never while something waits, but for its
 * condition.
 *
 * Threads: the main one prepares, starts and waits; the control thread closes; a request thread closes if its request
 * is to be the only one (threads=1 maximum-requests=1). A process of services has no request threads: all that is here
 * then is whether it closes, and why.
 */
#ifndef MP_DAEMON_REQUEST_THREADS_H
#define MP_DAEMON_REQUEST_THREADS_H

#include "config/groups.h"
#include "daemon/board.h"
#include "engine.h"

/* Comes first, before there are other threads. `say` tells the supervisor a word; it is called with the lock held and
 * does not wait. public_listener may be -1. */
void mp_request_threads_prepare(const mp_group *group, mp_board *board, int listener, int public_listener, int slot,
                                void (*say)(char word));

/* The engine is NULL if it could not be loaded. 0: not one thread could be started; errno says why. */
int mp_request_threads_start(const mp_engine_table *engine);

/* Nothing new is taken. quits: wait_for_close does not wait for requests either, and clients that have sent nothing are
 * dropped. The reason, an mp_reason, is that of the end if it is the first. */
void mp_request_threads_close(int quits, int reason);

/* Until that is called, or the only request has come. Any thread. */
int mp_request_threads_go_on(void);

/* Until the process closes and the requests are through, or it quits. The reason. */
int mp_request_threads_wait_for_close(void);

/* Until all requests are through, and then a second at most for the threads to end. */
void mp_request_threads_wait_for_end(void);

/* Around a fork, for pthread_atfork(). The last one is for the new process, where nothing here is its own. */
void mp_request_threads_before_fork(void);
void mp_request_threads_after_fork(void);
void mp_request_threads_leave_in_fork(void);

#endif
