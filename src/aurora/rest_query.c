/* What the query and the path of a GET say. */
#include "aurora/rest.h"

#include "base/text.h"

#include <string.h>

void rest_perform(struct get *g, Perigee__Aurora__Call__Type type)
{
    api_perform(g->r, type, g->now_ms, g->fx);
}

char *rest_parameter(const struct get *g, const char *name)
{
    return (char *)http_query(g->http, name, &g->r->arena);
}

int64_t rest_number(const char *name, const char *text, int64_t most,
                    struct err *err)
{
    int64_t value = 0;
    int rc = text_int(text, 0, most, &value, err);

    if (rc < 0) {
        (void)err_wrap(err, "%s", name);
        err_field(err, "%s", name);
        return rc;
    }
    return value;
}

int rest_page(const struct get *g, protobuf_c_boolean *has_limit,
              uint32_t *limit, char **cursor, struct err *err)
{
    const char *text = rest_parameter(g, "limit");
    int64_t value = 0;

    *cursor = rest_parameter(g, "cursor");
    if (!text)
        return 0;
    int rc = text_int(text, 1, PAGE_MAX, &value, err);
    if (rc < 0) {
        (void)err_wrap(err, "limit");
        err_field(err, "limit");
        return rc;
    }
    *has_limit = true;
    *limit = (uint32_t)value;
    return 0;
}

int rest_flag(const struct get *g, const char *name, protobuf_c_boolean *has,
              protobuf_c_boolean *out, struct err *err)
{
    const char *text = rest_parameter(g, name);

    if (!text)
        return 0;
    if (strcmp(text, "1") != 0 && strcmp(text, "0") != 0) {
        (void)err_set(err, ERR_INVALID, "%s '%s': want 0 or 1", name, text);
        err_field(err, "%s", name);
        return -ERR_INVALID;
    }
    *has = true;
    *out = *text == '1';
    return 0;
}

char *rest_part_or(const struct get *g, uint32_t at, const char *name)
{
    return g->part[at] ? (char *)g->part[at] : rest_parameter(g, name);
}

Perigee__Aurora__JobKey *rest_path_key(const struct get *g)
{
    Perigee__Aurora__JobKey *key = arena_alloc(&g->r->arena, sizeof *key);

    perigee__aurora__job_key__init(key);
    key->cluster = (char *)g->r->p->options.cluster;
    key->role = (char *)g->part[0];
    key->environment = (char *)g->part[1];
    key->name = (char *)g->part[2];
    return key;
}
