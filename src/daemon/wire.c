#include "daemon/wire.h"

#include <string.h>

#define VERSION 1
#define LONG_BIT 0x80000000u
#define MOST_PAIR (16u * 1024 * 1024)     /* of a name, of a value */

static void put16(unsigned char *to, unsigned number)
{
    to[0] = (unsigned char)(number >> 8);
    to[1] = (unsigned char)number;
}

static void put32(unsigned char *to, uint32_t number)
{
    put16(to, number >> 16);
    put16(to + 2, number & 0xffff);
}

mp_wire_status mp_wire_decode(const unsigned char *bytes, size_t n, mp_record *record, size_t *used)
{
    size_t length;

    *used = MP_WIRE_HEADER;
    if (n && bytes[0] != VERSION)
        return MP_WIRE_BAD;
    if (n < MP_WIRE_HEADER)
        return MP_WIRE_MORE;
    length = (size_t)bytes[4] << 8 | bytes[5];
    *used += length + bytes[6];
    if (n < *used)
        return MP_WIRE_MORE;
    record->type = bytes[1];
    record->id = (unsigned)bytes[2] << 8 | bytes[3];
    record->content = bytes + MP_WIRE_HEADER;
    record->length = length;
    return MP_WIRE_OK;
}

/* One byte up to 127, else four with the highest bit set. */
static mp_wire_status take_length(const unsigned char **bytes, size_t *n, size_t *length)
{
    size_t size;

    if (!*n)
        return MP_WIRE_MORE;
    size = **bytes & 0x80 ? 4 : 1;
    if (*n < size)
        return MP_WIRE_MORE;
    if (size == 1)
        *length = **bytes;
    else
        *length = ((uint32_t)(*bytes)[0] << 24 | (uint32_t)(*bytes)[1] << 16 | (uint32_t)(*bytes)[2] << 8 |
                   (*bytes)[3]) & ~LONG_BIT;
    *bytes += size;
    *n -= size;
    return *length > MOST_PAIR ? MP_WIRE_BAD : MP_WIRE_OK;
}

int mp_wire_log_line(const mp_record *record, mp_wire_line *line)
{
    const unsigned char *note = record->content, *end;

    if (record->type != MP_WIRE_NOTE || record->length <= 6 || note[0] != MP_NOTE_LOG ||
        !(end = memchr(note + 6, '\0', record->length - 6)))
        return 0;
    line->level = note[1] & 7;
    line->number = (int)((unsigned)note[2] << 24 | (unsigned)note[3] << 16 | (unsigned)note[4] << 8 | note[5]);
    line->file = (const char *)note + 6;
    line->text = (const char *)end + 1;
    line->length = (size_t)(note + record->length - end - 1);
    return 1;
}

mp_wire_status mp_wire_pair(const unsigned char **bytes, size_t *n, const char **name, size_t *name_length,
                            const char **value, size_t *value_length)
{
    const unsigned char *at = *bytes;
    size_t left = *n;
    mp_wire_status status;

    if ((status = take_length(&at, &left, name_length)) != MP_WIRE_OK ||
        (status = take_length(&at, &left, value_length)) != MP_WIRE_OK)
        return status;
    if (*name_length > left || *value_length > left - *name_length)
        return MP_WIRE_MORE;
    *name = (const char *)at;
    *value = *name + *name_length;
    *bytes = at + *name_length + *value_length;
    *n = left - *name_length - *value_length;
    return MP_WIRE_OK;
}

void mp_wire_header(unsigned char *to, int type, unsigned id, size_t length)
{
    to[0] = VERSION;
    to[1] = (unsigned char)type;
    put16(to + 2, id);
    put16(to + 4, (unsigned)length);
    to[6] = to[7] = 0;
}

static size_t length_size(size_t length)
{
    return length < 128 ? 1 : 4;
}

size_t mp_wire_pair_size(size_t name_length, size_t value_length)
{
    if (name_length > MOST_PAIR || value_length > MOST_PAIR)
        return 0;
    return length_size(name_length) + length_size(value_length) + name_length + value_length;
}

static unsigned char *put_length(unsigned char *to, size_t length)
{
    if (length < 128) {
        *to = (unsigned char)length;
        return to + 1;
    }
    put32(to, (uint32_t)length | LONG_BIT);
    return to + 4;
}

unsigned char *mp_wire_pair_put(unsigned char *to, const char *name, size_t name_length, const char *value,
                                size_t value_length)
{
    to = put_length(put_length(to, name_length), value_length);
    memcpy(to, name, name_length);
    memcpy(to + name_length, value, value_length);
    return to + name_length + value_length;
}

void mp_wire_begin(unsigned char *to, unsigned id, int role, int flags)
{
    mp_wire_header(to, MP_WIRE_BEGIN, id, 8);
    memset(to + MP_WIRE_HEADER, 0, 8);
    put16(to + 8, (unsigned)role);
    to[10] = (unsigned char)flags;
}

void mp_wire_end(unsigned char *to, unsigned id, uint32_t app_status, int protocol_status)
{
    mp_wire_header(to, MP_WIRE_END, id, 8);
    memset(to + MP_WIRE_HEADER, 0, 8);
    put32(to + 8, app_status);
    to[12] = (unsigned char)protocol_status;
}

void mp_wire_unknown(unsigned char *to, int type)
{
    mp_wire_header(to, MP_WIRE_UNKNOWN, 0, 8);
    memset(to + MP_WIRE_HEADER, 0, 8);
    to[8] = (unsigned char)type;
}
