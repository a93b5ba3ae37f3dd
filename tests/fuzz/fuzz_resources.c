/* What parses keeps the invariants, is undone by subtraction, and, where it is
 * not reserved, prints to a text that parses to the same. */
#include "base/resources.h"
#include "base/text.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_sums(const struct resources *r)
{
    struct resources sum, twice;

    resources_copy(&sum, r);
    resources_subtract(&sum, r);
    assert(resources_is_empty(&sum));
    resources_add(&sum, r);
    assert(resources_equal(&sum, r));
    resources_copy(&twice, r);
    resources_add(&twice, r);
    resources_check(&twice);
    assert(resources_contain(&twice, r));
    assert(resources_contain_any(&twice, r));
    resources_allocate(&sum, "web");
    resources_check(&sum);
    assert(sum.count == r->count);
    resources_allocate(&sum, "");
    assert(resources_equal(&sum, r));
    resources_release(&sum);
    resources_release(&twice);
}

static void check_text(const struct resources *r)
{
    struct resources plain = {0}, back;
    struct buf buf = {0};

    for (uint32_t i = 0; i < r->count; i++)
        if (!resources_items(r)[i].kind->reservation[0])
            resources_add_one(&plain, &resources_items(r)[i]);
    resources_print(&plain, &buf);
    if (plain.count > 0) {
        assert(resources_parse(buf_text(&buf), "*", &back, NULL) == 0);
        assert(resources_equal(&plain, &back));
        resources_release(&back);
    }
    buf_release(&buf);
    resources_release(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    struct resources r;
    struct err err = {0};

    if (resources_parse(text, "*", &r, &err) == 0) {
        resources_check(&r);
        check_sums(&r);
        check_text(&r);
        resources_release(&r);
    } else {
        assert(err.code != ERR_NONE && err.text[0]);
        assert(text_is_utf8((const uint8_t *)err.text, strlen(err.text)));
    }
    free(text);
    return 0;
}
