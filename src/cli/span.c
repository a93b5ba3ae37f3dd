#include "cli/span.h"

#include "base/text.h"

#include <ctype.h>

enum { SPAN_SECS_MAX = 10 * 366 * 24 * 60 * 60 };

static const struct {
    char letter;
    const char *name;
    int64_t secs;
} UNITS[] = {{'w', "weeks", 7 * 24 * 60 * 60},
             {'d', "days", 24 * 60 * 60},
             {'h', "hrs", 60 * 60},
             {'m', "mins", 60},
             {'s', "secs", 1}};

enum { UNIT_COUNT = sizeof UNITS / sizeof UNITS[0] };

static int64_t unit_of(char letter)
{
    for (int i = 0; i < UNIT_COUNT; i++)
        if (UNITS[i].letter == letter)
            return UNITS[i].secs;
    return 0;
}

/* "2d6h"; -1 when it is something else. */
static int64_t letters(const char *text)
{
    int64_t sum = 0;

    if (*text == '\0')
        return -1;
    while (*text) {
        int64_t number = 0;
        if (!isdigit((unsigned char)*text))
            return -1;
        for (; isdigit((unsigned char)*text) && number <= SPAN_SECS_MAX; text++)
            number = number * 10 + (*text - '0');
        int64_t unit = unit_of(*text);
        if (unit == 0 || number > SPAN_SECS_MAX)
            return -1;
        sum += number * unit;
        if (sum > SPAN_SECS_MAX)
            return -1;
        text++;
    }
    return sum;
}

int span_read(struct cli *cli, const char *what, const char *text,
              int64_t *out_ms)
{
    int64_t secs = letters(text), ms;

    if (secs >= 0) {
        *out_ms = secs * 1000;
        return 0;
    }
    if (text_duration_ms(text, &ms, NULL) == 0 && ms >= 0 &&
        ms <= (int64_t)SPAN_SECS_MAX * 1000) {
        *out_ms = ms;
        return 0;
    }
    return cli_refuse(
        cli, EXIT_BAD_PARAMETER, "write it as 90s, 30m, 12h, 7d or 2d6h",
        "%s '%s': want a length of time up to ten years", what, text);
}

const char *span_text(struct cli *cli, int64_t secs)
{
    int at = 1; /* nobody counts in weeks */

    while (at < UNIT_COUNT - 1 && secs % UNITS[at].secs != 0)
        at++;
    return arena_printf(&cli->arena, "%lld %s",
                        (long long)(secs / UNITS[at].secs), UNITS[at].name);
}
