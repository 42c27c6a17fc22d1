# The one list of C sources: Makefile.in includes it, setup.py reads it. The module holds no Python, the engine all of it.

MODULE_SOURCES = \
	src/mod_python.c \
	src/config/directives.c \
	src/config/filters.c \
	src/config/handlers.c \
	src/config/home.c \
	src/config/merge.c \
	src/config/names.c \
	src/config/options.c \
	src/config/overheard.c \
	src/config/python_directives.c \
	src/config/records.c \
	src/config/section.c \
	src/config/wsgi_directives.c \
	src/host/connections.c \
	src/host/engine.c \
	src/host/exports.c \
	src/host/filters.c \
	src/host/hooks.c \
	src/host/include.c \
	src/host/mutex.c \
	src/host/signals.c

ENGINE_SOURCES = \
	src/engine.c \
	src/runtime/end.c \
	src/runtime/error.c \
	src/runtime/interp.c \
	src/runtime/lease.c \
	src/runtime/log.c \
	src/runtime/python.c \
	src/runtime/thread.c \
	src/runtime/turns.c \
	src/api/apachemodule.c \
	src/api/args.c \
	src/api/connio.c \
	src/api/connobject.c \
	src/api/constants.c \
	src/api/convert.c \
	src/api/exports.c \
	src/api/filterio.c \
	src/api/filterobject.c \
	src/api/finfoobject.c \
	src/api/functions.c \
	src/api/hlistobject.c \
	src/api/locks.c \
	src/api/logline.c \
	src/api/object.c \
	src/api/package.c \
	src/api/requestconfig.c \
	src/api/requestfields.c \
	src/api/requesthandlers.c \
	src/api/requestio.c \
	src/api/requestmethods.c \
	src/api/requestobject.c \
	src/api/requestsettings.c \
	src/api/requesttype.c \
	src/api/requestwsgi.c \
	src/api/serverobject.c \
	src/api/state.c \
	src/api/stream.c \
	src/api/streaminput.c \
	src/api/tabledata.c \
	src/api/tablefill.c \
	src/api/tableiterator.c \
	src/api/tableobject.c \
	src/handlers/answer.c \
	src/handlers/cleanup.c \
	src/handlers/connections.c \
	src/handlers/debugger.c \
	src/handlers/filters.c \
	src/handlers/include.c \
	src/handlers/modules.c \
	src/handlers/phases.c \
	src/handlers/preload.c \
	src/handlers/result.c
