#include "daemon/bytes.h"

#include <stdlib.h>
#include <string.h>

#define MOST_KEPT (256u * 1024)

int mp_bytes_room(mp_bytes *bytes, size_t n)
{
    unsigned char *more;
    size_t room;

    if (bytes->start) {
        memmove(bytes->bytes, bytes->bytes + bytes->start, bytes->end - bytes->start);
        bytes->end -= bytes->start;
        bytes->start = 0;
    }
    if (bytes->room - bytes->end >= n)
        return 1;
    room = (bytes->end + n + 4095) & ~(size_t)4095;
    if (!(more = realloc(bytes->bytes, room)))
        return 0;
    bytes->bytes = more;
    bytes->room = room;
    return 1;
}

void mp_bytes_empty(mp_bytes *bytes)
{
    bytes->start = bytes->end = 0;
    if (bytes->room > MOST_KEPT) {
        free(bytes->bytes);
        memset(bytes, 0, sizeof(*bytes));
    }
}
