/* One lock for all threads and interpreters of the process: for those who change what belongs to the process, such as
 * its working directory. A lock of Python's belongs to an interpreter, and the global locks are for all processes.
 *
 * It is waited for without the GIL, and may be held while Python runs. Who has it twice would wait for ever, so the
 * holder is known.
 */
#include "api/functions.h"

#include <pthread.h>

static struct {
    pthread_mutex_t mutex;          /* guards what follows; nothing is called and nobody sleeps with it */
    pthread_cond_t released;
    int held;
    pthread_t holder;               /* if held */
} process_lock = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0 };

static int is_mine(void)
{
    int mine;

    pthread_mutex_lock(&process_lock.mutex);
    mine = process_lock.held && pthread_equal(process_lock.holder, pthread_self());
    pthread_mutex_unlock(&process_lock.mutex);
    return mine;
}

PyObject *mp_api_process_lock(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    if (is_mine()) {
        PyErr_SetString(PyExc_RuntimeError, "this thread has the lock of the process already");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    pthread_mutex_lock(&process_lock.mutex);
    while (process_lock.held)
        pthread_cond_wait(&process_lock.released, &process_lock.mutex);
    process_lock.held = 1;
    process_lock.holder = pthread_self();
    pthread_mutex_unlock(&process_lock.mutex);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

PyObject *mp_api_process_unlock(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    if (!is_mine()) {
        PyErr_SetString(PyExc_RuntimeError, "this thread does not have the lock of the process");
        return NULL;
    }
    pthread_mutex_lock(&process_lock.mutex);
    process_lock.held = 0;
    pthread_cond_signal(&process_lock.released);
    pthread_mutex_unlock(&process_lock.mutex);
    Py_RETURN_NONE;
}
