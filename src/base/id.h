/* Identifiers. Those that people or frameworks choose follow Mesos' rule
 * (anchor: not empty, at most 255 bytes, not "." or "..", no control character,
 * no '/' or '\'), because they become directory names. */
#pragma once
#include "base/err.h"
#include "base/rng.h"
#include <stdbool.h>
#include <stdint.h>

enum { ID_MAX = 256, UUID_BYTES = 16, UUID_TEXT_MAX = 37 };

/* NULL when the id is legal, else what is wrong with it in Mesos' words: "ID
 * must not be empty", "'.' is disallowed", or, to be read after the quoted id,
 * "contains invalid characters". */
const char *id_problem(const char *id);
/* The same with the whole sentence in *err: "'a/b' contains invalid
 * characters" (ERR_INVALID). */
int id_check(const char *id, struct err *err);

/* A role: "*", or components joined by '/', none of them empty, ".", ".." or
 * "*", none starting with '-', no DEL or white space; at most 255
 * bytes. The texts are Mesos': "Role '/a' cannot start with a slash". */
int role_check(const char *role, struct err *err);

struct uuid {
    uint8_t byte[UUID_BYTES];
};
struct uuid uuid_random(struct rng *rng); /* version 4, RFC 4122 */
bool uuid_equal(const struct uuid *a, const struct uuid *b);
char *uuid_text(const struct uuid *uuid, char out[UUID_TEXT_MAX]);
