/* What a store does to its files, in order: calls of this program and of the
 * libraries it uses are written down on their way to the kernel. */
#pragma once
#include "base/bytes.h"
#include <stdint.h>

enum crash_kind {
    CRASH_CREATE, /* a file has its first name */
    CRASH_WRITE,  /* bytes at an offset */
    CRASH_SYNC,   /* all bytes of the file written so far are durable */
    CRASH_RENAME, /* another name */
    CRASH_UNLINK,
    CRASH_SYNC_DIR, /* names of the directory are durable */
    CRASH_ACK       /* commit `number` was told to be durable */
};

struct crash_event {
    enum crash_kind kind;
    uint64_t file; /* inode */
    char *name;    /* owned; below the store's directory */
    char *to;      /* owned; RENAME */
    uint64_t offset;
    struct bytes data; /* owned */
    uint64_t number;
    bool is_durable; /* a write to a file that was opened to be synced */
};

struct crash_events {
    struct crash_event *item;
    uint32_t count, capacity;
};

/* Write down what happens below `dir` from now on, until crash_record_end. */
void crash_record_begin(const char *dir);
void crash_record_ack(uint64_t number);
/* The caller owns them. */
struct crash_events crash_record_end(void);
