#include "script/locator.h"
#include <stdio.h>
#include <string.h>

/* --- lines --- */

struct bytes locator_line(struct bytes text, uint32_t line)
{
    const uint8_t *at = text.data, *end = text.data + text.size;
    for (uint32_t i = 1; i < line && at != NULL && at < end; i++) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at == NULL ? end : at + 1;
    }
    if (at == NULL || at >= end)
        return bytes_of("", 0);
    const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
    if (stop == NULL)
        stop = end;
    if (stop > at && stop[-1] == '\r')
        stop--;
    return bytes_of(at, (size_t)(stop - at));
}

static void only_line(const struct locator *locator, uint32_t line,
                      struct location *out)
{
    *out = (struct location){.line = line,
                             .source = locator_line(locator->text, line)};
}

static void mark_token(const struct locator *locator, const struct token *token,
                       struct location *out)
{
    only_line(locator, token->line, out);
    out->mark =
        (uint32_t)(locator->text.data + token->at - out->source.data) + 1;
    out->mark_size = token->size;
    if (out->mark > out->source.size) /* begins in a long string's line */
        out->mark = out->mark_size = 0;
    else if (out->mark + out->mark_size > out->source.size + 1)
        out->mark_size = (uint32_t)out->source.size + 1 - out->mark;
}

static struct bytes token_text(const struct locator *locator,
                               const struct token *token)
{
    return bytes_of(locator->text.data + token->at, token->size);
}

static uint32_t first_on(const struct locator *locator, uint32_t line)
{
    uint32_t low = 0, high = locator->tokens.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (locator->tokens.item[middle].line < line)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void locator_mark(const struct locator *locator, uint32_t line,
                  const char *word, struct location *out)
{
    only_line(locator, line, out);
    for (uint32_t i = first_on(locator, line);
         *word != '\0' && i < locator->tokens.count; i++) {
        const struct token *token = &locator->tokens.item[i];
        if (token->line > line)
            return;
        if (bytes_equal_text(token_text(locator, token), word)) {
            mark_token(locator, token, out);
            return;
        }
    }
}

/* --- fields of a table --- */

static bool is_punct(const struct locator *locator, uint32_t at, char c)
{
    return at < locator->tokens.count &&
           locator->tokens.item[at].kind == TOKEN_PUNCTUATION &&
           locator->tokens.item[at].c == (uint8_t)c;
}

/* Is the token at `at` where a field of a table may begin, the key of one?
 * name = or ["name"] = ; *key is the key's token. */
static bool is_key(const struct locator *locator, uint32_t at, uint32_t *key)
{
    const struct token *item = locator->tokens.item;
    if (at >= locator->tokens.count)
        return false;
    *key = at;
    if (item[at].kind == TOKEN_NAME)
        return is_punct(locator, at + 1, '=');
    *key = at + 1;
    return is_punct(locator, at, '[') && at + 1 < locator->tokens.count &&
           item[at + 1].kind == TOKEN_STRING &&
           is_punct(locator, at + 2, ']') && is_punct(locator, at + 3, '=');
}

/* The key's text; of a short string without its quotes. */
static struct bytes key_text(const struct locator *locator, uint32_t key)
{
    struct bytes text = token_text(locator, &locator->tokens.item[key]);
    if (locator->tokens.item[key].kind != TOKEN_STRING || text.size < 2 ||
        text.data[0] == '[')
        return text;
    return bytes_of(text.data + 1, text.size - 2);
}

/* Blocks nest as brackets do: inside one, `a = 1` is a statement. */
static int block_change(struct bytes word)
{
    static const char *const opens[] = {"do", "function", "if", "repeat"};
    if (word.size > 8)
        return 0;
    for (size_t i = 0; i < sizeof opens / sizeof *opens; i++)
        if (bytes_equal_text(word, opens[i]))
            return 1;
    if (bytes_equal_text(word, "end") || bytes_equal_text(word, "until"))
        return -1;
    return 0;
}

static int depth_change(const struct locator *locator,
                        const struct token *token)
{
    if (token->kind == TOKEN_NAME)
        return block_change(token_text(locator, token));
    if (token->kind != TOKEN_PUNCTUATION)
        return 0;
    switch (token->c) {
    case '{':
    case '(':
    case '[':
        return 1;
    case '}':
    case ')':
    case ']':
        return -1;
    default:
        return 0;
    }
}

/* The token of `field` in the table that opens at `open`, or, when it is empty,
 * the first of the element `number`; 0: there is none. */
static uint32_t find_entry(const struct locator *locator, uint32_t open,
                           struct bytes field, uint32_t number)
{
    int depth = 0;
    for (uint32_t i = open; i < locator->tokens.count; i++) {
        uint32_t key;
        bool begins = i > open && depth == 1 &&
                      (i - 1 == open || is_punct(locator, i - 1, ',') ||
                       is_punct(locator, i - 1, ';'));
        if (begins && is_key(locator, i, &key)) {
            if (field.size > 0 && bytes_equal(key_text(locator, key), field))
                return key;
        } else if (begins && field.size == 0 && --number == 0) {
            return i;
        }
        depth += depth_change(locator, &locator->tokens.item[i]);
        if (depth <= 0)
            break;
    }
    return 0;
}

/* Where the table of a value opens, `{` or `Name {`; 0: it is none. */
static uint32_t open_of(const struct locator *locator, uint32_t value)
{
    if (is_punct(locator, value, '{'))
        return value;
    bool is_call = value < locator->tokens.count &&
                   locator->tokens.item[value].kind == TOKEN_NAME &&
                   is_punct(locator, value + 1, '{');
    return is_call ? value + 1 : 0;
}

/* The table of the entry at `at`: of an element, or of what a key is set to. */
static uint32_t table_of(const struct locator *locator, uint32_t at,
                         bool is_element)
{
    uint32_t value = at;
    if (!is_element)
        value += is_punct(locator, at + 1, ']') ? 3 : 2;
    return open_of(locator, value);
}

/* Takes the first part of "processes[2].name"; false at its end. For an element
 * *out is empty and *number counts from 1. */
static bool take_part(const char **path, struct bytes *out, uint32_t *number)
{
    enum { ELEMENT_MAX = 1000000 };
    const char *at = *path + (**path == '.');
    *number = 0;
    *out = bytes_of(at, 0);
    if (*at == '[') {
        while (*++at >= '0' && *at <= '9' && *number < ELEMENT_MAX)
            *number = *number * 10 + (uint32_t)(*at - '0');
        *path = at + (*at == ']');
        return *number > 0;
    }
    *out = bytes_of(at, strcspn(at, ".["));
    *path = at + out->size;
    return out->size > 0;
}

/* As far along the path as tables stand there; 0: not even its beginning. */
static uint32_t follow(const struct locator *locator, uint32_t open,
                       const char *path)
{
    struct bytes part;
    uint32_t number, found = 0;
    while (open != 0 && take_part(&path, &part, &number)) {
        uint32_t at = find_entry(locator, open, part, number);
        if (at == 0)
            break;
        found = at;
        open = table_of(locator, at, part.size == 0);
    }
    return found;
}

/* --- calls --- */

struct candidate {
    uint32_t name;  /* token of the called name */
    uint32_t table; /* token of its table, 0 when it has none */
};

static bool is_keyword(struct bytes word)
{
    static const char *const keyword[] = {
        "and",    "do",   "else",  "elseif", "if",  "in",       "not",    "or",
        "return", "then", "until", "while",  "end", "function", "repeat", NULL};
    for (size_t i = 0; keyword[i] != NULL; i++)
        if (bytes_equal_text(word, keyword[i]))
            return true;
    return false;
}

/* The bracket that the one at `at` closes; 0: too far away, or none. */
static uint32_t opener_of(const struct locator *locator, uint32_t at)
{
    enum { BACK_MAX = 2000 };
    int depth = 0;
    for (uint32_t left = BACK_MAX; at > 0 && left > 0; at--, left--) {
        const struct token *token = &locator->tokens.item[at];
        if (token->kind == TOKEN_PUNCTUATION && token->c != '\0')
            depth += strchr(")}]", token->c)   ? 1
                     : strchr("({[", token->c) ? -1
                                               : 0;
        if (depth == 0)
            return at;
    }
    return 0;
}

static bool is_close(const struct locator *locator, uint32_t at)
{
    return is_punct(locator, at, ')') || is_punct(locator, at, '}') ||
           is_punct(locator, at, ']');
}

/* What is called with the argument that opens at `open`: the token behind its
 * name; 0: nothing is. In a.b("c") { } the name is `b`. */
static uint32_t callee_of(const struct locator *locator, uint32_t open)
{
    uint32_t at = open - 1;
    while (at > 0) {
        const struct token *token = &locator->tokens.item[at];
        bool is_string = token->kind == TOKEN_STRING;
        if (!is_string && !is_close(locator, at))
            break;
        at = is_string ? at : opener_of(locator, at);
        if (at == 0)
            return 0;
        at--;
    }
    const struct token *name = &locator->tokens.item[at];
    if (name->kind != TOKEN_NAME || is_keyword(token_text(locator, name)))
        return 0;
    return at + 1;
}

/* Does a call's argument open at `at`? */
static bool is_call(const struct locator *locator, uint32_t at,
                    struct candidate *out)
{
    if (at == 0 || !(is_punct(locator, at, '{') || is_punct(locator, at, '(')))
        return false;
    uint32_t callee = callee_of(locator, at);
    if (callee == 0)
        return false;
    out->name = callee - 1;
    out->table = is_punct(locator, at, '{')       ? at
                 : is_punct(locator, at + 1, '{') ? at + 1
                                                  : 0;
    return true;
}

/* a.b.c { : where `a` stands is the line of the call. */
static uint32_t call_line(const struct locator *locator, uint32_t name)
{
    while (name >= 2 &&
           (is_punct(locator, name - 1, '.') ||
            is_punct(locator, name - 1, ':')) &&
           locator->tokens.item[name - 2].kind == TOKEN_NAME)
        name -= 2;
    return locator->tokens.item[name].line;
}

static size_t find_calls(const struct locator *locator, uint32_t line,
                         const char *constructor,
                         struct candidate out[LOCATOR_CANDIDATES_MAX])
{
    enum { LINES_BETWEEN = 3 }; /* of a name and its brace */
    size_t count = 0;
    for (uint32_t i = first_on(locator, line); i < locator->tokens.count; i++) {
        struct candidate call;
        if (locator->tokens.item[i].line > line + LINES_BETWEEN ||
            count == LOCATOR_CANDIDATES_MAX)
            break;
        if (!is_call(locator, i, &call) ||
            call_line(locator, call.name) != line)
            continue;
        struct bytes name =
            token_text(locator, &locator->tokens.item[call.name]);
        if (*constructor == '\0' || bytes_equal_text(name, constructor))
            out[count++] = call;
    }
    if (count > 0 || *constructor == '\0')
        return count;
    return find_calls(locator, line, "", out); /* it has another name here */
}

void locator_find_lack(const struct locator *locator, uint32_t line,
                       const char *constructor, const char *field,
                       struct location *out)
{
    struct candidate call[LOCATOR_CANDIDATES_MAX];
    size_t found = 0, at = 0;
    size_t count = find_calls(locator, line, constructor, call);
    for (size_t i = 0; i < count; i++)
        if (count == 1 || follow(locator, call[i].table, field) == 0) {
            found++;
            at = i;
        }
    if (found == 1)
        mark_token(locator, &locator->tokens.item[call[at].name], out);
    else
        only_line(locator, line, out);
}

void locator_find(const struct locator *locator, uint32_t line,
                  const char *constructor, const char *field,
                  struct location *out)
{
    struct candidate call[LOCATOR_CANDIDATES_MAX];
    size_t found = 0;
    uint32_t key = 0;
    size_t count = find_calls(locator, line, constructor, call);
    for (size_t i = 0; *field != '\0' && i < count; i++) {
        uint32_t at = follow(locator, call[i].table, field);
        found += at != 0;
        key = at != 0 ? at : key;
    }
    if (found == 1)
        mark_token(locator, &locator->tokens.item[key], out);
    else if (count == 1)
        mark_token(locator, &locator->tokens.item[call[0].name], out);
    else
        only_line(locator, line, out);
}

/* The token of the last `name =` outside of all brackets and blocks; count of
 * tokens: there is none. */
static uint32_t find_global(const struct locator *locator, struct bytes name)
{
    uint32_t found = locator->tokens.count;
    int depth = 0;
    for (uint32_t i = 0; i < locator->tokens.count; i++) {
        const struct token *token = &locator->tokens.item[i];
        depth += depth_change(locator, token);
        bool is_local =
            i > 0 && locator->tokens.item[i - 1].kind == TOKEN_NAME &&
            bytes_equal_text(token_text(locator, &locator->tokens.item[i - 1]),
                             "local");
        if (depth == 0 && token->kind == TOKEN_NAME && !is_local &&
            is_punct(locator, i + 1, '=') &&
            !(i > 0 && is_punct(locator, i - 1, '.')) &&
            bytes_equal(token_text(locator, token), name))
            found = i;
    }
    return found;
}

void locator_find_global(const struct locator *locator, const char *path,
                         struct location *out)
{
    struct bytes name;
    uint32_t number;
    *out = (struct location){0};
    if (!take_part(&path, &name, &number) || name.size == 0)
        return;
    uint32_t at = find_global(locator, name);
    if (at == locator->tokens.count)
        return;
    uint32_t key = follow(locator, open_of(locator, at + 2), path);
    mark_token(locator, &locator->tokens.item[key != 0 ? key : at], out);
}

/* --- keys that stand twice --- */

struct open_table {
    bool is_table;
    uint32_t first; /* index of its first key in the list of keys */
};

struct seen_key {
    struct bytes text;
    uint32_t line;
};

struct duplicates {
    struct open_table open[LOCATOR_DEPTH_MAX];
    int depth;
    VEC(struct seen_key) keys;
};

/* Linear in the keys of one table up to a bound: generated tables of thousands
 * of names are not where people write a field twice. */
static const struct seen_key *seen_before(const struct duplicates *d,
                                          struct bytes text)
{
    enum { KEYS_COMPARED_MAX = 256 };
    uint32_t first = d->open[d->depth - 1].first;
    if (d->keys.count - first > KEYS_COMPARED_MAX)
        return NULL;
    for (uint32_t i = first; i < d->keys.count; i++)
        if (bytes_equal(d->keys.item[i].text, text))
            return &d->keys.item[i];
    return NULL;
}

static bool track_depth(struct duplicates *d, const struct locator *locator,
                        const struct token *token)
{
    int change = depth_change(locator, token);
    if (change > 0) {
        if (d->depth == LOCATOR_DEPTH_MAX)
            return false; /* deeper than anybody writes */
        d->open[d->depth++] = (struct open_table){
            token->kind == TOKEN_PUNCTUATION && token->c == '{', d->keys.count};
    } else if (change < 0) {
        if (d->depth == 0)
            return false;
        d->keys.count = d->open[--d->depth].first;
    }
    return true;
}

void locator_duplicates(const struct locator *locator, locator_twice *twice,
                        void *context)
{
    struct duplicates d = {0};
    for (uint32_t i = 0; i < locator->tokens.count; i++) {
        uint32_t key;
        bool begins =
            d.depth > 0 && d.open[d.depth - 1].is_table && i > 0 &&
            (is_punct(locator, i - 1, '{') || is_punct(locator, i - 1, ',') ||
             is_punct(locator, i - 1, ';'));
        if (begins && is_key(locator, i, &key)) {
            struct bytes text = key_text(locator, key);
            const struct seen_key *before = seen_before(&d, text);
            if (before != NULL) {
                char name[64];
                struct location second;
                snprintf(name, sizeof name, "%.*s", (int)text.size,
                         (const char *)text.data);
                mark_token(locator, &locator->tokens.item[key], &second);
                twice(context, name, &second, before->line);
            } else {
                *vec_add(&d.keys) =
                    (struct seen_key){text, locator->tokens.item[key].line};
            }
        }
        if (!track_depth(&d, locator, &locator->tokens.item[i]))
            break;
    }
    vec_free(&d.keys);
}
