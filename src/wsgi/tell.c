/* What happens to a process of a group is told to subscribers in all of its interpreters: that it is going to end, and
 * signals. On a thread of its own, since subscribers are the application's code, and may take their time.
 */
#include "wsgi/watch.h"

#include "runtime/lease.h"
#include "runtime/thread.h"

#include "apr_thread_cond.h"
#include "apr_thread_mutex.h"

#define LONGEST apr_time_from_sec(5)

/* The end; guarded by the lock. */
static struct {
    apr_thread_mutex_t *lock;
    apr_thread_cond_t *changed;
    const char *reason;
    int done;
} ending;

typedef struct {
    int number;
    char name[16];
} signal_of;

static void *tell_end(void *unused)
{
    mp_interp *interp;
    mp_lease lease;

    for (interp = mp_interp_all(); interp; interp = interp->next)
        if (mp_lease_take_interp(&lease, interp, mp_at_server(ap_server_conf)) == APR_SUCCESS) {
            mp_wsgi_watch_stop(interp, ending.reason);
            mp_lease_release(&lease);
        }
    apr_thread_mutex_lock(ending.lock);
    ending.done = 1;
    apr_thread_cond_broadcast(ending.changed);
    apr_thread_mutex_unlock(ending.lock);
    return unused;
}

void mp_wsgi_stopping(const char *reason)
{
    apr_time_t limit = apr_time_now() + LONGEST;
    apr_pool_t *pool;           /* process life time */

    ending.reason = reason;
    if (apr_pool_create_unmanaged(&pool) != APR_SUCCESS ||
        apr_thread_cond_create(&ending.changed, pool) != APR_SUCCESS ||
        apr_thread_mutex_create(&ending.lock, APR_THREAD_MUTEX_DEFAULT, pool) != APR_SUCCESS)
        return;
    apr_thread_mutex_lock(ending.lock);
    if (mp_thread_start(tell_end, NULL) == APR_SUCCESS)
        while (!ending.done && apr_time_now() < limit)
            apr_thread_cond_timedwait(ending.changed, ending.lock, limit - apr_time_now() + 1);
    if (!ending.done)
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, ap_server_conf, "MP0453: subscribers of the process's end have not "
                     "come back within %d seconds; it goes on without them", (int)apr_time_sec(LONGEST));
    apr_thread_mutex_unlock(ending.lock);
}

const char *mp_wsgi_stop_reason(void)
{
    return ending.reason ? ending.reason : "";
}

static void *tell_signal(void *data)
{
    signal_of *one = data;
    mp_interp *interp;
    mp_lease lease;

    for (interp = mp_interp_all(); interp; interp = interp->next)
        if (mp_lease_take_interp(&lease, interp, mp_at_server(ap_server_conf)) == APR_SUCCESS) {
            mp_wsgi_watch_signal(interp, one->number, one->name);
            mp_lease_release(&lease);
        }
    free(one);
    return NULL;
}

void mp_wsgi_signaled(int number, const char *name)
{
    signal_of *one = malloc(sizeof(*one));

    if (!one)
        return;
    one->number = number;
    apr_cpystrn(one->name, name, sizeof(one->name));
    if (mp_thread_start(tell_signal, one) != APR_SUCCESS)
        free(one);
}
