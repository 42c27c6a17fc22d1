/* The directives about interpreters, and about how CPython starts, of the WSGI family. */
#ifndef MP_CONFIG_WSGI_INTERPRETERS_H
#define MP_CONFIG_WSGI_INTERPRETERS_H

#include "mp.h"

enum { MP_WSGI_INTERPRETER_ROWS = 16 };
extern const command_rec mp_wsgi_interpreter_directives[MP_WSGI_INTERPRETER_ROWS];

#endif
