/* Signals of a child whose requests run on its main thread (prefork).
 *
 * There httpd's handlers of SIGTERM and SIGHUP end the process from inside the signal handler, wherever the thread
 * stands: in Python code, in malloc with its lock held, on the way to the GIL. The end needs all of these. So the
 * handlers are wrapped, and a signal waits for the first of:
 *
 *   - the main thread leaves Python (mp_signals_idle);
 *   - the main thread sleeps in the kernel, in accept(), in a read, in time.sleep(): a thread of ours watches for that
 *     once a signal has come, and sends it again; it counts if the main thread has not run since it was looked at;
 *   - httpd sends the signal again, seconds later: then it is served at once. (It always sends it twice.)
 *
 * The handlers run on the main thread even if another one, which Python code started, got the signal.
 */
#ifndef MP_HOST_SIGNALS_H
#define MP_HOST_SIGNALS_H

#include "../engine.h"    /* the seam, not the header beside this one */

/* On the child's main thread, after the MPM has set its handlers, with all signals blocked, as the watcher's are. */
void mp_signals_guard(const mp_engine_table *engine, server_rec *s);

/* mp_host_table.idle: any thread, which has just left Python. */
void mp_signals_idle(void);

#endif
