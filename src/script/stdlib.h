/* The Lua side of the script floor, as bytecode inside the program. Written by
 * lua/embed.lua from lua/stdlib into build/gen/stdlib.c. Only these bytes are
 * ever loaded in binary mode: bytecode of others can crash the interpreter. */
#pragma once
#include <stddef.h>

struct stdlib_module {
    const char *name;          /* "schema.process"; NULL ends the table */
    const unsigned char *code; /* string.dump, with its line numbers */
    size_t size;
};

extern const struct stdlib_module STDLIB[];
/* Hex SHA-256 of the modules' text. */
extern const char STDLIB_HASH[];
