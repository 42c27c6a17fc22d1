/* mod_wsgi.RequestTimeout, thrown into a thread whose request takes too long; in processes of groups only.
 *
 * An OS thread has a Python thread in every interpreter that it ever served. So each request thread says here, while it
 * may be interrupted, in which one it is; who interrupts takes that interpreter's GIL, and looks there whether the
 * thread still has a request, and one that began before it was looked at. When the request is through, under the same
 * GIL, an exception that has not come up yet is taken back: the next request does not get it.
 */
#include "wsgi/watch.h"

#include "runtime/lease.h"
#include "runtime/thread.h"

#include <time.h>

/* A request thread. Written by itself; `since` stays while `interp` is set. */
typedef struct {
    mp_interp *interp;                  /* atomic; NULL: it has no request that could be interrupted */
    apr_time_t since;
} seat;

static struct {
    seat *seats;
    int count;
} seating;

typedef struct {
    mp_interp *interp;
    int thread;
    apr_time_t until;
} order;

static apr_time_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return apr_time_from_sec(time.tv_sec) + time.tv_nsec / 1000;
}

void mp_wsgi_interrupt_start(int threads)
{
    if (threads > 0 && (seating.seats = calloc((size_t)threads, sizeof(*seating.seats))))
        seating.count = threads;
}

void mp_wsgi_may_interrupt(mp_wsgi_call *call)
{
    int number = call->gateway->thread;

    if (number < 1 || number > seating.count)
        return;
    call->number = number;
    seating.seats[number - 1].since = now();
    __atomic_store_n(&seating.seats[number - 1].interp, call->state->interp, __ATOMIC_RELEASE);
}

void mp_wsgi_may_not_interrupt(mp_wsgi_call *call)
{
    if (!call->number)
        return;
    __atomic_store_n(&seating.seats[call->number - 1].interp, NULL, __ATOMIC_RELEASE);
    call->number = 0;
    if (call->interrupted)
        PyThreadState_SetAsyncExc(PyThread_get_thread_ident(), NULL);
}

static void throw(const order *o)
{
    const mp_wsgi_state *state = o->interp->wsgi;
    mp_wsgi_call *call = state->running;

    while (call && call->number != o->thread)
        call = call->next;
    if (!call || seating.seats[o->thread - 1].since >= o->until)
        return;
    call->interrupted = 1;
    if (PyThreadState_SetAsyncExc((unsigned long)call->thread, state->RequestTimeout))
        mp_log(mp_at_server(ap_server_conf), APLOG_INFO,
               "Injected RequestTimeout into thread %d of daemon process '%s'.",
               o->thread, mp_host->process_group);
}

static void *carry_out(void *data)
{
    order *o = data;
    mp_lease lease;

    if (mp_lease_take_interp(&lease, o->interp, mp_at_server(ap_server_conf)) == APR_SUCCESS) {
        throw(o);
        mp_lease_release(&lease);
    }
    free(o);
    return NULL;
}

void mp_wsgi_interrupt(int thread, apr_time_t until)
{
    mp_interp *interp = thread < 1 || thread > seating.count ? NULL
        : __atomic_load_n(&seating.seats[thread - 1].interp, __ATOMIC_ACQUIRE);
    order *o = interp ? malloc(sizeof(*o)) : NULL;

    if (!o)
        return;
    *o = (order){ interp, thread, until };
    if (mp_thread_start(carry_out, o) != APR_SUCCESS)
        free(o);
}
