/* The global mutexes: locks that all children and interpreters of one httpd share; _apache._global_lock() and sessions
 * use them. Lock 0 is for dbm files, the others are chosen by key (api/locks.c).
 *
 * They are made in the parent and belong to its process, not to one reading of the configuration: around a graceful
 * restart old and new children must exclude each other. A child joins them before it has threads, and never leaves:
 * until the very end a thread may be waiting in one.
 *
 * The mechanism is the Mutex directive's for "mod_python"; by default System V semaphores, since they are given back by
 * the kernel when their holder is killed, and by any thread of the holder: event finishes a request, and so its
 * cleanups, on another thread than the one that began it.
 *
 * Parent: the main thread only. Children: mp_mutex_count and mp_mutex_do from any thread, after mp_mutex_join.
 */
#ifndef MP_HOST_MUTEX_H
#define MP_HOST_MUTEX_H

#include "engine.h"

/* pre_config: makes the name known to the Mutex directive. */
apr_status_t mp_mutex_register(apr_pool_t *pconf);

/* check_config: what is wrong with the two PythonOptions of the main server, as a sentence, or NULL. */
const char *mp_mutex_check(server_rec *s, apr_pool_t *ptemp);

/* post_config: makes them, or finds those that are there already. It logs why it could not. */
apr_status_t mp_mutex_create(server_rec *s, apr_pool_t *ptemp);

/* child_init. It logs why it could not; mp_mutex_count() is 0 then. */
void mp_mutex_join(server_rec *s);

/* Whether the lock's descriptor is needed by processes that join later: fcntl's is inherited. After mp_mutex_create. */
int mp_mutex_has_descriptor(int fd);

int mp_mutex_count(void);

/* MP_MUTEX_LOCK waits: call it without a GIL. MP_MUTEX_TRYLOCK: APR_EBUSY if somebody has it. MP_MUTEX_UNLOCK: EPERM if
 * this process has it not. index is in the range of mp_mutex_count(). */
apr_status_t mp_mutex_do(mp_mutex_op op, int index);

#endif
