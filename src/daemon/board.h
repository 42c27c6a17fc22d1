/* What a process of a group tells its supervisor without being asked: one piece of memory that the two share. The
 * process writes, any thread of it; the supervisor reads, and believes nothing that could hurt it.
 */
#ifndef MP_DAEMON_BOARD_H
#define MP_DAEMON_BOARD_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

/* Microseconds of a clock that nobody sets; never 0. */
static inline int64_t mp_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 + 1;
}

#define MP_LOADED_ROOM 4096

/* Times are mp_clock()'s; 0: never, or not now. */
typedef struct {
    /* What has been loaded for requests, for the process that takes its place: pairs of texts, interpreter and script,
     * with a NUL behind each. Bytes are written first, then how many there are. */
    char loaded[MP_LOADED_ROOM];
    _Atomic uint32_t loaded_length;
    _Atomic int64_t heartbeat;      /* a thread had the GIL */
    _Atomic int64_t activity;       /* a request began, read or wrote; not those that WSGIIgnoreActivity is about */
    _Atomic int64_t first_attempt;  /* a request came, and none has been answered by an application yet */
    _Atomic int64_t requests;       /* begun so far */
    _Atomic int64_t threads[];      /* for each request thread: since when it has the request that it has */
} mp_board;

#endif
