#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "host/signals.h"
#include "mpm_common.h"

#define LOOK_EVERY_NS 20000000L

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
static volatile sig_atomic_t is_blocked;    /* the watcher's word for the signal that it sends */
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

/* Async-signal-safe. A second signal while the first one waits is httpd's insistence: it is served at once. */
static void on_signal(int number)
{
    if (!pthread_equal(pthread_self(), main_thread))
        pthread_kill(main_thread, number);
    else if (!guarded[index_of(number)].waits)
        serve(number);
    else if (is_blocked) {
        is_blocked = 0;
        if (!visited->busy())
            serve(number);
    }
    else if (pending)
        serve(number);
    else {
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

/* The main thread has not run for a while. */
static int has_stood_still(clockid_t clock)
{
    const struct timespec pause = {0, LOOK_EVERY_NS};
    struct timespec before, after;

    clock_gettime(clock, &before);
    nanosleep(&pause, NULL);
    clock_gettime(clock, &after);
    return before.tv_sec == after.tv_sec && before.tv_nsec == after.tv_nsec && is_asleep();
}

static void *watch(void *unused)
{
    clockid_t clock;

    while (sem_wait(&was_signalled) != 0)
        ;
    if (pthread_getcpuclockid(main_thread, &clock) != 0)
        return NULL;            /* then it is served when the main thread leaves Python, or when httpd insists */
    for (;;)
        if (has_stood_still(clock)) {
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
