#include "wire/json_read.h"

#include <jansson.h>

static const char *type_name(const json_t *value)
{
    static const char *const name[] = {"an object", "a list",   "text",
                                       "a number",  "a number", "true",
                                       "false",     "null"};
    return name[json_typeof(value)];
}

static int read_bool(const json_t *root, const char *key, bool *out,
                     struct err *err)
{
    if (!json_is_object(root))
        return err_set(err, ERR_INVALID, "it is %s: want an object",
                       type_name(root));
    const json_t *value = json_object_get(root, key);
    if (!value)
        return err_set(err, ERR_INVALID, "it has no '%.100s'", key);
    if (!json_is_boolean(value))
        return err_set(err, ERR_INVALID, "'%.100s' is %s: want true or false",
                       key, type_name(value));
    *out = json_is_true(value);
    return 0;
}

int json_read_bool(struct bytes text, const char *key, bool *out,
                   struct err *err)
{
    json_error_t error;
    json_t *root =
        json_loadb((const char *)text.data, text.size, JSON_DECODE_ANY, &error);

    if (!root)
        return err_set(err, ERR_INVALID, "it is no JSON: %s", error.text);
    int rc = read_bool(root, key, out, err);
    json_decref(root);
    return rc;
}
