#include "config/filters.h"
#include "config/handlers.h"

mp_filter_register_fn mp_filter_register;

mp_filter_entry *mp_filters_find(mp_filter_entry *list, const char *name, int is_input)
{
    while (list && (list->is_input != is_input || ap_cstr_casecmp(list->name, name)))
        list = list->next;
    return list;
}

const char *mp_filters_set(cmd_parms *cmd, mp_dir_conf *conf, const char *text, const char *name)
{
    mp_filter_entry *entry = apr_pcalloc(cmd->pool, sizeof(*entry));
    char *lower = apr_pstrdup(cmd->pool, name ? name : text);
    mp_section section;

    ap_str_tolower(lower);
    mp_process_get()->needs_embedded = 1;
    mp_section_find(cmd, &section);
    mp_handler_fill(&entry->handler, text, &section);
    entry->name = lower;
    entry->is_input = cmd->info != NULL;
    entry->next = conf->filters;
    conf->filters = entry;
    return mp_filter_register(cmd, lower, entry->is_input);
}

mp_filter_entry *mp_filters_merge(apr_pool_t *p, mp_filter_entry *base, mp_filter_entry *add)
{
    mp_filter_entry *out = NULL, **end = &out;
    mp_filter_entry *lists[] = {add, base};
    int i;

    if (!base)
        return add;
    for (i = 0; i < 2; i++) {
        const mp_filter_entry *entry;

        for (entry = lists[i]; entry; entry = entry->next) {
            if (mp_filters_find(out, entry->name, entry->is_input))
                continue;
            *end = apr_pmemdup(p, entry, sizeof(*entry));
            (*end)->next = NULL;
            end = &(*end)->next;
        }
    }
    return out;
}
