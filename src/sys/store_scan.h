/* Look at a checkpoint from a safe distance: a child process reads every record
 * and verifies every checksum, because LMDB crashes on some damage. */
#pragma once
#include "sys/store.h"

/* 0 when the file is sound or does not exist; ERR_DAMAGED when it is not. Call
 * it before LMDB is opened in this process, and before there are threads. */
int store_scan(const char *data_path, struct err *err);
/* The same, and the child hands over what it verified: its position in the log
 * first (`begun`, negative ends it), then every record by table, then key. What
 * was visited counts only when 0 comes back. So a large store is verified and
 * made sense of at the same time. */
struct store_scan_reader {
    int (*begun)(void *context, uint64_t applied, struct err *err);
    store_visit *visit;
    void *context;
};
int store_scan_read(const char *data_path,
                    const struct store_scan_reader *reader, struct err *err);

/* The child's work, done here: for tests that look at many files. */
int store_scan_here(const char *data_path);
