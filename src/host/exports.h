/* The functions that mod_python.so offers to other modules of httpd (mod_python.h). They forward to the engine; in a
 * process without one they return NULL. Any thread.
 */
#ifndef MP_HOST_EXPORTS_H
#define MP_HOST_EXPORTS_H

/* While hooks are registered. */
void mp_exports_register(void);

#endif
