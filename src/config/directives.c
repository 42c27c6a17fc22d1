#include "config/directives.h"
#include "config/groups.h"
#include "config/wsgi_interpreters.h"

command_rec mp_directives[MP_PYTHON_ROWS + MP_WSGI_ROWS + MP_DAEMON_ROWS + MP_WSGI_INTERPRETER_ROWS +
                          MP_OVERHEARD_ROWS + 1];

static command_rec *copy(command_rec *to, const command_rec *from, int rows)
{
    for (; rows > 0 && from->name; rows--, from++)
        memcpy(to++, from, sizeof(*from));
    return to;
}

/* httpd reads the table of a module before it calls any function of it, hence when the library is loaded. */
__attribute__((constructor)) static void join_tables(void)
{
    command_rec *end = copy(mp_directives, mp_python_directives, MP_PYTHON_ROWS);

    end = copy(end, mp_wsgi_directives, MP_WSGI_ROWS);
    end = copy(end, mp_wsgi_interpreter_directives, MP_WSGI_INTERPRETER_ROWS);
    end = copy(end, mp_daemon_directives, MP_DAEMON_ROWS);
    copy(end, mp_overheard_directives, MP_OVERHEARD_ROWS);
}
