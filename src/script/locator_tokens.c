/* The tokens of a text that may not even be Lua. */
#include "script/locator.h"
#include <ctype.h>
#include <string.h>

struct scanner {
    const uint8_t *at, *end, *begin;
    uint32_t line;
};

/* [[, [=[, ...: the number of '=', or -1. */
static int long_level(const struct scanner *s)
{
    const uint8_t *at = s->at + 1;
    while (at < s->end && *at == '=')
        at++;
    return at < s->end && *at == '[' ? (int)(at - s->at - 1) : -1;
}

static void skip_long(struct scanner *s, int level)
{
    s->at += level + 2;
    while (s->at < s->end) {
        if (*s->at == '\n')
            s->line++;
        if (*s->at++ != ']')
            continue;
        int equals = 0;
        while (s->at < s->end && *s->at == '=' && equals < level) {
            s->at++;
            equals++;
        }
        if (equals == level && s->at < s->end && *s->at == ']') {
            s->at++;
            return;
        }
    }
}

/* "...", '...': ends at its quote or, unfinished, at the line's end. */
static void skip_string(struct scanner *s)
{
    uint8_t quote = *s->at++;
    while (s->at < s->end && *s->at != quote && *s->at != '\n') {
        if (*s->at == '\\' && s->at + 1 < s->end) {
            s->at++;
            if (*s->at == '\n')
                s->line++;
            if (*s->at == 'z') {
                s->at++;
                for (; s->at < s->end && isspace(*s->at); s->at++)
                    s->line += *s->at == '\n';
                continue;
            }
        }
        s->at++;
    }
    if (s->at < s->end && *s->at == quote)
        s->at++;
}

static void skip_space(struct scanner *s)
{
    while (s->at < s->end) {
        if (*s->at == '\n') {
            s->line++;
            s->at++;
        } else if (isspace(*s->at)) {
            s->at++;
        } else if (s->end - s->at >= 2 && memcmp(s->at, "--", 2) == 0) {
            s->at += 2;
            int level = s->at < s->end && *s->at == '[' ? long_level(s) : -1;
            if (level >= 0)
                skip_long(s, level);
            else
                while (s->at < s->end && *s->at != '\n')
                    s->at++;
        } else {
            return;
        }
    }
}

static bool is_word(uint8_t c)
{
    return isalnum(c) || c == '_';
}

static struct token next_token(struct scanner *s)
{
    struct token token = {.at = (uint32_t)(s->at - s->begin), .line = s->line};
    const uint8_t *start = s->at;
    int level = *s->at == '[' ? long_level(s) : -1;
    token.c = *s->at;
    if (*s->at == '"' || *s->at == '\'') {
        token.kind = TOKEN_STRING;
        skip_string(s);
    } else if (level >= 0) {
        token.kind = TOKEN_STRING;
        skip_long(s, level);
    } else if (is_word(*s->at)) {
        token.kind = isdigit(*s->at) ? TOKEN_NUMBER : TOKEN_NAME;
        while (s->at < s->end && is_word(*s->at))
            s->at++;
    } else {
        token.kind = TOKEN_PUNCTUATION;
        s->at++;
        /* "==" must not look like the "=" of a field. */
        if (token.c == '=' && s->at < s->end && *s->at == '=') {
            s->at++;
            token.c = 'e';
        }
    }
    token.size = (uint32_t)(s->at - start);
    return token;
}

void locator_init(struct locator *locator, struct bytes text)
{
    *locator = (struct locator){.text = text};
    if (text.size > UINT32_MAX / 2)
        return;
    struct scanner s = {text.data, text.data + text.size, text.data, 1};
    if (text.size > 0 && text.data[0] == '#') /* Lua skips a first line of # */
        while (s.at < s.end && *s.at != '\n')
            s.at++;
    for (skip_space(&s); s.at < s.end; skip_space(&s))
        *vec_add(&locator->tokens) = next_token(&s);
}

void locator_release(struct locator *locator)
{
    vec_free(&locator->tokens);
    *locator = (struct locator){0};
}
