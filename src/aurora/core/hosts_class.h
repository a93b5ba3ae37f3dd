/* Hosts with equal attributes ("host" apart) are of one class: what constraints
 * say of one holds for all of them, and is asked once per class.
 *
 * Names and values of attributes are interned: equal texts are one number, so
 * that counting tasks by value compares no texts. Numbers are never used
 * again. */
#pragma once
#include "base/attributes.h"
#include "base/table.h"
#include "base/vec.h"
#include <stdint.h>

struct host;

struct host_name {
    uint64_t number;
    uint32_t refs;
    char *text; /* owned */
    UT_hash_handle hh;
};

/* The first value of an attribute. */
struct host_pair {
    uint64_t name, value;
};

struct host_class {
    uint64_t number;
    uint32_t slot; /* its place in `by_slot` */
    uint32_t hosts;
    struct host *first;           /* of its hosts, through class_next */
    struct attributes attributes; /* without "host" */
    char *text;                   /* owned; canonical */
    UT_hash_handle hh;
    bool is_dedicated;
    uint32_t pair_count; /* as attributes */
    struct host_pair pair[];
};

struct host_classes {
    struct host_class *by_text;
    struct host_name *names;
    VEC(struct host_class *) by_slot; /* NULL: gone */
    uint64_t epoch;                   /* grows when slots are given anew */
    uint64_t next_number;
};

/* Let the host be of the class of its attributes, or of none. */
void host_class_enter(struct host_classes *classes, struct host *host);
void host_class_leave(struct host_classes *classes, struct host *host);
/* The number of a text; 0 when no host has it. */
uint64_t host_name_find(const struct host_classes *classes, const char *text);
/* The number of the first value of an attribute; 0: the host has none. `name`
 * is the attribute's number. */
uint64_t host_class_value(const struct host_class *class, uint64_t name);
void host_classes_release(struct host_classes *classes);
