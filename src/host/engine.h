/* The engine of this process: loaded in a child after the fork, and kept until the process ends.
 *
 * mp_engine_load is called once, on the child's main thread, before there are request threads.
 */
#ifndef MP_HOST_ENGINE_H
#define MP_HOST_ENGINE_H

#include "config/groups.h"
#include "../engine.h"    /* the seam, not the header beside this one */

/* Loads process->engine, starts it, and sees to it that it is stopped with pchild. A failure is logged; the child
 * lives on without Python. So it does where WSGIRestrictEmbedded leaves nothing to Python. */
void mp_engine_load(apr_pool_t *pchild, server_rec *s);

/* The same in a process of a group, whose record mp_process_get() is; it stops the engine itself. When goes_on() says
 * no, the preloads that are left are left out. NULL: it was logged. */
const mp_engine_table *mp_engine_load_in_group(const mp_group *group, int (*goes_on)(void));

/* NULL: this process has no Python. */
const mp_engine_table *mp_engine_get(void);

/* Then: the end of a sentence about something that can't run. */
const char *mp_engine_absence(void);

#endif
