#include "host/filters.h"
#include "config/filters.h"
#include "host/engine.h"

/* httpd gives a filter function its ap_filter_t, and there its name. But mod_filter (FilterProvider,
 * AddOutputFilterByType) lets a filter of its own, by another name, call our function. So each name has a function of
 * its own, as long as there are some; the others go by the name in the ap_filter_t. */
#define EIGHT(X, n) X(n##0) X(n##1) X(n##2) X(n##3) X(n##4) X(n##5) X(n##6) X(n##7)
#define EACH_SLOT(X) EIGHT(X, 0) EIGHT(X, 1) EIGHT(X, 2) EIGHT(X, 3) EIGHT(X, 4) EIGHT(X, 5) EIGHT(X, 6) EIGHT(X, 7)
#define BY_TYPE "BYTYPE:"       /* mod_filter's own names for AddOutputFilterByType */

static apr_status_t output(ap_filter_t *f, apr_bucket_brigade *bb, const char *name);
static apr_status_t output_of_slot(ap_filter_t *f, apr_bucket_brigade *bb, int slot);

#define FUNCTION(n) \
    static apr_status_t output_##n(ap_filter_t *f, apr_bucket_brigade *bb) { return output_of_slot(f, bb, 0##n); }
EACH_SLOT(FUNCTION)
#undef FUNCTION

#define ENTRY(n) output_##n,
static apr_status_t (*const slots[])(ap_filter_t *f, apr_bucket_brigade *bb) = { EACH_SLOT(ENTRY) };
#undef ENTRY
#define SLOTS ((int)(sizeof(slots) / sizeof(slots[0])))

static apr_status_t output_of_slot(ap_filter_t *f, apr_bucket_brigade *bb, int slot)
{
    const apr_array_header_t *names = mp_process_get()->filters;
    int i;

    for (i = 0; i < names->nelts; i++) {
        const mp_filter_name *name = &APR_ARRAY_IDX(names, i, mp_filter_name);

        if (!name->is_input && slot-- == 0)
            return output(f, bb, name->name);
    }
    return output(f, bb, f->frec->name);
}

static apr_status_t output_by_name(ap_filter_t *f, apr_bucket_brigade *bb)
{
    const char *name = f->frec->name;

    if (!ap_cstr_casecmpn(name, BY_TYPE, sizeof(BY_TYPE) - 1))
        name += sizeof(BY_TYPE) - 1;
    return output(f, bb, name);
}

/* What the request needs to know of this filter; made at its first call. */
static mp_filtering *filtering_of(ap_filter_t *f, const char *name, int is_input)
{
    mp_filtering *filtering = f->ctx;
    const mp_request_conf *own = mp_request_conf_find(f->r);

    if (!filtering) {
        mp_filter_entry *entry = mp_filters_find(mp_dir_conf_get(f->r)->filters, name, is_input);

        if (!entry && own)
            entry = mp_filters_find(own->filters, name, is_input);
        f->ctx = filtering = apr_pcalloc(f->r->pool, sizeof(*filtering));
        filtering->name = name;
        filtering->handler = entry ? &entry->handler : NULL;
        filtering->is_input = is_input != 0;
    }
    if (filtering->handler && !filtering->interpreter)
        filtering->interpreter = mp_interpreter_name(f->r, filtering->handler);
    return filtering;
}

static const mp_engine_table *engine_for(ap_filter_t *f, const mp_filtering *filtering)
{
    const char *kind = filtering->is_input ? "input" : "output";
    const mp_engine_table *engine = mp_engine_get();

    if (!filtering->handler) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, f->r, "MP0240: no %s that holds for this request defines the %s filter "
                      "'%s'; write it into the section that uses the filter, or around it",
                      mp_phase_directive(filtering->is_input ? MP_INPUT_FILTER : MP_OUTPUT_FILTER), kind,
                      filtering->name);
        return NULL;
    }
    if (!engine)
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, f->r, "MP0241: the %s filter '%s' can't run, %s", kind,
                      filtering->name, mp_engine_absence());
    return engine;
}

/* An error for the whole request: httpd's error page, if the head of the answer is not out yet, else the answer is cut
 * so that the client sees it. */
static void answer_error(ap_filter_t *to, request_rec *r, conn_rec *c)
{
    int is_out = r->main ? r->main->sent_bodyct != 0 : r->sent_bodyct != 0;
    int status = is_out ? HTTP_BAD_GATEWAY : HTTP_INTERNAL_SERVER_ERROR;    /* the first cuts a chunked answer */
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, c->bucket_alloc);

    c->keepalive = AP_CONN_CLOSE;
    APR_BRIGADE_INSERT_TAIL(bb, ap_bucket_error_create(status, NULL, r->pool, c->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(c->bucket_alloc));
    ap_pass_brigade(to, bb);
    apr_brigade_destroy(bb);
}

static apr_status_t output(ap_filter_t *f, apr_bucket_brigade *bb, const char *name)
{
    mp_filtering *filtering = filtering_of(f, name, 0);
    const mp_engine_table *engine;
    apr_status_t status = AP_FILTER_ERROR;

    if (filtering->busy)        /* such as an error page that httpd makes of what this filter passes on */
        return ap_pass_brigade(f->next, bb);
    if (filtering->refused) {
        apr_brigade_cleanup(bb);
        return status;
    }
    filtering->busy = 1;
    engine = engine_for(f, filtering);
    filtering->refused = !engine;
    if (engine)
        status = engine->output_filter(f, filtering, bb);
    if (filtering->refused) {
        apr_brigade_cleanup(bb);
        answer_error(f->next, f->r, f->c);
        status = AP_FILTER_ERROR;
    }
    filtering->busy = 0;
    return status;
}

static apr_status_t input(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode, apr_read_type_e block,
                          apr_off_t readbytes)
{
    mp_filtering *filtering = filtering_of(f, f->frec->name, 1);
    const mp_engine_table *engine;
    apr_status_t status = AP_FILTER_ERROR;

    if (filtering->busy || mode == AP_MODE_INIT)
        return ap_get_brigade(f->next, bb, mode, block, readbytes);
    if (filtering->refused)
        return status;
    filtering->busy = 1;
    engine = engine_for(f, filtering);
    filtering->refused = !engine;
    if (engine)
        status = engine->input_filter(f, filtering, bb, mode, block, readbytes);
    if (filtering->refused) {
        if (!f->r->eos_sent)
            answer_error(f->r->output_filters, f->r, f->c);
        status = AP_FILTER_ERROR;
    }
    filtering->busy = 0;
    return status;
}

static int is_ours(const char *name, int is_input)
{
    const ap_filter_rec_t *known = is_input ? ap_get_input_filter_handle(name) : ap_get_output_filter_handle(name);
    int i;

    if (!known)
        return -1;
    if (is_input)
        return known->filter_func.in_func == input;
    for (i = 0; i < SLOTS; i++)
        if (known->filter_func.out_func == slots[i])
            return 1;
    return known->filter_func.out_func == output_by_name;
}

static const char *register_name(cmd_parms *cmd, const char *name, int is_input)
{
    apr_array_header_t *names = mp_process_get()->filters;
    mp_filter_name *new;
    int i, outputs = 0;

    for (i = 0; i < names->nelts; i++) {
        const mp_filter_name *known = &APR_ARRAY_IDX(names, i, mp_filter_name);

        if (known->is_input == is_input && !strcmp(known->name, name))
            return NULL;
        outputs += !known->is_input;
    }
    if (is_ours(name, is_input) >= 0)
        return apr_psprintf(cmd->pool, "%s: another module has %s filter '%s' already; give this one another name: "
                            "'%s HANDLER NAME'", cmd->cmd->name, is_input ? "an input" : "an output", name,
                            cmd->cmd->name);
    if (is_input)
        ap_register_input_filter(name, input, NULL, AP_FTYPE_RESOURCE);
    else
        ap_register_output_filter(name, outputs < SLOTS ? slots[outputs] : output_by_name, NULL, AP_FTYPE_RESOURCE);
    new = apr_array_push(names);
    new->name = name;
    new->is_input = is_input;
    new->file = cmd->directive->filename;
    new->line = cmd->directive->line_num;
    return NULL;
}

const char *mp_filters_check(apr_pool_t *p)
{
    const apr_array_header_t *names = mp_process_get()->filters;
    int i;

    for (i = 0; i < names->nelts; i++) {
        const mp_filter_name *name = &APR_ARRAY_IDX(names, i, mp_filter_name);

        if (is_ours(name->name, name->is_input) != 1)
            return apr_psprintf(p, "the filter '%s' of %s (%s:%d) was defined once more by another module's directive "
                                "(ExtFilterDefine or the like); give one of them another name", name->name,
                                mp_phase_directive(name->is_input ? MP_INPUT_FILTER : MP_OUTPUT_FILTER), name->file,
                                name->line);
    }
    return NULL;
}

void mp_filters_start(void)
{
    mp_filter_register = register_name;
    ap_register_input_filter(MP_DYNAMIC_FILTER, input, NULL, AP_FTYPE_RESOURCE);
    ap_register_output_filter(MP_DYNAMIC_FILTER, output_by_name, NULL, AP_FTYPE_RESOURCE);
}
