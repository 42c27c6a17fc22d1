/* The gateway over a request of httpd: what a WSGI application in a child is served through.
 *
 * It lives in the request's pool. What it hands out of httpd's memory lives as long as the request.
 */
#ifndef MP_HOST_GATEWAY_H
#define MP_HOST_GATEWAY_H

#include "../engine.h"    /* the seam, not the header beside this one */

/* Runs the target for this request, and returns what the handler hook must return. The options of whatever mapped the
 * request here are in `choice`; what holds for the directory is in `conf`. */
int mp_gateway_serve(request_rec *r, mp_wsgi_target *target, const mp_wsgi_conf *conf, const mp_wsgi_choice *choice,
                     const mp_engine_table *engine);

/* WSGIPassAuthorization, or what the options of the mapping (may be NULL) say instead. */
int mp_wsgi_passes_authorization(const mp_wsgi_conf *conf, const mp_wsgi_choice *choice);

/* Below: between the gateway's own files. */

typedef struct {
    mp_gateway base;                    /* first */
    const mp_wsgi_conf *conf;
    apr_bucket_brigade *in, *out;       /* made when first needed; empty between calls, but for what is unread */
    apr_status_t read_error;
    int read_ended;
    int replaced;                       /* WSGIErrorOverride: the status whose error page httpd writes instead */
    apr_size_t holds;                   /* how many bytes more may wait for the end; 0: none */
    int holds_flush;                    /* somebody wants them to be on their way */
} mp_request_gateway;

/* gateway_input.c. The request was admitted (wsgi_admit.h), so httpd is ready to read its body. */
void mp_gateway_open_input(mp_request_gateway *gateway);
apr_status_t mp_gateway_read(mp_gateway *gateway, char *to, apr_size_t *n);

/* gateway_output.c */
apr_status_t mp_gateway_head(mp_gateway *gateway, int status, const char *line, const apr_array_header_t *pairs);
apr_status_t mp_gateway_write(mp_gateway *gateway, const char *data, apr_size_t n, mp_push push);
apr_status_t mp_gateway_send_file(mp_gateway *gateway, int fd, apr_off_t offset, apr_off_t n);
void mp_gateway_cut(mp_gateway *gateway);
/* What follows is all there, and comes piece by piece: up to `most` bytes it goes down httpd's filters in one piece,
 * which byte ranges, and filters that leave short answers alone, need. */
void mp_gateway_hold(mp_gateway *gateway, apr_size_t most);

/* gateway_variables.c: whether a filter changes the answer's content, so that its head depends on the body. */
int mp_gateway_is_transformed(const request_rec *r);
/* environ's text, an array of mp_pair; sets is_https. Fills in what the target says of the request
 * before proxies' headers had their say. */
void mp_gateway_variables(mp_request_gateway *gateway, mp_wsgi_target *target, int pass_authorization);
/* The same for scripts that decide whether the request may go on: what the environment says is left out, and every
 * word of the client's that could be a password. */
void mp_gateway_early_variables(mp_request_gateway *gateway, mp_wsgi_target *target);

#endif
