#include "daemon/timeouts.h"

#include <math.h>

#define LAST_WORDS 5000000      /* microseconds, for the stacks of a process that is stuck */

static struct {
    int64_t until, length;
} still;

void mp_timeouts_stood_still(int64_t now, int64_t length)
{
    still.until = now;
    still.length = length;
}

/* How long ago that was, for a process. */
static int64_t age(int64_t since, int64_t now)
{
    return now - since - (since < still.until ? still.length : 0);
}

int64_t mp_timeouts_restart_at(const mp_group *group, int slot, int64_t now)
{
    if (!group->restart_interval)
        return 0;
    return now + group->restart_interval - group->restart_interval * slot / (4 * group->processes);
}

int64_t mp_timeouts_request_limit(const mp_group *group)
{
    return (int64_t)((double)group->request_timeout * (1 + log(group->threads)));
}

/* 1: the request has had its time, and what it gets after an interrupt. */
static int is_over(mp_member *one, int thread, int64_t since, int64_t now)
{
    mp_interruption *last = &one->interrupted[thread];

    if (!one->group->interrupt_timeout)
        return 1;
    if (last->request == since)
        return age(last->at, now) > one->group->interrupt_timeout;
    last->request = since;
    last->at = mp_member_tell_more(one, MP_WORD_INTERRUPT, (unsigned)thread) ? now
             : 1;               /* it does not listen: that was long ago */
    return 0;
}

/* All of them are looked at each time: who is interrupted late may still have its answer while the process ends. */
static void check_requests(mp_member *one, int64_t now)
{
    const mp_group *group = one->group;
    int64_t limit = mp_timeouts_request_limit(group), oldest = 0;
    int i;

    for (i = 0; i < group->threads; i++) {
        int64_t since = one->board->threads[i];

        if (since > 0 && age(since, now) > limit && is_over(one, i, since, now) && (!oldest || since < oldest))
            oldest = since;
    }
    if (!oldest || one->is_overdue)
        return;
    one->is_overdue = 1;
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, group->server, "MP0418: a request to process '%s' (pid=%" APR_PID_T_FMT ") "
                 "has run for %d seconds, and request-timeout is %d; the process has to end", group->name, one->pid,
                 (int)((now - oldest) / 1000000), (int)apr_time_sec(group->request_timeout));
    mp_member_tell(one, MP_WORD_DUMP);
    mp_member_end(one, MP_REASON_REQUEST);
}

static void check_lock(mp_member *one, int64_t now)
{
    int64_t beat = one->board->heartbeat;

    if (!beat || age(beat, now) <= one->group->deadlock_timeout || one->is_aborted)
        return;
    one->is_aborted = 1;
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, one->group->server, "MP0419: Python's lock could not be had in process '%s' "
                 "(pid=%" APR_PID_T_FMT ") for %d seconds (deadlock-timeout); the process is ended", one->group->name,
                 one->pid, (int)((now - beat) / 1000000));
    mp_member_leave(one, MP_REASON_DEADLOCK);
    mp_member_tell(one, MP_WORD_ABORT);
    one->stage = MP_STOPPING;
    if (!one->deadline || one->deadline > now + LAST_WORDS)
        one->deadline = now + LAST_WORDS;
}

void mp_timeouts_check_work(mp_member *one, int64_t now)
{
    if (one->is_killed)
        return;
    if (one->group->request_timeout)
        check_requests(one, now);
    if (one->group->deadlock_timeout)
        check_lock(one, now);
}

void mp_timeouts_check_ready(mp_member *one, int64_t now)
{
    const mp_group *group = one->group;
    int64_t activity = one->board->activity, attempt = one->board->first_attempt;

    if (group->inactivity_timeout && activity && age(activity, now) > group->inactivity_timeout)
        mp_member_end(one, MP_REASON_INACTIVITY);
    else if (group->startup_timeout && attempt > 0 && age(attempt, now) > group->startup_timeout) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, group->server, "MP0420: no application could be loaded in process '%s' "
                     "(pid=%" APR_PID_T_FMT ") within startup-timeout; the process is replaced", group->name, one->pid);
        mp_member_end(one, MP_REASON_STARTUP);
    }
    else if (one->restart_at && now >= one->restart_at)
        mp_member_leave(one, MP_REASON_INTERVAL);
}

void mp_timeouts_check_deadline(mp_member *one, int64_t now)
{
    if (!one->deadline || now < one->deadline)
        return;
    if (one->stage == MP_DRAINING) {
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, one->group->server, "MP0421: the time for process '%s' (pid=%"
                     APR_PID_T_FMT ") to finish its requests is over", one->group->name, one->pid);
        mp_member_stop(one, MP_REASON_SIGNAL);
    }
    else {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, one->group->server, "MP0422: Shutdown timeout expired; aborting "
                     "daemon process '%s'. (pid=%" APR_PID_T_FMT ")", one->group->name, one->pid);
        mp_member_kill(one);
    }
}

int64_t mp_timeouts_pause(const mp_group *group, int64_t pause)
{
    const int64_t all[] = {group->request_timeout, group->interrupt_timeout, group->inactivity_timeout,
                           group->deadlock_timeout, group->startup_timeout, group->restart_interval};
    size_t i;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i] / 4 && all[i] / 4 < pause)
            pause = all[i] / 4;
    return pause;
}
