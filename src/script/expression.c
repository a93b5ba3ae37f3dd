#define PCRE2_CODE_UNIT_WIDTH 8
#include "script/expression.h"
#include "base/alloc.h"
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

struct expression {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

void expression_free(struct expression *expression)
{
    if (expression == NULL)
        return;
    pcre2_match_context_free(expression->limits);
    pcre2_match_data_free(expression->data);
    pcre2_code_free(expression->code);
    free(expression);
}

int expression_new(const char *text, struct expression **out, struct err *err)
{
    const uint32_t options = PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED |
                             PCRE2_NEVER_BACKSLASH_C;
    int code;
    PCRE2_SIZE at;
    size_t size = strlen(text);
    if (size > EXPRESSION_MAX)
        return err_set(err, ERR_LIMIT, "want at most %d bytes", EXPRESSION_MAX);
    struct expression *expression = xcalloc(1, sizeof *expression);
    expression->code =
        pcre2_compile((PCRE2_SPTR)text, size, options, &code, &at, NULL);
    if (expression->code == NULL) {
        PCRE2_UCHAR why[128];
        (void)pcre2_get_error_message(code, why, sizeof why);
        expression_free(expression);
        return err_set(err, ERR_INVALID, "at %zu: %s", at + 1,
                       (const char *)why);
    }
    expression->data = pcre2_match_data_create(1, NULL);
    expression->limits = pcre2_match_context_create(NULL);
    (void)pcre2_set_match_limit(expression->limits, EXPRESSION_STEPS_MAX);
    (void)pcre2_set_heap_limit(expression->limits, EXPRESSION_HEAP_MAX);
    *out = expression;
    return 0;
}

int expression_match(struct expression *expression, struct bytes value,
                     struct err *err)
{
    PCRE2_UCHAR why[128];
    int rc = pcre2_match(expression->code, value.data, value.size, 0, 0,
                         expression->data, expression->limits);
    if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH)
        return rc >= 0;
    (void)pcre2_get_error_message(rc, why, sizeof why);
    if (rc <= PCRE2_ERROR_UTF8_ERR1 && rc >= PCRE2_ERROR_UTF8_ERR21)
        return err_set(err, ERR_INVALID, "the value is no text: %s",
                       (const char *)why);
    return err_set(err, ERR_LIMIT, "the expression takes too long: %s",
                   (const char *)why);
}

int expression_check(const char *text, struct err *err)
{
    struct expression *expression = NULL;
    int rc = expression_new(text, &expression, err);
    expression_free(expression);
    return rc;
}
