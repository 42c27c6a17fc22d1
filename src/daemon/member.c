#include "daemon/member.h"

#include <signal.h>
#include <unistd.h>

int mp_member_tell_more(mp_member *one, char word, unsigned more)
{
    char words[MP_WORD_LENGTH] = {word, (char)(more >> 8), (char)more};

    /* A failure: it is dying, and SIGCHLD comes; or it does not listen, and is killed in time. */
    return one->control >= 0 && write(one->control, words, sizeof(words)) == sizeof(words);
}

void mp_member_tell(mp_member *one, char word)
{
    mp_member_tell_more(one, word, 0);
}

void mp_member_stop(mp_member *one, mp_reason why)
{
    if (one->stage == MP_STOPPING)
        return;
    mp_member_tell_more(one, MP_WORD_QUIT, one->leaving ? one->leaving : why);
    one->stage = MP_STOPPING;
    one->deadline = one->group->shutdown_timeout ? mp_clock() + one->group->shutdown_timeout : 0;
}

void mp_member_drain(mp_member *one, int64_t limit, mp_reason why)
{
    if (one->stage >= MP_DRAINING)
        return;
    if (!limit) {
        mp_member_stop(one, why);
        return;
    }
    mp_member_tell_more(one, MP_WORD_DRAIN, why);
    one->stage = MP_DRAINING;
    one->deadline = mp_clock() + limit;
}

void mp_member_kill(mp_member *one)
{
    if (!one->is_killed)
        kill(one->pid, SIGKILL);
    one->is_killed = 1;
    one->deadline = 0;
}

void mp_member_leave(mp_member *one, mp_reason why)
{
    if (one->leaving || one->stage >= MP_DRAINING)
        return;
    one->leaving = why;
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, one->group->server,
                 "MP0411: %s, stopping process '%s'. (pid=%" APR_PID_T_FMT
                 ")", mp_reason_phrase(why), one->group->name, one->pid);
    if (!one->group->threads)
        mp_member_drain(one, one->group->graceful_timeout, why);
}

void mp_member_end(mp_member *one, mp_reason why)
{
    mp_member_leave(one, why);
    mp_member_stop(one, why);
}
