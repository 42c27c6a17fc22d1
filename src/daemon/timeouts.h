/* When a process has had enough time. Each time-out stands for itself; what follows from it is the process's affair
 * (member.h).
 *
 * Called from the supervisor's loop: one thread, no locks; but for the limit, which any process may ask for. Times are
 * mp_clock()'s.
 */
#ifndef MP_DAEMON_TIMEOUTS_H
#define MP_DAEMON_TIMEOUTS_H

#include "daemon/member.h"

/* Of restart-interval; 0: never. Staggered, so that the processes of a group do not all start anew at the same time. */
int64_t mp_timeouts_restart_at(const mp_group *group, int slot, int64_t now);

/* All processes stood still for so long, up to now or a little before. It does not count for what had begun; only the
 * last such time is known. */
void mp_timeouts_stood_still(int64_t now, int64_t length);

/* How long a request may run. */
int64_t mp_timeouts_request_limit(const mp_group *group);

/* Of a process that is READY or leaves: its requests and Python's locks. */
void mp_timeouts_check_work(mp_member *one, int64_t now);

/* Of one that is READY: whether it stays. */
void mp_timeouts_check_ready(mp_member *one, int64_t now);

/* Of one that is DRAINING or STOPPING. */
void mp_timeouts_check_deadline(mp_member *one, int64_t now);

/* Microseconds until a group's time-outs are to be looked at again: `pause`, or less. */
int64_t mp_timeouts_pause(const mp_group *group, int64_t pause);

#endif
