/* Signals of a child whose requests run on its main thread (prefork).
 *
 * There the handlers of SIGTERM and SIGHUP end the process from inside the handler, which runs the end of Python while
 * the same thread may stand in the middle of Python code. So the handlers are wrapped: they wait until the main thread
 * is out of Python, and they run on the main thread even if another one, which Python code started, got the signal.
 */
#ifndef MP_HOST_SIGNALS_H
#define MP_HOST_SIGNALS_H

#include "../engine.h"    /* the seam, not the header beside this one */

/* On the child's main thread, after the MPM has set its handlers. */
void mp_signals_guard(const mp_engine_table *engine);

/* mp_host_table.idle */
void mp_signals_idle(void);

#endif
