#include "script/bundle.h"
#include "base/alloc.h"
#include "base/text.h"
#include "script/stdlib.h"
#include "sys/sha256.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void file_free(struct bundle_file *file)
{
    locator_release(&file->locator);
    buf_release(&file->text);
    free(file->path);
    free(file);
}

void bundle_files_release(struct bundle_files *files)
{
    for (uint32_t i = 0; i < files->list.count; i++)
        file_free(files->list.item[i]);
    vec_free(&files->list);
    free(files->root);
    *files = (struct bundle_files){0};
}

struct bundle_file *bundle_files_find(const struct bundle_files *files,
                                      const char *path, bool is_asset)
{
    for (uint32_t i = 0; i < files->list.count; i++) {
        struct bundle_file *file = files->list.item[i];
        if (file->is_asset == is_asset && strcmp(file->path, path) == 0)
            return file;
    }
    return NULL;
}

struct bundle_file *bundle_files_take(struct bundle_files *files,
                                      const char *path, struct buf *text)
{
    struct bundle_file *file = xcalloc(1, sizeof *file);
    file->path = xstrdup(path);
    file->text = *text;
    file->size = text->size;
    *text = (struct buf){0};
    *vec_add(&files->list) = file;
    return file;
}

const struct locator *bundle_file_locator(struct bundle_file *file)
{
    if (!file->has_locator)
        locator_init(&file->locator, buf_bytes(&file->text));
    file->has_locator = true;
    return &file->locator;
}

/* --- paths --- */

static int outside(const char *path, struct err *err)
{
    int rc = err_set(err, ERR_DENIED,
                     "'%.200s' is outside the job file's folder", path);
    err_hint(err, "--root names a folder further up");
    return rc;
}

/* Put one part of a path behind `out`; ".." takes one away. */
static bool add_part(char out[BUNDLE_PATH_MAX], const char *part, size_t size)
{
    size_t used = strlen(out);
    if (size == 0 || (size == 1 && part[0] == '.'))
        return true;
    if (size == 2 && memcmp(part, "..", 2) == 0) {
        if (used == 0)
            return false;
        char *slash = strrchr(out, '/');
        *(slash != NULL ? slash : out) = '\0';
        return true;
    }
    if (used + size + 2 > BUNDLE_PATH_MAX)
        return false;
    if (used > 0)
        out[used++] = '/';
    memcpy(out + used, part, size);
    out[used + size] = '\0';
    return true;
}

int bundle_path_join(const char *file, const char *relative,
                     char out[BUNDLE_PATH_MAX], struct err *err)
{
    const char *slash = strrchr(file, '/');
    const char *texts[] = {file, relative};
    size_t sizes[] = {slash != NULL ? (size_t)(slash - file) : 0,
                      strlen(relative)};
    char path[BUNDLE_PATH_MAX] = "";
    if (relative[0] == '/' || sizes[1] == 0)
        return outside(relative, err);
    for (int i = 0; i < 2; i++) {
        const char *end = texts[i] + sizes[i];
        for (const char *at = texts[i]; at < end;) {
            size_t size = strcspn(at, "/");
            if (size > (size_t)(end - at))
                size = (size_t)(end - at);
            if (!add_part(path, at, size))
                return outside(relative, err);
            at += size + (at + size < end);
        }
    }
    if (path[0] == '\0')
        return outside(relative, err);
    memcpy(out, path, sizeof path);
    return 0;
}

/* --- reading --- */

static size_t size_max(const struct bundle_files *files, bool is_asset)
{
    int64_t max =
        is_asset ? files->limits->asset_bytes
                 : files->limits->bundle_bytes - (int64_t)files->text_bytes;
    int64_t all = BUNDLE_BYTES_MAX - (int64_t)files->bytes;
    max = max < all ? max : all;
    return max > 0 ? (size_t)max : 0;
}

static int too_large(const struct bundle_files *files, const char *path,
                     bool is_asset, struct err *err)
{
    const struct script_limits *limits = files->limits;
    if (is_asset &&
        (int64_t)files->bytes + limits->asset_bytes < BUNDLE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "'%.200s': want at most %lld MiB", path,
                       (long long)(limits->asset_bytes >> 20));
    if (is_asset)
        return err_set(err, ERR_LIMIT,
                       "'%.200s': want at most %d MiB of files in all", path,
                       BUNDLE_BYTES_MAX >> 20);
    return err_set(err, ERR_LIMIT,
                   "'%.200s': want at most %lld MiB of Lua text in all", path,
                   (long long)(limits->bundle_bytes >> 20));
}

/* Links may lead to other places, but not out of the root. */
static int check_below(const char *root, const char *path, const char *name,
                       struct err *err)
{
    char real[PATH_MAX], real_root[PATH_MAX];
    if (realpath(root, real_root) == NULL || realpath(path, real) == NULL)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                       "'%.200s': %s", name, strerror(errno));
    size_t size = strlen(real_root);
    if (strncmp(real, real_root, size) != 0 ||
        (real[size] != '/' && real[size - 1] != '/'))
        return outside(name, err);
    return 0;
}

/* Like everything a job file can name: never a pipe or a device, which could
 * block or never end. */
static int open_below(const char *root, const char *name, struct stat *status,
                      struct err *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", root, name) >= (int)sizeof path)
        return err_set(err, ERR_LIMIT, "'%.200s': the path is too long", name);
    int rc = check_below(root, path, name, err);
    if (rc < 0)
        return rc;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, status) < 0) {
        rc = err_set(err, ERR_IO, "'%.200s': %s", name, strerror(errno));
    } else if (!S_ISREG(status->st_mode)) {
        rc = err_set(err, ERR_IO, "'%.200s' is not a file", name);
    } else {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

static int read_disk(const struct bundle_files *files, struct bundle_file *file,
                     struct err *err)
{
    struct stat status = {0};
    size_t max = size_max(files, file->is_asset);
    int fd = open_below(files->root, file->path, &status, err);
    if (fd < 0)
        return fd;
    file->is_executable = file->is_asset && (status.st_mode & S_IXUSR);
    char block[16384];
    ssize_t size = 0;
    while (file->text.size <= max && (size = read(fd, block, sizeof block)) > 0)
        buf_add(&file->text, block, (size_t)size);
    int error = errno;
    close(fd);
    if (size < 0)
        return err_set(err, ERR_IO, "'%.200s': %s", file->path,
                       strerror(error));
    if (file->text.size > max)
        return too_large(files, file->path, file->is_asset, err);
    file->size = file->text.size;
    return 0;
}

static int read_bundle(const struct bundle_files *files,
                       struct bundle_file *file, struct err *err)
{
    for (size_t i = 0; i < files->bundle->n_files; i++) {
        const Perigee__BundleFile *from = files->bundle->files[i];
        if (from->asset != file->is_asset ||
            strcmp(from->path, file->path) != 0)
            continue;
        buf_add(&file->text, from->content.data, from->content.len);
        file->size = from->size_bytes;
        file->is_executable = from->executable;
        snprintf(file->sha256, sizeof file->sha256, "%s", from->sha256);
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND, "'%.200s' is not in the bundle",
                   file->path);
}

struct bundle_file *bundle_files_read(struct bundle_files *files,
                                      const char *path, bool is_asset,
                                      struct err *err)
{
    struct bundle_file *file = bundle_files_find(files, path, is_asset);
    if (file != NULL)
        return file;
    if ((int32_t)files->list.count >= files->limits->files) {
        err_set(err, ERR_LIMIT, "'%.200s': want at most %d files", path,
                files->limits->files);
        return NULL;
    }
    file = xcalloc(1, sizeof *file);
    file->path = xstrdup(path);
    file->is_asset = is_asset;
    int rc = files->root != NULL ? read_disk(files, file, err)
                                 : read_bundle(files, file, err);
    if (rc < 0) {
        file_free(file);
        return NULL;
    }
    if (file->sha256[0] == '\0')
        sha256_text(buf_bytes(&file->text), file->sha256);
    *(is_asset ? &files->bytes : &files->text_bytes) += file->text.size;
    *vec_add(&files->list) = file;
    return file;
}

/* --- canonical bytes --- */

static int compare_files(const void *a, const void *b)
{
    const Perigee__BundleFile *one = *(Perigee__BundleFile *const *)a;
    const Perigee__BundleFile *two = *(Perigee__BundleFile *const *)b;
    int order = strcmp(one->path, two->path);
    return order != 0 ? order : (int)one->asset - (int)two->asset;
}

static int compare_parameters(const void *a, const void *b)
{
    const Perigee__EnvVar *one = *(Perigee__EnvVar *const *)a;
    const Perigee__EnvVar *two = *(Perigee__EnvVar *const *)b;
    return strcmp(one->name, two->name);
}

static Perigee__BundleFile *file_message(struct arena *arena,
                                         const struct bundle_file *file)
{
    Perigee__BundleFile *out = arena_alloc(arena, sizeof *out);
    perigee__bundle_file__init(out);
    out->path = file->path;
    out->has_content = true;
    out->content.data = file->text.data;
    out->content.len = file->text.size;
    out->sha256 = (char *)file->sha256;
    out->has_asset = true;
    out->asset = file->is_asset;
    out->has_size_bytes = true;
    out->size_bytes = file->size;
    out->has_executable = true;
    out->executable = file->is_executable;
    return out;
}

static void add_packed(const ProtobufCMessage *message, struct buf *out)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    buf_reserve(out, size);
    protobuf_c_message_pack(message, out->data + out->size);
    out->size += size;
}

void bundle_pack(const struct bundle_files *files, const char *entry,
                 const struct script_parameter *parameter, size_t count,
                 struct buf *out)
{
    struct arena arena;
    Perigee__Bundle bundle = PERIGEE__BUNDLE__INIT;
    arena_init(&arena);
    bundle.has_format = true;
    bundle.format = BUNDLE_FORMAT;
    bundle.entry = (char *)entry;
    bundle.stdlib_hash = (char *)STDLIB_HASH;
    bundle.n_files = files->list.count;
    bundle.files = arena_alloc(&arena, bundle.n_files * sizeof(void *));
    for (uint32_t i = 0; i < files->list.count; i++)
        bundle.files[i] = file_message(&arena, files->list.item[i]);
    qsort(bundle.files, bundle.n_files, sizeof(void *), compare_files);
    bundle.n_parameters = count;
    bundle.parameters = arena_alloc(&arena, (count + 1) * sizeof(void *));
    for (size_t i = 0; i < count; i++) {
        Perigee__EnvVar *one = arena_alloc(&arena, sizeof *one);
        perigee__env_var__init(one);
        one->name = (char *)parameter[i].name;
        one->value = (char *)parameter[i].value;
        bundle.parameters[i] = one;
    }
    qsort(bundle.parameters, count, sizeof(void *), compare_parameters);
    add_packed(&bundle.base, out);
    arena_release(&arena);
}

char *bundle_hash(const Perigee__Bundle *bundle, char out[65])
{
    struct arena arena;
    struct buf bytes = {0};
    Perigee__Bundle copy = *bundle;
    arena_init(&arena);
    copy.files = arena_alloc(&arena, (bundle->n_files + 1) * sizeof(void *));
    for (size_t i = 0; i < bundle->n_files; i++) {
        Perigee__BundleFile *file =
            arena_memdup(&arena, bundle->files[i], sizeof *file);
        if (file->asset) {
            file->has_content = false;
            file->content.len = 0;
        }
        copy.files[i] = file;
    }
    add_packed(&copy.base, &bytes);
    sha256_text(buf_bytes(&bytes), out);
    buf_release(&bytes);
    arena_release(&arena);
    return out;
}

/* --- bundles of others --- */

static int check_file(const Perigee__BundleFile *file, size_t at,
                      const struct script_limits *limits, struct err *err)
{
    char path[BUNDLE_PATH_MAX], hash[65];
    if (file->path == NULL ||
        bundle_path_join("", file->path, path, NULL) < 0 ||
        strcmp(path, file->path) != 0)
        return err_set(err, ERR_INVALID,
                       "bundle: files[%zu].path: want a path below the root",
                       at);
    if (file->sha256 == NULL || strlen(file->sha256) != 64 ||
        !file->has_size_bytes)
        return err_set(err, ERR_INVALID,
                       "bundle: files[%zu]: want its sha256 and size_bytes",
                       at);
    if (!file->asset || file->has_content) {
        sha256_text(bytes_of(file->content.data, file->content.len), hash);
        if (strcmp(hash, file->sha256) != 0 ||
            file->size_bytes != file->content.len)
            return err_set(err, ERR_INVALID,
                           "bundle: '%s' is not what its hash says",
                           file->path);
    }
    if (file->asset && (int64_t)file->size_bytes > limits->asset_bytes)
        return err_set(err, ERR_LIMIT, "bundle: '%s': want at most %lld MiB",
                       file->path, (long long)(limits->asset_bytes >> 20));
    return 0;
}

static int check_parameters(const Perigee__Bundle *bundle, struct err *err)
{
    for (size_t i = 0; i < bundle->n_parameters; i++) {
        const Perigee__EnvVar *one = bundle->parameters[i];
        if (one->name == NULL || one->value == NULL ||
            (i > 0 &&
             compare_parameters(&bundle->parameters[i - 1], &one) >= 0))
            return err_set(err, ERR_INVALID,
                           "bundle: parameters: want names in order, once");
    }
    return 0;
}

static int check_head(const Perigee__Bundle *bundle,
                      const struct script_limits *limits, struct err *err)
{
    if (bundle->format != BUNDLE_FORMAT)
        return err_set(err, ERR_UNSUPPORTED, "bundle: format %u: want %d",
                       bundle->format, BUNDLE_FORMAT);
    if (bundle->entry == NULL || bundle->stdlib_hash == NULL)
        return err_set(err, ERR_INVALID,
                       "bundle: want its entry and stdlib_hash");
    if (bundle->n_files > (size_t)limits->files)
        return err_set(err, ERR_LIMIT, "bundle: want at most %d files",
                       limits->files);
    return 0;
}

int bundle_check(const Perigee__Bundle *bundle,
                 const struct script_limits *limits, struct err *err)
{
    int64_t text = 0;
    bool has_entry = false;
    int rc = check_head(bundle, limits, err);
    for (size_t i = 0; rc == 0 && i < bundle->n_files; i++) {
        const Perigee__BundleFile *file = bundle->files[i];
        rc = check_file(file, i, limits, err);
        if (rc == 0 && i > 0 &&
            compare_files(&bundle->files[i - 1], &bundle->files[i]) >= 0)
            rc = err_set(err, ERR_INVALID,
                         "bundle: files: want paths in order, once");
        if (rc == 0 && !file->asset) {
            text += (int64_t)file->content.len;
            has_entry |= strcmp(file->path, bundle->entry) == 0;
        }
    }
    if (rc == 0 && !has_entry)
        rc = err_set(err, ERR_INVALID, "bundle: '%.200s' is not in it",
                     bundle->entry);
    if (rc == 0 && text > limits->bundle_bytes)
        rc = err_set(err, ERR_LIMIT, "bundle: want at most %lld MiB of Lua",
                     (long long)(limits->bundle_bytes >> 20));
    return rc == 0 ? check_parameters(bundle, err) : rc;
}
