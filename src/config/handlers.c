/* Handler lists: written from directives, found for a request. */
#include "config/handlers.h"
#include "apr_fnmatch.h"
#include "apr_lib.h"

static const struct {
    const char *directive;
    const char *function;
} phases[MP_PLACES] = {
    [MP_POST_READ_REQUEST] = {"PythonPostReadRequestHandler", "postreadrequesthandler"},
    [MP_TRANS] = {"PythonTransHandler", "transhandler"},
    [MP_HEADER_PARSER] = {"PythonHeaderParserHandler", "headerparserhandler"},
    [MP_INIT] = {"PythonInitHandler", "inithandler"},
    [MP_ACCESS] = {"PythonAccessHandler", "accesshandler"},
    [MP_AUTHEN] = {"PythonAuthenHandler", "authenhandler"},
    [MP_AUTHZ] = {"PythonAuthzHandler", "authzhandler"},
    [MP_TYPE] = {"PythonTypeHandler", "typehandler"},
    [MP_FIXUP] = {"PythonFixupHandler", "fixuphandler"},
    [MP_CONTENT] = {"PythonHandler", "handler"},
    [MP_LOG] = {"PythonLogHandler", "loghandler"},
    [MP_CLEANUP] = {"PythonCleanupHandler", "cleanuphandler"},
    [MP_CONNECTION] = {"PythonConnectionHandler", "connectionhandler"},
    [MP_INPUT_FILTER] = {"PythonInputFilter", "inputfilter"},
    [MP_OUTPUT_FILTER] = {"PythonOutputFilter", "outputfilter"},
};

const char *mp_phase_directive(mp_phase phase)
{
    return phases[phase].directive;
}

const char *mp_phase_function(mp_phase phase)
{
    return phases[phase].function;
}

static mp_stack *stack_of(cmd_parms *cmd, mp_dir_conf *conf, mp_phase phase, const char *extension)
{
    mp_stack *stack;

    for (stack = conf->stacks[phase]; stack; stack = stack->next)
        if (extension ? stack->extension && !strcmp(stack->extension, extension) : !stack->extension)
            return stack;
    stack = apr_pcalloc(cmd->pool, sizeof(*stack));
    stack->extension = extension;
    stack->next = conf->stacks[phase];
    return conf->stacks[phase] = stack;
}

void mp_handler_fill(mp_handler *handler, const char *text, const mp_section *section)
{
    handler->text = text;
    handler->directory = section->directory;
    handler->pattern = section->pattern;
    handler->wildcard = section->wildcard != 0;
    handler->is_location = section->is_location != 0;
}

static void append(cmd_parms *cmd, mp_stack *stack, const mp_section *section, const char *names, int silent)
{
    mp_handler **end = &stack->first;
    const char *name;

    while (*end)
        end = &(*end)->next;
    while (*(name = ap_getword_white(cmd->pool, &names))) {
        mp_handler *handler = apr_pcalloc(cmd->pool, sizeof(*handler));

        mp_handler_fill(handler, name, section);
        handler->silent = silent != 0;
        *end = handler;
        end = &handler->next;
    }
}

void mp_handlers_add(cmd_parms *cmd, mp_dir_conf *conf, mp_phase phase, const char *args, int silent)
{
    const char *bar = ap_strchr_c(args, '|');
    const char *names = apr_pstrmemdup(cmd->pool, args, bar ? (apr_size_t)(bar - args) : strlen(args));
    const char *extensions = bar ? bar + 1 : "";
    const char *extension;
    mp_section section;
    int restricted = 0;

    while (apr_isspace(*names))
        names++;
    if (!*names)
        return;
    mp_process_get()->needs_embedded = 1;
    mp_section_find(cmd, &section);
    while (apr_isspace(*extensions))
        extensions++;
    while (*(extension = ap_getword_white(cmd->pool, &extensions))) {
        append(cmd, stack_of(cmd, conf, phase, extension), &section, names, silent);
        restricted = 1;
    }
    if (!restricted)
        append(cmd, stack_of(cmd, conf, phase, NULL), &section, names, silent);
}

/* From the first dot of the base name on; "" if there is none, NULL if there is no file yet. */
static const char *extension_of(const char *filename)
{
    const char *slash = filename ? strrchr(filename, '/') : NULL;
    const char *base = slash ? slash + 1 : filename;
    const char *dot = base ? strchr(base, '.') : NULL;

    return dot ? dot : base ? "" : NULL;
}

mp_handler *mp_handlers_find(request_rec *r, mp_phase phase, const char **extension)
{
    const mp_stack *stack = mp_dir_conf_get(r)->stacks[phase];
    const char *found = NULL;
    mp_handler *any = NULL;

    if (extension)
        *extension = NULL;
    if (!stack)
        return NULL;
    if (phase != MP_POST_READ_REQUEST && phase != MP_TRANS)
        found = extension_of(r->filename);
    for (; stack; stack = stack->next) {
        if (!stack->extension)
            any = stack->first;
        else if (found && !strcmp(stack->extension, found)) {
            if (extension)
                *extension = stack->extension;
            return stack->first;
        }
    }
    if (any && extension && found && !*found)
        *extension = found;
    return any;
}

mp_handler *mp_handlers_of_connection(const server_rec *s)
{
    const mp_stack *stack = mp_dir_conf_of_server(s)->stacks[MP_CONNECTION];

    return stack ? stack->first : NULL;     /* it has no extensions */
}

static int matches(const mp_handler *handler, char *prefix, size_t length)
{
    int found;

    if (!handler->pattern)
        return apr_fnmatch(handler->directory, prefix, APR_FNM_PATHNAME) == APR_SUCCESS;
    if (ap_regexec(handler->pattern, prefix, 0, NULL, 0) == 0)
        return 1;
    if (length < 2)
        return 0;
    prefix[length - 1] = '\0';          /* "^/www/[^/]+$" has no slash at its end */
    found = ap_regexec(handler->pattern, prefix, 0, NULL, 0) == 0;
    prefix[length - 1] = '/';
    return found;
}

/* The shortest directory on the way to the file that the section's pattern matches. Where only the file's own name
 * does, the file's directory. */
static const char *resolve(request_rec *r, const mp_handler *handler)
{
    int is_directory = r->finfo.filetype == APR_DIR;
    char *path, *slash, *end = NULL;

    if (!r->filename)
        return NULL;
    path = apr_pstrcat(r->pool, r->filename, is_directory ? "/" : "", NULL);
    ap_no2slash(path);
    for (slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        char after = slash[1];

        slash[1] = '\0';
        if (matches(handler, path, (size_t)(slash + 1 - path)))
            return path;
        slash[1] = after;
        end = slash;
    }
    if (!end)
        return NULL;
    end[1] = '\0';
    return path;
}

const char *mp_handler_directory(request_rec *r, const mp_handler *handler)
{
    if (handler->is_location || (!handler->pattern && !handler->wildcard))
        return handler->directory;
    return r ? resolve(r, handler) : NULL;
}
