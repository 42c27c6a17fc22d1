/* Bytes that grow, of malloc's memory; what is used up goes at the start. */
#ifndef MP_DAEMON_BYTES_H
#define MP_DAEMON_BYTES_H

#include <stddef.h>

typedef struct {
    unsigned char *bytes;
    size_t start, end, room;
} mp_bytes;

/* Room for n more bytes at the end; 0: there is no memory. */
int mp_bytes_room(mp_bytes *bytes, size_t n);

/* Nothing in it any more; memory is kept, if it is not much. */
void mp_bytes_empty(mp_bytes *bytes);

#endif
