/* All directives: one table for httpd, from the tables of the families. */
#ifndef MP_CONFIG_DIRECTIVES_H
#define MP_CONFIG_DIRECTIVES_H

#include "mp.h"

/* Room in the tables; what is not used has no name. Too many rows do not compile. */
enum { MP_PYTHON_ROWS = 32, MP_WSGI_ROWS = 48, MP_OVERHEARD_ROWS = 4 };

extern const command_rec mp_python_directives[MP_PYTHON_ROWS];
extern const command_rec mp_wsgi_directives[MP_WSGI_ROWS];
extern const command_rec mp_overheard_directives[MP_OVERHEARD_ROWS];
extern command_rec mp_directives[];

/* mod_wsgi is loaded too: the WSGI* directives are its own. */
int mp_wsgi_is_elsewhere(void);

#endif
