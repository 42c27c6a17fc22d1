#include "runtime/bound.h"

#include "apr_atomic.h"
#include "apr_thread_mutex.h"

/* What the names that count have as their values. */
static const char chosen[] = "by a client", inherited[] = "from the process before";

/* C data of the process. */
static struct {
    apr_pool_t *pool;
    apr_thread_mutex_t *lock;
    apr_hash_t *names;
    volatile apr_uint32_t inherited;    /* how many; read without the lock: it never grows while there are requests */
} bound;

apr_status_t mp_bound_start(void)
{
    apr_status_t status = apr_pool_create_unmanaged(&bound.pool);

    if (status != APR_SUCCESS)
        return status;
    bound.names = apr_hash_make(bound.pool);
    return apr_thread_mutex_create(&bound.lock, APR_THREAD_MUTEX_DEFAULT, bound.pool);
}

/* Holding the lock. */
static void set(const char *name, const char *value)
{
    int was_inherited = apr_hash_get(bound.names, name, APR_HASH_KEY_STRING) == inherited;

    apr_atomic_set32(&bound.inherited, bound.inherited - was_inherited + (value == inherited));
    apr_hash_set(bound.names, value ? apr_pstrdup(bound.pool, name) : name, APR_HASH_KEY_STRING, value);
}

void mp_bound_inherit(const char *name)
{
    if (!strcmp(name, MP_MAIN_INTERPRETER))
        return;
    apr_thread_mutex_lock(bound.lock);
    set(name, inherited);
    apr_thread_mutex_unlock(bound.lock);
}

/* Holding the lock. */
static int admit(const mp_wsgi_target *target)
{
    const char *name = target->interpreter, *known = apr_hash_get(bound.names, name, APR_HASH_KEY_STRING);

    if (!target->by_client) {
        if (known == inherited)
            set(name, NULL);        /* the configuration has it */
        return 1;
    }
    if (!known && apr_hash_count(bound.names) >= (unsigned)target->most_interpreters)
        return 0;
    if (known != chosen)
        set(name, chosen);
    return 1;
}

int mp_bound_admits(const mp_wsgi_target *target, mp_place where)
{
    int admitted;

    if (!target->by_client && !apr_atomic_read32(&bound.inherited))
        return 1;
    apr_thread_mutex_lock(bound.lock);
    admitted = admit(target);
    apr_thread_mutex_unlock(bound.lock);
    if (!admitted)
        mp_log(where, APLOG_ERR, "MP0313: no interpreter '%.200s%s' is made: clients have a say in this name, and this "
               "process has %d such interpreters already; choose the application group by something that is not the "
               "client's, or raise PythonOption mod_python.wsgi.max_interpreters", target->interpreter,
               strlen(target->interpreter) > 200 ? "..." : "", target->most_interpreters);
    return admitted;
}
