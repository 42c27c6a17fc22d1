/* What the supervisor and the processes of groups say to each other, and why a process ends. Constants; any thread. */
#ifndef MP_DAEMON_WORDS_H
#define MP_DAEMON_WORDS_H

/* Words between supervisor and process; mp_supervisor's come first. A process says one byte, the supervisor always
 * three: a word and what belongs to it, such as an mp_reason. */
enum {
    MP_WORD_DRAIN = 'G', MP_WORD_QUIT = 'Q', MP_WORD_DUMP = 'D', MP_WORD_ABORT = 'K', MP_WORD_INTERRUPT = 'I',
    MP_WORD_READY = 'r', MP_WORD_MAXIMUM = 'm', MP_WORD_RELOAD = 's', MP_WORD_EVICT = 'u', MP_WORD_CPU = 'x',
    MP_WORD_TERM = 't', MP_WORD_SERVED = 'e'
};

#define MP_WORD_LENGTH 3

/* Why a process ends: what its applications hear, and the log says. */
typedef enum {
    MP_REASON_NONE, MP_REASON_SIGNAL, MP_REASON_GRACEFUL, MP_REASON_EVICTION, MP_REASON_MAXIMUM, MP_REASON_INTERVAL,
    MP_REASON_INACTIVITY, MP_REASON_REQUEST, MP_REASON_STARTUP, MP_REASON_DEADLOCK, MP_REASON_CPU, MP_REASON_SCRIPT,
    MP_REASON_PIPE, MP_REASONS
} mp_reason;

/* "shutdown_signal" and its like; "" for what is none. */
const char *mp_reason_name(int reason);

/* What the log says of it. */
const char *mp_reason_phrase(mp_reason reason);

/* How a process ends that could not become what it should: it is not tried again soon. */
#define MP_EXIT_UNFIT 71

#endif
