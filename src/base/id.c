#include "base/id.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Never part of an id: control characters and both kinds of slash. */
static bool is_forbidden(unsigned char c)
{
    return c < ' ' || c == 0x7f || c == '/' || c == '\\';
}

const char *id_problem(const char *id)
{
    size_t size = strnlen(id, ID_MAX);

    if (size == 0)
        return "ID must not be empty";
    if (size == ID_MAX)
        return "ID must not be greater than 255 characters";
    if (strcmp(id, ".") == 0)
        return "'.' is disallowed";
    if (strcmp(id, "..") == 0)
        return "'..' is disallowed";
    for (const char *c = id; *c; c++)
        if (is_forbidden((unsigned char)*c))
            return "contains invalid characters";
    return NULL;
}

int id_check(const char *id, struct err *err)
{
    const char *problem = id_problem(id);

    if (!problem)
        return 0;
    if (problem[0] == 'c') /* the one text whose subject is the id */
        return err_set(err, ERR_INVALID, "'%s' %s", id, problem);
    return err_set(err, ERR_INVALID, "%s", problem);
}

/* One component of a role, `size` bytes at `part`. */
static int component_check(const char *role, const char *part, size_t size,
                           struct err *err)
{
    static const char *const refused[] = {".", "..", "*"};
    int shown = (int)size;

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (strlen(refused[i]) == size && memcmp(part, refused[i], size) == 0)
            return err_set(err, ERR_INVALID,
                           "Role '%s' cannot include '%s' as a component", role,
                           refused[i]);
    if (part[0] == '-')
        return err_set(err, ERR_INVALID,
                       "Role component '%.*s' is invalid because it starts "
                       "with a dash",
                       shown, part);
    if (strcspn(part, "/ \t\n\v\f\r\x7f") < size)
        return err_set(err, ERR_INVALID,
                       "Role component '%.*s' is invalid because it contains "
                       "backspace or whitespace",
                       shown, part);
    return 0;
}

int role_check(const char *role, struct err *err)
{
    size_t length = strnlen(role, ID_MAX);

    if (strcmp(role, "*") == 0)
        return 0;
    if (length == 0)
        return err_set(err, ERR_INVALID,
                       "Role names cannot be the empty string");
    if (length == ID_MAX)
        return err_set(err, ERR_INVALID,
                       "Role '%.40s...' is longer than %d bytes", role,
                       ID_MAX - 1);
    if (role[0] == '/')
        return err_set(err, ERR_INVALID, "Role '%s' cannot start with a slash",
                       role);
    if (role[length - 1] == '/')
        return err_set(err, ERR_INVALID, "Role '%s' cannot end with a slash",
                       role);
    if (strstr(role, "//"))
        return err_set(err, ERR_INVALID,
                       "Role '%s' cannot contain two adjacent slashes", role);
    for (const char *part = role; *part;) {
        size_t size = strcspn(part, "/");
        int rc = component_check(role, part, size, err);
        if (rc < 0)
            return rc;
        part += size + (part[size] == '/');
    }
    return 0;
}

struct uuid uuid_random(struct rng *rng)
{
    struct uuid uuid;
    uint64_t half[2];

    half[0] = rng_next(rng); /* one after the other: the order is defined */
    half[1] = rng_next(rng);

    /* By shifts, so that a seed gives one text on every machine. */
    for (int i = 0; i < UUID_BYTES; i++)
        uuid.byte[i] = (uint8_t)(half[i / 8] >> (i % 8 * 8));
    uuid.byte[6] = (uint8_t)((uuid.byte[6] & 0x0f) | 0x40); /* version 4 */
    uuid.byte[8] = (uint8_t)((uuid.byte[8] & 0x3f) | 0x80); /* RFC 4122 */
    return uuid;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->byte, b->byte, UUID_BYTES) == 0;
}

/* A dash stands before these bytes. */
static bool is_dash_before(int byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

char *uuid_text(const struct uuid *uuid, char out[UUID_TEXT_MAX])
{
    static const char digit[] = "0123456789abcdef";
    char *to = out;

    for (int i = 0; i < UUID_BYTES; i++) {
        if (is_dash_before(i))
            *to++ = '-';
        *to++ = digit[uuid->byte[i] >> 4];
        *to++ = digit[uuid->byte[i] & 15];
    }
    *to++ = '\0';
    assert(to - out == UUID_TEXT_MAX);
    return out;
}
