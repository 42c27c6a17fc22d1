#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "host/signals.h"
#include "mpm_common.h"

#define LOOK_EVERY_NS 20000000L
#define WAKE_UP_NS 50000            /* a thread's own time from its sleep to a signal handler, at most */
#define INSISTENCE_NS 2000000000    /* httpd sends SIGTERM twice at once, and again after 3 seconds */

static const struct {
    int number;
    int waits;      /* its handler ends the process */
} guarded[] = {
    {SIGTERM, 1},
    {SIGHUP, 1},
    {AP_SIG_GRACEFUL, 0},       /* its handler only closes the listeners */
};
#define GUARDED (sizeof(guarded) / sizeof(guarded[0]))

static void (*saved[GUARDED])(int);
static const mp_engine_table *visited;
static pthread_t main_thread;
static volatile sig_atomic_t pending;       /* the signal that waits, or 0 */
static int64_t came_at;                     /* the main thread's: when it came */
static volatile sig_atomic_t is_blocked;    /* the watcher's word for the signal that it sends */
static _Atomic int64_t asleep_at;           /* the main thread's own time in the sleep that the watcher saw */
static sem_t was_signalled;

static size_t index_of(int number)
{
    size_t i = 0;

    while (guarded[i].number != number)
        i++;
    return i;
}

static void serve(int number)
{
    saved[index_of(number)](number);
}

static int64_t now(clockid_t clock)
{
    struct timespec time;

    return clock_gettime(clock, &time) == 0 ? time.tv_sec * INT64_C(1000000000) + time.tv_nsec : 0;
}

/* Async-signal-safe. A signal of the watcher's finds the main thread in the sleep that it has seen, or anywhere: then
 * it is looked for again. */
static void on_signal(int number)
{
    if (!pthread_equal(pthread_self(), main_thread))
        pthread_kill(main_thread, number);
    else if (!guarded[index_of(number)].waits)
        serve(number);
    else if (is_blocked) {
        is_blocked = 0;
        if (now(CLOCK_THREAD_CPUTIME_ID) - asleep_at < WAKE_UP_NS && !visited->busy())
            serve(number);
    }
    else if (pending) {
        if (now(CLOCK_MONOTONIC) - came_at > INSISTENCE_NS)
            serve(number);
    }
    else {
        came_at = now(CLOCK_MONOTONIC);
        pending = number;
        sem_post(&was_signalled);
    }
}

/* The main thread sleeps in the kernel, so it has no lock of malloc's or of the GIL's. Without /proc: unknown, yes. */
static int is_asleep(void)
{
    char path[64], text[512];
    const char *state = NULL;
    ssize_t n = 0;
    int file;

    apr_snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", (long)getpid());
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        n = read(file, text, sizeof(text) - 1);
        close(file);
    }
    if (n > 0) {
        text[n] = '\0';
        state = strrchr(text, ')');     /* pid (command) state */
    }
    return !state || strlen(state) < 3 || state[2] == 'S' || state[2] == 'D';
}

/* The main thread has not run for a while; *at is its own time. */
static int has_stood_still(clockid_t clock, int64_t *at)
{
    const struct timespec pause = {0, LOOK_EVERY_NS};
    int64_t before = now(clock);

    nanosleep(&pause, NULL);
    *at = now(clock);
    return before == *at && is_asleep();
}

static void *watch(void *unused)
{
    clockid_t clock;
    int64_t at;

    while (sem_wait(&was_signalled) != 0)
        ;
    if (pthread_getcpuclockid(main_thread, &clock) != 0)
        return NULL;            /* then it is served when the main thread leaves Python, or when httpd insists */
    for (;;)
        if (has_stood_still(clock, &at) && !is_blocked) {
            asleep_at = at;
            is_blocked = 1;
            pthread_kill(main_thread, pending);
        }
    return unused;
}

void mp_signals_guard(const mp_engine_table *engine, server_rec *s)
{
    pthread_t watcher;
    size_t i;

    visited = engine;
    main_thread = pthread_self();
    if (sem_init(&was_signalled, 0, 0) != 0 || pthread_create(&watcher, NULL, watch, NULL) != 0) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, errno, s, "MP0205: no thread could be started to watch for the end of "
                     "this process; it may end in the middle of a handler");
        return;
    }
    pthread_detach(watcher);
    for (i = 0; i < GUARDED; i++) {
        struct sigaction action;

        if (sigaction(guarded[i].number, NULL, &action) || (action.sa_flags & SA_SIGINFO) ||
            action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN)
            continue;
        saved[i] = action.sa_handler;
        action.sa_handler = on_signal;
        sigaction(guarded[i].number, &action, NULL);
    }
}

void mp_signals_idle(void)
{
    if (pending && pthread_equal(pthread_self(), main_thread))
        serve(pending);
}
