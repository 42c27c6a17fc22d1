/* The Python* directives. Those of a directory write into its record, those of the process into mp_process, which
 * .htaccess never reaches: their contexts are the server's. */
#include "config/directives.h"
#include "config/filters.h"
#include "config/handlers.h"
#include "config/home.h"
#include "config/options.h"

static const char *set_handlers(cmd_parms *cmd, void *conf, const char *args)
{
    mp_handlers_add(cmd, conf, (mp_phase)(apr_uintptr_t)cmd->info, args, 0);
    return NULL;
}

/* For connections, and for the two phases that come before the file name is known. */
static const char *set_early_handlers(cmd_parms *cmd, void *conf, const char *args)
{
    if (strchr(args, '|') && cmd->info == (void *)MP_CONNECTION)
        return apr_psprintf(cmd->pool, "%s: '| .ext' has no meaning for a connection, which has no file name; write "
                            "the line without it", cmd->cmd->name);
    if (strchr(args, '|'))
        return apr_psprintf(cmd->pool, "%s: '| .ext' has no meaning in this phase, because the file name is not known "
                            "yet; write the line without it and look at req.uri in the handler", cmd->cmd->name);
    return set_handlers(cmd, conf, args);
}

static const char *set_handler_module(cmd_parms *cmd, void *conf, const char *args)
{
    int phase;

    for (phase = 0; phase < MP_PHASES; phase++)
        if (!cmd->path || (phase != MP_POST_READ_REQUEST && phase != MP_TRANS))
            mp_handlers_add(cmd, conf, phase, args, 1);
    return NULL;
}

static const char *set_filter(cmd_parms *cmd, void *conf, const char *handler, const char *name)
{
    return mp_filters_set(cmd, conf, handler, name);
}

static const char *set_option(cmd_parms *cmd, void *conf_, const char *key, const char *value)
{
    mp_dir_conf *conf = conf_;

    if (!conf->options)
        conf->options = apr_table_make(cmd->pool, 4);
    apr_table_setn(conf->options, key, value ? value : "");
    return NULL;
}

static const char *set_import(cmd_parms *cmd, void *conf, const char *what, const char *interpreter)
{
    mp_preload *preload;
    const char *colons = strstr(what, "::");

    if (colons == what || (colons && !colons[2]))
        return apr_psprintf(cmd->pool, "%s: '%s' has no %s name; write %s MODULE INTERPRETER or %s MODULE::FUNCTION "
                            "INTERPRETER", cmd->cmd->name, what, colons == what ? "module" : "function", cmd->cmd->name,
                            cmd->cmd->name);
    preload = apr_array_push(mp_process_get()->preloads);
    preload->kind = MP_PRELOAD_MODULE;
    preload->name = colons ? apr_pstrmemdup(cmd->pool, what, (apr_size_t)(colons - what)) : what;
    preload->function = colons ? colons + 2 : NULL;
    preload->interpreter = interpreter;
    preload->process_group = "";
    preload->server = cmd->server;
    preload->directive = cmd->cmd->name;
    return NULL;
}

/* httpd's own AP_INIT_FLAG overlooks what stands behind the first word. */
static const char *read_flag(cmd_parms *cmd, const char *args, int *on)
{
    const char *word = ap_getword_conf(cmd->temp_pool, &args);

    if (*args)
        word = apr_pstrcat(cmd->temp_pool, word, " ", args, NULL);
    *on = !ap_cstr_casecmp(word, "on");
    if (*on || !ap_cstr_casecmp(word, "off"))
        return NULL;
    return apr_psprintf(cmd->pool, "%s must be On or Off, not '%s'; write '%s On' or '%s Off'", cmd->cmd->name, word,
                        cmd->cmd->name, cmd->cmd->name);
}

static const char *set_flag(cmd_parms *cmd, void *conf, const char *args)
{
    return read_flag(cmd, args, (int *)((char *)conf + (apr_size_t)cmd->info));
}

static const char *set_optimize(cmd_parms *cmd, void *conf, const char *args)
{
    int on;
    const char *error = read_flag(cmd, args, &on);

    if (!error && on)
        mp_process_get()->optimize = 2;
    return error;
}

/* The texts of the server's files are compiled when a process starts (there is no Python here), so that a slip is seen
 * before a request meets it. .htaccess, where both pools are one, comes too late for that. */
static const char *set_path(cmd_parms *cmd, void *conf, const char *expression)
{
    if (cmd->pool != cmd->temp_pool) {
        mp_path *path = apr_array_push(mp_process_get()->paths);

        path->expression = expression;
        path->file = cmd->directive->filename;
        path->line = cmd->directive->line_num;
    }
    ((mp_dir_conf *)conf)->path = expression;
    return NULL;
}

static const char *set_home(cmd_parms *cmd, void *conf, const char *directory)
{
    return mp_home_set(cmd, directory);
}

static const char *set_engine(cmd_parms *cmd, void *conf, const char *file)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    if (error)
        return error;
    if (!ap_os_is_path_absolute(cmd->temp_pool, file))
        return apr_psprintf(cmd->pool, "%s: '%s' is a relative path; write the absolute path of an engine "
                            "(mod_python_engine.cpython-*.so) or of the directory that has the engines",
                            cmd->cmd->name, file);
    mp_process_get()->engine = file;
    return NULL;
}

static const char *read_gil(cmd_parms *cmd, const char *interpreter, const char *value, int *gil)
{
    *gil = !strcmp(value, "own") ? MP_GIL_OWN : MP_GIL_SHARED;
    if (*gil == MP_GIL_SHARED && strcmp(value, "shared"))
        return apr_psprintf(cmd->pool, "%s: gil=%s is unknown; write gil=own or gil=shared", cmd->cmd->name, value);
    if (*gil == MP_GIL_OWN && !strcmp(interpreter, MP_MAIN_INTERPRETER))
        return apr_psprintf(cmd->pool, "%s: " MP_MAIN_INTERPRETER " has the GIL that the others share, so gil=own says "
                            "nothing about it; write the name of another interpreter, or * for all others",
                            cmd->cmd->name);
    return NULL;
}

static const char *set_interpreter_options(cmd_parms *cmd, void *conf, const char *args)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY), *interpreter, *name, *value;
    mp_interp_options *options;
    int gil = MP_UNSET;

    if (error)
        return error;
    interpreter = ap_getword_conf(cmd->pool, &args);
    if (!*interpreter || strchr(interpreter, '='))
        return apr_psprintf(cmd->pool, "%s: no interpreter is named; write %s NAME gil=own, or * as NAME for all "
                            "interpreters", cmd->cmd->name, cmd->cmd->name);
    while (!(error = mp_option_next(cmd, &args, &name, &value)) && name) {
        if (strcmp(name, "gil"))
            return apr_psprintf(cmd->pool, "%s: the option '%s' is unknown; write gil=own or gil=shared",
                                cmd->cmd->name, name);
        if ((error = read_gil(cmd, interpreter, value, &gil)))
            return error;
    }
    if (error)
        return error;
    if (gil == MP_UNSET)
        return apr_psprintf(cmd->pool, "%s: no option is given for '%s'; write %s %s gil=own or %s %s gil=shared",
                            cmd->cmd->name, interpreter, cmd->cmd->name, interpreter, cmd->cmd->name, interpreter);
    options = mp_interp_options_add(mp_process_get());
    options->directive = apr_pstrcat(cmd->pool, cmd->cmd->name, " ", interpreter, NULL);
    options->gil = gil;
    if (strcmp(interpreter, "*")) {
        options->name = interpreter;
        options->specificity = 1;
    }
    return NULL;
}

#define HANDLER(name, phase, help) AP_INIT_RAW_ARGS(name, set_handlers, (void *)(phase), OR_ALL, help)
#define EARLY_HANDLER(name, phase, help) AP_INIT_RAW_ARGS(name, set_early_handlers, (void *)(phase), RSRC_CONF, help)
#define DIR_FLAG(name, field, help) \
    AP_INIT_RAW_ARGS(name, set_flag, (void *)APR_OFFSETOF(mp_dir_conf, field), OR_ALL, help)

const command_rec mp_python_directives[MP_PYTHON_ROWS] = {
    EARLY_HANDLER("PythonPostReadRequestHandler", MP_POST_READ_REQUEST, "handlers for each request that was read"),
    EARLY_HANDLER("PythonTransHandler", MP_TRANS, "handlers that translate the URI to a file name"),
    EARLY_HANDLER("PythonConnectionHandler", MP_CONNECTION, "handlers that take connections instead of HTTP"),
    HANDLER("PythonHeaderParserHandler", MP_HEADER_PARSER, "handlers that look at the headers, before access checks"),
    HANDLER("PythonInitHandler", MP_INIT, "handlers that come first in a request"),
    HANDLER("PythonAccessHandler", MP_ACCESS, "handlers that refuse by something other than the user"),
    HANDLER("PythonAuthenHandler", MP_AUTHEN, "handlers that tell who the user is"),
    HANDLER("PythonAuthzHandler", MP_AUTHZ, "handlers that tell whether the user may"),
    HANDLER("PythonTypeHandler", MP_TYPE, "handlers that find the content type"),
    HANDLER("PythonFixupHandler", MP_FIXUP, "handlers that come last before the content"),
    HANDLER("PythonHandler", MP_CONTENT, "handlers that make the content, for SetHandler mod_python"),
    HANDLER("PythonLogHandler", MP_LOG, "handlers that log the request"),
    HANDLER("PythonCleanupHandler", MP_CLEANUP, "handlers that run when the request is over"),
    AP_INIT_RAW_ARGS("PythonHandlerModule", set_handler_module, NULL, OR_ALL,
                     "module whose functions are the handlers of all phases"),
    AP_INIT_TAKE12("PythonInputFilter", set_filter, (void *)1, RSRC_CONF | ACCESS_CONF,
                   "handler of a filter for request bodies, and the filter's name"),
    AP_INIT_TAKE12("PythonOutputFilter", set_filter, NULL, RSRC_CONF | ACCESS_CONF,
                   "handler of a filter for answers, and the filter's name"),
    DIR_FLAG("PythonAutoReload", autoreload, "On (default): load changed modules anew"),
    DIR_FLAG("PythonDebug", debug, "On: send tracebacks to the client too"),
    DIR_FLAG("PythonEnablePdb", enable_pdb, "On: run handlers under pdb, with httpd -X"),
    DIR_FLAG("PythonInterpPerDirectory", interp_per_directory, "On: one interpreter for each directory of files"),
    DIR_FLAG("PythonInterpPerDirective", interp_per_directive, "On: one interpreter for each section with handlers"),
    AP_INIT_TAKE1("PythonInterpreter", ap_set_string_slot, (void *)APR_OFFSETOF(mp_dir_conf, interpreter), OR_ALL,
                  "interpreter that runs these handlers"),
    AP_INIT_TAKE1("PythonPath", set_path, NULL, OR_ALL, "Python expression that gives sys.path"),
    AP_INIT_TAKE12("PythonOption", set_option, NULL, OR_ALL,
                   "key and value for req.get_options(); no value removes it"),
    AP_INIT_TAKE2("PythonImport", set_import, NULL, RSRC_CONF,
                  "MODULE or MODULE::FUNCTION, and the interpreter that imports it when a process starts"),
    AP_INIT_RAW_ARGS("PythonOptimize", set_optimize, NULL, RSRC_CONF, "On: as python -OO"),
    AP_INIT_TAKE1("PythonHome", set_home, NULL, RSRC_CONF, "prefix or virtual environment of Python"),
    AP_INIT_TAKE1("PythonEngine", set_engine, NULL, RSRC_CONF, "engine, or the directory that has the engines"),
    AP_INIT_RAW_ARGS("PythonInterpreterOptions", set_interpreter_options, NULL, RSRC_CONF,
                     "interpreter or *, and options: gil=own|shared"),
};
