/* Jobs of a backup that are to stay out of the store that is made of it
 * (backup restore --without): all of a role, of an environment, or one, with
 * their tasks, updates and runs of the clock. A group goes with its jobs when
 * all of them go; when only some would, that is refused: it would bring them
 * back. What has to be told about them is told.
 *
 * The file is read twice: first to find out what the words mean. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    WITHOUT_WORDS_MAX = 64, /* in one list */
    WITHOUT_WORD_MAX = 256
};

struct without {
    struct without_word {
        char text[WITHOUT_WORD_MAX]; /* "role", "role/env", "role/env/name" */
        uint64_t jobs;               /* that it names */
    } word[WITHOUT_WORDS_MAX];
    uint32_t word_count;
    VEC(char *) updates; /* owned; ids, in byte order */
    VEC(struct without_group {
        char *key;     /* owned; "role/env/name" */
        char *missing; /* owned; a job of it that would go, or NULL */
        bool stays;    /* some job of it would stay */
    })
    groups;               /* by key, once the file was read */
    uint64_t jobs, tasks; /* left out by the second reading */
};

/* `list`: words with commas between them, each with or without its cluster
 * when it names one job. ERR_INVALID about a word, ERR_NOT_FOUND when it names
 * nothing in the backup, ERR_CONFLICT about a group; what backup_read says.
 * Zero-initialise it before, and release it afterwards, also on failure. */
int without_read(struct without *without, const char *list, const char *path,
                 struct err *err);
void without_release(struct without *without);
/* Does the record stay out? Counts those that do. */
bool without_drops(struct without *without, const char *table, struct bytes key,
                   struct bytes value);
