/* What the files of cron share: text without its ends, the five fields. */
#pragma once
#include "base/cron.h"

enum { CRON_SHOWN_MAX = 40, CRON_FIELD_COUNT = 5 };

struct cron_field {
    const char *name;
    unsigned first, last;
    const char *const *words; /* the first stands for `first` */
};
extern const struct cron_field CRON_FIELD[CRON_FIELD_COUNT];
/* Every value of it. */
uint64_t cron_field_all(const struct cron_field *field);

struct span {
    const char *at, *end;
};
bool span_take(struct span *s, char c);
/* Digits; at most six, which is more than anything here needs. */
bool span_take_number(struct span *s, unsigned *out);

int cron_parse_interval(const char *text, struct cron_interval *out,
                        struct err *err);
