/* Headers' values and queries from outside. */
#include "wire/http.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    struct http_request request = {.query = text, .path = "/", .peer = ""};
    struct arena arena;

    arena_init(&arena);
    enum media_type accepted = media_type_accepted(text);
    assert(accepted == MEDIA_JSON || accepted == MEDIA_PROTOBUF ||
           accepted == MEDIA_OTHER);
    (void)media_type_parse(text);
    const char *value = http_query(&request, "a", &arena);
    assert(value == NULL || strlen(value) <= strlen(text));
    arena_release(&arena);
    free(text);
    return 0;
}
