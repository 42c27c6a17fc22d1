/* Process groups: what WSGIDaemonProcess says of them, and which server may use which.
 *
 * Written while the configuration is read and checked; read-only afterwards, by the parent, the supervisor, the groups'
 * processes and httpd's children alike. In httpd's configuration pool.
 */
#ifndef MP_CONFIG_GROUPS_H
#define MP_CONFIG_GROUPS_H

#include <sys/types.h>

#include "config/records.h"

#define MP_NOBODY ((uid_t)-1)       /* no user, no group was named */

typedef struct mp_group mp_group;

struct mp_group {
    const char *name;
    server_rec *server;             /* where it is defined: its log, and who may use it */
    int number;                     /* from 0, in the order written */

    /* Who it is, and where. */
    uid_t uid;
    gid_t gid;
    const char *user_name;          /* of uid; NULL: it has no entry */
    const char *user_home;
    apr_array_header_t *groups;     /* supplementary-groups: gid_t; NULL: those of the user */
    int umask;                      /* -1: inherited */
    const char *home, *chroot;
    int is_home_given;              /* by home=, so it is in sys.path, too */
    const char *lang, *locale;
    const char *title;              /* display-name */
    const char *python_home, *python_path, *python_eggs;
    uid_t script_user;
    gid_t script_group;
    uid_t socket_user;

    /* Size. */
    int processes, threads;
    int is_multiprocess;            /* processes= was written */
    apr_int64_t stack_size;
    double switch_interval;         /* seconds; 0: Python's own */
    int cpu_priority, has_cpu_priority;
    apr_int64_t cpu_time_limit;     /* seconds */
    apr_int64_t memory_limit, virtual_memory_limit;
    int server_metrics;

    /* Recycling. 0: never. */
    apr_int64_t maximum_requests;
    apr_interval_time_t restart_interval, inactivity_timeout, deadlock_timeout, request_timeout, interrupt_timeout,
        startup_timeout, graceful_timeout, eviction_timeout, shutdown_timeout;

    /* Towards httpd's children. */
    apr_int64_t listen_backlog;
    apr_interval_time_t connect_timeout, socket_timeout, response_socket_timeout, queue_timeout, response_flush_delay;
    apr_int64_t send_buffer_size, receive_buffer_size, header_buffer_size, response_buffer_size;

    /* Other FastCGI clients: listen=, listen-script=. */
    const char *listen;             /* "unix:/path" or "address:port"; NULL: none */
    const char *listen_script;

    /* Found when the configuration is checked. */
    const char *engine, *python;    /* as in mp_process */

    /* Made in post_config (daemon/daemon.c). */
    const char *socket;             /* the path that children connect to */
    char secret[65];                /* in hexadecimal; shown by children, never passed on */
};

/* The rows WSGIDaemonProcess, WSGISocketPrefix, WSGISocketRotation, WSGIAcceptMutex. */
enum { MP_DAEMON_ROWS = 5 };
extern const command_rec mp_daemon_directives[MP_DAEMON_ROWS];

/* The group of that name if server s may use it. Else NULL, and *why is a sentence without a full stop. */
const mp_group *mp_groups_find(const char *name, const server_rec *s, const char **why);

/* The group of that name, whoever may use it, or NULL. */
const mp_group *mp_groups_named(const char *name);

/* In check_config, before mp_home_choose() has settled the engine of httpd's children: identities, engines, paths.
 * What is wrong, or NULL. */
const char *mp_groups_check(mp_process *process, apr_pool_t *ptemp);

/* The beginning of the names of sockets: WSGISocketPrefix, or in httpd's run-time directory. */
const char *mp_groups_prefix(const mp_process *process, apr_pool_t *p);

#endif
