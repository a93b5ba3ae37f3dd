#include "sys/beneath.h"
#include "base/alloc.h"
#include "base/vec.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int beneath_open(int root, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, root, path[0] != '\0' ? path : ".", &how,
                      sizeof how);
    return fd < 0 ? -errno : (int)fd;
}

int folder_open(const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS};
    long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    return fd < 0 ? -errno : (int)fd;
}

static int read_failed(struct err *err, const char *path, int error)
{
    enum err_code code = error == ENOENT || error == ENOTDIR ? ERR_NOT_FOUND
                         : error == EXDEV || error == ELOOP  ? ERR_DENIED
                                                             : ERR_IO;
    return err_set(err, code, "'%s': %s", path, strerror(error));
}

static int read_open(int fd, const char *path, size_t max, struct buf *out,
                     struct err *err)
{
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) != 0)
        return read_failed(err, path, errno);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_DENIED, "'%s' is not a regular file", path);
    do {
        buf_reserve(out, 64 << 10);
        n = read(fd, out->data + out->size, 64 << 10);
        if (n > 0)
            out->size += (size_t)n;
        if (out->size > max)
            return err_set(err, ERR_LIMIT, "'%s' has over %zu bytes", path,
                           max);
    } while (n > 0 || (n < 0 && errno == EINTR));
    return n < 0 ? read_failed(err, path, errno) : 0;
}

int beneath_read(int root, const char *path, size_t max, struct buf *out,
                 struct err *err)
{
    int fd = beneath_open(root, path);
    if (fd < 0)
        return read_failed(err, path, -fd);
    int rc = read_open(fd, path, max, out, err);
    (void)close(fd);
    return rc;
}

static char mode_letter(mode_t mode)
{
    return S_ISDIR(mode)    ? 'd'
           : S_ISLNK(mode)  ? 'l'
           : S_ISFIFO(mode) ? 'p'
           : S_ISSOCK(mode) ? 's'
           : S_ISCHR(mode)  ? 'c'
           : S_ISBLK(mode)  ? 'b'
                            : '-';
}

void beneath_mode_text(mode_t mode, char out[11])
{
    static const char bits[] = "rwxrwxrwx";
    out[0] = mode_letter(mode);
    for (int i = 0; i < 9; i++)
        out[i + 1] = mode & (0400U >> i) ? bits[i] : '-';
    if (mode & S_ISUID)
        out[3] = 's';
    if (mode & S_ISGID)
        out[6] = 's';
    if (mode & S_ISVTX)
        out[9] = 't';
    out[10] = '\0';
}

static int by_name(const void *a, const void *b)
{
    const struct folder_entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

void folder_list(int fd, struct folder *out)
{
    const struct dirent *entry;
    struct stat st;
    DIR *directory = fdopendir(fd); /* NULL for a file */

    *out = (struct folder){0};
    if (directory == NULL) {
        (void)close(fd);
        return;
    }
    while (out->count < FOLDER_ENTRIES_MAX &&
           (entry = readdir(directory)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 &&
            strcmp(entry->d_name, "..") != 0 &&
            fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            *vec_add(out) = (struct folder_entry){xstrdup(entry->d_name), st};
    (void)closedir(directory);
    if (out->count > 0)
        qsort(out->item, out->count, sizeof *out->item, by_name);
}

void folder_release(struct folder *folder)
{
    for (uint32_t i = 0; i < folder->count; i++)
        free(folder->item[i].name);
    vec_free(folder);
}
