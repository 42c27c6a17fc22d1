/* The scripts that this process has run, and how old they were: a changed one sends the request to a fresh process.
 * Any thread.
 */
#ifndef MP_DAEMON_SCRIPTS_H
#define MP_DAEMON_SCRIPTS_H

#include "mp.h"

void mp_scripts_start(apr_pool_t *p);

/* Whether the file is another one than when this process saw it first. */
int mp_scripts_changed(const char *path);

#endif
