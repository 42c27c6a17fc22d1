/* Counters of the process, in plain C, since interpreters share them; python/mod_python/_wsgimetrics.py makes of them
 * what applications see.
 */
#include "wsgi/watch.h"

#include <pthread.h>

#define SLOTS 1024                  /* threads with figures of their own */
#define BUCKETS 65

enum { SERVER, QUEUE, DAEMON, APPLICATION, REQUEST, INPUT_READ, OUTPUT_WRITE, GIL_WAIT, PHASES };

static const char *const phase_names[PHASES] = {
    "server", "queue", "daemon", "application", "request", "input_read", "output_write", "gil_wait"
};

typedef struct {
    apr_time_t sum, least, most;
    unsigned long count, buckets[BUCKETS];
} phase;

typedef struct {
    unsigned long total;            /* since the start */
    unsigned long completed;        /* this and what follows: since the last report */
    apr_time_t busy, cpu, longest;
    apr_time_t since;               /* its request's start; 0: it has none */
} slot;

/* Since the last report. */
typedef struct {
    apr_time_t start;
    struct rusage usage;
    unsigned long requests, started, gil_waits, reads, writes, status[6];
    apr_off_t input, output;
    phase phases[PHASES];
} interval;

static struct {
    pthread_mutex_t lock;
    int on;
    apr_time_t start;
    unsigned long requests;
    apr_time_t busy;
    unsigned active, slots_used;
    slot slots[SLOTS];
    interval now;
} metrics = { .lock = PTHREAD_MUTEX_INITIALIZER };

int mp_wsgi_metrics_on(void)
{
    return __atomic_load_n(&metrics.on, __ATOMIC_RELAXED);
}

static void begin_interval(apr_time_t now)
{
    unsigned i;

    metrics.now = (interval){ .start = now };
    getrusage(RUSAGE_SELF, &metrics.now.usage);
    for (i = 0; i < metrics.slots_used; i++)
        metrics.slots[i] = (slot){ .total = metrics.slots[i].total, .since = metrics.slots[i].since };
}

static slot *slot_of(const mp_wsgi_watch *watch)
{
    unsigned i = watch->thread - 1;

    if (i >= SLOTS)
        return NULL;
    if (i >= metrics.slots_used)
        metrics.slots_used = i + 1;
    return &metrics.slots[i];
}

/* Below 1 ms the first; then 16 octaves from 1 ms on, each in 4 equal parts; all above in the last. */
static int bucket_of(apr_time_t time)
{
    apr_time_t octave = 1000;
    int i;

    if (time < octave)
        return 0;
    for (i = 1; i < BUCKETS && time >= 2 * octave; i += 4)
        octave *= 2;
    return i < BUCKETS ? i + (int)((time - octave) * 4 / octave) : BUCKETS - 1;
}

static void add_time(int number, apr_time_t time)
{
    phase *p = &metrics.now.phases[number];

    if (time < 0)
        time = 0;
    p->least = p->count && p->least < time ? p->least : time;
    p->most = p->most > time ? p->most : time;
    p->sum += time;
    p->count++;
    p->buckets[bucket_of(time)]++;
}

void mp_wsgi_metrics_begin(const mp_wsgi_watch *watch)
{
    slot *s;

    pthread_mutex_lock(&metrics.lock);
    metrics.active++;
    metrics.now.started++;
    if ((s = slot_of(watch)))
        s->since = watch->application_start;
    pthread_mutex_unlock(&metrics.lock);
}

static void add_to_slot(slot *s, apr_time_t busy, apr_time_t cpu)
{
    s->total++;
    s->completed++;
    s->busy += busy;
    s->cpu += cpu;
    s->longest = s->longest > busy ? s->longest : busy;
    s->since = 0;
}

void mp_wsgi_metrics_end(const mp_wsgi_watch *watch, const mp_gateway *gateway, int status, apr_time_t cpu)
{
    apr_time_t server_end = gateway->queue_start ? gateway->queue_start : watch->application_start;
    apr_time_t busy = watch->application_finish - watch->application_start;
    interval *now = &metrics.now;
    slot *s;

    pthread_mutex_lock(&metrics.lock);
    if (metrics.active)
        metrics.active--;           /* a request that began before the metrics did was not counted */
    metrics.requests++;
    metrics.busy += busy;
    now->requests++;
    now->gil_waits++;
    now->reads += watch->input_reads;
    now->writes += watch->output_writes;
    now->input += watch->input_length;
    now->output += watch->output_length;
    now->status[status >= 100 && status < 600 ? status / 100 : 5]++;
    add_time(SERVER, server_end - gateway->request_start);
    if (gateway->queue_start) {
        add_time(QUEUE, gateway->daemon_start - gateway->queue_start);
        add_time(DAEMON, watch->application_start - gateway->daemon_start);
    }
    add_time(APPLICATION, busy);
    add_time(REQUEST, watch->application_finish - gateway->request_start);
    add_time(INPUT_READ, watch->input_time);
    add_time(OUTPUT_WRITE, watch->output_time);
    add_time(GIL_WAIT, watch->gil_wait);
    if ((s = slot_of(watch)))
        add_to_slot(s, busy, cpu);
    pthread_mutex_unlock(&metrics.lock);
}

/* For Python: plain numbers, times in microseconds. */

static PyObject *phase_as_tuple(const phase *p)
{
    PyObject *buckets = PyList_New(BUCKETS);
    int i;

    for (i = 0; buckets && i < BUCKETS; i++)
        PyList_SET_ITEM(buckets, i, PyLong_FromUnsignedLong(p->buckets[i]));
    return buckets ? Py_BuildValue("(kLLLN)", p->count, (long long)p->sum, (long long)p->least, (long long)p->most,
                                   buckets) : NULL;
}

static int add_phases(PyObject *dict, const interval *past)
{
    int i;

    for (i = 0; i < PHASES; i++) {
        PyObject *tuple = phase_as_tuple(&past->phases[i]);
        int status = tuple ? PyDict_SetItemString(dict, phase_names[i], tuple) : -1;

        Py_XDECREF(tuple);
        if (status < 0)
            return -1;
    }
    return 0;
}

static PyObject *slots_as_list(const slot *slots, unsigned n)
{
    PyObject *list = PyList_New((Py_ssize_t)n);
    unsigned i;

    for (i = 0; list && i < n; i++) {
        PyObject *tuple = Py_BuildValue("(kkLLLL)", slots[i].total, slots[i].completed, (long long)slots[i].busy,
                                        (long long)slots[i].cpu, (long long)slots[i].longest,
                                        (long long)slots[i].since);

        if (!tuple)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, tuple);
    }
    return list;
}

static long long microseconds(struct timeval time)
{
    return time.tv_sec * 1000000LL + time.tv_usec;
}

static PyObject *as_dict(const interval *past, unsigned active, const slot *slots, unsigned n)
{
    PyObject *list = slots_as_list(slots, n), *dict;

    dict = !list ? NULL : Py_BuildValue(
        "{s:L,s:L,s:L,s:k,s:k,s:k,s:k,s:k,s:L,s:L,s:I,s:(kkkkk),s:N}",
        "start", (long long)past->start, "user", microseconds(past->usage.ru_utime),
        "system", microseconds(past->usage.ru_stime), "requests", past->requests, "started", past->started,
        "gil_wait_count", past->gil_waits, "input_reads", past->reads, "output_writes", past->writes,
        "input_bytes", (long long)past->input, "output_bytes", (long long)past->output, "active", active,
        "status", past->status[1], past->status[2], past->status[3], past->status[4], past->status[5], "slots", list);
    if (dict && add_phases(dict, past) < 0)
        Py_CLEAR(dict);
    return dict;
}

static PyObject *start(PyObject *module, PyObject *Py_UNUSED(nothing))
{
    pthread_mutex_lock(&metrics.lock);
    if (!metrics.on) {
        metrics.start = apr_time_now();
        begin_interval(metrics.start);
        __atomic_store_n(&metrics.on, 1, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&metrics.lock);
    Py_RETURN_NONE;
}

/* Copied under the lock, made into objects after it: that may run other code. */
static PyObject *report(PyObject *module, PyObject *reset)
{
    interval *past = PyMem_Malloc(sizeof(*past));
    slot *slots = PyMem_Malloc(sizeof(metrics.slots));
    unsigned active = 0, n = 0;
    PyObject *dict = NULL;
    int is_reset = PyObject_IsTrue(reset), on = 0;

    if (!past || !slots)
        PyErr_NoMemory();
    else if (is_reset >= 0) {
        pthread_mutex_lock(&metrics.lock);
        if ((on = metrics.on)) {
            *past = metrics.now;
            active = metrics.active;
            n = metrics.slots_used;
            memcpy(slots, metrics.slots, n * sizeof(*slots));
            if (is_reset)
                begin_interval(apr_time_now());
        }
        pthread_mutex_unlock(&metrics.lock);
        dict = on ? as_dict(past, active, slots, n) : Py_NewRef(Py_None);
    }
    PyMem_Free(slots);
    PyMem_Free(past);
    return dict;
}

static PyObject *totals(PyObject *module, PyObject *Py_UNUSED(nothing))
{
    long long begun, busy;
    unsigned long requests;

    pthread_mutex_lock(&metrics.lock);
    begun = metrics.start;
    busy = metrics.busy;
    requests = metrics.requests;
    pthread_mutex_unlock(&metrics.lock);
    return Py_BuildValue("(LkL)", begun, requests, busy);
}

PyMethodDef mp_wsgi_metrics_methods[] = {
    { "_start_metrics", start, METH_NOARGS, NULL },
    { "_metrics", report, METH_O, NULL },
    { "_metrics_totals", totals, METH_NOARGS, NULL },
    { NULL, NULL, 0, NULL }
};
