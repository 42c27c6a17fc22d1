#include "daemon/scripts.h"
#include "daemon/served.h"

static int same_secret(const char *given, const char *ours)
{
    unsigned difference = given && strlen(given) == strlen(ours) && *ours ? 0 : 1;
    size_t i;

    for (i = 0; !difference && ours[i]; i++)
        difference |= (unsigned)(given[i] ^ ours[i]);       /* texts of equal length */
    return !difference;
}

/* Texts with a NUL behind each. */
static int unpack(const char *value, size_t length, const char *facts[MP_FACTS])
{
    const char *end = value + length;
    int i;

    for (i = 0; i < MP_FACTS; i++) {
        const char *stop = memchr(value, '\0', (size_t)(end - value));

        if (!stop)
            return 0;
        facts[i] = strcmp(value, MP_FACT_NONE) ? value : NULL;
        value = stop + 1;
    }
    return value == end;
}

static int is_hidden(const char *name)
{
    return !strcmp(name, MP_FACTS_NAME) || !strcmp(name, "HTTP_PROXY");
}

/* The parameters become variables, and those that are packed become facts. 0: they can't be what they should. */
int mp_served_read_params(mp_served *one, const char *facts[MP_FACTS])
{
    apr_pool_t *p = one->base.pool;
    const unsigned char *at = one->seat->params.bytes;
    size_t left = one->seat->params.end, name_length, value_length;
    const char *name, *value;

    one->base.variables = apr_array_make(p, 48, sizeof(mp_pair));
    while (left) {
        if (mp_wire_pair(&at, &left, &name, &name_length, &value, &value_length) != MP_WIRE_OK)
            return 0;
        name = apr_pstrmemdup(p, name, name_length);
        value = apr_pstrmemdup(p, value, value_length);
        if (!strcmp(name, MP_FACTS_NAME) && !one->is_public && !unpack(value, value_length, facts))
            return 0;
        if (!is_hidden(name) && strlen(name) == name_length && strlen(value) == value_length && *name) {
            mp_pair *pair = apr_array_push(one->base.variables);

            pair->name = name;
            pair->value = value;
        }
    }
    return one->is_public || same_secret(facts[MP_FACT_SECRET], one->seat->group->secret);
}

static const char *variable(const mp_served *one, const char *name)
{
    int i;

    for (i = one->base.variables->nelts; i-- > 0;)
        if (!strcmp(APR_ARRAY_IDX(one->base.variables, i, mp_pair).name, name))
            return APR_ARRAY_IDX(one->base.variables, i, mp_pair).value;
    return NULL;
}

static const char *text(const char *fact)
{
    return fact ? fact : "";
}

static apr_time_t number(const char *fact)
{
    return fact ? apr_atoi64(fact) : 0;
}

void mp_served_describe(mp_served *one, const char *facts[MP_FACTS], mp_wsgi_target *target)
{
    mp_gateway *gateway = &one->base;

    one->flags = (int)number(facts[MP_FACT_FLAGS]);
    one->deadline = number(facts[MP_FACT_DEADLINE]);
    target->interpreter = facts[MP_FACT_INTERPRETER] ? facts[MP_FACT_INTERPRETER] : MP_MAIN_INTERPRETER;
    target->application_group = text(facts[MP_FACT_APPLICATION_GROUP]);
    target->script = text(facts[MP_FACT_SCRIPT]);
    target->resource = text(facts[MP_FACT_RESOURCE]);
    target->callable = text(facts[MP_FACT_CALLABLE]);
    target->handler = text(facts[MP_FACT_HANDLER]);
    target->handler_script = text(facts[MP_FACT_HANDLER_SCRIPT]);
    target->script_name = text(facts[MP_FACT_SCRIPT_NAME]);
    target->path_info = text(facts[MP_FACT_PATH_INFO]);
    target->mount_point = facts[MP_FACT_MOUNT_POINT];
    target->listener_host = text(facts[MP_FACT_LISTENER_HOST]);
    target->listener_port = (unsigned)number(facts[MP_FACT_LISTENER_PORT]);
    target->case_sensitive = one->flags & MP_FLAG_CASE_SENSITIVE;
    target->reloading = one->flags & MP_FLAG_RELOADING;
    target->by_client = facts[MP_FACT_MOST_INTERPRETERS] != NULL;
    target->most_interpreters = (int)number(facts[MP_FACT_MOST_INTERPRETERS]);
    gateway->is_https = one->flags & MP_FLAG_HTTPS;
    gateway->is_head = one->flags & MP_FLAG_HEAD;
    gateway->sends_files = one->flags & MP_FLAG_SENDFILE;
    gateway->request_start = number(facts[MP_FACT_REQUEST_START]);
    gateway->queue_start = number(facts[MP_FACT_QUEUE_START]);
    gateway->request_id = facts[MP_FACT_REQUEST_ID];
    gateway->connection_id = facts[MP_FACT_CONNECTION_ID];
    gateway->server_pid = text(facts[MP_FACT_SERVER_PID]);
    gateway->body_length = number(facts[MP_FACT_BODY_LENGTH]);
    gateway->connects = (int)number(facts[MP_FACT_CONNECTS]);
    gateway->restarts = (int)number(facts[MP_FACT_RESTARTS]);
}

/* What came from another FastCGI client: it chooses the URL, and we the application. */
void mp_served_describe_public(mp_served *one, mp_wsgi_target *target)
{
    const mp_group *group = one->seat->group;
    mp_gateway *gateway = &one->base;
    const char *https = variable(one, "HTTPS"), *scheme = variable(one, "REQUEST_SCHEME");
    const char *method = variable(one, "REQUEST_METHOD"), *inside;

    target->interpreter = MP_MAIN_INTERPRETER;
    target->application_group = target->handler_script = "";
    inside = mp_scripts_inside(group, group->listen_script);
    target->script = target->resource = inside ? inside : group->listen_script;
    target->callable = "application";
    target->handler = "wsgi-script";
    target->script_name = text(variable(one, "SCRIPT_NAME"));
    target->path_info = text(variable(one, "PATH_INFO"));
    target->listener_host = text(variable(one, "SERVER_ADDR"));
    target->listener_port = (unsigned)number(variable(one, "SERVER_PORT"));
    target->case_sensitive = target->reloading = 1;
    gateway->is_https = (https && (!ap_cstr_casecmp(https, "on") || !strcmp(https, "1"))) ||
                        (scheme && !ap_cstr_casecmp(scheme, "https"));
    gateway->is_head = method && !strcmp(method, "HEAD");
    if (gateway->is_head)
        one->flags |= MP_FLAG_NO_BODY;
    gateway->request_start = gateway->queue_start = gateway->daemon_start;
    gateway->server_pid = "";
    gateway->body_length = variable(one, "CONTENT_LENGTH") ? number(variable(one, "CONTENT_LENGTH")) : -1;
}
