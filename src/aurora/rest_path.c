/* Which path a GET is, and whether its parameters are known. */
#include "aurora/rest.h"

#include "base/text.h"

#include <string.h>

enum { PARAMETERS_MAX = 16 };

bool rest_path_matches(const char *pattern, const char *path,
                       struct arena *arena, const char *part[REST_PARTS_MAX])
{
    uint32_t count = 0;

    while (*pattern == '/' && *path == '/') {
        size_t wanted = strcspn(++pattern, "/");
        size_t has = strcspn(++path, "/");
        if (*pattern == '*') {
            if (has == 0)
                return false;
            part[count++] = arena_strndup(arena, path, has);
        } else if (wanted != has || strncmp(pattern, path, has) != 0) {
            return false;
        }
        pattern += wanted;
        path += has;
    }
    if (*path == '/' && path[1] == '\0')
        path++; /* "/api/v1/jobs/" is the same */
    return *pattern == '\0' && *path == '\0';
}

static const char *nearest_parameter(const char *known, const char *name,
                                     struct arena *arena)
{
    const char *list[PARAMETERS_MAX + 1];
    char *save = NULL, *copy = arena_strdup(arena, known);
    uint32_t count = 0;

    for (char *one = strtok_r(copy, " ", &save); one && count < PARAMETERS_MAX;
         one = strtok_r(NULL, " ", &save))
        list[count++] = one;
    list[count] = NULL;
    return text_nearest(name, list);
}

static bool is_known(const char *known, const char *name, size_t size)
{
    for (const char *at = known; *at; at += strcspn(at, " ") + 1)
        if (strncmp(at, name, size) == 0 && at[size] == ' ')
            return true;
    return false;
}

/* Of two values of one parameter, which is meant? */
static bool came_before(const char *query, const char *at, size_t size)
{
    for (const char *one = query; one < at; one += strcspn(one, "&;") + 1)
        if (strcspn(one, "=&;") == size && strncmp(one, at, size) == 0)
            return true;
    return false;
}

int rest_check_query(const char *query, const char *known, struct arena *arena,
                     struct err *err)
{
    for (const char *at = query; *at;) {
        size_t size = strcspn(at, "&;"), name = strcspn(at, "=&;");
        if (name > 0 && !is_known(known, at, name)) {
            char *text = arena_strndup(arena, at, name);
            const char *near = nearest_parameter(known, text, arena);
            (void)err_set(err, ERR_INVALID, "%.60s: no such parameter%s%s%s",
                          text, near ? "; nearest known name: '" : "",
                          near ? near : "", near ? "'" : "");
            err_field(err, "%.60s", text);
            return -ERR_INVALID;
        }
        if (name > 0 && came_before(query, at, name)) {
            char *text = arena_strndup(arena, at, name);
            (void)err_set(err, ERR_INVALID, "%.60s: given twice", text);
            err_field(err, "%.60s", text);
            return -ERR_INVALID;
        }
        at += size + (at[size] != '\0');
    }
    return 0;
}
