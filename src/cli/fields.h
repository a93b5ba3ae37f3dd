/* A message as people read it: its set fields in the order of the schema, each
 * with a label and a text in the units of the job language ("ram 128 MB").
 * Driven by the descriptors, so that a field new to the message shows up by
 * itself. What `inspect` prints and `diff` compares. */
#pragma once
#include "base/arena.h"
#include "base/vec.h"
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

struct field_line {
    const char *path;  /* "task.processes[web].cmdline" */
    const char *label; /* "cmdline"; of a list's element "web" */
    const char *text;  /* NULL: a heading, what it holds follows */
    int depth;         /* 0 for the message's own fields */
};

struct field_list {
    struct field_line *item; /* texts are the arena's */
    uint32_t count, capacity;
};

/* Append the fields of a message; `skip` names top-level fields to leave out
 * (NULL-terminated, or NULL). Free with vec_free. */
void fields_of(const ProtobufCMessage *message, const char *const *skip,
               struct arena *arena, struct field_list *out);
