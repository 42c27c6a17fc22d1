#include "handlers/connections.h"

#include "api/types.h"
#include "handlers/debugger.h"
#include "handlers/modules.h"
#include "handlers/result.h"
#include "runtime/error.h"
#include "runtime/lease.h"

/* Attached, with the exception set. The client hears nothing but the end. */
static int failed(conn_rec *c, const mp_visit *visit, const mp_handler *handler)
{
    mp_error_log(mp_at_connection(c), "MP0090", apr_pstrcat(c->pool, "ConnectionHandler ", handler->text, NULL),
                 visit->interpreter, NULL);
    return DONE;
}

/* Attached. */
static int call(mp_state *state, conn_rec *c, const mp_visit *visit, const mp_handler *handler, PyObject *conn)
{
    PyObject *function = mp_modules_function(state, NULL, c->base_server, handler, visit->phase, conn);
    PyObject *value = function ? mp_debugger_call(mp_at_connection(c), function, conn) : NULL;
    int result;

    if (mp_result_take(state, NULL, handler, value, &result) < 0)
        result = failed(c, visit, handler);
    else if (result != OK && result != DONE && result != DECLINED)
        ap_log_cerror(APLOG_MARK, APLOG_ERR, 0, c, "MP0092: ConnectionHandler %s returned %d; a connection handler "
                      "returns apache.OK, DONE or DECLINED. The connection is closed", handler->text, result);
    Py_XDECREF(value);
    Py_XDECREF(function);
    return result;
}

int mp_connections_run(conn_rec *c, const mp_visit *visit)
{
    const mp_handler *handler = visit->stack;
    int result = DECLINED;
    PyObject *conn;
    mp_lease lease;

    if (mp_lease_take(&lease, visit->interpreter, mp_at_connection(c)) != APR_SUCCESS)
        return DONE;
    conn = mp_connection_from(lease.interp->api, c);
    if (conn) {
        for (; handler && result == DECLINED; handler = handler->next) {
            mp_connection_running(conn, handler);
            result = call(lease.interp->api, c, visit, handler, conn);
        }
        if (result == DECLINED)
            mp_connection_running(conn, NULL);
        else
            mp_connection_end(conn);
        Py_DECREF(conn);
    }
    else {
        mp_error_log(mp_at_connection(c), "MP0091", "making the connection object", visit->interpreter, NULL);
        result = DONE;
    }
    mp_lease_release(&lease);
    return result;
}
