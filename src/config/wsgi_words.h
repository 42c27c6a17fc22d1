/* Words and paths that WSGI* directives take. */
#ifndef MP_CONFIG_WSGI_WORDS_H
#define MP_CONFIG_WSGI_WORDS_H

#include "config/wsgi.h"

/* Each returns NULL, or what is wrong. */

const char *mp_wsgi_read_flag(cmd_parms *cmd, const char *word, int *on);

/* A script or directory: `path` must be absolute, because the processes' working directory is nobody's choice. */
const char *mp_wsgi_check_path(cmd_parms *cmd, const char *path);

/* Options of scripts and aliases. */
enum {
    MP_WSGI_PROCESS_GROUP = 1, MP_WSGI_APPLICATION_GROUP = 2, MP_WSGI_CALLABLE = 4, MP_WSGI_AUTHORIZATION = 8,
    MP_WSGI_NO_REQUEST = 16     /* application-group= has the variables of the server and host only */
};

/* Reads what is left of args as options, of which `allowed` are known. */
const char *mp_wsgi_read_options(cmd_parms *cmd, const char *args, int allowed, mp_wsgi_choice *choice);

#endif
