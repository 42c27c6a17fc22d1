#include "host/wsgi_proxies.h"
#include "gateway.h"

#include "apr_lib.h"
#include "apr_network_io.h"

#include <arpa/inet.h>
#include <stdlib.h>

typedef enum { CLIENT, HOST, SERVER, PORT, SCRIPT, SCHEME, CATEGORIES } category;

/* Headers that say the same thing; of those that are listed, the last one that the request has is taken. */
static const struct header {
    const char *name;
    const char *variable;
    category category;
} headers[] = {
    {"X-Forwarded-For", "HTTP_X_FORWARDED_FOR", CLIENT},
    {"X-Client-IP", "HTTP_X_CLIENT_IP", CLIENT},
    {"X-Real-IP", "HTTP_X_REAL_IP", CLIENT},
    {"X-Forwarded-Host", "HTTP_X_FORWARDED_HOST", HOST},
    {"X-Host", "HTTP_X_HOST", HOST},
    {"X-Forwarded-Server", "HTTP_X_FORWARDED_SERVER", SERVER},
    {"X-Forwarded-Port", "HTTP_X_FORWARDED_PORT", PORT},
    {"X-Script-Name", "HTTP_X_SCRIPT_NAME", SCRIPT},
    {"X-Forwarded-Script-Name", "HTTP_X_FORWARDED_SCRIPT_NAME", SCRIPT},
    {"X-Forwarded-Proto", "HTTP_X_FORWARDED_PROTO", SCHEME},
    {"X-Forwarded-Scheme", "HTTP_X_FORWARDED_SCHEME", SCHEME},
    {"X-Scheme", "HTTP_X_SCHEME", SCHEME},
    {"X-Forwarded-HTTPS", "HTTP_X_FORWARDED_HTTPS", SCHEME},
    {"X-Forwarded-SSL", "HTTP_X_FORWARDED_SSL", SCHEME},
    {"X-HTTPS", "HTTP_X_HTTPS", SCHEME},
};

enum { HEADERS = sizeof(headers) / sizeof(*headers) };

typedef struct {
    request_rec *r;
    const apr_array_header_t *proxies;      /* NULL: everybody is trusted */
    apr_array_header_t *variables;
} walk;

/* Variables. The last one of a name counts. */

static const char *get(const walk *w, const char *name)
{
    int i;

    for (i = w->variables->nelts; i-- > 0;)
        if (!strcmp(APR_ARRAY_IDX(w->variables, i, mp_pair).name, name))
            return APR_ARRAY_IDX(w->variables, i, mp_pair).value;
    return NULL;
}

static void take_out(walk *w, const char *name)
{
    int from, to = 0;

    for (from = 0; from < w->variables->nelts; from++)
        if (strcmp(APR_ARRAY_IDX(w->variables, from, mp_pair).name, name))
            APR_ARRAY_IDX(w->variables, to++, mp_pair) = APR_ARRAY_IDX(w->variables, from, mp_pair);
    w->variables->nelts = to;
}

static void set(walk *w, const char *name, const char *value)
{
    mp_pair *pair;

    take_out(w, name);
    pair = apr_array_push(w->variables);
    pair->name = name;
    pair->value = value;
}

/* Addresses */

static int is_address(const char *text)
{
    unsigned char to[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, text, to) == 1 || inet_pton(AF_INET6, text, to) == 1;
}

static int is_trusted(const walk *w, apr_sockaddr_t *address)
{
    int i;

    for (i = 0; i < w->proxies->nelts; i++)
        if (apr_ipsubnet_test(APR_ARRAY_IDX(w->proxies, i, apr_ipsubnet_t *), address))
            return 1;
    return 0;
}

/* Only for addresses in digits: nothing is looked up. */
static int is_trusted_text(const walk *w, const char *text)
{
    apr_sockaddr_t *address;

    return apr_sockaddr_info_get(&address, text, APR_UNSPEC, 0, 0, w->r->pool) == APR_SUCCESS &&
           is_trusted(w, address);
}

static char *trim(char *text)
{
    char *end;

    while (apr_isspace(*text))
        text++;
    for (end = text + strlen(text); end > text && apr_isspace(end[-1]); end--)
        ;
    *end = '\0';
    return text;
}

/* What is not empty between commas. */
static apr_array_header_t *split(apr_pool_t *p, const char *text)
{
    apr_array_header_t *items = apr_array_make(p, 4, sizeof(char *));
    char *copy = apr_pstrdup(p, text), *end, *item;

    for (; copy; copy = end) {
        if ((end = strchr(copy, ',')))
            *end++ = '\0';
        item = trim(copy);
        if (*item)
            APR_ARRAY_PUSH(items, char *) = item;
    }
    return items;
}

/* X-Forwarded-For. Each proxy adds, at the end, the address that it was called from: so the item that a trusted one has
 * added is true, up to the first address that is none of ours, which is the client's. What is left of it anybody may
 * have written, and goes. An item that is no address can't be the client: the one right of it is as far as we know. */
static void walk_back(walk *w, const char *variable, const char *value)
{
    const apr_array_header_t *items = split(w->r->pool, value);
    int first = items->nelts, done = 0;
    char *rest, *end;

    if (!items->nelts)
        return;
    while (!done && first > 0 && is_address(APR_ARRAY_IDX(items, first - 1, char *))) {
        first--;
        done = !is_trusted_text(w, APR_ARRAY_IDX(items, first, char *));
    }
    if (first == items->nelts) {
        take_out(w, variable);
        return;
    }
    set(w, "REMOTE_ADDR", APR_ARRAY_IDX(items, first, char *));
    rest = end = apr_palloc(w->r->pool, 2 * strlen(value) + 1);
    for (; first < items->nelts; first++) {
        end = apr_cpystrn(end, APR_ARRAY_IDX(items, first, char *), strlen(value) + 1);
        if (first + 1 < items->nelts)
            end = apr_cpystrn(end, ", ", 3);
    }
    set(w, variable, rest);
}

static void apply_client(walk *w, const char *variable, const char *value)
{
    const apr_array_header_t *items;

    if (!strcmp(variable, "HTTP_X_FORWARDED_FOR") && w->proxies) {
        walk_back(w, variable, value);
        return;
    }
    items = split(w->r->pool, value);
    if (items->nelts && is_address(APR_ARRAY_IDX(items, 0, char *)))
        set(w, "REMOTE_ADDR", APR_ARRAY_IDX(items, 0, char *));
}

static int is_port(const char *text)
{
    return *text && strlen(text) <= 5 && strspn(text, "0123456789") == strlen(text) && atoi(text) > 0 &&
           atoi(text) <= 65535;
}

/* Some say "https", the others "on". */
static int says_https(const struct header *header, const char *value)
{
    const char *name = header->name + strlen(header->name);

    if (!strcmp(name - 5, "Proto") || !strcmp(name - 6, "Scheme"))
        return !ap_cstr_casecmp(value, "https");
    return !ap_cstr_casecmp(value, "on") || !ap_cstr_casecmp(value, "true") || !strcmp(value, "1");
}

static void apply(walk *w, const struct header *header, const char *value, int *is_https, const char **mount_point)
{
    switch (header->category) {
    case CLIENT:
        apply_client(w, header->variable, value);
        break;
    case HOST:
        if (*value)
            set(w, "HTTP_HOST", value);
        break;
    case SERVER:
        if (*value)
            set(w, "SERVER_NAME", value);
        break;
    case PORT:
        if (is_port(value))
            set(w, "SERVER_PORT", value);
        break;
    case SCRIPT:
        set(w, "SCRIPT_NAME", value);
        *mount_point = value;
        break;
    default:
        *is_https = says_https(header, value);
    }
}

/* The last name in the list that is of this category and comes with the request; *listed: any is in the list. */
static const struct header *choose(const walk *w, const apr_array_header_t *names, category category, int *listed)
{
    const struct header *chosen = NULL;
    int i, k;

    *listed = 0;
    for (i = 0; i < names->nelts; i++)
        for (k = 0; k < HEADERS; k++)
            if (headers[k].category == category &&
                !ap_cstr_casecmp(headers[k].name, APR_ARRAY_IDX(names, i, const char *))) {
                *listed = 1;
                if (get(w, headers[k].variable))
                    chosen = &headers[k];
            }
    return chosen;
}

void mp_wsgi_proxies_apply(request_rec *r, const mp_wsgi_conf *conf, apr_array_header_t *variables, int *is_https,
                           const char **mount_point)
{
    walk w = {r, conf->trusted_proxies, variables};
    const struct header *chosen;
    int peer_is_trusted, listed, k;
    category category;

    if (!conf->trusted_headers)
        return;
    peer_is_trusted = !w.proxies || is_trusted(&w, r->useragent_addr);
    for (category = CLIENT; category < CATEGORIES; category++) {
        chosen = choose(&w, conf->trusted_headers, category, &listed);
        for (k = 0; listed && k < HEADERS; k++)
            if (headers[k].category == category && (!peer_is_trusted || &headers[k] != chosen))
                take_out(&w, headers[k].variable);
        if (chosen && peer_is_trusted)
            apply(&w, chosen, get(&w, chosen->variable), is_https, mount_point);
    }
}
