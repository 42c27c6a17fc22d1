/* What may be watched of requests: events with subscribers, each request's own data, metrics.
 *
 * A request costs one test while nobody looks: `state->watching` is set when an interpreter's code first asks for
 * events or active requests, the metrics' `on` when somebody starts them. A request that began before is not watched.
 */
#ifndef MP_WSGI_WATCH_H
#define MP_WSGI_WATCH_H

#include "wsgi/wsgi.h"

#include <sys/resource.h>

/* Of a watched request; in the gateway's pool. Times in microseconds. */
struct mp_wsgi_watch {
    PyObject *id;                   /* strong: str */
    unsigned thread;
    apr_time_t application_start, application_finish;
    apr_time_t input_time, output_time, gil_wait;
    apr_off_t input_length, output_length;
    unsigned long input_reads, output_writes;
    struct timeval user, system;    /* of the thread, when it began */
};

/* watch.c. Attached. */
int mp_wsgi_watch_prepare(mp_wsgi_state *state, PyObject *module);          /* -1 with an exception */
void mp_wsgi_watch_begin(mp_wsgi_call *call, apr_time_t gil_wait);
/* With environ made: subscribers may change it, and *application (strong). */
void mp_wsgi_watch_application(mp_wsgi_call *call, PyObject *environ, PyObject **application);
void mp_wsgi_watch_response(mp_wsgi_call *call, PyObject *status, PyObject *headers, PyObject *exc_info);
void mp_wsgi_watch_exception(mp_wsgi_call *call, PyObject *type, PyObject *value, PyObject *traceback);
/* When the call is over, and the gateway still there. */
void mp_wsgi_watch_end(mp_wsgi_call *call, mp_gateway *gateway);
/* The process is going to end: its subscribers are told, if they were not. "": no reason is known. */
void mp_wsgi_watch_stop(mp_interp *interp, const char *reason);
/* It has got a signal. */
void mp_wsgi_watch_signal(mp_interp *interp, int number, const char *name);
/* tell.c: for the engine's table; and the reason that was told. */
void mp_wsgi_stopping(const char *reason);
void mp_wsgi_signaled(int number, const char *name);
const char *mp_wsgi_stop_reason(void);
/* The module's functions. */
extern PyMethodDef mp_wsgi_watch_methods[];
PyObject *mp_wsgi_watch_getattr(PyObject *module, PyObject *name);

/* metrics.c: one set of counters for the process, under a mutex that is held for a moment only. */
int mp_wsgi_metrics_on(void);
void mp_wsgi_metrics_begin(const mp_wsgi_watch *watch);
void mp_wsgi_metrics_end(const mp_wsgi_watch *watch, const mp_gateway *gateway, int status, apr_time_t cpu);
extern PyMethodDef mp_wsgi_metrics_methods[];

/* facts.c */
extern PyMethodDef mp_wsgi_facts_methods[];

/* scoreboard.c */
PyObject *mp_wsgi_server_metrics(PyObject *module, PyObject *nothing);

#endif
