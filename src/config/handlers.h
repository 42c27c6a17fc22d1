/* Handler lists as directives write them: NAME [NAME ...] [| .ext [.ext ...]]. */
#ifndef MP_CONFIG_HANDLERS_H
#define MP_CONFIG_HANDLERS_H

#include "config/records.h"
#include "config/section.h"

/* Appends the names in `args` to the phase's stack of each extension. No name: no effect. silent: for
 * PythonHandlerModule. */
void mp_handlers_add(cmd_parms *cmd, mp_dir_conf *conf, mp_phase phase, const char *args, int silent);

/* A handler of that text whose directive stands in that section. */
void mp_handler_fill(mp_handler *handler, const char *text, const mp_section *section);

#endif
