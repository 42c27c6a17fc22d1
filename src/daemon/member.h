/* A process of a group as its supervisor sees it: in which stage it is, what it is told, and when it has to end.
 *
 * It goes through STARTING, READY, DRAINING (it takes nothing new and has graceful-timeout left), STOPPING (it has
 * shutdown-timeout left, then SIGKILL).
 *
 * In malloc's memory of the supervisor, which makes and frees it. One thread, no locks.
 */
#ifndef MP_DAEMON_MEMBER_H
#define MP_DAEMON_MEMBER_H

#include "config/groups.h"
#include "daemon/board.h"
#include "daemon/words.h"

typedef enum { MP_STARTING, MP_READY, MP_DRAINING, MP_STOPPING } mp_stage;

/* Of a request thread: the request that was interrupted last, by its beginning, and when. */
typedef struct {
    int64_t request, at;
} mp_interruption;

typedef struct mp_member mp_member;
struct mp_member {
    mp_member *next;
    const mp_group *group;
    pid_t pid;
    int slot;                   /* 0 to processes - 1; the one that replaces it has the same */
    mp_stage stage;
    int control;                /* -1: closed */
    mp_board *board;
    int64_t started, restart_at;
    int64_t deadline;           /* of DRAINING and STOPPING; 0: none */
    mp_reason leaving;          /* why another one takes its place; none: it stays */
    int is_stale;               /* to be replaced when it is its turn */
    int is_overdue;             /* a request has had its time, and that has been said */
    int is_aborted;             /* it is stuck, and has been told to end at once */
    int is_killed;
    mp_interruption interrupted[];      /* by thread */
};

/* A word, and what belongs to it. 0: it could not be told. */
int mp_member_tell_more(mp_member *one, char word, unsigned more);
void mp_member_tell(mp_member *one, char word);

/* It is to end within shutdown-timeout. */
void mp_member_stop(mp_member *one, mp_reason why);

/* It may finish its requests first, within the limit; 0: it may not. */
void mp_member_drain(mp_member *one, int64_t limit, mp_reason why);

void mp_member_kill(mp_member *one);

/* A process that is to go: another one takes its place first. But a service must not run twice. */
void mp_member_leave(mp_member *one, mp_reason why);

/* The same, without waiting for the other one. */
void mp_member_end(mp_member *one, mp_reason why);

#endif
