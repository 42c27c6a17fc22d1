/* The supervisor: a process without Python that forks the processes of all groups and sees to them. It holds the
 * listening sockets; one loop waits for deaths, for words of the parent and of the processes, and for its timers.
 *
 * A process goes through the stages of member.h. When one is to be replaced, the next one is READY before it drains.
 *
 * One thread, no locks.
 */
#ifndef MP_DAEMON_SUPERVISOR_H
#define MP_DAEMON_SUPERVISOR_H

#include "daemon/daemon.h"

/* In a process that was forked for it. Does not return. */
void mp_supervisor_run(const mp_supervision *supervision);

#endif
