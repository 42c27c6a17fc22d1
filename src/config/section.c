/* Sections around a directive.
 *
 * cmd->path holds the argument of the innermost section only, which may be a <Files>; so we read the parents of the
 * directive in the configuration tree.
 */
#include "config/section.h"
#include "apr_fnmatch.h"

static int is_named(const ap_directive_t *d, const char *name)
{
    return !ap_cstr_casecmp(d->directive, name);
}

/* httpd has already refused sections that have no '>', a bad path or a bad regular expression. */
static void read_section(cmd_parms *cmd, const ap_directive_t *d, mp_section *section)
{
    const char *end = strrchr(d->args, '>');
    const char *args = end ? apr_pstrmemdup(cmd->pool, d->args, (apr_size_t)(end - d->args)) : d->args;
    const char *word = ap_getword_conf(cmd->pool, &args);
    int is_regex = is_named(d, "<DirectoryMatch") || is_named(d, "<LocationMatch");
    char *path;

    section->is_location = is_named(d, "<Location") || is_named(d, "<LocationMatch");
    if (!is_regex && !strcmp(word, "~")) {
        word = ap_getword_conf(cmd->pool, &args);
        is_regex = 1;
    }
    section->directory = word;
    if (section->is_location) {
        section->wildcard = is_regex || apr_fnmatch_test(word);
        return;
    }
    if (is_regex) {
        section->pattern = ap_pregcomp(cmd->pool, word, AP_REG_EXTENDED);
        return;
    }
    if (apr_filepath_merge(&path, NULL, word, APR_FILEPATH_TRUENAME, cmd->pool) == APR_SUCCESS)
        section->directory = path;
    if (!*section->directory || section->directory[strlen(section->directory) - 1] != '/')
        section->directory = apr_pstrcat(cmd->pool, section->directory, "/", NULL);
    section->wildcard = apr_fnmatch_test(section->directory);
}

void mp_section_find(cmd_parms *cmd, mp_section *section)
{
    const ap_directive_t *d;
    int inside = 0;     /* of a section that has put its own argument into cmd->path */

    memset(section, 0, sizeof(*section));
    for (d = cmd->directive ? cmd->directive->parent : NULL; d; d = d->parent) {
        if (is_named(d, "<Directory") || is_named(d, "<DirectoryMatch") || is_named(d, "<Location") ||
            is_named(d, "<LocationMatch")) {
            read_section(cmd, d, section);
            return;
        }
        inside |= is_named(d, "<Files") || is_named(d, "<FilesMatch") || is_named(d, "<If") ||
                  is_named(d, "<ElseIf") || is_named(d, "<Else");
    }
    if (cmd->pool != cmd->temp_pool)    /* they are one only in .htaccess */
        return;
    section->directory = inside ? ap_make_dirstr_parent(cmd->pool, cmd->directive->filename) : cmd->path;
}
