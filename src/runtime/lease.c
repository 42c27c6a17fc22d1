#include "runtime/lease.h"

#include "runtime/turns.h"

#include <pthread.h>

/* One thread's state for one interpreter. */
struct mp_attachment {
    mp_interp *interp;
    PyThreadState *state;
    mp_attachment *next;
};

/* One per OS thread that ever took a lease; nobody else touches it. */
typedef struct {
    mp_attachment *attachments;
    mp_attachment *current;     /* the innermost lease's */
    mp_lease *innermost;
    mp_place where;             /* the innermost lease's */
} visitor;

static _Thread_local visitor *me;
static pthread_key_t end_of_thread;     /* only for its destructor */

/* The state this thread is attached with, or NULL. */
static PyThreadState *attached(const visitor *v)
{
    PyThreadState *state = mp_current_tstate();

    return v->current && v->current->state == state ? state : NULL;
}

/* The thread ends: its states are cleared (threading.local closes connections), unless the process ends first. */
static void leave(void *data)
{
    visitor *v = data;
    mp_attachment *a = v->attachments;

    if (!v->current)
        mp_turns_begin();
    else if (attached(v))
        PyEval_SaveThread();        /* another module of httpd did not give its lease back */
    v->current = NULL;
    v->innermost = NULL;
    v->where = mp_at_server(NULL);
    while (a) {
        mp_attachment *next = a->next;

        if (!mp_interp_closed()) {
            PyEval_RestoreThread(a->state);
            PyThreadState_Clear(a->state);
            PyThreadState_DeleteCurrent();
        }
        free(a);
        a = next;
    }
    mp_turns_end();
    me = NULL;
    free(v);
}

apr_status_t mp_lease_start(void)
{
    int failed = pthread_key_create(&end_of_thread, leave);

    return failed ? APR_FROM_OS_ERROR(failed) : APR_SUCCESS;
}

static mp_attachment *attachment_new(visitor *v, mp_interp *interp)
{
    mp_attachment *a = malloc(sizeof(*a));

    if (!a)
        return NULL;
    a->interp = interp;
    a->state = PyThreadState_New(interp->state);
    if (!a->state) {
        free(a);
        return NULL;
    }
    a->next = v->attachments;
    v->attachments = a;
    return a;
}

/* The first state that CPython sees on a thread is what PyGILState_Ensure() of extension modules goes to (up to 3.11
 * for good): make it the main interpreter's, where such modules belong. */
static visitor *arrive(void)
{
    visitor *v = calloc(1, sizeof(*v));

    if (!v)
        return NULL;
    if (!attachment_new(v, mp_interp_main()) || pthread_setspecific(end_of_thread, v)) {
        leave(v);
        return NULL;
    }
    me = v;
    return v;
}

static mp_attachment *find(const visitor *v, const char *name)
{
    mp_attachment *a = v->attachments;

    while (a && strcmp(a->interp->name, name))
        a = a->next;
    return a;
}

static mp_attachment *find_interp(const visitor *v, const mp_interp *interp)
{
    mp_attachment *a = v->attachments;

    while (a && a->interp != interp)
        a = a->next;
    return a;
}

static void enter(visitor *v, mp_attachment *a, mp_lease *lease, mp_place where)
{
    lease->interp = a->interp;
    lease->outer_lease = v->innermost;
    lease->outer = v->current;
    lease->outer_state = attached(v);
    lease->outer_where = v->where;
    if (!v->current)
        mp_turns_begin();
    if (lease->outer_state != a->state) {
        if (lease->outer_state)
            PyEval_SaveThread();
        PyEval_RestoreThread(a->state);
    }
    v->current = a;
    v->innermost = lease;
    v->where = where;
}

void mp_lease_release(mp_lease *lease)
{
    visitor *v = me;

    if (lease->outer_state != v->current->state) {
        PyEval_SaveThread();
        if (lease->outer_state)
            PyEval_RestoreThread(lease->outer_state);
    }
    v->current = lease->outer;
    v->innermost = lease->outer_lease;
    v->where = lease->outer_where;
    if (!v->current) {
        mp_turns_end();
        mp_host->idle();
    }
}

/* This thread's first lease of that name. Births want a detached thread. */
static mp_attachment *first_visit(visitor *v, const char *name, server_rec *s)
{
    PyThreadState *outer = attached(v);
    mp_interp *interp;

    if (outer)
        PyEval_SaveThread();
    interp = mp_interp_get(name, s);
    if (outer)
        PyEval_RestoreThread(outer);
    return interp ? attachment_new(v, interp) : NULL;
}

apr_status_t mp_lease_take(mp_lease *lease, const char *name, mp_place where)
{
    visitor *v = me;
    mp_attachment *a = NULL;

    if (!mp_interp_closed() && mp_interp_main() && (v || (v = arrive())) && !(a = find(v, name)))
        a = first_visit(v, name, where.s);
    if (!a) {
        mp_log(where, APLOG_ERR, "MP0005: interpreter '%s' is not available%s", name,
               mp_interp_closed() ? ": the process is ending" : "; see the lines before");
        return APR_EGENERAL;
    }
    enter(v, a, lease, where);
    return APR_SUCCESS;
}

static apr_status_t take_known(mp_lease *lease, mp_interp *interp, mp_place where)
{
    visitor *v = me ? me : arrive();
    mp_attachment *a = v ? find_interp(v, interp) : NULL;

    if (v && !a)
        a = attachment_new(v, interp);
    if (!a)
        return APR_ENOMEM;
    enter(v, a, lease, where);
    return APR_SUCCESS;
}

apr_status_t mp_lease_take_interp(mp_lease *lease, mp_interp *interp, mp_place where)
{
    return mp_interp_closed() ? APR_EGENERAL : take_known(lease, interp, where);
}

apr_status_t mp_lease_take_last(mp_lease *lease, mp_interp *interp, server_rec *s)
{
    return take_known(lease, interp, mp_at_server(s));
}

mp_place mp_lease_where(void)
{
    return me && me->where.s ? me->where : mp_at_server(ap_server_conf);
}

int mp_lease_busy(void)
{
    return me && attached(me);
}

mp_interp *mp_lease_current(void)
{
    return mp_lease_busy() ? me->current->interp : NULL;
}

int mp_lease_is_innermost(const mp_lease *lease)
{
    return mp_lease_busy() && me->innermost == lease;
}
