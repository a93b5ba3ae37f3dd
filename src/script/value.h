/* The values of the job language in Lua: immutable userdata whose fields are
 * user values, numbered as in the schema. Calling one makes a copy with
 * changes. Lists and maps given in are copied into frozen ones.
 *
 * A field with a recorded problem holds a mark, so that what encloses it does
 * not report it again; files read a mark as nil. Every full userdata a file can
 * get hold of is one of these, so the kind in the head tells them apart. */
#pragma once
#include "script/evaluation.h"
#include "script/schema.h"

enum value_kind {
    VALUE_OBJECT,
    VALUE_LIST,   /* user values 1..count */
    VALUE_MAP,    /* user value 1: a plain table, never handed out */
    VALUE_RAW,    /* user value 1: text that is not substituted */
    VALUE_SECRET, /* user value 1: the name of one */
    VALUE_REFUSED /* instead of a value; its problem was reported */
};

struct value {
    enum value_kind kind;
    uint32_t count;                     /* VALUE_LIST */
    const struct schema_object *object; /* VALUE_OBJECT */
    struct call_site site;              /* where it was made */
    const char *name;                   /* its field `name`, or NULL */
    uint32_t problem;                   /* last one of its own, + 1, or 0 */
    bool has_mark;                      /* here or further inside */
    /* While its table is read, when it stands in another constructor as a plain
     * table or as what stands alone: that one's problems are its problems. */
    struct value *outer;
    const char *outer_path;  /* "http" */
    bool is_alone;           /* its fields have no names there */
    ProtobufCMessage *built; /* its message, once it was needed */
};

enum { LIST_MAX = 10000 };

/* Metatables and tables of names into the registry; once per state. */
void value_open(lua_State *L);
/* NULL unless it is one. */
struct value *value_at(lua_State *L, int index);
struct value *value_of(lua_State *L, int index,
                       const struct schema_object *object);
/* Push a new one, all fields unset. */
struct value *value_push(lua_State *L, const struct schema_object *object,
                         struct call_site site);
struct value *value_push_list(lua_State *L, size_t count);
/* Wraps the table on top, which must not be known to any file. */
struct value *value_wrap_map(lua_State *L);
struct value *value_wrap_raw(lua_State *L);
struct value *value_wrap_secret(lua_State *L);
void value_push_refused(lua_State *L);
/* Index of the field named by the string at `index`, or -1. */
int value_field(lua_State *L, const struct schema_object *object, int index);

void value_push_mark(lua_State *L);
bool value_is_mark(lua_State *L, int index);
void value_push_unset(lua_State *L); /* `unset` of the language */
bool value_is_unset(lua_State *L, int index);

/* Push the name of a job, task or process, also when it follows from what is
 * inside; false (and anything pushed) when it has none. */
bool value_push_name(lua_State *L, int index);

/* The slot of a field, for lua_getiuservalue(). */
int value_slot(const struct schema_object *object, const char *name);
/* What is checked when all fields of the value at `index` are in. */
void value_check(lua_State *L, struct value *self, int index);

/* The constructor's work: fill the new value on top of the stack from the
 * table at `given` (0: none), check it, report. */
void value_construct(lua_State *L, int given,
                     const struct schema_constructor *constructor);
/* The call of a value: copy it with the changes in the table at 2. */
int value_copy(lua_State *L);
/* Convert one Lua value for a field and push the result; on false a problem
 * was recorded and a mark is pushed. `path` names the field. */
bool value_convert(lua_State *L, struct value *self, int index,
                   const struct schema_field *field, const char *path);
/* Record a problem of a value; the last three texts may be NULL. `self` may be
 * NULL when there is no value yet. */
void value_problem(lua_State *L, struct value *self, const char *field,
                   const char *message, const char *expected,
                   const char *nearest);
/* Record that a field of the schema is not there and has to be. */
void value_missing(lua_State *L, struct value *self,
                   const struct schema_field *field);
