#include "host/wsgi_admit.h"

int mp_wsgi_admit_script(request_rec *r, int is_aliased)
{
    const char *file = r->filename ? r->filename : r->uri;
    int status = HTTP_FORBIDDEN;

    if (!is_aliased && !(ap_allow_options(r) & OPT_EXECCGI))
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0304: Options ExecCGI is off in this directory: %s", file);
    else if (!r->filename || r->finfo.filetype == APR_NOFILE) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0305: Target WSGI script not found or unable to stat: %s", file);
        status = HTTP_NOT_FOUND;
    }
    else if (r->finfo.filetype == APR_DIR)
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0306: Attempt to invoke directory as WSGI application: %s", file);
    else if (r->finfo.filetype != APR_REG)
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0307: the WSGI script %s is no regular file", file);
    else
        status = OK;
    return status;
}

int mp_wsgi_admit_request(request_rec *r, const mp_wsgi_conf *conf)
{
    int chunked = conf->chunked_request == 1 ? REQUEST_CHUNKED_DECHUNK : REQUEST_CHUNKED_ERROR;
    int status;

    if (r->used_path_info == AP_REQ_REJECT_PATH_INFO && r->path_info && *r->path_info) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0308: AcceptPathInfo off disallows user's path: %s%s",
                      r->filename ? r->filename : "", r->path_info);
        return HTTP_NOT_FOUND;
    }
    if (!apr_table_get(r->headers_in, "Transfer-Encoding") && !apr_table_get(r->headers_in, "Content-Length"))
        return OK;
    status = ap_setup_client_block(r, chunked);     /* else 400, 411, 413 or 501 */
    if (status == HTTP_REQUEST_ENTITY_TOO_LARGE)    /* of which alone httpd says nothing */
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "MP0330: a body of %" APR_OFF_T_FMT " bytes; LimitRequestBody "
                      "allows %" APR_OFF_T_FMT, r->remaining, ap_get_limit_req_body(r));
    return status;
}
