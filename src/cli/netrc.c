#include "cli/netrc.h"
#include <string.h>
#include <strings.h>

struct reader {
    const char *at, *end;
    struct arena *arena;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

/* The next word; "quoted \" words" may hold spaces. NULL at the end. */
static const char *next_word(struct reader *r)
{
    while (r->at < r->end && is_space(*r->at))
        r->at++;
    if (r->at == r->end)
        return NULL;
    bool is_quoted = *r->at == '"';
    if (is_quoted)
        r->at++;
    char *out = arena_alloc(r->arena, (size_t)(r->end - r->at) + 1), *to = out;
    while (r->at < r->end && (is_quoted ? *r->at != '"' : !is_space(*r->at))) {
        if (is_quoted && *r->at == '\\' && r->at + 1 < r->end)
            r->at++;
        *to++ = *r->at++;
    }
    if (is_quoted && r->at < r->end)
        r->at++;
    *to = '\0';
    return out;
}

static void skip_line(struct reader *r)
{
    while (r->at < r->end && *r->at != '\n')
        r->at++;
}

/* A macro ends at the first empty line. */
static void skip_macro(struct reader *r)
{
    while (r->at < r->end &&
           !(r->at[0] == '\n' && (r->at + 1 == r->end || r->at[1] == '\n')))
        r->at++;
}

/* What belongs to the entry that begins here, up to the next one, whose first
 * word is returned. */
static const char *read_entry(struct reader *r, struct netrc_entry *out)
{
    const char *word;

    while ((word = next_word(r)) != NULL && strcmp(word, "machine") != 0 &&
           strcmp(word, "default") != 0) {
        if (strcmp(word, "login") == 0)
            out->login = next_word(r);
        else if (strcmp(word, "password") == 0)
            out->password = next_word(r);
        else if (strcmp(word, "account") == 0)
            (void)next_word(r);
        else if (strcmp(word, "macdef") == 0)
            skip_macro(r);
        else if (word[0] == '#')
            skip_line(r);
    }
    return word;
}

bool netrc_find(struct bytes text, const char *machine, struct arena *arena,
                struct netrc_entry *out)
{
    const char *from = (const char *)text.data;
    struct reader r = {from, from + text.size, arena};
    struct netrc_entry entry = {0};
    const char *word = read_entry(&r, &entry);

    while (word != NULL) {
        bool is_default = strcmp(word, "default") == 0;
        const char *name = is_default ? NULL : next_word(&r);
        entry = (struct netrc_entry){0};
        word = read_entry(&r, &entry);
        if (name == NULL || strcasecmp(name, machine) != 0)
            continue;
        *out = entry;
        return true;
    }
    return false;
}
