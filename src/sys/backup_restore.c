#include "sys/backup_restore.h"
#include "base/alloc.h"
#include "base/vec.h"
#include "sys/backup_dir.h"
#include "sys/clock.h"
#include "sys/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIR_MAX = PATH_MAX - 64 };
enum { COMMIT_BYTES = 4 << 20, COMMIT_RECORDS = 4096 };

/* Records on their way: copied, because what is visited is borrowed. */
struct filling {
    struct store *store;
    backup_edit *edit;
    void *context;
    struct buf value; /* scratch */
    struct {
        struct store_op *item;
        uint32_t count, capacity;
    } ops;
    size_t bytes;
};

static void forget_ops(struct filling *filling)
{
    for (uint32_t i = 0; i < filling->ops.count; i++) {
        free((void *)(uintptr_t)filling->ops.item[i].table);
        free((void *)(uintptr_t)filling->ops.item[i].key.data);
        free((void *)(uintptr_t)filling->ops.item[i].value.data);
    }
    filling->ops.count = 0;
    filling->bytes = 0;
}

static int commit(struct filling *filling, struct err *err)
{
    int status = store_commit(filling->store, filling->ops.item,
                              filling->ops.count, err);

    forget_ops(filling);
    return status;
}

static struct bytes copy_of(struct bytes bytes)
{
    uint8_t *copy = xmalloc(bytes.size + 1);

    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return bytes_of(copy, bytes.size);
}

static int take(void *context, const char *table, struct bytes key,
                struct bytes value, struct err *err)
{
    struct filling *filling = context;
    int status = 0;

    buf_clear(&filling->value);
    if (filling->edit != NULL)
        status = filling->edit(filling->context, table, key, value,
                               &filling->value, err);
    if (status < 0)
        return status;
    if (status == BACKUP_LEAVE_OUT)
        return 0;
    if (status == BACKUP_CHANGE)
        value = buf_bytes(&filling->value);
    *vec_add(&filling->ops) =
        (struct store_op){xstrdup(table), copy_of(key), copy_of(value)};
    filling->bytes += key.size + value.size;
    return filling->bytes < COMMIT_BYTES && filling->ops.count < COMMIT_RECORDS
               ? 0
               : commit(filling, err);
}

static int fill(const char *path, const char *staged, backup_edit *edit,
                void *context, struct backup_summary *out, struct err *err)
{
    struct filling filling = {.edit = edit, .context = context};
    int status = store_open(&filling.store, staged, err);

    if (status == 0)
        status = backup_read(path, take, &filling, out, err);
    if (status == 0 && filling.ops.count > 0)
        status = commit(&filling, err);
    forget_ops(&filling);
    vec_free(&filling.ops);
    buf_release(&filling.value);
    store_close(filling.store);
    return status;
}

/* --- ownership: root restores for the user that the scheduler runs as --- */

static int give_files(const char *path, uid_t uid, gid_t gid)
{
    struct dirent *entry;
    DIR *dir = opendir(path);
    int status = 0;

    if (dir == NULL)
        return -1;
    while (status == 0 && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, "..") != 0)
            status = fchownat(dirfd(dir), entry->d_name, uid, gid,
                              AT_SYMLINK_NOFOLLOW);
    closedir(dir);
    return status;
}

static int give_to_owner(const char *staged, const char *parent,
                         const char *dir, struct err *err)
{
    char log_dir[PATH_MAX + 32];
    struct stat st;

    if (geteuid() != 0 || (stat(dir, &st) < 0 && stat(parent, &st) < 0))
        return 0;
    (void)snprintf(log_dir, sizeof log_dir, "%s/log", staged);
    if (give_files(staged, st.st_uid, st.st_gid) < 0 ||
        give_files(log_dir, st.st_uid, st.st_gid) < 0)
        return err_set(err, ERR_IO, "cannot give '%s' to its owner: %s", staged,
                       strerror(errno));
    return 0;
}

/* --- taking its place --- */

static int sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status;

    if (fd < 0)
        return -1;
    status = fsync(fd);
    close(fd);
    return status;
}

/* In one step where the filesystem can; a scheduler that starts in between
 * would begin with an empty store. */
static int swap(const char *staged, const char *dir, const char *kept)
{
    if (renameat2(AT_FDCWD, staged, AT_FDCWD, dir, RENAME_EXCHANGE) == 0)
        return rename(staged, kept);
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    return rename(dir, kept) < 0 ? -1 : rename(staged, dir);
}

static int take_place(const char *staged, const char *dir, const char *parent,
                      char kept[PATH_MAX], struct err *err)
{
    bool is_there = access(dir, F_OK) == 0;
    char name[BACKUP_NAME_MAX];

    (void)snprintf(kept, PATH_MAX, "%.*s.replaced-%s", DIR_MAX, dir,
                   backup_name(clock_wall_ms(), name));
    if ((is_there ? swap(staged, dir, kept) : rename(staged, dir)) < 0 ||
        sync_dir(parent) < 0)
        return err_set(err, ERR_IO, "cannot put '%s' in place: %s", dir,
                       strerror(errno));
    if (!is_there)
        kept[0] = 0;
    return 0;
}

/* "/a/b/" as "/a/b", and "/a". */
static int split(const char *dir, char plain[PATH_MAX], char parent[PATH_MAX],
                 struct err *err)
{
    size_t size = strlen(dir);

    while (size > 1 && dir[size - 1] == '/')
        size--;
    if (size == 0 || size > DIR_MAX)
        return err_set(err, ERR_INVALID, "store '%.100s': want a directory",
                       dir);
    (void)snprintf(plain, PATH_MAX, "%.*s", (int)size, dir);
    const char *slash = strrchr(plain, '/');
    if (slash == NULL)
        (void)snprintf(parent, PATH_MAX, ".");
    else
        (void)snprintf(parent, PATH_MAX, "%.*s",
                       slash == plain ? 1 : (int)(slash - plain), plain);
    return 0;
}

/* Only a store, or an empty directory, is moved out of the way: not the folder
 * that a store lies in, nor /etc. A damaged store may miss one of its files. */
static int check_store(const char *dir, struct err *err)
{
    struct dirent *entry;
    DIR *stream = opendir(dir);
    bool is_store = false, is_empty = true;

    if (stream == NULL)
        return err_set(err, ERR_IO, "store '%s': %s", dir, strerror(errno));
    while ((entry = readdir(stream)) != NULL) {
        is_empty &=
            strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        is_store |= strcmp(entry->d_name, "data.mdb") == 0 ||
                    strcmp(entry->d_name, "version") == 0;
    }
    closedir(stream);
    if (is_store || is_empty)
        return 0;
    (void)err_set(err, ERR_CONFLICT, "'%s' is no store: it holds other things",
                  dir);
    err_hint(err, "name the store's own directory, such as WORK_DIR/store");
    return -ERR_CONFLICT;
}

int backup_restore(const char *path, const char *dir, backup_edit *edit,
                   void *context, struct backup_summary *out,
                   char kept[PATH_MAX], struct err *err)
{
    char plain[PATH_MAX], parent[PATH_MAX], staged[PATH_MAX + 16];
    int lock_fd = -1, status = split(dir, plain, parent, err);

    if (status < 0)
        return status;
    (void)snprintf(staged, sizeof staged, "%s.restoring", plain);
    if (access(plain, F_OK) == 0 &&
        ((status = check_store(plain, err)) < 0 ||
         (status = store_lock(plain, &lock_fd, err)) < 0))
        return status;
    /* What a restore before this one left unfinished. */
    status = access(staged, F_OK) == 0 ? dir_remove(staged, err) : 0;
    if (status == 0)
        status = fill(path, staged, edit, context, out, err);
    if (status == 0)
        status = give_to_owner(staged, parent, plain, err);
    if (status == 0)
        status = take_place(staged, plain, parent, kept, err);
    if (status < 0)
        (void)dir_remove(staged, NULL);
    if (lock_fd >= 0)
        close(lock_fd);
    return status;
}
