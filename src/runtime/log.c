#include "runtime/log.h"

#include <stdarg.h>

void mp_log(mp_place where, int level, const char *format, ...)
{
    char text[MAX_STRING_LEN];      /* httpd cuts its lines there, too */
    va_list arguments;

    va_start(arguments, format);
    apr_vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (where.gateway)
        where.gateway->calls->log(where.gateway, level, text);
    else if (where.r)
        ap_log_rerror(APLOG_MARK, level, 0, where.r, "%s", text);
    else if (where.c)
        ap_log_cerror(APLOG_MARK, level, 0, where.c, "%s", text);
    else
        ap_log_error(APLOG_MARK, level, 0, where.s ? where.s : ap_server_conf, "%s", text);
}
