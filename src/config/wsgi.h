/* What the WSGI* directives say. Written while the configuration is read, never after it.
 *
 * Names of groups are kept as written ("%{RESOURCE}", "%{ENV:X}", "shop"); host/wsgi_names.c expands them for each
 * request. An embedded process group is "%{GLOBAL}" here and "" when expanded.
 */
#ifndef MP_CONFIG_WSGI_H
#define MP_CONFIG_WSGI_H

#include "mp.h"

#define MP_GLOBAL_GROUP "%{GLOBAL}"

/* What decides where an application runs; from directives, or from the options of an alias, a handler script ... which
 * count more. NULL, MP_UNSET: nothing said. */
typedef struct {
    const char *process_group;
    const char *application_group;
    const char *callable;
    int pass_authorization;
} mp_wsgi_choice;

/* WSGIScriptAlias, WSGIScriptAliasMatch: one list for each server, in the order written. */
typedef struct {
    const char *url;            /* the URL path, or the regular expression's text */
    const ap_regex_t *pattern;  /* of WSGIScriptAliasMatch */
    const char *target;         /* a file, a directory with '/', or with $1 in it */
    const char *directive;      /* which of the two it was, for messages */
    mp_wsgi_choice choice;
} mp_wsgi_alias;

/* A script that is no application: WSGIHandlerScript, WSGIDispatchScript, WSGIAccessScript, WSGIAuthUserScript,
 * WSGIAuthGroupScript. */
typedef struct {
    const char *name;           /* WSGIHandlerScript: the handler's, in lower case; else NULL */
    const char *path;
    mp_wsgi_choice choice;
} mp_wsgi_script;

typedef enum { MP_HEAD_AUTO, MP_HEAD_ON, MP_HEAD_OFF } mp_head_mapping;

/* Of a directory or a server; in mp_dir_conf. NULL and MP_UNSET: nothing said. */
typedef struct {
    mp_wsgi_choice choice;              /* the directives of these names */
    apr_array_header_t *process_groups; /* WSGIRestrictProcess: const char *, as written */
    apr_hash_t *handlers;               /* WSGIHandlerScript: name -> mp_wsgi_script */
    const mp_wsgi_script *dispatch;
    const mp_wsgi_script *access;
    const mp_wsgi_script *auth_user;
    const mp_wsgi_script *auth_group;
    int script_reloading;
    int error_override;
    int chunked_request;
    int map_head;                       /* mp_head_mapping */
    int enable_sendfile;
    int ignore_activity;
    int pass_apache_request;
    int group_authoritative;            /* parsed; httpd 2.4 has no use for it */
    apr_array_header_t *trusted_headers;    /* const char *, as written */
    apr_array_header_t *trusted_proxies;    /* apr_ipsubnet_t * */
} mp_wsgi_conf;

/* What is one per httpd; in mp_process. */
typedef struct {
    apr_array_header_t *group_uses;         /* mp_wsgi_group_use */
    apr_array_header_t *ignored;            /* const char *: directives that were read and have no effect */
    int case_sensitive;                     /* WSGICaseSensitivity */
    int restrict_embedded;                  /* WSGIRestrictEmbedded */
    int server_metrics;                     /* WSGIServerMetrics */
} mp_wsgi_process;

/* A directive names a process group that must be there once the whole configuration is read. */
typedef struct {
    const char *group;
    const char *directive;
    const server_rec *server;
    const char *file;
    int line;
} mp_wsgi_group_use;

/* Of a server: the virtual host's own aliases, then the main server's. */
typedef struct {
    apr_array_header_t *aliases;            /* mp_wsgi_alias * */
} mp_server_conf;

#endif
