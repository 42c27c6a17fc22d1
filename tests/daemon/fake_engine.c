/* An engine without Python: what process groups are tested with. The query of a request says what its application does,
 * in words with '+' between them: see run(). Built by the tests (tests/daemon/fake.py). */
#include "config/groups.h"
#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((used)) static const char stamp[] = MP_STAMP "seam=" MP_SEAM_TEXT " python=" FAKE_PYTHON;

const mp_host_table *mp_host;

static server_rec *server;
static pthread_mutex_t stuck = PTHREAD_MUTEX_INITIALIZER;

static const char *variable(const mp_gateway *gateway, const char *name)
{
    int i;

    for (i = 0; i < gateway->variables->nelts; i++)
        if (!strcmp(APR_ARRAY_IDX(gateway->variables, i, mp_pair).name, name))
            return APR_ARRAY_IDX(gateway->variables, i, mp_pair).value;
    return "";
}

static void say(mp_gateway *gateway, const char *text)
{
    gateway->calls->write(gateway, text, strlen(text), MP_PUSH_NOW);
}

static void head(mp_gateway *gateway, const char *line)
{
    apr_array_header_t *pairs = apr_array_make(gateway->pool, 4, sizeof(mp_pair));
    mp_pair *pair = apr_array_push(pairs);

    pair->name = "Content-Type";
    pair->value = "text/plain";
    pair = apr_array_push(pairs);
    pair->name = "X-Pid";
    pair->value = apr_itoa(gateway->pool, getpid());
    gateway->calls->head(gateway, atoi(line), line, pairs);
}

static void echo(mp_gateway *gateway, apr_off_t most)
{
    char part[10000];
    apr_off_t all = 0;

    while (all < most) {
        apr_size_t n = sizeof(part);

        if (gateway->calls->read(gateway, part, &n) != APR_SUCCESS) {
            gateway->calls->log(gateway, APLOG_WARNING, "FAKE: read failed");
            gateway->calls->cut(gateway);
            return;
        }
        if (!n)
            return;
        all += (apr_off_t)n;
        if (gateway->calls->write(gateway, part, n, MP_PUSH_LATER) != APR_SUCCESS) {
            gateway->calls->log(gateway, APLOG_WARNING, "FAKE: write failed");
            return;
        }
    }
}

static void count(mp_gateway *gateway)
{
    static char part[100000];
    apr_off_t all = 0;
    apr_size_t n;

    do {
        n = sizeof(part);
        if (gateway->calls->read(gateway, part, &n) != APR_SUCCESS) {
            gateway->calls->cut(gateway);
            return;
        }
        all += (apr_off_t)n;
    } while (n);
    say(gateway, apr_off_t_toa(gateway->pool, all));
}

/* x's; numbered: each piece begins with what is left, so that none can be taken for another. */
static void give_many(mp_gateway *gateway, apr_off_t n, int numbered)
{
    char *part = apr_palloc(gateway->pool, 65536);

    memset(part, 'x', 65536);
    while (n > 0) {
        apr_size_t size = n < 65536 ? (apr_size_t)n : 65536;

        if (numbered) {
            apr_snprintf(part, 16, "%015" APR_OFF_T_FMT, n);
            part[15] = 'x';
        }
        if (gateway->calls->write(gateway, part, size, MP_PUSH_LATER) != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_INFO, 0, server, "FAKE: the client is gone");
            return;
        }
        n -= (apr_off_t)size;
    }
}

static void log_lines(mp_gateway *gateway, int n)
{
    char line[1000];
    int i;

    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    for (i = 0; i < n; i++) {
        apr_snprintf(line, 20, "line number %06d", i);
        line[18] = ' ';
        gateway->calls->log(gateway, APLOG_WARNING, line);
    }
}

static void show_descriptors(mp_gateway *gateway)
{
    char target[512];
    ssize_t n;
    int fd;

    for (fd = 0; fd < 1000; fd++)
        if ((n = readlink(apr_psprintf(gateway->pool, "/proc/self/fd/%d", fd), target, sizeof(target))) > 0)
            say(gateway, apr_psprintf(gateway->pool, "%d %.*s\n", fd, (int)n, target));
}

static void show_stack(mp_gateway *gateway)
{
    pthread_attr_t attributes;
    size_t size = 0;

    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstacksize(&attributes, &size);
        pthread_attr_destroy(&attributes);
    }
    say(gateway, apr_off_t_toa(gateway->pool, (apr_off_t)size));
}

static void show_secrets(mp_gateway *gateway)
{
    const apr_array_header_t *groups = mp_host->process->groups;
    int i;

    for (i = 0; i < groups->nelts; i++) {
        const mp_group *group = APR_ARRAY_IDX(groups, i, mp_group *);

        say(gateway, apr_psprintf(gateway->pool, "%s=%s\n", group->name, group->secret));
    }
}

static void give_fields(mp_gateway *gateway, int n)
{
    apr_array_header_t *pairs = apr_array_make(gateway->pool, n, sizeof(mp_pair));
    int i;

    for (i = 0; i < n; i++) {
        mp_pair *pair = apr_array_push(pairs);

        pair->name = apr_psprintf(gateway->pool, "X-Field-%d", i);
        pair->value = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";
    }
    gateway->calls->head(gateway, 200, "200 OK", pairs);
}

static void open_file(mp_gateway *gateway, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    say(gateway, fd < 0 ? strerror(errno) : "opened");
    if (fd >= 0)
        close(fd);
}

static void become_root(mp_gateway *gateway)
{
    gid_t none = 0;

    say(gateway, setuid(0) && seteuid(0) && setreuid(0, 0) && setgid(0) && setegid(0) && setgroups(1, &none) ? "refused"
        : "done");
}

static void do_word(mp_gateway *gateway, const mp_wsgi_target *target, const char *word, int *status)
{
    const char *value = strchr(word, '=') ? strchr(word, '=') + 1 : "";
    apr_pool_t *p = gateway->pool;

    if (!strncmp(word, "head", 4))
        head(gateway, *value ? apr_pstrcat(p, value, " Fake", NULL) : "200 OK");
    else if (!strncmp(word, "say=", 4))
        say(gateway, value);
    else if (!strncmp(word, "sleep=", 6))
        usleep((useconds_t)(atof(value) * 1000000));
    else if (!strncmp(word, "many=", 5))
        give_many(gateway, apr_atoi64(value), 0);
    else if (!strncmp(word, "lines=", 6))
        log_lines(gateway, atoi(value));
    else if (!strncmp(word, "numbered=", 9))
        give_many(gateway, apr_atoi64(value), 1);
    else if (!strncmp(word, "echo", 4))
        echo(gateway, *value ? apr_atoi64(value) : APR_INT64_MAX);
    else if (!strcmp(word, "count"))
        count(gateway);
    else if (!strcmp(word, "kill"))
        kill(getpid(), SIGKILL);
    else if (!strcmp(word, "cut"))
        gateway->calls->cut(gateway);
    else if (!strncmp(word, "log=", 4))
        gateway->calls->log(gateway, APLOG_WARNING, value);
    else if (!strncmp(word, "status=", 7))
        *status = atoi(value);
    else if (!strncmp(word, "variable=", 9))
        say(gateway, variable(gateway, value));
    else if (!strcmp(word, "variables")) {
        int i;

        for (i = 0; i < gateway->variables->nelts; i++)
            say(gateway, apr_psprintf(p, "%s=%s\n", APR_ARRAY_IDX(gateway->variables, i, mp_pair).name,
                                      APR_ARRAY_IDX(gateway->variables, i, mp_pair).value));
    }
    else if (!strcmp(word, "target"))
        say(gateway, apr_psprintf(p, "%s|%s|%s|%s|%s", target->process_group, target->script, target->callable,
                                  target->path_info, mp_host->process->python));
    else if (!strcmp(word, "who")) {
        char cwd[512];

        say(gateway, apr_psprintf(p, "pid=%d ppid=%d uid=%d gid=%d cwd=%s multithread=%d multiprocess=%d home=%s",
                                  getpid(), getppid(), getuid(), getgid(), getcwd(cwd, sizeof(cwd)),
                                  gateway->multithread, gateway->multiprocess, getenv("HOME")));
    }
    else if (!strncmp(word, "environ=", 8))
        say(gateway, getenv(value) ? getenv(value) : "(none)");
    else if (!strcmp(word, "descriptors"))
        show_descriptors(gateway);
    else if (!strcmp(word, "stick")) {
        pthread_mutex_lock(&stuck);
        usleep(60000000);
    }
    else if (!strcmp(word, "stack"))
        show_stack(gateway);
    else if (!strcmp(word, "secrets"))
        show_secrets(gateway);
    else if (!strncmp(word, "fields=", 7))
        give_fields(gateway, atoi(value));
    else if (!strncmp(word, "open=", 5))
        open_file(gateway, value);
    else if (!strcmp(word, "become-root"))
        become_root(gateway);
    else if (!strcmp(word, "field"))
        gateway->calls->head(gateway, 200, "200 OK", apr_array_make(p, 1, sizeof(mp_pair)));
    else if (!strncmp(word, "long=", 5)) {
        apr_array_header_t *pairs = apr_array_make(p, 1, sizeof(mp_pair));
        mp_pair *pair = apr_array_push(pairs);
        size_t n = (size_t)atoi(value);
        char *text = apr_palloc(p, n + 1);

        memset(text, 'a', n);
        text[n] = '\0';
        pair->name = "X-Long";
        pair->value = text;
        gateway->calls->head(gateway, 200, "200 OK", pairs);
    }
}

static int run(mp_gateway *gateway, const mp_wsgi_target *target)
{
    char *words = apr_pstrdup(gateway->pool, variable(gateway, "QUERY_STRING")), *word, *rest = NULL;
    int status = OK;

    if (strncmp(words, "status=", 7))      /* that is what it comes to when nothing can be loaded */
        gateway->calls->begin(gateway);
    for (word = apr_strtok(words, "+", &rest); word; word = apr_strtok(NULL, "+", &rest))
        do_word(gateway, target, word, &status);
    return status;
}

static apr_status_t start(const mp_host_table *host, server_rec *s)
{
    int i;

    mp_host = host;
    server = s;
    for (i = 0; i < host->process->preloads->nelts; i++) {
        const mp_preload *preload = &APR_ARRAY_IDX(host->process->preloads, i, mp_preload);

        ap_log_error(APLOG_MARK, APLOG_INFO, 0, s, "FAKE: preload %s in '%s'", preload->name, preload->process_group);
        if (strstr(preload->name, "slow"))
            usleep(500000);
        if (strstr(preload->name, "dies") && *preload->process_group)
            _exit(3);
    }
    return APR_SUCCESS;
}

static void stop(void)
{
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, server, "FAKE: stop");
}

static void beat(void)
{
    pthread_mutex_lock(&stuck);
    pthread_mutex_unlock(&stuck);
}

static int busy(void)
{
    return 0;
}

__attribute__((visibility("default"))) const mp_engine_table mp_engine = {
    .seam = MP_SEAM, .python = FAKE_PYTHON, .start = start, .stop = stop, .wsgi = run, .busy = busy, .beat = beat
};
