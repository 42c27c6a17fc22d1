#include <pthread.h>
#include <signal.h>

#include "host/signals.h"
#include "mpm_common.h"

static const struct {
    int number;
    int waits;      /* for the end of the visit to Python */
} guarded[] = {
    {SIGTERM, 1},
    {SIGHUP, 1},
    {AP_SIG_GRACEFUL, 0},       /* its handler only closes the listeners */
};
#define GUARDED (sizeof(guarded) / sizeof(guarded[0]))

static void (*saved[GUARDED])(int);
static const mp_engine_table *visited;
static pthread_t main_thread;
static volatile sig_atomic_t pending;

/* Async-signal-safe. A second signal that may not wait for a first one is httpd's insistence: it is served at once. */
static void on_signal(int number)
{
    size_t i = 0;

    if (!pthread_equal(pthread_self(), main_thread)) {
        pthread_kill(main_thread, number);
        return;
    }
    while (guarded[i].number != number)
        i++;
    if (guarded[i].waits && !pending && visited->busy())
        pending = number;
    else
        saved[i](number);
}

void mp_signals_guard(const mp_engine_table *engine)
{
    size_t i;

    visited = engine;
    main_thread = pthread_self();
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
    int number = pending;

    if (number) {
        pending = 0;
        raise(number);
    }
}
