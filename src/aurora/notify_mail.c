#include "aurora/notify_mail.h"

#include "base/calendar.h"
#include "base/text.h"
#include "wire/base64.h"

#include <string.h>

enum {
    ADDRESS_MAX = 254,
    SUBJECT_MAX = 500,
    WORD_MAX = 42, /* bytes in one encoded word, which has 75 characters */
    LINE_MAX = 75  /* of quoted-printable, before its soft break */
};

static bool is_plain(uint8_t c)
{
    return c >= ' ' && c < 127;
}

bool mail_address_ok(const char *address)
{
    size_t size = strlen(address);
    const char *at = strchr(address, '@');

    if (size > ADDRESS_MAX || !at || at == address || !at[1] ||
        strchr(at + 1, '@'))
        return false;
    for (size_t i = 0; i < size; i++)
        if (!is_plain((uint8_t)address[i]) ||
            strchr(" \"<>(),:;[]\\", address[i]))
            return false;
    return true;
}

/* --- headers --- */

static void add_date(int64_t at_ms, struct buf *out)
{
    static const char *const day[] = {"Sun", "Mon", "Tue", "Wed",
                                      "Thu", "Fri", "Sat"};
    static const char *const month[] = {"Jan", "Feb", "Mar", "Apr",
                                        "May", "Jun", "Jul", "Aug",
                                        "Sep", "Oct", "Nov", "Dec"};
    int64_t seconds = floor_div(at_ms, 1000);
    int64_t days = floor_div(seconds, DAY_SECS);
    struct date date = calendar_date(days);
    int of_day = (int)floor_mod(seconds, DAY_SECS);

    buf_addf(out, "Date: %s, %d %s %04d %02d:%02d:%02d +0000\r\n",
             day[calendar_weekday(days)], date.day, month[date.month - 1],
             date.year, of_day / HOUR_SECS, of_day / MINUTE_SECS % 60,
             of_day % 60);
}

/* Words of base64, each of whole characters, one on a line. */
static void add_words(struct bytes text, struct buf *out)
{
    for (size_t at = 0; at < text.size;) {
        size_t left = text.size - at;
        size_t size = left < WORD_MAX ? left : WORD_MAX;
        size_t whole = text_whole_characters(text.data + at, size);
        if (whole > 0)
            size = whole;
        buf_add_text(out, at > 0 ? "\r\n =?UTF-8?B?" : "=?UTF-8?B?");
        base64_encode(bytes_of(text.data + at, size), out);
        buf_add_text(out, "?=");
        at += size;
    }
}

/* Plain text stands as it is unless it is long, or looks encoded. */
static void add_subject(const char *subject, struct buf *out)
{
    struct buf text = {0};
    bool is_ascii = true;
    size_t size = strnlen(subject, SUBJECT_MAX);

    size = text_whole_characters((const uint8_t *)subject, size);
    for (size_t i = 0; i < size; i++) {
        uint8_t c = (uint8_t)subject[i];
        is_ascii &= c < 127;
        buf_add_char(&text, c < ' ' || c == 127 ? ' ' : (char)c);
    }
    buf_add_text(out, "Subject: ");
    if (is_ascii && text.size < 900 && !strstr(buf_text(&text), "=?"))
        buf_add_bytes(out, buf_bytes(&text));
    else
        add_words(buf_bytes(&text), out);
    buf_add_text(out, "\r\n");
    buf_release(&text);
}

/* --- the body --- */

/* A blank before a line's end must be encoded; so is '.', which SMTP would
 * double, and 'F' of "From " at the beginning of a line. */
static bool stands(struct bytes text, size_t at, size_t column)
{
    uint8_t c = text.data[at];
    bool is_last = at + 1 == text.size || text.data[at + 1] == '\n' ||
                   text.data[at + 1] == '\r';

    if (c == ' ')
        return !is_last;
    if (column == 0 && (c == '.' || c == 'F'))
        return false;
    return is_plain(c) && c != '=';
}

static void add_quoted(struct bytes text, struct buf *out)
{
    size_t column = 0;

    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\r' && i + 1 < text.size &&
            text.data[i + 1] == '\n')
            continue;
        if (text.data[i] == '\n') {
            buf_add_text(out, "\r\n");
            column = 0;
            continue;
        }
        size_t size = stands(text, i, column) ? 1 : 3;
        if (column + size > LINE_MAX) {
            buf_add_text(out, "=\r\n");
            column = 0;
            size = stands(text, i, column) ? 1 : 3;
        }
        if (size == 1)
            buf_add_char(out, (char)text.data[i]);
        else
            buf_addf(out, "=%02X", text.data[i]);
        column += size;
    }
    buf_add_text(out, "\r\n");
}

void mail_compose(const struct mail *mail, struct buf *out)
{
    const char *host = strchr(mail->from, '@');

    buf_addf(out, "From: %s\r\nTo: %s\r\n", mail->from, mail->to);
    add_subject(mail->subject, out);
    add_date(mail->at_ms, out);
    buf_addf(out, "Message-ID: <%s%s>\r\n", mail->id, host);
    buf_add_text(out, "MIME-Version: 1.0\r\n"
                      "Content-Type: text/plain; charset=utf-8\r\n"
                      "Content-Transfer-Encoding: quoted-printable\r\n"
                      "Auto-Submitted: auto-generated\r\n\r\n");
    add_quoted(mail->text, out);
}
