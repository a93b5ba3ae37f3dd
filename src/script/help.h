/* The job language in words, for `clusterctl help object NAME`: one page for
 * each object, constructor and function, with fields, types, ranges, defaults
 * and an example. Written by lua/gen/help.lua from lua/stdlib/schema into
 * build/gen/help.c. Pages are plain text of at most 80 columns. */
#pragma once

struct help_page {
    const char *name; /* NULL ends the table */
    const char *text;
};

extern const struct help_page HELP[];
/* What there is: objects, functions and units, one line each. */
extern const char HELP_INDEX[];

/* The page of an object, constructor or function; NULL when there is none. */
const char *help_page(const char *name);
/* The nearest name that has a page, whatever its case; NULL when none is near.
 */
const char *help_nearest(const char *name);
