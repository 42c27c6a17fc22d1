/* Which interpreter runs a handler: the first rule that matches wins (PythonInterpreter, PythonInterpPerDirectory,
 * PythonInterpPerDirective, ServerName). */
#include "config/records.h"

static const char *name_or_main(const char *name)
{
    return name && *name ? name : MP_MAIN_INTERPRETER;
}

static const char *directory_of_file(request_rec *r)
{
    const char *slash;

    if (!r->filename || !(slash = strrchr(r->filename, '/')))
        return NULL;
    if (r->finfo.filetype == APR_DIR && slash[1])
        return apr_pstrcat(r->pool, r->filename, "/", NULL);
    return apr_pstrmemdup(r->pool, r->filename, (apr_size_t)(slash - r->filename) + 1);
}

const char *mp_interpreter_name(request_rec *r, const mp_handler *handler)
{
    const mp_dir_conf *conf = mp_dir_conf_get(r);

    if (conf->interpreter)
        return conf->interpreter;
    if (mp_flag(r, "PythonInterpPerDirectory", conf->interp_per_directory, 0))
        return name_or_main(directory_of_file(r));
    if (mp_flag(r, "PythonInterpPerDirective", conf->interp_per_directive, 0))
        return name_or_main(handler && !handler->placeless ? mp_handler_directory(r, handler) : NULL);
    return name_or_main(r->server->server_hostname);
}

/* A connection has no directory yet. */
const char *mp_interpreter_name_of_server(const server_rec *s)
{
    const mp_dir_conf *conf = mp_dir_conf_of_server(s);

    if (conf->interpreter)
        return conf->interpreter;
    if (conf->interp_per_directory == 1 || conf->interp_per_directive == 1)
        return MP_MAIN_INTERPRETER;
    return name_or_main(s->server_hostname);
}
