#include "host/exports.h"

#include "host/engine.h"
#include "mod_python.h"

static mp_interpreter *mp_acquire_interpreter(const char *name)
{
    const mp_engine_table *engine = mp_engine_get();

    return engine ? engine->acquire(name) : NULL;
}

static void mp_release_interpreter(void)
{
    const mp_engine_table *engine = mp_engine_get();

    if (engine)
        engine->release();
}

static struct _object *mp_get_request_object(request_rec *r)
{
    const mp_engine_table *engine = mp_engine_get();

    return engine ? engine->request_object(r) : NULL;
}

static struct _object *mp_get_server_object(server_rec *s)
{
    const mp_engine_table *engine = mp_engine_get();

    return engine ? engine->server_object(s) : NULL;
}

static struct _object *mp_get_connection_object(conn_rec *c)
{
    const mp_engine_table *engine = mp_engine_get();

    return engine ? engine->connection_object(c) : NULL;
}

void mp_exports_register(void)
{
    APR_REGISTER_OPTIONAL_FN(mp_acquire_interpreter);
    APR_REGISTER_OPTIONAL_FN(mp_release_interpreter);
    APR_REGISTER_OPTIONAL_FN(mp_get_request_object);
    APR_REGISTER_OPTIONAL_FN(mp_get_server_object);
    APR_REGISTER_OPTIONAL_FN(mp_get_connection_object);
}
