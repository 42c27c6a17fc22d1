/* Directives of httpd's own modules that we read along: AddHandler and RemoveHandler of mod_mime, Require and
 * AuthMerging of mod_authz_core. What they said is for req.get_addhandler_exts() and req.requires().
 *
 * httpd calls each module that has a directive of the name, so the rows here must not change what the directive means.
 * They take anything and fail at nothing: the owner checks. Only where the owner is not loaded they answer as httpd
 * does when nobody has the directive.
 */
#include "config/directives.h"
#include "config/records.h"

static const char *unknown(cmd_parms *cmd)
{
    return apr_pstrcat(cmd->pool, "Invalid command '", cmd->directive->directive, "', perhaps misspelled or defined by "
                       "a module not included in the server configuration", NULL);
}

static int is_ours(const char *handler)
{
    return !ap_cstr_casecmp(handler, "mod_python") || !ap_cstr_casecmp(handler, "python-program");
}

/* As mod_mime keeps it: without the dot, in lower case. */
static char *extension_from(cmd_parms *cmd, const char *word)
{
    char *extension = apr_pstrdup(cmd->pool, *word == '.' ? word + 1 : word);

    ap_str_tolower(extension);
    return extension;
}

static const char *hear_add_handler(cmd_parms *cmd, void *conf_, const char *args)
{
    mp_dir_conf *conf = conf_;
    const char *handler, *word;

    if (!ap_find_linked_module("mod_mime.c"))
        return unknown(cmd);
    if (!conf->extensions)
        conf->extensions = apr_table_make(cmd->pool, 4);
    handler = ap_getword_conf(cmd->pool, &args);
    while (*(word = ap_getword_conf(cmd->pool, &args)))
        apr_table_setn(conf->extensions, extension_from(cmd, word), is_ours(handler) ? "1" : "");
    return NULL;
}

static const char *hear_remove_handler(cmd_parms *cmd, void *conf_, const char *args)
{
    mp_dir_conf *conf = conf_;
    const char *word;

    if (!ap_find_linked_module("mod_mime.c"))
        return unknown(cmd);
    if (!conf->removed_extensions)
        conf->removed_extensions = apr_array_make(cmd->pool, 2, sizeof(const char *));
    while (*(word = ap_getword_conf(cmd->pool, &args)))
        APR_ARRAY_PUSH(conf->removed_extensions, const char *) = *word == '.' ? word + 1 : word;
    return NULL;
}

static const char *hear_require(cmd_parms *cmd, void *conf_, const char *args)
{
    mp_dir_conf *conf = conf_;
    mp_requirement *requirement;

    if (!ap_find_linked_module("mod_authz_core.c"))
        return unknown(cmd);
    if (!conf->requirements)
        conf->requirements = apr_array_make(cmd->pool, 2, sizeof(mp_requirement));
    requirement = apr_array_push(conf->requirements);
    requirement->text = args;
    requirement->methods = cmd->limited;
    return NULL;
}

static const char *hear_auth_merging(cmd_parms *cmd, void *conf, const char *args)
{
    if (!ap_find_linked_module("mod_authz_core.c"))
        return unknown(cmd);
    ((mp_dir_conf *)conf)->auth_merging = ap_cstr_casecmp(ap_getword_conf(cmd->pool, &args), "Off") != 0;
    return NULL;
}

/* The contexts are those of the owners. */
const command_rec mp_overheard_directives[MP_OVERHEARD_ROWS] = {
    AP_INIT_RAW_ARGS("AddHandler", hear_add_handler, NULL, OR_FILEINFO, "read for req.get_addhandler_exts()"),
    AP_INIT_RAW_ARGS("RemoveHandler", hear_remove_handler, NULL, OR_FILEINFO, "read for req.get_addhandler_exts()"),
    AP_INIT_RAW_ARGS("Require", hear_require, NULL, OR_AUTHCFG, "read for req.requires()"),
    AP_INIT_RAW_ARGS("AuthMerging", hear_auth_merging, NULL, OR_AUTHCFG, "read for req.requires()"),
};

/* As mod_mime merges: what a section removes, it removes also of what it adds itself. */
static void merge_extensions(apr_pool_t *p, const mp_dir_conf *base, const mp_dir_conf *add, mp_dir_conf *out)
{
    int i;

    if (!add->extensions && !add->removed_extensions)
        return;
    out->extensions = base->extensions ? apr_table_copy(p, base->extensions) : apr_table_make(p, 4);
    if (add->extensions)
        apr_table_overlap(out->extensions, add->extensions, APR_OVERLAP_TABLES_SET);
    for (i = 0; add->removed_extensions && i < add->removed_extensions->nelts; i++)
        apr_table_unset(out->extensions, APR_ARRAY_IDX(add->removed_extensions, i, const char *));
    out->removed_extensions = NULL;
}

/* As mod_authz_core merges. */
static void merge_requirements(apr_pool_t *p, const mp_dir_conf *base, const mp_dir_conf *add, mp_dir_conf *out)
{
    if (!add->requirements && add->auth_merging == MP_UNSET)
        return;
    out->auth_merging = add->auth_merging;
    out->requirements = add->requirements;
    if (add->auth_merging == 1 && base->requirements)
        out->requirements = add->requirements ? apr_array_append(p, base->requirements, add->requirements) :
                                                base->requirements;
}

void mp_overheard_merge(apr_pool_t *p, const mp_dir_conf *base, const mp_dir_conf *add, mp_dir_conf *out)
{
    merge_extensions(p, base, add, out);
    merge_requirements(p, base, add, out);
}
