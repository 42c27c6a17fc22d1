/* The scripts that this process has run, and how old they were: a changed one sends the request to a fresh process.
 * Any thread.
 */
#ifndef MP_DAEMON_SCRIPTS_H
#define MP_DAEMON_SCRIPTS_H

#include "config/groups.h"
#include "daemon/board.h"

void mp_scripts_start(apr_pool_t *p);

/* Whether the file is another one than when this process saw it first. */
int mp_scripts_changed(const char *path);

/* Whether script-user= and script-group= allow it: nobody else may be able to change what will run. */
int mp_scripts_trusted(const mp_group *group, const char *script, apr_pool_t *p);

/* The path as a process of the group sees it, below chroot=. NULL: it is outside. */
const char *mp_scripts_inside(const mp_group *group, const char *path);

/* What is logged of one that is not trusted; then come the script and the group's name. */
#define MP_SCRIPTS_UNTRUSTED "MP0433: %s is not owned as script-user or script-group of group '%s' says, or others " \
                             "may change it or its directory"

/* An application of the script begins in that interpreter; the board says to the next process that it is loaded. */
void mp_scripts_note(mp_board *board, const char *interpreter, const char *script);

/* What a board says, added to the preloads (mp_preload), without a directive. `loaded` stays. */
void mp_scripts_preload(const mp_group *group, const char *loaded, size_t length, apr_array_header_t *preloads);

/* Whether that was said of the script. */
int mp_scripts_are_loaded(const char *path);

#endif
