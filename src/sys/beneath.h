/* Files below a folder that somebody else fills: whatever links and names they
 * leave there, nothing outside of it is opened. The kernel resolves the path
 * (openat2), so there is no moment between the check and the use. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include <sys/stat.h>

/* Open `path` (relative; "" is the folder itself) for reading below the folder
 * `root`: a descriptor that does not block, or -errno: -ENOENT, -EXDEV when it
 * leads out by "..", a link or as an absolute path. */
int beneath_open(int root, const char *path);
/* Open a folder for reading by an absolute path in which nothing is a link: who
 * may rename parts of it cannot make it lead elsewhere. A descriptor, or
 * -errno: -ELOOP. */
int folder_open(const char *path);
/* Read a regular file of at most `max` bytes. ERR_NOT_FOUND, ERR_DENIED
 * (outside, or no regular file), ERR_LIMIT, ERR_IO. */
int beneath_read(int root, const char *path, size_t max, struct buf *out,
                 struct err *err);

/* "drwxr-xr-x", as ls shows it. */
void beneath_mode_text(mode_t mode, char out[11]);

enum { FOLDER_ENTRIES_MAX = 10000 }; /* further ones are left out */

struct folder_entry {
    char *name;       /* owned by the folder */
    struct stat stat; /* of the entry itself, not of what a link names */
};
struct folder {
    struct folder_entry *item; /* sorted by name */
    uint32_t count, capacity;
};
/* The entries of an open folder but "." and ".."; an empty list for anything
 * else. The descriptor is closed. */
void folder_list(int fd, struct folder *out);
void folder_release(struct folder *folder);
