#include "handlers/cleanup.h"

#include "runtime/error.h"
#include "runtime/lease.h"

#include "apr_thread_mutex.h"

typedef struct entry entry;
struct entry {
    mp_interp *interp;
    server_rec *server;
    PyObject *callable, *data;  /* owned, that interpreter's */
    entry *before;
};

static apr_thread_mutex_t *lock;
static entry *last;             /* guarded by lock */

apr_status_t mp_cleanup_start(void)
{
    apr_pool_t *pool;           /* process life time */
    apr_status_t status = apr_pool_create_unmanaged(&pool);

    return status ? status : apr_thread_mutex_create(&lock, APR_THREAD_MUTEX_DEFAULT, pool);
}

int mp_cleanup_add(mp_interp *interp, server_rec *s, PyObject *callable, PyObject *data)
{
    entry *e = malloc(sizeof(*e));

    if (!e) {
        PyErr_NoMemory();
        return -1;
    }
    e->interp = interp;
    e->server = s;
    e->callable = Py_NewRef(callable);
    e->data = Py_NewRef(data);
    apr_thread_mutex_lock(lock);
    e->before = last;
    last = e;
    apr_thread_mutex_unlock(lock);
    return 0;
}

int mp_cleanup_run_last(void (*begin)(const char *what))
{
    PyObject *result;
    mp_lease lease;
    char what[256];
    entry *e;

    apr_thread_mutex_lock(lock);
    if ((e = last))
        last = e->before;
    apr_thread_mutex_unlock(lock);
    if (!e)
        return 0;
    apr_snprintf(what, sizeof(what), "a registered cleanup of interpreter '%s'", e->interp->name);
    begin(what);
    if (mp_lease_take_last(&lease, e->interp, e->server) == APR_SUCCESS) {
        result = PyObject_CallOneArg(e->callable, e->data);
        if (!result)
            mp_error_log(mp_at_server(e->server), "MP0034", what, e->interp->name, NULL);
        Py_XDECREF(result);
        Py_DECREF(e->callable);
        Py_DECREF(e->data);
        mp_lease_release(&lease);
    }
    free(e);
    return 1;
}
