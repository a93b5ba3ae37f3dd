/* A mail as it goes over the wire: headers and text of a notification, with
 * nothing in them that could become another header or a command. */
#pragma once
#include "base/bytes.h"
#include <stdbool.h>
#include <stdint.h>

struct mail {
    const char *from, *to; /* addresses; see mail_address_ok */
    const char *id;        /* of the Message-ID, before the '@' */
    const char *subject;   /* UTF-8; control characters become spaces */
    struct bytes text;     /* of the body; lines end with "\n" or "\r\n" */
    int64_t at_ms;
};

/* name@host of printable ASCII without blanks, quotes, brackets, commas: what
 * needs no care in a header or an envelope. */
bool mail_address_ok(const char *address);
/* RFC 5322, lines end with CRLF; the body is quoted-printable UTF-8. */
void mail_compose(const struct mail *mail, struct buf *out);
