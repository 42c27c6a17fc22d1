#include "config/merge.h"
#include "config/filters.h"
#include "config/wsgi_records.h"

static const mp_stack *find_stack(const mp_stack *stacks, const char *extension)
{
    for (; stacks; stacks = stacks->next)
        if (extension ? stacks->extension && !strcmp(stacks->extension, extension) : !stacks->extension)
            break;
    return stacks;
}

static mp_stack *push_stack(apr_pool_t *p, const mp_stack *stack, mp_stack *next)
{
    mp_stack *copy = apr_pmemdup(p, stack, sizeof(*copy));

    copy->next = next;
    return copy;
}

/* A list of `add` replaces base's for the same extension; the handlers themselves are shared, so that a list that was
 * inherited can be told by its address. */
static mp_stack *merge_stacks(apr_pool_t *p, mp_stack *base, mp_stack *add)
{
    mp_stack *out = add, *kept = NULL;

    for (; base; base = base->next)
        if (!find_stack(add, base->extension))
            kept = push_stack(p, base, kept);
    if (kept)
        for (out = kept; add; add = add->next)
            out = push_stack(p, add, out);
    return out;
}

static int set_option(void *table, const char *key, const char *value)
{
    apr_table_setn(table, key, value);
    return 1;
}

void *mp_dir_conf_merge(apr_pool_t *p, void *base_, void *add_)
{
    mp_dir_conf *base = base_, *add = add_, *out = apr_pmemdup(p, base, sizeof(*out));
    int i;

    for (i = 0; i < MP_STACKS; i++)
        if (add->stacks[i])
            out->stacks[i] = base->stacks[i] ? merge_stacks(p, base->stacks[i], add->stacks[i]) : add->stacks[i];
    if (add->filters)
        out->filters = mp_filters_merge(p, base->filters, add->filters);
    if (add->options && base->options) {
        out->options = apr_table_copy(p, base->options);
        apr_table_do(set_option, out->options, add->options, NULL);
    }
    else if (add->options)
        out->options = add->options;
#define PICK(field, unset) if (add->field != (unset)) out->field = add->field
    PICK(interpreter, NULL);
    PICK(path, NULL);
    PICK(autoreload, MP_UNSET);
    PICK(debug, MP_UNSET);
    PICK(interp_per_directory, MP_UNSET);
    PICK(interp_per_directive, MP_UNSET);
    PICK(enable_pdb, MP_UNSET);
#undef PICK
    mp_overheard_merge(p, base, add, out);
    mp_wsgi_conf_merge(p, &base->wsgi, &add->wsgi, &out->wsgi);
    return out;
}
