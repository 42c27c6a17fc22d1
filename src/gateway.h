/* What a WSGI application is served through: a request's body in, its answer out, its log. Plain C, so that the same
 * src/wsgi/ serves a request of httpd in a child (host/gateway.c) and one that came over a socket into a daemon.
 *
 * A gateway belongs to one request and lives in its pool. One thread at a time calls it. What may block or run other
 * code, all but log() and the plain facts, is called detached, without any GIL. Nothing that is handed over is kept
 * after the call has returned, unless it says so.
 */
#ifndef MP_GATEWAY_H
#define MP_GATEWAY_H

#include "mp.h"

typedef struct mp_gateway mp_gateway;

/* What becomes of bytes that are written. */
typedef enum {
    MP_PUSH_LATER,      /* they may wait for more */
    MP_PUSH_NOW,        /* they are on their way to the client when the call returns */
    MP_PUSH_LAST,       /* nothing comes after them; they may wait for the request's end, which is near */
    MP_PUSH_END         /* nothing comes after them, and they are on their way when the call returns */
} mp_push;

/* A name and its value; in a list of variables, or of headers, where a name may come again. */
typedef struct {
    const char *name;
    const char *value;
} mp_pair;

typedef struct {
    /* The next bytes of the body, at most *n; *n becomes how many there were, 0 at the end. Waits for at least one. The
     * first call answers `Expect: 100-continue`. A failure stays: later calls give the same one. */
    apr_status_t (*read)(mp_gateway *gateway, char *to, apr_size_t *n);

    /* The head of the answer, once, before the first bytes; it goes out with them. `line` is the whole status line's
     * text ("200 OK"). The pairs (array of mp_pair) are checked already; they and `line` live in the gateway's pool. */
    apr_status_t (*head)(mp_gateway *gateway, int status, const char *line, const apr_array_header_t *pairs);

    /* Bytes of the answer; none, with MP_PUSH_LAST, to end it. */
    apr_status_t (*write)(mp_gateway *gateway, const char *data, apr_size_t n, mp_push push);

    /* n bytes of a regular file from an offset on; the descriptor is duplicated, if it is needed longer. */
    apr_status_t (*send_file)(mp_gateway *gateway, int fd, apr_off_t offset, apr_off_t n);

    /* The answer can't be completed: the client must see that it is cut. After head(). */
    void (*cut)(mp_gateway *gateway);

    /* One line into the request's error log. Attached or not; other threads may call it, too. */
    void (*log)(mp_gateway *gateway, int level, const char *line);

    /* The script is loaded, and the application about to run: from here on nobody else may have the request. Attached;
     * never waits. NULL: nobody wants to know. */
    void (*begin)(mp_gateway *gateway);

    /* As log(), for a place in Python code. NULL in a child, where the request itself is at hand. */
    void (*log_at)(mp_gateway *gateway, const char *file, int number, int level, const char *line);
} mp_gateway_calls;

struct mp_gateway {
    const mp_gateway_calls *calls;
    apr_pool_t *pool;
    request_rec *r;                     /* NULL in a daemon */
    server_rec *server;

    /* The request. The variables are those of CGI, headers and SetEnv, as they shall stand in environ; made by whoever
     * made the gateway. A name that comes again replaces the one before. */
    apr_array_header_t *variables;      /* mp_pair */
    int is_https;
    int multithread, multiprocess, run_once;
    apr_time_t request_start;           /* httpd has got it */
    apr_time_t queue_start, daemon_start;   /* handed over, taken up; 0 in a child */
    int connects, restarts;             /* connections tried for it, and processes that gave it back; 0 in a child */
    const char *request_id, *connection_id; /* log ids, or NULL */
    const char *server_pid;             /* the child of httpd that took the request */
    int is_head;                        /* no body will go out */
    apr_off_t body_length;              /* as the client says; -1: it does not */
    int read_status;                    /* the HTTP status that says why read() failed; 0: it did not */
    int sends_files;                    /* WSGIEnableSendfile */
    int thread;                         /* the number of its thread in a group's process, from 1; 0 in a child */
};

/* Which application runs, and how: worked out from the configuration, for one request. Strings live as long as it. */
typedef struct {
    const char *interpreter;            /* its name in the dictionary: MP_MAIN_INTERPRETER for "" */
    const char *application_group;      /* "": the main interpreter */
    const char *process_group;          /* "": embedded */
    const char *script;                 /* the file that runs */
    const char *resource;               /* the file that the URL maps to; the same, but for handler scripts */
    const char *callable;               /* the name in the script */
    const char *handler;                /* httpd's handler: "wsgi-script" */
    const char *handler_script;         /* its path if a handler script runs, else "" */
    const char *script_name;            /* before proxies' headers had their say */
    const char *path_info;
    const char *mount_point;            /* what a trusted header says; NULL: none did */
    const char *listener_host;          /* the address that the client connected to */
    unsigned listener_port;
    int case_sensitive;                 /* WSGICaseSensitivity */
    int reloading;                      /* WSGIScriptReloading */
    int passes_request;                 /* WSGIPassApacheRequest: apache.request_rec in environ */
    int by_client;                      /* clients have a say in the interpreter's name */
    int most_interpreters;              /* how many with such names a process may have; said only then */
} mp_wsgi_target;

#endif
