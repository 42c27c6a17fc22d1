/* Threads of our own. */
#ifndef MP_RUNTIME_THREAD_H
#define MP_RUNTIME_THREAD_H

#include "engine.h"

/* Starts a thread that gets no signals, since these are httpd's business; it is detached and never joined. */
apr_status_t mp_thread_start(void *(*run)(void *data), void *data);

#endif
