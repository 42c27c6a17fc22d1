#include "runtime/turns.h"

#if PY_VERSION_HEX < 0x030d0000

#include "runtime/thread.h"

#include "apr_atomic.h"
#include "apr_thread_cond.h"
#include "apr_thread_mutex.h"

#define TURN apr_time_from_msec(10)
#define IDLE_TURNS 100          /* without anybody there, then sleep */

static struct {
    apr_thread_mutex_t *lock;
    apr_thread_cond_t *somebody;
    volatile apr_uint32_t present;      /* threads that have a lease or want one */
    volatile apr_uint32_t asleep;       /* turn-takers that wait for somebody */
    int joined;                         /* the keeper's, like the next */
    PyInterpreterState *alone;          /* the first one, while it shares with nobody */
} turns;

apr_status_t mp_turns_start(void)
{
    apr_pool_t *pool;           /* process life time */
    apr_status_t status = apr_pool_create_unmanaged(&pool);

    if (status == APR_SUCCESS)
        status = apr_thread_cond_create(&turns.somebody, pool);
    return status ? status : apr_thread_mutex_create(&turns.lock, APR_THREAD_MUTEX_DEFAULT, pool);
}

/* Either sees the sleepers that mp_turns_begin() looks for, or they see it: both count first, then look. */
static void sleep_until_somebody(void)
{
    apr_thread_mutex_lock(turns.lock);
    apr_atomic_inc32(&turns.asleep);
    while (!apr_atomic_read32(&turns.present))
        apr_thread_cond_wait(turns.somebody, turns.lock);
    apr_atomic_dec32(&turns.asleep);
    apr_thread_mutex_unlock(turns.lock);
}

static void *take_turns(void *interp)
{
    PyThreadState *state = PyThreadState_New(interp);
    int idle = 0;

    while (state) {
        apr_sleep(TURN);
        if (apr_atomic_read32(&turns.present)) {
            idle = 0;
            PyEval_RestoreThread(state);
            PyEval_SaveThread();
        }
        else if (++idle >= IDLE_TURNS) {
            sleep_until_somebody();
            idle = 0;
        }
    }
    return NULL;
}

void mp_turns_join(PyInterpreterState *interp, const char *name)
{
    int failed = 0;

    if (turns.joined++ == 0) {
        turns.alone = interp;
        return;
    }
    if (turns.alone)
        failed = mp_thread_start(take_turns, turns.alone) != APR_SUCCESS;
    turns.alone = NULL;
    failed |= mp_thread_start(take_turns, interp) != APR_SUCCESS;
    if (failed)
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, ap_server_conf, "MP0006: no thread could be started for interpreter "
                     "'%s': what computes there for long may keep other interpreters waiting", name);
}

void mp_turns_begin(void)
{
    if (apr_atomic_inc32(&turns.present) == 0 && apr_atomic_read32(&turns.asleep)) {
        apr_thread_mutex_lock(turns.lock);
        apr_thread_cond_broadcast(turns.somebody);
        apr_thread_mutex_unlock(turns.lock);
    }
}

void mp_turns_end(void)
{
    apr_atomic_dec32(&turns.present);
}

#endif
