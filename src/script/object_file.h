/* An operator's file as one object of the schema: each name that it assigns is
 * a field, checked by the same code and with the same words as the objects of
 * job files. The language is that of the daemons' configuration
 * (script/config_file.h). */
#pragma once
#include "script/evaluation.h"

/* Run the file at `path` and make an `object` of what it assigned; then, unless
 * there were mistakes, call `read` in protected mode with that value
 * (script/value.h) and `context` as light userdata: what it finds it tells with
 * value_problem, and an error that it raises is a mistake, too. ERR_INVALID has
 * the first mistake; all of them are in `e` (problems_pack), which is the
 * caller's: evaluation_init before, evaluation_release after. */
int object_file_read(struct evaluation *e, const char *path, const char *object,
                     lua_CFunction read, void *context, struct err *err);
