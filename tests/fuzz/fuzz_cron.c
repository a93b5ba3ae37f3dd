/* Whatever parses has one spelling, which means the same and is its own. */
#include "base/cron.h"
#include "base/text.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    char out[CRON_TEXT_MAX], back[CRON_TEXT_MAX];
    struct cron_schedule schedule, again;
    struct err err = {0};

    if (cron_parse(text, &schedule, &err) < 0) {
        assert(err.code == ERR_INVALID);
        assert(text_is_utf8((const uint8_t *)err.text, strlen(err.text)));
    } else {
        assert(cron_parse(cron_text(&schedule, out), &again, NULL) == 0);
        assert(cron_equal(&schedule, &again));
        assert(strcmp(cron_text(&again, back), out) == 0);
    }
    free(text);
    return 0;
}
