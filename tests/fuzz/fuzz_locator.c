/* The tokenizer reads whatever an editor can save: tokens lie inside the text
 * and in order, marks lie inside their line, and both functions end. The first
 * line of the input is what is looked for: "LINE CONSTRUCTOR FIELD". */
#include "script/locator.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tokens(const struct locator *locator)
{
    uint32_t end = 0, line = 1;
    for (uint32_t i = 0; i < locator->tokens.count; i++) {
        const struct token *token = &locator->tokens.item[i];
        assert(token->size > 0 && token->at >= end && token->line >= line);
        end = token->at + token->size;
        line = token->line;
        assert(end <= locator->text.size);
    }
}

static void check_location(const struct locator *locator,
                           const struct location *at)
{
    const uint8_t *begin = locator->text.data;
    assert(memchr(at->source.data, '\n', at->source.size) == NULL);
    if (at->source.size > 0)
        assert(at->source.data >= begin &&
               at->source.data + at->source.size <= begin + locator->text.size);
    if (at->mark > 0)
        assert(at->mark - 1 + at->mark_size <= at->source.size);
}

static void on_twice(void *context, const char *key,
                     const struct location *second, uint32_t first_line)
{
    assert(key != NULL && first_line <= second->line);
    check_location(context, second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char head[128] = "", constructor[40] = "", field[40] = "";
    unsigned line = 1;
    const uint8_t *newline = memchr(data, '\n', size);
    size_t head_size = newline ? (size_t)(newline - data) : 0;
    if (head_size > 0 && head_size < sizeof head) {
        memcpy(head, data, head_size);
        (void)!sscanf(head, "%u %39s %39s", &line, constructor, field);
    }
    /* A copy of the exact size, so that the sanitizer sees its end. */
    size_t rest = size - head_size;
    uint8_t *copy = malloc(rest + 1);
    memcpy(copy, data + head_size, rest);
    struct locator locator;
    struct location at;
    locator_init(&locator, bytes_of(copy, rest));
    check_tokens(&locator);
    locator_find(&locator, line % 64, constructor, field, &at);
    check_location(&locator, &at);
    locator_mark(&locator, line % 64, constructor, &at);
    check_location(&locator, &at);
    locator_duplicates(&locator, on_twice, &locator);
    locator_release(&locator);
    free(copy);
    return 0;
}
