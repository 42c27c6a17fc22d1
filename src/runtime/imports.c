#include "runtime/imports.h"

#include "apr_thread_mutex.h"

static apr_thread_mutex_t *own_gil_imports;

apr_status_t mp_imports_start(void)
{
    apr_pool_t *pool;           /* process life time */
    apr_status_t status = apr_pool_create_unmanaged(&pool);

    return status ? status : apr_thread_mutex_create(&own_gil_imports, APR_THREAD_MUTEX_DEFAULT, pool);
}

void mp_imports_enter(const mp_interp *interp)
{
    if (!interp->own_gil)
        return;
    Py_BEGIN_ALLOW_THREADS
    apr_thread_mutex_lock(own_gil_imports);
    Py_END_ALLOW_THREADS
}

void mp_imports_leave(const mp_interp *interp)
{
    if (interp->own_gil)
        apr_thread_mutex_unlock(own_gil_imports);
}
