/* Any command line: it is substituted or refused, within its bounds; without
 * braces it comes out as it went in. */
#include "base/substitute.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct binding port[] = {{"http", "31000"}};
    static const struct binding env[] = {{"A", "b"}};
    static const struct bindings bindings = {.cluster = "c",
                                             .role = "r",
                                             .environment = "e",
                                             .name = "n",
                                             .hostname = "h",
                                             .instance = "0",
                                             .task_id = "t",
                                             .user = "u",
                                             .port = port,
                                             .port_count = 1,
                                             .env = env,
                                             .env_count = 1};
    char *text = strndup((const char *)data, size);
    struct buf out = {0};
    struct err err = {0};
    int rc = substitute(text, &bindings, &out, &err);

    assert(rc == 0 || *err.text != '\0');
    assert(out.size <= SUBSTITUTE_OUT_MAX + 64);
    if (rc == 0 && strstr(text, "{{") == NULL)
        assert(strcmp(buf_text(&out), text) == 0);
    if (rc != 0)
        assert(out.size == 0);
    buf_release(&out);
    free(text);
    return 0;
}
