/* Look at a checkpoint from a safe distance: a child process reads every record
 * and verifies every checksum, because LMDB crashes on some damage. */
#pragma once
#include "base/err.h"

/* 0 when the file is sound or does not exist; ERR_DAMAGED when it is not. Call
 * it before LMDB is opened in this process, and before there are threads. */
int store_scan(const char *data_path, struct err *err);
/* The child's work, done here: for tests that look at many files. */
int store_scan_here(const char *data_path);
