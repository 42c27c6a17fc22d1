/* httpd's scoreboard, for mod_wsgi.server_metrics(). It shows all clients' requests: configuration must allow it. */
#include "wsgi/watch.h"

#include "scoreboard.h"

static double seconds(apr_time_t time)
{
    return (double)time / APR_USEC_PER_SEC;
}

/* Bytes that another process may be writing just now. */
static PyObject *text(const char *bytes, size_t size)
{
    return PyUnicode_DecodeLatin1(bytes, (Py_ssize_t)strnlen(bytes, size), NULL);
}

static PyObject *worker(int i, int j)
{
    static const char letters[SERVER_NUM_STATUS + 1] = {
        [SERVER_DEAD] = '.', [SERVER_STARTING] = 'S', [SERVER_READY] = '_', [SERVER_BUSY_READ] = 'R',
        [SERVER_BUSY_WRITE] = 'W', [SERVER_BUSY_KEEPALIVE] = 'K', [SERVER_BUSY_LOG] = 'L', [SERVER_BUSY_DNS] = 'D',
        [SERVER_CLOSING] = 'C', [SERVER_GRACEFUL] = 'G', [SERVER_IDLE_KILL] = 'I'
    };
    worker_score *found = ap_get_scoreboard_worker_from_indexes(i, j), w;
    char letter[2] = "?";

    if (!found)
        return NULL;
    w = *found;
    if (w.status < SERVER_NUM_STATUS)
        letter[0] = letters[w.status];
    return Py_BuildValue("{s:i,s:i,s:s,s:k,s:K,s:d,s:d,s:d,s:N,s:N,s:N}", "thread_num", j, "generation",
                         (int)w.generation, "status", letter, "access_count",
                         w.access_count, "bytes_served", (unsigned long long)w.bytes_served, "start_time",
                         seconds(w.start_time), "stop_time", seconds(w.stop_time), "last_used", seconds(w.last_used),
                         "client", text(w.client64, sizeof(w.client64)), "request", text(w.request, sizeof(w.request)),
                         "vhost", text(w.vhost, sizeof(w.vhost)));
}

static PyObject *process(int i, int threads)
{
    process_score *found = ap_get_scoreboard_process(i);
    PyObject *workers = PyList_New(0);
    int j;

    for (j = 0; workers && j < threads; j++) {
        PyObject *one = worker(i, j);

        if (one && PyList_Append(workers, one) < 0)
            Py_CLEAR(workers);
        Py_XDECREF(one);
        if (PyErr_Occurred())
            Py_CLEAR(workers);
    }
    return workers ? Py_BuildValue("{s:i,s:i,s:i,s:O,s:N}", "process_num", i, "pid", found ? (int)found->pid : 0,
                                   "generation", found ? (int)found->generation : 0, "quiescing",
                                   found && found->quiescing ? Py_True : Py_False, "workers", workers) : NULL;
}

PyObject *mp_wsgi_server_metrics(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(nothing))
{
    int allowed = *mp_host->process_group ? mp_host->server_metrics : mp_host->process->wsgi.server_metrics;
    const global_score *global = allowed && ap_exists_scoreboard_image() ? ap_get_scoreboard_global() : NULL;
    apr_time_t now = apr_time_now();
    PyObject *processes;
    int i;

    if (!global)
        Py_RETURN_NONE;
    processes = PyList_New(0);
    for (i = 0; processes && i < global->server_limit; i++) {
        PyObject *one = process(i, global->thread_limit);

        if (!one || PyList_Append(processes, one) < 0)
            Py_CLEAR(processes);
        Py_XDECREF(one);
    }
    return processes ? Py_BuildValue("{s:i,s:i,s:i,s:d,s:d,s:d,s:N}", "server_limit", global->server_limit,
                                     "thread_limit", global->thread_limit, "running_generation",
                                     (int)global->running_generation, "restart_time", seconds(global->restart_time),
                                     "current_time", seconds(now), "running_time", seconds(now - global->restart_time),
                                     "processes", processes) : NULL;
}
