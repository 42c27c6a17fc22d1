#include "runtime/thread.h"

#include <pthread.h>
#include <signal.h>

apr_status_t mp_thread_start(void *(*run)(void *data), void *data)
{
    sigset_t all, before;
    pthread_t thread;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);        /* inherited by the new thread */
    failed = pthread_create(&thread, NULL, run, data);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return APR_FROM_OS_ERROR(failed);
    pthread_detach(thread);
    return APR_SUCCESS;
}
