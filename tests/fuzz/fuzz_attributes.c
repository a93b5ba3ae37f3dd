/* What parses is equal to its copy, keeps its texts, and each value typed again
 * from its text is the same. */
#include "base/attributes.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct attributes *a)
{
    struct attributes copy, again = {0};

    assert(a->count <= ATTRIBUTES_MAX);
    attributes_copy(&copy, a);
    assert(attributes_equal(a, &copy));
    for (uint32_t i = 0; i < a->count; i++) {
        ranges_check(&a->item[i].ranges);
        assert(a->item[i].name[0] && a->item[i].text[0]);
        assert(attributes_value(a, a->item[i].name));
        attributes_add_text(&again, a->item[i].name, a->item[i].text);
    }
    assert(attributes_equal(a, &again));
    attributes_release(&copy);
    attributes_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    struct attributes a;
    struct err err = {0};

    if (attributes_parse(text, &a, &err) == 0) {
        check(&a);
        attributes_release(&a);
    } else {
        assert(err.code != ERR_NONE && err.text[0]);
    }
    free(text);
    return 0;
}
