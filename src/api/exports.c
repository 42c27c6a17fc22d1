#include "api/exports.h"

#include "api/types.h"
#include "runtime/error.h"
#include "runtime/lease.h"

typedef struct guest guest;
struct guest {
    mp_lease lease;
    guest *outer;
};

static _Thread_local guest *guests;     /* this thread's, the last one first */

static void log_fault(const char *text)
{
    mp_log(mp_lease_where(), APLOG_ERR, "MP0230: %s", text);
}

void *mp_exports_acquire(const char *interpreter)
{
    guest *one;

    if (interpreter && !*interpreter) {
        log_fault("mp_acquire_interpreter() was called with an empty name; pass NULL for " MP_MAIN_INTERPRETER);
        return NULL;
    }
    one = malloc(sizeof(*one));
    if (!one)
        return NULL;
    if (mp_lease_take(&one->lease, interpreter ? interpreter : MP_MAIN_INTERPRETER, mp_lease_where()) != APR_SUCCESS) {
        free(one);
        return NULL;
    }
    one->outer = guests;
    guests = one;
    return one->lease.interp;
}

void mp_exports_release(void)
{
    guest *one = guests;

    if (!one || !mp_lease_is_innermost(&one->lease)) {
        log_fault(one ? "mp_release_interpreter() was called where the interpreter can't be given back: a later visit "
                        "of this thread has not ended, or the thread is detached; the call is ignored"
                      : "mp_release_interpreter() was called by a thread that has no interpreter from "
                        "mp_acquire_interpreter(); the call is ignored");
        return;
    }
    if (PyErr_Occurred())       /* the next visitor would find it */
        mp_error_log(mp_lease_where(), "MP0231", "a call by another module of httpd", one->lease.interp->name, NULL);
    guests = one->outer;
    mp_lease_release(&one->lease);
    free(one);
}

/* NULL: the thread is in no interpreter, or there is no record, with an exception. */
static mp_state *state_for(const void *record)
{
    mp_interp *interp = mp_lease_current();

    if (interp && !record) {
        PyErr_SetString(PyExc_ValueError, "the object of a NULL pointer was asked for");
        return NULL;
    }
    return interp ? interp->api : NULL;
}

void *mp_exports_request(request_rec *r)
{
    mp_state *state = state_for(r);

    return state ? mp_request_share(state, r) : NULL;
}

void *mp_exports_server(server_rec *s)
{
    mp_state *state = state_for(s);

    return state ? mp_server_from(state, s) : NULL;
}

void *mp_exports_connection(conn_rec *c)
{
    mp_state *state = state_for(c);

    return state ? mp_connection_from(state, c) : NULL;
}
