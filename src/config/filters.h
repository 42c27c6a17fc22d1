/* Filters by name: written from directives, merged, found for a request. */
#ifndef MP_CONFIG_FILTERS_H
#define MP_CONFIG_FILTERS_H

#include "config/records.h"

/* PythonInputFilter or PythonOutputFilter (cmd->info: is_input) HANDLER [NAME]. Returns NULL, or what is wrong. */
const char *mp_filters_set(cmd_parms *cmd, mp_dir_conf *conf, const char *text, const char *name);

/* Entries of `add` hide base's of the same name and direction; all are shared or copied, none is changed. */
mp_filter_entry *mp_filters_merge(apr_pool_t *p, mp_filter_entry *base, mp_filter_entry *add);

/* The name in any letter case. NULL: not there. */
mp_filter_entry *mp_filters_find(mp_filter_entry *list, const char *name, int is_input);

/* Makes httpd know the name; set once at start by the host room, whose functions httpd then calls. Returns NULL, or
 * why the name can't be had. */
typedef const char *(*mp_filter_register_fn)(cmd_parms *cmd, const char *name, int is_input);
extern mp_filter_register_fn mp_filter_register;

#endif
