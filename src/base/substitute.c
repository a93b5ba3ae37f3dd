#include "base/substitute.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 128 };

static const struct plain_name {
    const char *name;
    size_t offset;
} plain_names[] = {
    {"mesos.cluster", offsetof(struct bindings, cluster)},
    {"mesos.role", offsetof(struct bindings, role)},
    {"mesos.environment", offsetof(struct bindings, environment)},
    {"mesos.name", offsetof(struct bindings, name)},
    {"mesos.hostname", offsetof(struct bindings, hostname)},
    {"mesos.instance", offsetof(struct bindings, instance)},
    {"thermos.task_id", offsetof(struct bindings, task_id)},
    {"thermos.user", offsetof(struct bindings, user)},
};

static const char *find(const struct binding *binding, uint32_t count,
                        const char *name, size_t size)
{
    for (uint32_t i = 0; i < count; i++)
        if (strlen(binding[i].name) == size &&
            memcmp(binding[i].name, name, size) == 0)
            return binding[i].value;
    return NULL;
}

/* prefix[NAME]: the NAME, or NULL. */
static const char *index_of(const char *name, const char *prefix, size_t *size)
{
    size_t before = strlen(prefix), all = strlen(name);
    if (all < before + 2 || memcmp(name, prefix, before) != 0 ||
        name[all - 1] != ']')
        return NULL;
    *size = all - before - 1;
    return name + before;
}

static const char *lookup(const struct bindings *bindings, const char *name)
{
    size_t size;
    const char *index = index_of(name, "thermos.ports[", &size);
    if (index != NULL)
        return find(bindings->port, bindings->port_count, index, size);
    index = index_of(name, "env[", &size);
    if (index != NULL)
        return find(bindings->env, bindings->env_count, index, size);
    for (size_t i = 0; i < sizeof plain_names / sizeof *plain_names; i++)
        if (strcmp(plain_names[i].name, name) == 0) {
            const char *value;
            memcpy(&value, (const char *)bindings + plain_names[i].offset,
                   sizeof value);
            return value;
        }
    return NULL;
}

/* Copy what stands between {{ and }} and refuse what cannot be a name. */
static int read_name(const char *at, const char *end, char *name,
                     struct err *err)
{
    size_t size = (size_t)(end - at);
    int shown = size > 60 ? 60 : (int)size;

    if (size >= NAME_MAX_BYTES)
        return err_set(err, ERR_INVALID, "'{{%.*s...': the name is too long",
                       shown, at);
    memcpy(name, at, size);
    name[size] = '\0';
    if (strstr(name, "{{") != NULL)
        return err_set(err, ERR_INVALID, "'{{%s}}': {{ }} cannot be nested",
                       name);
    if (name[strcspn(name, " \t\n")] != '\0')
        return err_set(err, ERR_INVALID,
                       "'{{%s}}': want no spaces between {{ and }}", name);
    return 0;
}

static int put_one(const char *at, const char *end,
                   const struct bindings *bindings, struct buf *out,
                   struct err *err)
{
    char name[NAME_MAX_BYTES];
    int rc = read_name(at, end, name, err);
    if (rc != 0)
        return rc;
    const char *value = lookup(bindings, name);
    if (value == NULL) {
        rc = err_set(err, ERR_INVALID, "'{{%s}}': nothing binds this name",
                     name);
        err_hint(err, "text that is not to be substituted is written "
                      "raw [[...]]");
        return rc;
    }
    buf_add_text(out, value);
    return 0;
}

int substitute(const char *text, const struct bindings *bindings,
               struct buf *out, struct err *err)
{
    size_t before = out->size;
    int rc = 0;

    for (const char *at = text; rc == 0;) {
        const char *open = strstr(at, "{{");
        if (open == NULL) {
            buf_add_text(out, at);
            break;
        }
        const char *close = strstr(open + 2, "}}");
        buf_add(out, at, (size_t)(open - at));
        if (close == NULL)
            rc = err_set(err, ERR_INVALID, "'%.40s': {{ without }}", open);
        else
            rc = put_one(open + 2, close, bindings, out, err);
        if (rc == 0 && out->size - before > SUBSTITUTE_OUT_MAX)
            rc = err_set(err, ERR_LIMIT, "command line: want at most %d bytes",
                         SUBSTITUTE_OUT_MAX);
        if (close != NULL)
            at = close + 2;
    }
    if (rc != 0 && out->data != NULL) {
        out->size = before;
        out->data[before] = '\0';
    }
    return rc;
}
