/* The seam between mod_python.so (no Python) and the engine (one per CPython version).
 *
 * mod_python.so loads the engine in a child, after the fork, and finds one symbol in it: mp_engine. Each side hands the
 * other one struct of functions, and nothing else crosses. Both are built from the same tree; MP_SEAM changes with
 * every change to this file or to config/records.h, and a mismatch is refused when the configuration is read, by the
 * stamp.
 */
#ifndef MP_ENGINE_H
#define MP_ENGINE_H

#include "config/records.h"
#include "decision.h"
#include "gateway.h"

#include "util_filter.h"

#define MP_SEAM 9
#define MP_SEAM_TEXT "9"

/* Stands in every engine's file, so that the parent can tell its Python without loading it:
 * MP_STAMP "seam=6 python=3.13.0" */
#define MP_STAMP "mod_python engine: "

typedef enum { MP_MUTEX_LOCK, MP_MUTEX_TRYLOCK, MP_MUTEX_UNLOCK } mp_mutex_op;

/* What the module offers to the engine. Any thread may call these, without a GIL or with one: none blocks, but
 * mutex(MP_MUTEX_LOCK). */
typedef struct {
    int seam;
    module *module;                     /* configuration and log index */
    const mp_process *process;
    const char *library;                /* the file of mod_python.so */
    const char *process_group;          /* "" in a child of httpd; what follows is said of groups only */
    const char *home;                   /* home=, or NULL: first in sys.path */
    int processes, threads;             /* as the group's line says; no threads: its scripts are a service */
    int server_metrics;                 /* the group may see httpd's scoreboard, and it is there */
    const char *(*phase_directive)(mp_phase phase);
    const char *(*phase_function)(mp_phase phase);
    const mp_dir_conf *(*dir_conf)(const request_rec *r);
    const mp_dir_conf *(*server_conf)(const server_rec *s);
    mp_request_conf *(*request_conf)(request_rec *r);         /* made if there is none */
    mp_request_conf *(*request_conf_find)(const request_rec *r);
    mp_connection_conf *(*connection_conf)(conn_rec *c);      /* made if there is none */
    const char *(*handler_directory)(request_rec *r, const mp_handler *handler);
    int (*flag)(request_rec *r, const char *directive, int value, int unset);
    apr_table_t *(*config_table)(apr_pool_t *p, const mp_dir_conf *conf);
    /* Whether the rest of the preloads is still wanted: this process has not been told to end. */
    int (*goes_on)(void);
    /* When the child's main thread has released its outermost lease and is detached: a signal that came meanwhile is
     * served now, and this may not return (host/signals.h). One test of a flag if there is none. */
    void (*idle)(void);
    int (*mutex_count)(void);                                 /* the global locks (host/mutex.h); 0: none here */
    apr_status_t (*mutex)(mp_mutex_op op, int index);
} mp_host_table;

/* One phase of one request, or a connection, as the hook worked it out. */
typedef struct {
    mp_phase phase;
    mp_handler *stack;                  /* may be NULL: then only what req.add_handler() added */
    const char *interpreter;
    const char *extension;              /* req.extension */
} mp_visit;

/* A filter of a request, from its first call on: what httpd keeps for us in ap_filter_t.ctx. In the request's pool. */
typedef struct {
    const char *name;                   /* filter.name */
    const mp_handler *handler;          /* NULL: nothing defines that name for this request */
    const char *interpreter;            /* NULL before the first call */
    void *stream;                       /* engine's (api/stream.h) */
    unsigned is_input : 1;
    unsigned busy : 1;                  /* a call is going on: what comes in meanwhile passes by, unchanged */
    unsigned off : 1;                   /* the function is not called any more; all passes unchanged */
    unsigned refused : 1;               /* it can't run, so the request was answered with an error */
} mp_filtering;

/* The name, in httpd, of all filters that requests add to themselves. */
#define MP_DYNAMIC_FILTER "mod_python"

/* An element <!--#python eval="..." --> or exec="..." of a page. */
typedef struct {
    const char *page;                   /* its file, or its URI if a handler makes it */
    const char *interpreter;
    const char *code;                   /* in UTF-8, or Latin-1 */
    int is_expression;
    const char *error;                  /* mod_include's text for the place of an element that fails */
} mp_include;

/* What the engine offers to the module. */
typedef struct {
    int seam;
    const char *python;                 /* "3.13.0" */
    /* In child_init, on the child's main thread: boots CPython and runs the preloads. Failures are logged. */
    apr_status_t (*start)(const mp_host_table *host, server_rec *s);
    /* Once, when the child ends: cleanups, threading shutdown, atexit; bounded in time. */
    void (*stop)(void);
    /* In a process of a group, once, before stop(): tells subscribers in all interpreters why it ends. Requests may
     * still run. Bounded in time. */
    void (*stopping)(const char *reason);
    /* The same process has got a signal: subscribers are told. Any thread; returns at once. */
    void (*signaled)(int number, const char *name);
    /* The same: takes every GIL once and gives it back. May wait for ever; one thread. */
    void (*beat)(void);
    /* The same: the Python stacks of all threads, into the log. A thread that may wait some seconds; not a GIL. */
    void (*dump)(void);
    /* The same: mod_wsgi.RequestTimeout for the request that this thread (from 1) has, if its application began before
     * `until`: microseconds of the monotonic clock. Returns at once. */
    void (*interrupt)(int thread, apr_time_t until);
    /* In a process without request threads: runs the preloads as services, one after the other, on Python's main
     * thread, while the host's goes_on() says so. Returns when they have ended. SIGTERM, to the process, and
     * end_services() (any thread, returns at once) raise SystemExit in the one that runs. The caller has signals
     * blocked. */
    void (*run_services)(void);
    void (*end_services)(void);
    /* Runs the stack; returns what the hook must return. Any request thread. */
    int (*phase)(request_rec *r, const mp_visit *visit);
    /* Runs the stack of MP_CONNECTION: DECLINED if httpd shall go on with the connection; else it is done with. */
    int (*connection)(conn_rec *c, const mp_visit *visit);
    /* A call of a filter that has a handler. If it sets `refused`, nothing was done and the status says nothing. */
    apr_status_t (*output_filter)(ap_filter_t *f, mp_filtering *filtering, apr_bucket_brigade *bb);
    apr_status_t (*input_filter)(ap_filter_t *f, mp_filtering *filtering, apr_bucket_brigade *bb, ap_input_mode_t mode,
                                 apr_read_type_e block, apr_off_t readbytes);
    /* Runs an element; its output goes to the end of bb. APR_SUCCESS also if the code failed. */
    apr_status_t (*include)(ap_filter_t *f, const mp_include *element, apr_bucket_brigade *bb);
    /* Runs a WSGI application. OK if the answer is out (or cut), else the HTTP status to answer with; then head() was
     * not called. DECLINED, in a group: the script has changed, a fresh process is to run it; nothing was done. A
     * request thread, detached. */
    int (*wsgi)(mp_gateway *gateway, const mp_wsgi_target *target);
    /* Asks a script; fills the answer in. Only the log, the variables and the plain facts of the gateway are used. A
     * request thread, detached. */
    void (*decide)(mp_gateway *gateway, const mp_decision *decision, mp_answer *answer);
    /* Whether the calling thread is attached to an interpreter right now. Async-signal-safe. */
    int (*busy)(void);
    /* For other modules of httpd (mod_python.h, api/exports.h). Any thread; the last three return a PyObject *. */
    void *(*acquire)(const char *interpreter);
    void (*release)(void);
    void *(*request_object)(request_rec *r);
    void *(*server_object)(server_rec *s);
    void *(*connection_object)(conn_rec *c);
} mp_engine_table;

#define MP_ENGINE_SYMBOL "mp_engine"

#ifdef MP_ENGINE
extern const mp_host_table *mp_host;    /* set once by start() */
#endif

#endif
