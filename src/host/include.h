/* The element <!--#python --> of mod_include. Request threads, inside mod_include's filter. */
#ifndef MP_HOST_INCLUDE_H
#define MP_HOST_INCLUDE_H

/* In post_config: makes mod_include know the element, if it is loaded. */
void mp_include_register(void);

#endif
