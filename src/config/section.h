/* In which section a directive stands, as far as handlers care: the "handler directory". */
#ifndef MP_CONFIG_SECTION_H
#define MP_CONFIG_SECTION_H

#include "mp.h"

typedef struct {
    const char *directory;      /* with '/' at the end; a pattern; a Location's argument as written; or NULL */
    const ap_regex_t *pattern;  /* <DirectoryMatch>, <Directory ~> */
    int wildcard;               /* directory is a shell pattern; of a Location: that, or a regular expression */
    int is_location;
} mp_section;

/* <Files> and <If> are looked through: what counts is the <Directory>, <Location> or .htaccess around them. */
void mp_section_find(cmd_parms *cmd, mp_section *section);

#endif
