#include "runtime/stacks.h"

#include "runtime/error.h"
#include "runtime/lease.h"
#include "runtime/thread.h"

#include "apr_thread_cond.h"
#include "apr_thread_mutex.h"

#include <pthread.h>
#include <signal.h>

#define PATIENCE apr_time_from_sec(1)       /* for one GIL */
#define MOST_SIGNALS 16                     /* of real time, from the last one down */

/* One visit to an interpreter. Freed by the last of the two who know it. */
typedef struct {
    mp_interp *interp;
    int users;
    int is_done, is_late;
} visit;

static struct {
    apr_thread_mutex_t *lock;
    apr_thread_cond_t *changed;
    int signals;                            /* the keeper's */
    int busy;
} stacks;

static int start(void)
{
    apr_pool_t *pool;                       /* process life time */

    return apr_pool_create_unmanaged(&pool) == APR_SUCCESS &&
           apr_thread_cond_create(&stacks.changed, pool) == APR_SUCCESS &&
           apr_thread_mutex_create(&stacks.lock, APR_THREAD_MUTEX_DEFAULT, pool) == APR_SUCCESS;
}

void mp_stacks_prepare(mp_interp *interp)
{
    PyObject *module, *done = NULL;
    int number = SIGRTMAX - stacks.signals;

    if (stacks.signals == MOST_SIGNALS || (!stacks.lock && !start()))
        return;
    /* It keeps the interpreter that registers: one signal for each. (signal, file, all_threads, chain) */
    if ((module = PyImport_ImportModule("faulthandler")))
        done = PyObject_CallMethod(module, "register", "iiOO", number, 2, Py_True, Py_False);
    if (done) {
        interp->dump_signal = number;
        stacks.signals++;
    }
    else
        PyErr_Clear();                      /* a Python without it: its stacks are not seen if it sticks */
    Py_XDECREF(done);
    Py_XDECREF(module);
}

/* Holding the lock. */
static void leave(visit *one)
{
    if (--one->users == 0)
        free(one);
}

static int is_late(const visit *one)
{
    int late;

    apr_thread_mutex_lock(stacks.lock);
    late = one->is_late;
    apr_thread_mutex_unlock(stacks.lock);
    return late;
}

/* By thread; not our own. sys._current_frames() would look into all interpreters, with only this one's GIL. Nothing
 * here gives the GIL away, so no thread state goes. */
static PyObject *frames_of(const mp_interp *interp)
{
    int collects = PyGC_Disable();
    PyObject *frames = PyDict_New();
    PyThreadState *state;

    for (state = PyInterpreterState_ThreadHead(interp->state); frames && state; state = PyThreadState_Next(state)) {
        PyFrameObject *frame = state == mp_current_tstate() ? NULL : PyThreadState_GetFrame(state);
        PyObject *thread = frame ? PyLong_FromUnsignedLong(state->thread_id) : NULL;

        if (frame && (!thread || PyDict_SetItem(frames, thread, (PyObject *)frame) < 0))
            Py_CLEAR(frames);
        Py_XDECREF(thread);
        Py_XDECREF(frame);
    }
    if (collects)
        PyGC_Enable();
    return frames;
}

static void *pay(void *data)
{
    visit *one = data;
    mp_place where = mp_at_server(ap_server_conf);
    mp_lease lease;

    if (mp_lease_take_interp(&lease, one->interp, where) == APR_SUCCESS) {
        PyObject *module = is_late(one) ? NULL : PyImport_ImportModule("mod_python._stacks");
        PyObject *frames = module ? frames_of(one->interp) : NULL;
        PyObject *done = frames ? PyObject_CallMethod(module, "log", "sO", one->interp->name, frames) : NULL;

        Py_XDECREF(done);
        Py_XDECREF(frames);
        Py_XDECREF(module);
        if (PyErr_Occurred())
            mp_error_log(where, "MP0452", "logging the stacks of threads", one->interp->name, NULL);
        mp_lease_release(&lease);
    }
    apr_thread_mutex_lock(stacks.lock);
    one->is_done = 1;
    apr_thread_cond_broadcast(stacks.changed);
    leave(one);
    apr_thread_mutex_unlock(stacks.lock);
    return NULL;
}

/* 0: the GIL could not be had. */
static int ask(mp_interp *interp)
{
    visit *one = calloc(1, sizeof(*one));
    apr_time_t limit = apr_time_now() + PATIENCE;
    int done;

    if (!one)
        return 0;
    *one = (visit){ .interp = interp, .users = 2 };
    if (mp_thread_start(pay, one) != APR_SUCCESS) {
        free(one);
        return 0;
    }
    apr_thread_mutex_lock(stacks.lock);
    while (!one->is_done && apr_time_now() < limit)
        apr_thread_cond_timedwait(stacks.changed, stacks.lock, limit - apr_time_now() + 1);
    done = one->is_done;
    one->is_late = 1;
    leave(one);
    apr_thread_mutex_unlock(stacks.lock);
    return done;
}

/* An interpreter with its own GIL can't import faulthandler; the main one's serves it, since the thread decides. */
static int signal_of(const mp_interp *interp)
{
    return interp->dump_signal ? interp->dump_signal : mp_interp_main()->dump_signal;
}

/* faulthandler shows the interpreter of the thread that raises the signal; CPython takes a new thread to be where its
 * first state is, and to make one takes no GIL. That state is left behind: the process is about to end. */
static void *raise_there(void *data)
{
    const mp_interp *interp = data;
    int number = signal_of(interp);
    sigset_t only;

    if (!PyThreadState_New(interp->state))
        return NULL;
    sigemptyset(&only);
    sigaddset(&only, number);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL);      /* our threads start with all blocked */
    raise(number);
    return NULL;
}

static void ask_faulthandler(mp_interp *interp)
{
    pthread_t thread;

    mp_log(mp_at_server(ap_server_conf), APLOG_WARNING,
           "MP0451: the GIL of interpreter '%s' can't be had; %s", interp->name,
           signal_of(interp) ? "its threads as CPython's faulthandler sees them, the last call first:"
           : "the stacks of its threads are not known");
    if (!signal_of(interp))
        return;
    if (pthread_create(&thread, NULL, raise_there, interp) == 0)
        pthread_join(thread, NULL);
}

static int begin(void)
{
    int first;

    apr_thread_mutex_lock(stacks.lock);
    first = !stacks.busy;
    stacks.busy = 1;
    apr_thread_mutex_unlock(stacks.lock);
    return first;
}

void mp_stacks_dump(void)
{
    mp_interp *interp;
    int shared_is_stuck = 0;

    if (!stacks.lock || !begin())
        return;
    for (interp = mp_interp_all(); interp; interp = interp->next) {
        if ((!interp->own_gil && shared_is_stuck) || !ask(interp)) {
            shared_is_stuck |= !interp->own_gil;
            ask_faulthandler(interp);
        }
    }
    apr_thread_mutex_lock(stacks.lock);
    stacks.busy = 0;
    apr_thread_mutex_unlock(stacks.lock);
}
