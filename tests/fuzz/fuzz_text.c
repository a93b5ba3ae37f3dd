/* Numbers read from text and printed again are the same numbers; ids, roles,
 * uuids, globs and name suggestions end and stay inside their bounds. */
#include "base/id.h"
#include "base/ranges.h"
#include "base/text.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_numbers(const char *text)
{
    char back[64];
    int64_t value, again;

    if (text_int(text, INT64_MIN, INT64_MAX, &value, NULL) == 0) {
        snprintf(back, sizeof back, "%lld", (long long)value);
        assert(text_int(back, value, value, &again, NULL) == 0);
        assert(again == value);
    }
    if (text_milli(text, &value, NULL) == 0) {
        text_from_milli(value, back, sizeof back);
        assert(text_milli(back, &again, NULL) == 0);
        assert(again == value);
    }
    if (text_duration_ms(text, &value, NULL) == 0) {
        assert(value >= 0);
        text_duration(value, back, sizeof back);
        /* The last millisecond of all has no text below the limit. */
        if (text_duration_ms(back, &again, NULL) == 0)
            assert(again == value);
        else
            assert(value == INT64_MAX / 1000000 + 1);
    }
    if (text_size_bytes(text, &value, NULL) == 0)
        assert(value >= 0);
}

static void check_names(const char *text)
{
    static const char *const names[] = {"cpus", "instances", "x", "", NULL};
    struct err err = {0};

    assert((id_problem(text) == NULL) == (id_check(text, &err) == 0));
    if (role_check(text, &err) == 0)
        assert(strcmp(text, "*") == 0 || text[0] != '/');
    assert(text_is_utf8((const uint8_t *)err.text, strlen(err.text)));
    const char *nearest = text_nearest(text, names);
    assert(!nearest || strlen(nearest) <= 2 * strlen(text));
    assert(text_glob("*", text));
    assert(strpbrk(text, "*?") || text_glob(text, text));
}

static void check_ranges(const char *text)
{
    struct ranges ranges, back;
    struct buf buf = {0};

    if (ranges_parse(text, &ranges, NULL) < 0)
        return;
    ranges_check(&ranges);
    ranges_print(&ranges, &buf);
    assert(ranges_parse(buf_text(&buf), &back, NULL) == 0);
    assert(ranges_equal(&ranges, &back));
    buf_release(&buf);
    ranges_release(&ranges);
    ranges_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    size_t half = strlen(text) / 2;
    char *pattern = strndup(text, half);

    (void)text_is_utf8(data, size);
    (void)text_glob(pattern, text + half);
    check_numbers(text);
    check_names(text);
    check_ranges(text);
    free(pattern);
    free(text);
    return 0;
}
