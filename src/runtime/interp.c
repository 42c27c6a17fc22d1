#include "runtime/interp.h"

#include "runtime/error.h"
#include "runtime/settings.h"
#include "runtime/thread.h"
#include "runtime/turns.h"

#include "apr_atomic.h"
#include "apr_thread_cond.h"
#include "apr_thread_mutex.h"

typedef enum { STARTING, READY, FAILED } entry_state;

typedef struct entry entry;
struct entry {
    const char *name;
    entry_state state;
    mp_interp *interp;          /* when READY */
    server_rec *server;         /* who asked first: births are logged there */
    entry *next_wanted;
};

/* Something else for the keeper to do; on the stack of who waits for it. */
typedef struct {
    mp_interp *interp;
    void (*run)(mp_interp *interp, void *data);
    void *data;
} job;

/* C data of the process; everything but `closed` is guarded by `lock`. */
static struct {
    apr_pool_t *pool;
    apr_thread_mutex_t *lock;
    apr_thread_cond_t *changed;         /* an entry was wanted, or left STARTING; a job came, or is done */
    apr_hash_t *entries;
    job *job;                           /* waits for the keeper, or runs */
    entry *wanted;                      /* waits for the keeper, the oldest first */
    mp_interp *volatile youngest;
    mp_interp *main;
    const mp_interp_callbacks *callbacks;
    volatile apr_uint32_t closed;
} house;

#if MP_HAVE_OWN_GIL
/* Their process-wide state belongs to the first interpreter that imports them, which must not be one that shares
 * nothing with the others (3.13.0: ending the first importer of datetime corrupts the heap). */
static void import_in_main_first(void)
{
    const char *names[] = { "datetime", "decimal", "sqlite3", "ssl", "hashlib", "asyncio", "zoneinfo" };
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        PyObject *module = PyImport_ImportModule(names[i]);

        if (!module)
            PyErr_Clear();      /* a Python built without it can't have the trouble either */
        Py_XDECREF(module);
    }
}
#endif

/* Attached to main; afterwards attached to the new interpreter, or still to main if there is none. */
static PyThreadState *new_state(int own_gil)
{
#if PY_VERSION_HEX >= 0x030c0000
    PyInterpreterConfig config = {
        .use_main_obmalloc = !own_gil,
        .allow_fork = 1,
        .allow_exec = 1,
        .allow_threads = 1,
        .allow_daemon_threads = 1,              /* never ended, so they never outlive it */
        .check_multi_interp_extensions = own_gil,
        .gil = own_gil ? PyInterpreterConfig_OWN_GIL : PyInterpreterConfig_SHARED_GIL,
    };
    PyThreadState *state = NULL;
    PyStatus status;

#if MP_HAVE_OWN_GIL
    if (own_gil)
        import_in_main_first();
#endif
    status = Py_NewInterpreterFromConfig(&state, &config);
    return PyStatus_Exception(status) ? NULL : state;
#else
    (void)own_gil;
    return Py_NewInterpreter();
#endif
}

/* The keeper: attached to the new interpreter; failing, it ends it. Detached afterwards. */
static mp_interp *raise_child(const char *name, int own_gil, server_rec *s)
{
    mp_interp *interp = calloc(1, sizeof(*interp));     /* not from house.pool: that is for holders of the lock */
    PyThreadState *state = mp_current_tstate();
    char what[256];

    if (!interp)
        Py_FatalError("out of memory for an interpreter");
    interp->name = name;
    interp->state = PyThreadState_GetInterpreter(state);
    interp->parked = state;
    interp->own_gil = own_gil;
    apr_pool_create_unmanaged(&interp->pool);
    if (house.callbacks->born(interp) == 0) {
        PyEval_SaveThread();
        return interp;
    }
    apr_snprintf(what, sizeof(what), "the start of interpreter '%s'", name);
    mp_error_log(mp_at_server(s), "MP0003", what, name, NULL);
    apr_pool_destroy(interp->pool);
    free(interp);
    if (!house.main) {
        PyEval_SaveThread();            /* the process does without Python */
        return NULL;
    }
    Py_EndInterpreter(state);
#if PY_VERSION_HEX < 0x030c0000
    PyThreadState_Swap(house.main->parked);     /* the GIL is still held; from 3.12 on it is not */
    PyEval_SaveThread();
#endif
    return NULL;
}

static mp_interp *bear(entry *e)
{
    mp_settings settings;
    int own_gil;

    mp_settings_find(e->name, NULL, &settings);
    own_gil = MP_HAVE_OWN_GIL && settings.gil == MP_GIL_OWN;
    PyEval_RestoreThread(house.main->parked);
    if (!new_state(own_gil)) {
        PyErr_Clear();
        PyEval_SaveThread();
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, e->server, "MP0004: CPython could not make interpreter '%s' (memory?)",
                     e->name);
        return NULL;
    }
    return raise_child(e->name, own_gil, e->server);
}

static mp_interp *bear_main(server_rec *s)
{
    size_t i;

    for (i = 0; house.callbacks->modules[i].name; i++)
        if (PyImport_AppendInittab(house.callbacks->modules[i].name, house.callbacks->modules[i].init) < 0)
            return NULL;
    if (mp_python_boot(house.pool, s) != APR_SUCCESS)
        return NULL;
    return raise_child(MP_MAIN_INTERPRETER, 0, s);
}

/* Holding the lock; announces what became of the birth. */
static void settle(entry *e, mp_interp *interp)
{
    if (interp) {
        interp->next = house.youngest;
        house.youngest = interp;
        if (!house.main)
            house.main = interp;
    }
    e->interp = interp;
    e->state = interp ? READY : FAILED;
    apr_thread_cond_broadcast(house.changed);
}

/* Holding the lock, which is free meanwhile. */
static void do_job(void)
{
    job *j = house.job;

    apr_thread_mutex_unlock(house.lock);
    mp_turns_begin();
    PyEval_RestoreThread(j->interp->parked);
    j->run(j->interp, j->data);
    PyEval_SaveThread();
    mp_turns_end();
    apr_thread_mutex_lock(house.lock);
    house.job = NULL;
    apr_thread_cond_broadcast(house.changed);
}

static void *keep(void *data)
{
    (void)data;
    apr_thread_mutex_lock(house.lock);
    for (;;) {
        entry *e;
        mp_interp *interp;

        if (!house.wanted && house.job)
            do_job();
        e = house.wanted;
        if (!e) {
            apr_thread_cond_wait(house.changed, house.lock);
            continue;
        }
        house.wanted = e->next_wanted;
        apr_thread_mutex_unlock(house.lock);
        interp = house.main ? bear(e) : bear_main(e->server);
        apr_thread_mutex_lock(house.lock);
        settle(e, interp);
        if (interp)
            mp_turns_join(interp->state, interp->name);
    }
    return NULL;
}

/* Holding the lock. */
static entry *want(entry *e, const char *name, server_rec *s)
{
    entry **last = &house.wanted;

    if (!e) {
        e = apr_pcalloc(house.pool, sizeof(*e));
        e->name = apr_pstrdup(house.pool, name);
        apr_hash_set(house.entries, e->name, APR_HASH_KEY_STRING, e);
    }
    e->state = STARTING;
    e->server = s;
    e->next_wanted = NULL;
    while (*last)
        last = &(*last)->next_wanted;
    *last = e;
    apr_thread_cond_broadcast(house.changed);
    return e;
}

mp_interp *mp_interp_get(const char *name, server_rec *s)
{
    mp_interp *interp = NULL;
    entry *e;

    if (!house.lock || mp_interp_closed())
        return NULL;
    apr_thread_mutex_lock(house.lock);
    e = apr_hash_get(house.entries, name, APR_HASH_KEY_STRING);
    if (!e || e->state == FAILED)
        e = want(e, name, s);
    while (e->state == STARTING)
        apr_thread_cond_wait(house.changed, house.lock);
    if (e->state == READY)
        interp = e->interp;
    apr_thread_mutex_unlock(house.lock);
    return interp;
}

apr_status_t mp_interp_start(const mp_interp_callbacks *callbacks, server_rec *s)
{
    apr_status_t status;

    house.callbacks = callbacks;
    if ((status = apr_pool_create_unmanaged(&house.pool)) != APR_SUCCESS)
        return status;
    house.entries = apr_hash_make(house.pool);
    if ((status = apr_thread_cond_create(&house.changed, house.pool)) != APR_SUCCESS ||
        (status = apr_thread_mutex_create(&house.lock, APR_THREAD_MUTEX_DEFAULT, house.pool)) != APR_SUCCESS ||
        (status = mp_thread_start(keep, NULL)) != APR_SUCCESS) {
        house.lock = NULL;
        return status;
    }
    return mp_interp_get(MP_MAIN_INTERPRETER, s) ? APR_SUCCESS : APR_EGENERAL;
}

mp_interp *mp_interp_all(void)
{
    mp_interp *first;

    apr_thread_mutex_lock(house.lock);
    first = house.youngest;
    apr_thread_mutex_unlock(house.lock);
    return first;
}

mp_interp *mp_interp_main(void)
{
    return house.main;          /* set before any other thread gets to know of an interpreter, never changed */
}

void mp_interp_run_on_keeper(mp_interp *interp, void (*run)(mp_interp *interp, void *data), void *data)
{
    job j = { interp, run, data };

    apr_thread_mutex_lock(house.lock);
    while (house.job)
        apr_thread_cond_wait(house.changed, house.lock);
    house.job = &j;
    apr_thread_cond_broadcast(house.changed);
    while (house.job == &j)
        apr_thread_cond_wait(house.changed, house.lock);
    apr_thread_mutex_unlock(house.lock);
}

void mp_interp_close(void)
{
    apr_atomic_set32(&house.closed, 1);
}

int mp_interp_closed(void)
{
    return apr_atomic_read32(&house.closed) != 0;
}
