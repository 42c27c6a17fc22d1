/* The configuration records: plain data, made from httpd.conf and .htaccess, read by everyone, without Python.
 *
 * Owners: httpd's configuration pools; .htaccess records live in the request's pool, so nobody keeps a pointer to a
 * record past the request. Written while the configuration is read, by one thread; read-only afterwards, except the
 * request's own record, which belongs to the thread that runs the request.
 *
 * The module's record on a directory (also the server's, in lookup_defaults) is mp_dir_conf; settings that are one per
 * httpd are in mp_process; what one request adds while it runs is in mp_request_conf.
 */
#ifndef MP_CONFIG_RECORDS_H
#define MP_CONFIG_RECORDS_H

#include "config/wsgi.h"

/* The phases, in the order in which a request meets them; then the other places where handlers run. */
typedef enum {
    MP_POST_READ_REQUEST, MP_TRANS, MP_HEADER_PARSER, MP_INIT, MP_ACCESS, MP_AUTHEN, MP_AUTHZ, MP_TYPE, MP_FIXUP,
    MP_CONTENT, MP_LOG, MP_CLEANUP, MP_PHASES,
    MP_CONNECTION = MP_PHASES, MP_STACKS,       /* up to here: with stacks of handlers */
    MP_INPUT_FILTER = MP_STACKS, MP_OUTPUT_FILTER, MP_PLACES
} mp_phase;

/* One handler of a stack. */
typedef struct mp_handler mp_handler;
struct mp_handler {
    const char *text;           /* as written: "module", "module::object", "/path/module.py"; "" if callable is set */
    const char *directory;      /* the section's directory with '/', the Location's text, or NULL (server level) */
    const ap_regex_t *pattern;  /* <DirectoryMatch>, <Directory ~>: directory is found per request */
    void *callable;             /* engine's: a callable that req.add_handler() got, kept by the request object */
    void *interp;               /* engine's: the interpreter whose object that callable is */
    mp_handler *next;
    unsigned wildcard : 1;      /* <Directory "/x*">: directory is a pattern, found per request; <LocationMatch>, too */
    unsigned is_location : 1;
    unsigned silent : 1;        /* from PythonHandlerModule: a missing function is no error */
    unsigned placeless : 1;     /* a text of req.add_handler() without a directory: no directive stands anywhere */
};

/* The handlers of one phase for one file extension, or for any. */
typedef struct mp_stack mp_stack;
struct mp_stack {
    const char *extension;      /* ".psp", or NULL: for any file */
    mp_handler *first;
    mp_stack *next;             /* the same phase, other extension */
};

/* PythonInputFilter, PythonOutputFilter; also what req.register_input_filter() and the like registered. */
typedef struct mp_filter_entry mp_filter_entry;
struct mp_filter_entry {
    const char *name;           /* in lower case, as httpd has it */
    int is_input;
    mp_handler handler;
    mp_filter_entry *next;      /* of the same name and direction: the first one counts */
};

/* A Require line. */
typedef struct {
    const char *text;           /* "user anna bob" */
    apr_int64_t methods;        /* bits of the methods that it is for: <Limit> */
} mp_requirement;

typedef struct {
    mp_stack *stacks[MP_STACKS];
    mp_filter_entry *filters;
    const char *interpreter;    /* PythonInterpreter, or NULL */
    const char *path;           /* PythonPath's expression, or NULL */
    apr_table_t *options;       /* PythonOption, or NULL; "" removes an inherited key */
    int autoreload;             /* flags: 0, 1, MP_UNSET */
    int debug;
    int interp_per_directory;
    int interp_per_directive;
    int enable_pdb;
    /* what other modules were told (overheard.c) */
    apr_table_t *extensions;    /* AddHandler: "py" -> "1" if it means us, "" if another one; or NULL */
    apr_array_header_t *removed_extensions;     /* RemoveHandler: const char *; or NULL */
    apr_array_header_t *requirements;           /* Require: mp_requirement; or NULL */
    int auth_merging;           /* AuthMerging: 0 Off, 1 And or Or, MP_UNSET */
    mp_wsgi_conf wsgi;          /* WSGI* */
} mp_dir_conf;

typedef enum { MP_PRELOAD_MODULE, MP_PRELOAD_SCRIPT } mp_preload_kind;

/* PythonImport and WSGIImportScript, in the order written. */
typedef struct {
    mp_preload_kind kind;
    const char *name;           /* module, or the script's path */
    const char *function;       /* PythonImport module::function, or NULL */
    const char *interpreter;
    const char *process_group;  /* "": the children of httpd */
    server_rec *server;         /* where the directive stands: its PythonPath and options count */
    const char *directive;      /* for log lines; NULL: it was loaded by the process before (daemon/scripts.h) */
} mp_preload;

/* A PythonPath of the server's files. */
typedef struct {
    const char *expression;
    const char *file;
    int line;
} mp_path;

typedef enum { MP_GIL_SHARED, MP_GIL_OWN } mp_gil;

/* What PythonInterpreterOptions, <WSGIInterpreterOptions> and WSGI* directives outside of it say about interpreters.
 * Of all records that match an interpreter each setting comes from the most specific one that has it, and of equals
 * from the last (mp_interp_options_find). */
typedef struct {
    const char *process_group;          /* NULL: any; "": the children of httpd */
    const char *name;                   /* NULL: any */
    int specificity;                    /* selectors given; -1: outside of containers */
    const char *directive;              /* for messages */
    int gil;                            /* mp_gil, or MP_UNSET like the next three */
    int restrict_stdin;
    int restrict_stdout;
    int restrict_signal;
    double switch_interval;             /* seconds; 0: not said */
    const char *python_path;            /* WSGIPythonPath: dir:dir; NULL: not said. Those of all records add up */
} mp_interp_options;

/* A name that the directives have given to httpd, once for each direction. */
typedef struct {
    const char *name;
    int is_input;
    const char *file;           /* of the directive that came first, for messages */
    int line;
} mp_filter_name;

/* One per configuration pass. */
typedef struct {
    apr_pool_t *pool;                   /* pconf */
    const char *home;                   /* PythonHome, WSGIPythonHome, or NULL */
    const char *home_directive;         /* which of the two it was, for messages */
    const char *engine;                 /* the engine's file: PythonEngine's, then found (home.h) */
    const char *python;                 /* that engine's Python: "3.13.0" */
    int optimize;                       /* PythonOptimize, WSGIPythonOptimize: 0 to 2, as often as -O */
    apr_array_header_t *warnings;       /* WSGIPythonWarnings: const char *, as for -W */
    const char *hash_seed;              /* WSGIPythonHashSeed: "random", a number, or NULL */
    const char *eggs;                   /* WSGIPythonEggs, or NULL */
    int no_bytecode;                    /* WSGIDontWriteBytecode */
    mp_interp_options *container;       /* while <WSGIInterpreterOptions> is read: what its lines are about */
    apr_array_header_t *preloads;       /* mp_preload */
    apr_array_header_t *paths;          /* mp_path */
    apr_array_header_t *interpreters;   /* mp_interp_options */
    apr_array_header_t *filters;        /* mp_filter_name */
    const char *wanted_by;              /* a directive of the server's files that runs code in children, or NULL */
    mp_wsgi_process wsgi;               /* WSGI* */
    apr_array_header_t *groups;         /* WSGIDaemonProcess: mp_group * (config/groups.h) */
    const char *socket_prefix;          /* WSGISocketPrefix, or NULL */
} mp_process;

/* What a request adds. Made on first need, in the request's pool. */
typedef struct {
    mp_handler *added[MP_PHASES];       /* req.add_handler(): run after the configured ones */
    mp_filter_entry *filters;           /* req.register_input_filter(), req.register_output_filter() */
    const mp_handler *init_done;        /* the PythonInitHandler stack that ran in post_read_request */
    apr_table_t *config;                /* req.get_config(), once asked for: overrides the directory's flags */
    apr_table_t *options;               /* req.get_options(), once asked for */
    const mp_dir_conf *tables_of;       /* the record that these two were made from */
    int unmapped;                       /* no file stands behind it: its <Location> has content handlers */
    int content_type_set;               /* req.content_type was assigned */
    int cleanup_registered;             /* PythonCleanupHandler will run */
    void *objects;                      /* engine's: the request objects, one per interpreter (api/requestobject.h) */
} mp_request_conf;

/* What a connection has of ours. Made on first need, in the connection's pool. */
typedef struct {
    int declined;                       /* its handlers have had it, and left it to HTTP */
    void *objects;                      /* engine's: the connection objects, one per interpreter (api/connobject.c) */
} mp_connection_conf;

extern module AP_MODULE_DECLARE_DATA python_module;

/* The directive that fills a phase or another place: "PythonHandler" for MP_CONTENT; the default function is it in
 * lower case without "python". */
const char *mp_phase_directive(mp_phase phase);
const char *mp_phase_function(mp_phase phase);

/* Below: mod_python.so only; the engine reaches what it needs through mp_host (engine.h). */

mp_process *mp_process_new(apr_pool_t *pconf);   /* at each pre_config */
mp_process *mp_process_get(void);
mp_interp_options *mp_interp_options_add(mp_process *process);     /* matches all, says nothing */
void mp_process_want_python(const cmd_parms *cmd);      /* what .htaccess says comes too late, and is not counted */
void mp_process_use(mp_process *process);        /* a process of a group has a record of its own */
void *mp_dir_conf_create(apr_pool_t *p, char *path);
void mp_overheard_merge(apr_pool_t *p, const mp_dir_conf *base, const mp_dir_conf *add, mp_dir_conf *out);
const mp_dir_conf *mp_dir_conf_get(const request_rec *r);
const mp_dir_conf *mp_dir_conf_of_server(const server_rec *s);
mp_request_conf *mp_request_conf_get(request_rec *r);      /* made if there is none */
mp_request_conf *mp_request_conf_find(const request_rec *r);  /* NULL if there is none */

mp_connection_conf *mp_connection_conf_get(conn_rec *c);   /* made if there is none */

/* Which handlers serve this request in this phase: the list for the file's extension, else the one for any file, else
 * NULL. *extension (may be NULL): what req.extension shows. */
mp_handler *mp_handlers_find(request_rec *r, mp_phase phase, const char **extension);

/* The same for connections to an address of this server. */
mp_handler *mp_handlers_of_connection(const server_rec *s);

/* The directory of a handler for this request, patterns resolved; NULL if none. Without a request (r is NULL) a pattern
 * has none. */
const char *mp_handler_directory(request_rec *r, const mp_handler *handler);

/* The interpreter that runs this handler of this request (spec: directives, section 5). Never NULL. */
const char *mp_interpreter_name(request_rec *r, const mp_handler *handler);
/* The same for connection handlers: the server that owns the address decides. */
const char *mp_interpreter_name_of_server(const server_rec *s);

/* A flag of the request (r may be NULL): its own table (req.get_config()) first, then `value`, the directory's or
 * server's record's, then `unset`. */
int mp_flag(request_rec *r, const char *directive, int value, int unset);

/* req.get_config(), server.get_config(): a new table with what is configured, flags as "1" or "0". */
apr_table_t *mp_config_table(apr_pool_t *p, const mp_dir_conf *conf);

#endif
