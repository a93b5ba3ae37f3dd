/* Whatever parses must print back to the very same text, and what is said of
 * a refused text must be readable. */
#include "base/job_key.h"
#include "base/text.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_instances(const struct instance_set *set)
{
    assert(set->count <= INSTANCE_RANGES_MAX);
    for (uint32_t i = 0; i < set->count; i++) {
        assert(set->range[i].first <= set->range[i].last);
        assert(instance_set_has(set, set->range[i].last));
        if (i > 0) /* sorted, and not even touching */
            assert((uint64_t)set->range[i - 1].last + 1 < set->range[i].first);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    char back[JOB_KEY_TEXT_MAX];
    struct job_key key, again;
    struct instance_set set;
    struct err err = {0};

    if (job_key_parse(text, &key, &err) == 0)
        assert(strcmp(job_key_text(&key, back), text) == 0);
    else
        assert(text_is_utf8((const uint8_t *)err.text, strlen(err.text)));
    if (job_key_parse_with_instances(text, &key, &set, &err) == 0) {
        assert(strncmp(job_key_text(&key, back), text, strlen(back)) == 0);
        assert(job_key_make(key.cluster, key.role, key.env, key.name, &again,
                            NULL) == 0);
        assert(job_key_equal(&key, &again));
        check_instances(&set);
    }
    if (instance_set_parse(text, &set, NULL) == 0) {
        assert(set.count > 0);
        check_instances(&set);
    }
    free(text);
    return 0;
}
