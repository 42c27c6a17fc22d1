#include "runtime/end.h"

#include "runtime/error.h"
#include "runtime/lease.h"
#include "runtime/thread.h"

#include "apr_thread_cond.h"
#include "apr_thread_mutex.h"

/* httpd's parent kills a child 9 seconds after its first SIGTERM; what follows the steps takes up to HOLD_LIMIT. */
#define STEP_LIMIT apr_time_from_sec(3)
#define WHOLE_LIMIT apr_time_from_sec(7)
#define HOLD_LIMIT apr_time_from_sec(1)

/* Guarded by the lock: who works, at what, since when. A worker whose number is no longer `worker` was given up: when
 * its step comes back at last, it stops. */
static struct {
    apr_thread_mutex_t *lock;
    apr_thread_cond_t *changed;
    const mp_end_callbacks *callbacks;
    server_rec *server;
    int worker;
    char what[256];
    apr_time_t since;
    mp_interp *interp;          /* the next to finish */
    int step;
    int done;
    int to_hold, held;
} end;

static _Thread_local int my_number;

static void begin(const char *what)
{
    apr_thread_mutex_lock(end.lock);
    apr_cpystrn(end.what, what, sizeof(end.what));
    end.since = apr_time_now();
    apr_thread_mutex_unlock(end.lock);
}

static int given_up(void)
{
    int gone;

    apr_thread_mutex_lock(end.lock);
    gone = end.worker != my_number;
    apr_thread_mutex_unlock(end.lock);
    return gone;
}

/* Takes the next interpreter and step; 0 when there is none. */
static int next_step(mp_interp **interp, int *step)
{
    apr_thread_mutex_lock(end.lock);
    *interp = end.interp;
    *step = end.step;
    if (end.interp && ++end.step == 2) {
        end.step = 0;
        end.interp = end.interp->next;
    }
    apr_thread_mutex_unlock(end.lock);
    return *interp != NULL;
}

static void finish(mp_interp *interp, int step)
{
    mp_lease lease;
    char what[256];

    apr_snprintf(what, sizeof(what), "%s of interpreter '%s'", step ? "atexit" : "the threads' end", interp->name);
    begin(what);
    if (mp_lease_take_last(&lease, interp, end.server) != APR_SUCCESS)
        return;
    if (end.callbacks->finish(interp, step) < 0)
        mp_error_log(mp_at_server(end.server), "MP0032", what, interp->name, NULL);
    mp_lease_release(&lease);
}

static void *work(void *number)
{
    mp_interp *interp;
    int step;

    my_number = (int)(intptr_t)number;
    while (!given_up() && end.callbacks->cleanup(begin))
        ;
    while (!given_up() && next_step(&interp, &step))
        finish(interp, step);
    apr_thread_mutex_lock(end.lock);
    if (end.worker == my_number)
        end.done = 1;
    apr_thread_cond_signal(end.changed);
    apr_thread_mutex_unlock(end.lock);
    return NULL;
}

static int start_worker(void)
{
    return mp_thread_start(work, (void *)(intptr_t)++end.worker) == APR_SUCCESS;
}

/* Holding the lock. The worker's step took too long: name it, and go on with the others on another thread. */
static void give_up_step(void)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, end.server, "MP0030: %s did not finish in %d seconds; the process ends "
                 "without waiting for it", end.what, (int)apr_time_sec(STEP_LIMIT));
    end.since = apr_time_now();
    if (!start_worker())
        end.done = 1;
}

static void wait_for_steps(void)
{
    apr_time_t deadline = apr_time_now() + WHOLE_LIMIT;

    while (!end.done) {
        apr_time_t now = apr_time_now();

        if (now >= deadline) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, end.server, "MP0031: the end of Python took longer than %d "
                         "seconds, at %s; the rest is left out", (int)apr_time_sec(WHOLE_LIMIT), end.what);
            ++end.worker;
            return;
        }
        if (now - end.since >= STEP_LIMIT)
            give_up_step();
        apr_thread_cond_timedwait(end.changed, end.lock, apr_time_from_msec(100));
    }
}

/* Takes the GIL of that interpreter for good. */
static void *hold(void *interp)
{
    mp_lease lease;

    if (mp_lease_take_last(&lease, interp, end.server) != APR_SUCCESS)
        return NULL;
    apr_thread_mutex_lock(end.lock);        /* nobody who holds it waits for a GIL any more */
    end.held++;
    apr_thread_cond_signal(end.changed);
    for (;;)
        apr_thread_cond_wait(end.changed, end.lock);
    return NULL;
}

static void hold_all(void)
{
    apr_time_t deadline = apr_time_now() + HOLD_LIMIT;
    mp_interp *interp;

    for (interp = mp_interp_all(); interp; interp = interp->next)
        if ((interp->own_gil || interp == mp_interp_main()) && mp_thread_start(hold, interp) == APR_SUCCESS)
            end.to_hold++;
    while (end.held < end.to_hold && apr_time_now() < deadline)
        apr_thread_cond_timedwait(end.changed, end.lock, apr_time_from_msec(50));
}

void mp_end_run(const mp_end_callbacks *callbacks, server_rec *s)
{
    apr_pool_t *pool;           /* never destroyed: the holders wait in it */

    mp_interp_close();
    if (mp_lease_busy()) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "MP0033: the process was told to end, twice, while a handler ran; "
                     "registered cleanups and atexit functions are not run");
        return;
    }
    if (apr_pool_create_unmanaged(&pool) != APR_SUCCESS ||
        apr_thread_mutex_create(&end.lock, APR_THREAD_MUTEX_DEFAULT, pool) != APR_SUCCESS ||
        apr_thread_cond_create(&end.changed, pool) != APR_SUCCESS)
        return;
    end.callbacks = callbacks;
    end.server = s;
    end.interp = mp_interp_all();
    end.since = apr_time_now();
    apr_cpystrn(end.what, "the start of the end", sizeof(end.what));
    apr_thread_mutex_lock(end.lock);
    if (start_worker())
        wait_for_steps();
    hold_all();
    apr_thread_mutex_unlock(end.lock);
}
