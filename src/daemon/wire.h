/* FastCGI 1.0 records: bytes to records and back. Plain C, without httpd, APR or Python; tested and fuzzed by itself.
 *
 * Nothing here allocates or waits. A decoder looks into the caller's buffer, and what it hands out points into it. All
 * lengths come from the other side and are checked against what is there before anything is read.
 */
#ifndef MP_DAEMON_WIRE_H
#define MP_DAEMON_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define MP_WIRE_HEADER 8            /* bytes of a record's header */
#define MP_WIRE_MOST 65535          /* bytes of a record's content */
#define MP_WIRE_ONE 65528           /* what we put into one: a multiple of 8 needs no padding */

enum {
    MP_WIRE_BEGIN = 1, MP_WIRE_ABORT, MP_WIRE_END, MP_WIRE_PARAMS, MP_WIRE_STDIN, MP_WIRE_STDOUT, MP_WIRE_STDERR,
    MP_WIRE_DATA, MP_WIRE_GET_VALUES, MP_WIRE_GET_VALUES_RESULT, MP_WIRE_UNKNOWN,
    MP_WIRE_NOTE = 200              /* ours, between httpd's children and processes: an mp_note and what goes with it */
};

/* The first byte of a MP_WIRE_NOTE. */
typedef enum {
    MP_NOTE_TAKEN = 'T',            /* a thread has it: nobody else may, unless this process says so */
    MP_NOTE_BEGUN = 'B',            /* the application runs: nobody else may have it, and its body can come */
    MP_NOTE_REJECTED = 'R',         /* it will not run here: ask another process; reason and process id, in text */
    MP_NOTE_WANTED = 'W',           /* the application reads the body */
    MP_NOTE_WHOLE = 'A',            /* the rest of the answer is there, and comes without a pause */
    MP_NOTE_STATUS = 'S',           /* no answer: httpd shall make one; two bytes of status */
    MP_NOTE_LOG = 'L',              /* a line for the log: a byte of level, four of line number, file and NUL, text */
    MP_NOTE_BROKEN = 'X'            /* the child's: the body ends too early; two bytes of HTTP status, four of APR's */
} mp_note;

/* The roles of a BEGIN; protocolStatus of an END. */
enum { MP_WIRE_RESPONDER = 1 };
enum { MP_WIRE_COMPLETE = 0, MP_WIRE_CANT_MPX = 1, MP_WIRE_OVERLOADED = 2, MP_WIRE_UNKNOWN_ROLE = 3 };
enum { MP_WIRE_KEEP_CONN = 1 };

/* appStatus of an END whose answer is not whole. */
#define MP_WIRE_CUT 70

typedef struct {
    int type;
    unsigned id;
    const unsigned char *content;
    size_t length;
} mp_record;

/* A MP_NOTE_LOG. */
typedef struct {
    int level, number;
    const char *file, *text;        /* the text has no NUL */
    size_t length;
} mp_wire_line;

typedef enum { MP_WIRE_OK, MP_WIRE_MORE, MP_WIRE_BAD } mp_wire_status;

/* The record at the start of n bytes. MP_WIRE_MORE: not all of it is there; *used is then how many bytes it takes in
 * all, as far as known. MP_WIRE_BAD: that is no FastCGI. On MP_WIRE_OK *used bytes are done with. */
mp_wire_status mp_wire_decode(const unsigned char *bytes, size_t n, mp_record *record, size_t *used);

/* 0: the record is no line for the log. */
int mp_wire_log_line(const mp_record *record, mp_wire_line *line);

/* The next name and value of PARAMS: advances *bytes and *n. MP_WIRE_MORE: the rest is not there (at the end of a
 * stream: it is cut). */
mp_wire_status mp_wire_pair(const unsigned char **bytes, size_t *n, const char **name, size_t *name_length,
                            const char **value, size_t *value_length);

/* Writes a header of MP_WIRE_HEADER bytes; length up to MP_WIRE_MOST. No padding. */
void mp_wire_header(unsigned char *to, int type, unsigned id, size_t length);

/* How many bytes a pair takes; 0: it is too long for a record stream. Writes it and returns its end. */
size_t mp_wire_pair_size(size_t name_length, size_t value_length);
unsigned char *mp_wire_pair_put(unsigned char *to, const char *name, size_t name_length, const char *value,
                                size_t value_length);

/* Whole records with 8 bytes of content; to has room for 16. */
void mp_wire_begin(unsigned char *to, unsigned id, int role, int flags);
void mp_wire_end(unsigned char *to, unsigned id, uint32_t app_status, int protocol_status);
void mp_wire_unknown(unsigned char *to, int type);

#endif
