/* Whole small files, atomically. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include <sys/types.h>

/* Read at most `max` bytes; ERR_LIMIT beyond, ERR_NOT_FOUND, ERR_IO. */
int file_read(const char *path, size_t max, struct buf *out, struct err *err);
/* Temp file, write, optional fsync, rename. */
int file_write(const char *path, struct bytes bytes, mode_t mode, bool sync,
               struct err *err);
/* mkdir -p; ERR_IO names the part that failed and why. */
int dir_make(const char *path, mode_t mode, struct err *err);
/* Remove a tree without following links. */
int dir_remove(const char *path, struct err *err);
