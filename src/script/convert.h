/* Conversions that the constructors and the functions of the language share. */
#pragma once
#include "base/bytes.h"
#include "script/value.h"

enum {
    CONVERT_PATH_MAX = 160, /* of a field: "portmap.http" */
    CONVERT_SHOWN_MAX = 60, /* of a user's text in a message */
    CONVERT_MESSAGE_MAX = 400
};

/* "table", "Process", "list": what the value at `index` is called. */
const char *value_type_name(lua_State *L, int index);
/* A number in thousandths, rounded; false when it is no such number. */
bool value_milli(lua_State *L, int index, int64_t *out);
/* A relative uri is a file beside the job file: read it now, so that it is in
 * the bundle; `sha256` may be NULL. False when a problem was recorded. */
bool convert_check_fetch(lua_State *L, struct value *self, const char *path,
                         const char *uri, const char *sha256);

/* The parts of value_convert(), which see. */
bool convert_string(lua_State *L, struct value *self, int index,
                    const struct schema_field *field, const char *path);
bool convert_object(lua_State *L, struct value *self, int index,
                    const struct schema_field *field, const char *path);
bool convert_list(lua_State *L, struct value *self, int index,
                  const struct schema_field *field, const char *path);
/* "a,b", "!a,b", "limit:2" for a HostConstraint. */
bool convert_constraint(lua_State *L, struct value *self, int index,
                        const char *path);
bool convert_map(lua_State *L, struct value *self, int index,
                 const struct schema_field *field, const char *path);

/* Record that the value at `index` is not what the field takes; push a mark. */
bool convert_wrong(lua_State *L, struct value *self, int index,
                   const struct schema_field *field, const char *path);
/* Record what a check expected, and release that; push a mark. */
bool convert_refuse(lua_State *L, struct value *self, const char *path,
                    const char *message, struct buf *expected);
