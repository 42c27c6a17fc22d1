/* WSGI applications (PEP 3333) over a gateway: the objects of a request, and what an interpreter keeps for all of them.
 *
 * Life times. The gateway, the target and all their text belong to httpd's request. An mp_wsgi_call stands for the
 * request in Python: it is what the application gets as start_response(). wsgi.input, wsgi.errors and the write()
 * function reach the gateway through it only; mp_wsgi_call_end() takes the gateway away, after close() of the result
 * and before the request goes on in httpd. Whatever an application keeps after that is a valid object, and its methods
 * raise RuntimeError.
 *
 * Locks: none but the GIL of the interpreter. One thread at a time is inside the gateway (mp_wsgi_enter): a thread of
 * the application's waits until the other one is out.
 */
#ifndef MP_WSGI_WSGI_H
#define MP_WSGI_WSGI_H

#include "runtime/interp.h"
#include "runtime/log.h"

#include <pthread.h>

/* The text of an environ key, and the last value, which is most often the next one, too (environ.c). */
typedef struct {
    char *name;
    unsigned hash;
    int is_path;                /* text as of a file name, not Latin-1 */
    int is_private;             /* its value is not kept */
    int is_constant;            /* every environ has it: `value` stands in the state's dict, too */
    unsigned seen;              /* the turn in which it came last */
    PyObject *key;
    PyObject *value;            /* or NULL */
} mp_wsgi_name;

#define MP_WSGI_NAMES 512       /* a power of two; half of them are used at most */
#define MP_WSGI_EXPECTED 64     /* variables whose order is remembered */
#define MP_WSGI_SPARE_LOGS 16

typedef struct mp_wsgi_errors mp_wsgi_errors;
struct mp_wsgi_errors {
    PyObject *text;             /* wsgi.errors */
    PyObject *log;              /* the mod_wsgi.Log below it */
};

typedef struct mp_wsgi_watch mp_wsgi_watch;     /* watch.h */
typedef struct mp_wsgi_call mp_wsgi_call;

/* Per interpreter: the state of its module mod_wsgi. */
typedef struct {
    mp_interp *interp;
    PyTypeObject *Call_Type;
    vectorcallfunc start_response;
    PyTypeObject *Input_Type;
    PyTypeObject *Log_Type;
    PyTypeObject *FileWrapper_Type;
    PyObject *environ;          /* dict: the keys of every environ, with the values of the last one (environ.c) */
    PyObject *load_script;      /* mod_python._scripts.find */
    PyObject *text_wrapper;     /* io.TextIOWrapper */
    apr_hash_t *scripts[2];     /* script.c: by path, for file systems that tell case and that do not */
    PyObject *str_mtime, *str_reload_required, *str_close, *str_fileno, *str_tell;
    PyObject *key_url_scheme, *key_input, *key_errors, *key_multithread, *key_multiprocess, *key_run_once,
             *key_thread_id, *key_request_start, *key_queue_start, *key_daemon_start, *key_application_start,
             *key_request_rec;
    PyObject *text_http, *text_https;
    mp_wsgi_name names[MP_WSGI_NAMES];
    int names_used;
    int constants, constants_seen;      /* names with is_constant; those of this turn */
    unsigned turn;              /* counts the environs that were begun */
    mp_wsgi_name *expected[MP_WSGI_EXPECTED];   /* the name that a place had last time, or NULL */
    mp_wsgi_errors spare[MP_WSGI_SPARE_LOGS];
    int spare_used;
    int is_stopped;             /* the subscribers of the end have been told */
    int watching;               /* watch.c: somebody looks at requests */
    PyObject *event_callbacks, *shutdown_callbacks, *signal_callbacks;      /* lists */
    PyObject *active_requests;  /* dict, or NULL: nobody has asked for it */
    PyObject *RequestTimeout;
    mp_wsgi_call *running;      /* the requests, the latest first */
    PyObject *unfinished[2];    /* lines.c */
    PyObject *finish_lines;
} mp_wsgi_state;

/* A request: start_response(). No other object refers to it strongly but write(), wsgi.input and the log stream. */
struct mp_wsgi_call {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    mp_wsgi_state *state;       /* borrowed: as old as the interpreter */
    mp_gateway *gateway;        /* NULL: the request is over */
    const mp_wsgi_target *target;
    int busy;                   /* a thread is inside the gateway */
    /* what start_response() said; in the gateway's pool */
    int status;                 /* 0: not called */
    const char *line;
    apr_array_header_t *headers;
    /* the answer */
    int head_ready;             /* what start_response() said is final: `length` is known */
    int head_sent;
    apr_status_t lost;          /* the client is gone: why */
    apr_off_t length;           /* of Content-Length, -1: none */
    apr_off_t sent;
    PyObject *capsule;          /* apache.request_rec, or NULL */
    PyObject *gateway_error;    /* the OSError that a read() or write() raised, or NULL */
    /* watch.c */
    mp_wsgi_call *next, *previous;      /* of those that run */
    pthread_t thread;
    int number;                 /* of the thread, while it may be interrupted (interrupt.c); else 0 */
    int interrupted;
    PyObject *data;             /* request_data(), or NULL */
    mp_wsgi_watch *watch;       /* NULL: nobody looks */
};

/* module.c */
PyObject *mp_wsgi_module_init(void);                    /* for the table of built-in modules */
int mp_wsgi_start(mp_interp *interp);                   /* at the interpreter's birth; -1 with an exception */

/* call.c. Attached, all of them. */
mp_wsgi_call *mp_wsgi_call_new(mp_wsgi_state *state, mp_gateway *gateway, const mp_wsgi_target *target);
void mp_wsgi_call_end(mp_wsgi_call *call);              /* waits for threads that are inside the gateway */
/* The gateway, with `busy` set; or NULL with RuntimeError("<what> after request completed"). */
mp_gateway *mp_wsgi_enter(mp_wsgi_call *call, const char *what);
void mp_wsgi_leave(mp_wsgi_call *call);
/* Raises OSError, and remembers it: an application that lets it through has no fault of its own. */
void mp_wsgi_gateway_failed(mp_wsgi_call *call, const char *format, ...);

/* response.c: the answer. -1 with an exception. What is sent after the client went away, or behind Content-Length, is
 * dropped: then it is 0, as for a success. */
int mp_wsgi_call_type_add(PyObject *module, mp_wsgi_state *state);
int mp_wsgi_check_item(PyObject *item);                 /* of the result: bytes */
int mp_wsgi_send(mp_wsgi_call *call, const char *data, Py_ssize_t n, mp_push push);
int mp_wsgi_send_file(mp_wsgi_call *call, int fd, apr_off_t offset, apr_off_t n);
/* Before the first bytes: what of the head is only known now; all that will come, or -1. */
int mp_wsgi_prepare_head(mp_wsgi_call *call, apr_off_t known_length);
int mp_wsgi_sends_body(const mp_wsgi_call *call);
int mp_wsgi_is_short(const mp_wsgi_call *call);         /* less was sent than Content-Length says */

/* headers.c: what start_response() got, checked. -1 with an exception. */
int mp_wsgi_status_from(PyObject *status, apr_pool_t *p, int *number, const char **line);
apr_array_header_t *mp_wsgi_headers_from(PyObject *headers, apr_pool_t *p);     /* of mp_pair; NULL: an exception */
int mp_wsgi_length_of(const apr_array_header_t *headers, apr_off_t *length);    /* of Content-Length, -1: none */

/* environ.c: a new dict. */
PyObject *mp_wsgi_environ(mp_wsgi_call *call, PyObject *input, PyObject *errors);
int mp_wsgi_environ_prepare(mp_wsgi_state *state, PyObject *module);
unsigned mp_wsgi_thread_number(const mp_gateway *gateway);     /* of the calling one, from 1 */
int mp_wsgi_environ_start(mp_wsgi_state *state);        /* when state->interp is set */

/* input.c */
int mp_wsgi_input_type_add(PyObject *module, mp_wsgi_state *state);
PyObject *mp_wsgi_input_new(mp_wsgi_call *call);

/* log.c: wsgi.errors. */
int mp_wsgi_log_type_add(PyObject *module, mp_wsgi_state *state);
int mp_wsgi_errors_take(mp_wsgi_call *call, mp_wsgi_errors *errors);    /* both strong; -1 with an exception */
void mp_wsgi_errors_done(mp_wsgi_call *call, mp_wsgi_errors *errors);   /* an unfinished line goes out */

/* filewrapper.c */
int mp_wsgi_filewrapper_type_add(PyObject *module, mp_wsgi_state *state);
/* Sends the file of a FileWrapper by its descriptor. 1: done, 0: it can't be, iterate; -1 with an exception. */
int mp_wsgi_send_wrapped(mp_wsgi_call *call, PyObject *result);

/* script.c: the application of a target, its script loaded or loaded anew. New reference; NULL with an exception, or,
 * in a group, without one if the script has changed: a fresh process shall have the request. */
PyObject *mp_wsgi_application(mp_wsgi_state *state, const mp_wsgi_target *target);
/* The script itself. New reference; NULL with an exception. */
PyObject *mp_wsgi_script_module(mp_wsgi_state *state, const mp_wsgi_target *target);
/* Loads a script before any request. -1 with an exception. */
int mp_wsgi_script_preload(mp_interp *interp, const char *path, int case_sensitive);

/* interrupt.c. Attached, the two about a call; on its thread. */
void mp_wsgi_interrupt_start(int threads);              /* once, before requests */
void mp_wsgi_may_interrupt(mp_wsgi_call *call);
void mp_wsgi_may_not_interrupt(mp_wsgi_call *call);
void mp_wsgi_interrupt(int thread, apr_time_t until);  /* for the engine's table */

/* run.c: for the engine's table. */
int mp_wsgi_run(mp_gateway *gateway, const mp_wsgi_target *target);

/* lines.c: what print() and sys.stderr got without a line end, when the thread is done with the request. */
int mp_wsgi_lines_prepare(mp_wsgi_state *state);        /* -1 with an exception */
void mp_wsgi_lines_finish(mp_wsgi_state *state);
extern PyMethodDef mp_wsgi_lines_methods[];

/* decide.c: for the engine's table. */
void mp_wsgi_decide(mp_gateway *gateway, const mp_decision *decision, mp_answer *answer);

#endif
