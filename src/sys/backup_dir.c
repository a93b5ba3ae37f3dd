#include "sys/backup_dir.h"
#include "base/vec.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char ENDING[] = ".backup";
static const char UNFINISHED[] = ".backup.part";

char *backup_name(int64_t created_ms, char out[BACKUP_NAME_MAX])
{
    time_t seconds = (time_t)(created_ms / 1000);
    struct tm utc = {0};
    int ms = (int)(created_ms % 1000);

    (void)gmtime_r(&seconds, &utc);
    size_t size = strftime(out, BACKUP_NAME_MAX - 5, "%Y%m%dT%H%M%S", &utc);
    char rest[] = {'.',
                   (char)('0' + ms / 100),
                   (char)('0' + ms / 10 % 10),
                   (char)('0' + ms % 10),
                   'Z',
                   0};
    memcpy(out + size, rest, sizeof rest);
    return out;
}

bool backup_name_ok(const char *name)
{
    static const char shape[] = "00000000T000000.000Z";

    for (size_t i = 0; i < sizeof shape; i++)
        if (shape[i] == '0' ? !isdigit((unsigned char)name[i])
                            : name[i] != shape[i])
            return false;
    return true;
}

int backup_path(const char *dir, const char *name, char out[PATH_MAX],
                struct err *err)
{
    if (snprintf(out, PATH_MAX, "%s/%s%s", dir, name, ENDING) >= PATH_MAX)
        return err_set(err, ERR_LIMIT, "backup directory '%.100s...': too long",
                       dir);
    return 0;
}

/* The name in "NAME<ending>". */
static bool name_in(const char *file, const char *ending,
                    char out[BACKUP_NAME_MAX])
{
    const char *at = strchr(file, 'Z');

    if (at == NULL || strcmp(at + 1, ending) != 0 ||
        at + 2 - file > BACKUP_NAME_MAX)
        return false;
    (void)snprintf(out, BACKUP_NAME_MAX, "%.*s", (int)(at + 1 - file), file);
    return backup_name_ok(out);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int list(const char *path, const char *ending, struct backup_names *out,
                struct err *err)
{
    struct dirent *entry;
    char name[BACKUP_NAME_MAX];
    DIR *dir = opendir(path);

    if (dir == NULL)
        return errno == ENOENT ? 0
                               : err_set(err, ERR_IO, "cannot open '%s': %s",
                                         path, strerror(errno));
    while ((entry = readdir(dir)) != NULL)
        if (name_in(entry->d_name, ending, name))
            memcpy(vec_add(out), name, sizeof name);
    closedir(dir);
    if (out->count > 1)
        qsort(out->item, out->count, sizeof *out->item, by_name);
    return 0;
}

int backup_list(const char *dir, struct backup_names *out, struct err *err)
{
    int status = list(dir, ENDING, out, err);

    if (out->count > BACKUPS_LISTED_MAX) {
        uint32_t more = out->count - BACKUPS_LISTED_MAX;
        memmove(out->item, out->item + more,
                BACKUPS_LISTED_MAX * sizeof *out->item);
        out->count = BACKUPS_LISTED_MAX;
    }
    return status;
}

static int remove_one(const char *dir, const char *name, const char *ending,
                      struct err *err)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/%s%s", dir, name, ending) >=
            (int)sizeof path ||
        (unlink(path) < 0 && errno != ENOENT))
        return err_set(err, ERR_IO, "cannot remove '%s': %s", path,
                       strerror(errno));
    return 0;
}

int backup_prune(const char *dir, uint32_t keep, const char *name,
                 struct err *err)
{
    struct backup_names names = {0}, left = {0};
    int status = list(dir, ENDING, &names, err);

    for (uint32_t i = 0; status == 0 && i + keep < names.count; i++)
        if (strcmp(names.item[i], name) != 0)
            status = remove_one(dir, names.item[i], ENDING, err);
    if (status == 0)
        status = list(dir, UNFINISHED, &left, err);
    for (uint32_t i = 0; status == 0 && i < left.count; i++)
        status = remove_one(dir, left.item[i], UNFINISHED, err);
    vec_free(&names);
    vec_free(&left);
    return status;
}
