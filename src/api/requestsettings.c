/* The tables of settings that a request has of its own, and how they follow it from phase to phase. */
#include "api/request.h"

/* PythonOption with an empty value takes an inherited key away. */
apr_table_t *mp_request_options_of(apr_pool_t *p, const mp_dir_conf *conf)
{
    apr_table_t *options = apr_table_make(p, 8);
    const apr_array_header_t *all = conf->options ? apr_table_elts(conf->options) : NULL;
    int i;

    for (i = 0; all && i < all->nelts; i++) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(all, i, apr_table_entry_t);

        if (entry->val && *entry->val)
            apr_table_addn(options, entry->key, entry->val);
    }
    return options;
}

/* `table` began as `old`; it becomes `new` with what was changed since. */
static void carry_over(apr_table_t *table, const apr_table_t *old, apr_table_t *new)
{
    const apr_array_header_t *entries = apr_table_elts(table);
    int i;

    for (i = 0; i < entries->nelts; i++) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(entries, i, apr_table_entry_t);
        const char *was = apr_table_get(old, entry->key);

        if (entry->val && (!was || strcmp(was, entry->val)))
            apr_table_setn(new, entry->key, entry->val);
    }
    entries = apr_table_elts(old);
    for (i = 0; i < entries->nelts; i++) {
        const char *key = APR_ARRAY_IDX(entries, i, apr_table_entry_t).key;

        if (!apr_table_get(table, key))
            apr_table_unset(new, key);
    }
    apr_table_clear(table);
    entries = apr_table_elts(new);
    for (i = 0; i < entries->nelts; i++) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(entries, i, apr_table_entry_t);

        apr_table_addn(table, entry->key, entry->val);
    }
}

void mp_request_follow_config(mp_request *req, request_rec *r)
{
    mp_request_conf *own = req->conf;
    const mp_dir_conf *old = own->tables_of, *new = mp_host->dir_conf(r);

    if (!old || old == new)
        return;
    if (own->config)
        carry_over(own->config, mp_host->config_table(r->pool, old), mp_host->config_table(r->pool, new));
    if (own->options)
        carry_over(own->options, mp_request_options_of(r->pool, old), mp_request_options_of(r->pool, new));
    own->tables_of = new;
}
