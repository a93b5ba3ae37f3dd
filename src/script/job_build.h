/* Values of the job language as messages. */
#pragma once
#include "base/arena.h"
#include "script/value.h"

/* The message of the value at `index` with defaults filled in; of defaults
 * alone when index is 0. Marked fields are left out. Everything is new in the
 * arena. */
ProtobufCMessage *build_message(lua_State *L, int index,
                                const struct schema_object *object,
                                struct arena *arena);

/* Setting fields by their descriptor. */
void build_set_text(ProtobufCMessage *message,
                    const ProtobufCFieldDescriptor *field, char *text);
void build_set_number(ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *field, int64_t number);
/* Unset fields of a message to the schema's defaults. */
void build_defaults(const struct schema_object *object,
                    ProtobufCMessage *message, struct arena *arena);
/* Is the field set? */
bool build_is_set(const ProtobufCMessage *message,
                  const ProtobufCFieldDescriptor *field);
int64_t build_number(const ProtobufCMessage *message,
                     const ProtobufCFieldDescriptor *field);
