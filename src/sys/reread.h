/* Files that an operator may change under a running daemon: when one of them
 * has changed (looked at every 2 s), or a SIGHUP asks for it, their owner is
 * told to read them again. One reading at a time: what changes meanwhile leads
 * to one more. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct event;
struct event_base;

enum { REREAD_FILES_MAX = 2, REREAD_LOOK_SECONDS = 2 };

/* What is seen of a file that may have changed. */
struct file_mark {
    struct timespec changed;
    uint64_t inode, size;
};

struct reread {
    const char *file[REREAD_FILES_MAX]; /* borrowed; NULL: none */
    struct file_mark mark[REREAD_FILES_MAX];
    void (*begin)(void *context); /* read them; reread_done() when it is over */
    void *context;
    struct event *on_hangup, *on_look; /* owned; NULL until it watches */
    bool is_reading, is_wanted;
};

/* Before the files are read for the first time. */
void reread_init(struct reread *r, const char *const file[REREAD_FILES_MAX],
                 void (*begin)(void *context), void *context);
int reread_watch(struct reread *r, struct event_base *base, struct err *err);
void reread_done(struct reread *r);
void reread_close(struct reread *r);
