/* Include order and the few words that every file of the module and of the engine shares; no logic.
 *
 * Engine files include "runtime/python.h" first, which includes Python.h before this.
 */
#ifndef MP_H
#define MP_H

#include "ap_config.h"
#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_main.h"
#include "http_protocol.h"
#include "http_request.h"
#include "ap_mpm.h"
#include "apr_hash.h"
#include "apr_strings.h"
#include "apr_tables.h"

/* ap_config.h of some distributions leaks these from httpd's own build. */
#undef PACKAGE_NAME
#undef PACKAGE_STRING
#undef PACKAGE_TARNAME
#undef PACKAGE_VERSION
#undef PACKAGE_BUGREPORT
#undef PACKAGE_URL

/* Callbacks of httpd and CPython get more than most of them need. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#define MP_VERSION "4.0.0"
#define MP_UNSET (-1)                            /* a flag that no directive has set */
#define MP_MAIN_INTERPRETER "main_interpreter"   /* CPython's first interpreter, and its name in directives */

#ifdef MP_ENGINE
/* The engine logs under the module's index, which it learns from its host (engine.h). */
#undef APLOG_MODULE_INDEX
#define APLOG_MODULE_INDEX (mp_host->module->module_index)
#else
APLOG_USE_MODULE(python);
#endif

#endif
