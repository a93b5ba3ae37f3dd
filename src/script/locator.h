/* Where in its text a field of a constructor stands. Lua knows only the line
 * of a call; on error this tokenizer finds the constructor that begins on that
 * line and the field inside. Where it cannot tell, it says only the line. It
 * reads text that may not even be Lua. */
#pragma once
#include "base/bytes.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

enum { LOCATOR_DEPTH_MAX = 256, LOCATOR_CANDIDATES_MAX = 16 };

struct location {
    uint32_t line; /* 1-based */
    uint32_t mark; /* 1-based column of the mark; 0: only the line */
    uint32_t mark_size;
    struct bytes source; /* the line, borrowed from the text */
};

enum token_kind { TOKEN_NAME, TOKEN_STRING, TOKEN_NUMBER, TOKEN_PUNCTUATION };

struct token {
    uint32_t at, size, line;
    uint8_t kind;
    uint8_t c; /* TOKEN_PUNCTUATION: its first character */
};

/* The tokens of a text, made once and asked often. */
struct locator {
    struct bytes text; /* borrowed */
    VEC(struct token) tokens;
};

void locator_init(struct locator *locator, struct bytes text);
void locator_release(struct locator *locator);

/* A line of a text, without its end; empty when there is no such line. */
struct bytes locator_line(struct bytes text, uint32_t line);

/* The call of `constructor` ("" for any) that begins on `line`; in its table
 * the first `field` ("" for the constructor's name itself; a path like
 * "processes[2].name" is followed as far as tables stand there). Always fills
 * *out. */
void locator_find(const struct locator *locator, uint32_t line,
                  const char *constructor, const char *field,
                  struct location *out);
/* The call that lacks `field`: its name is marked. Others like it may stand on
 * the same line. */
void locator_find_lack(const struct locator *locator, uint32_t line,
                       const char *constructor, const char *field,
                       struct location *out);
/* What the file itself assigns: the first part of the path is a global name,
 * and what it is set to is followed as above. Its last assignment counts; where
 * there is none, line 0. */
void locator_find_global(const struct locator *locator, const char *path,
                         struct location *out);
/* Mark `word` on a line, for errors that only quote a token. */
void locator_mark(const struct locator *locator, uint32_t line,
                  const char *word, struct location *out);

/* Tell every key that stands twice in one table: the second's place and the
 * first's line. */
typedef void locator_twice(void *context, const char *key,
                           const struct location *second, uint32_t first_line);
void locator_duplicates(const struct locator *locator, locator_twice *twice,
                        void *context);
