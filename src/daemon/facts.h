/* What a child of httpd tells a process of a group of a request, besides its variables: one parameter that holds an
 * array of texts with a NUL behind each. front.c packs it, serve_variables.c unpacks it.
 */
#ifndef MP_DAEMON_FACTS_H
#define MP_DAEMON_FACTS_H

/* Its target, and what the gateway knows besides the variables. A text may be NULL. */
enum {
    MP_FACT_SECRET, MP_FACT_INTERPRETER, MP_FACT_APPLICATION_GROUP, MP_FACT_SCRIPT, MP_FACT_RESOURCE, MP_FACT_CALLABLE,
    MP_FACT_HANDLER, MP_FACT_HANDLER_SCRIPT, MP_FACT_SCRIPT_NAME, MP_FACT_PATH_INFO, MP_FACT_MOUNT_POINT,
    MP_FACT_LISTENER_HOST, MP_FACT_LISTENER_PORT, MP_FACT_FLAGS, MP_FACT_REQUEST_START, MP_FACT_QUEUE_START,
    MP_FACT_DEADLINE, MP_FACT_REQUEST_ID, MP_FACT_CONNECTION_ID, MP_FACT_SERVER_PID,
    MP_FACT_BODY_LENGTH, MP_FACT_CONNECTS, MP_FACT_RESTARTS, MP_FACT_MOST_INTERPRETERS, MP_FACTS
};
#define MP_FACTS_NAME "MOD_PYTHON_FACTS"
#define MP_FACT_NONE "\1"

/* MP_FACT_FLAGS, in decimal. */
enum {
    MP_FLAG_CASE_SENSITIVE = 1, MP_FLAG_RELOADING = 2, MP_FLAG_HTTPS = 4, MP_FLAG_HEAD = 8, MP_FLAG_SENDFILE = 16,
    MP_FLAG_SAY_TAKEN = 32, MP_FLAG_SAY_WANTED = 64, MP_FLAG_IGNORE_ACTIVITY = 128,
    MP_FLAG_NO_BODY = 256           /* of a HEAD: it may stay in the process */
};

#endif
