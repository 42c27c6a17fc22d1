#include "host/include.h"
#include "host/engine.h"

#include "apr_lib.h"
#include "mod_include.h"

static APR_OPTIONAL_FN_TYPE(ap_ssi_get_tag_and_value) *next_attribute;

/* The element's one attribute, decoded. NULL, or what is wrong. */
static const char *read_element(include_ctx_t *ctx, mp_include *element)
{
    const char *error = NULL;
    char *name, *value;
    int count = 0;

    for (;; count++) {
        next_attribute(ctx, &name, &value, SSI_VALUE_DECODED);
        if (!name || !value)
            break;
        element->is_expression = !strcmp(name, "eval");
        element->code = value;
        if (!element->is_expression && strcmp(name, "exec"))
            error = apr_psprintf(ctx->dpool, "the attribute '%s' is unknown; write eval=\"EXPRESSION\" or "
                                 "exec=\"STATEMENTS\"", name);
        else if (!*value)
            error = apr_psprintf(ctx->dpool, "%s is empty", name);
        if (error)
            return error;
    }
    if (name)
        return apr_psprintf(ctx->dpool, "%s has no value", name);
    if (count == 1)
        return NULL;
    return count ? "there are several attributes; write one element for each"
                 : "there is no attribute; write eval=\"EXPRESSION\" or exec=\"STATEMENTS\"";
}

/* Line ends of the network to Python's; white space behind the code goes. Python is strict about what stands in front
 * of statements, and about line ends in front of an expression. */
static const char *tidy(char *code, int is_expression)
{
    char *from, *to = code;

    for (from = code; *from; from++)
        if (*from != '\r' || from[1] != '\n')
            *to++ = *from;
    while (to > code && apr_isspace(to[-1]))
        to--;
    *to = '\0';
    while (is_expression && apr_isspace(*code))
        code++;
    return code;
}

static apr_status_t handle_python(include_ctx_t *ctx, ap_filter_t *f, apr_bucket_brigade *bb)
{
    const mp_engine_table *engine = mp_engine_get();
    request_rec *r = f->r;
    mp_include element = {.page = r->filename ? r->filename : r->uri, .error = ctx->error_str};
    const char *error;

    if (!(ctx->flags & SSI_FLAG_PRINTING))
        return APR_SUCCESS;
    if (ctx->flags & SSI_FLAG_NO_EXEC) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0242: <!--#python --> is not allowed in %s: Options "
                      "IncludesNOEXEC is in effect; it needs Options +Includes", element.page);
        SSI_CREATE_ERROR_BUCKET(ctx, f, bb);
        return APR_SUCCESS;
    }
    if ((error = read_element(ctx, &element))) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0243: <!--#python --> in %s: %s", element.page, error);
        SSI_CREATE_ERROR_BUCKET(ctx, f, bb);
        return APR_SUCCESS;
    }
    if (!engine) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0244: <!--#python --> in %s can't run, %s", element.page,
                      mp_engine_absence());
        SSI_CREATE_ERROR_BUCKET(ctx, f, bb);
        return APR_SUCCESS;
    }
    element.interpreter = mp_interpreter_name(r, NULL);
    element.code = tidy((char *)element.code, element.is_expression);
    ctx->flush_now = 1;
    return engine->include(f, &element, bb);
}

void mp_include_register(void)
{
    APR_OPTIONAL_FN_TYPE(ap_register_include_handler) *add = APR_RETRIEVE_OPTIONAL_FN(ap_register_include_handler);

    next_attribute = APR_RETRIEVE_OPTIONAL_FN(ap_ssi_get_tag_and_value);
    if (add && next_attribute)
        add("python", handle_python);
}
