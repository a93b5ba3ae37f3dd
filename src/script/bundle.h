/* The files of an evaluation and the bundle made of them. A bundle is what an
 * evaluation depends on: same bundle, same jobs. Its canonical bytes: files
 * sorted by path, parameters by name, every field set. Its hash is the SHA-256
 * of these bytes with the content of assets left out (their own hash stands
 * for it), so that it does not change when assets travel apart. */
#pragma once
#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/vec.h"
#include "perigee/job.pb-c.h"
#include "script/evaluate.h"
#include "script/locator.h"
#include <stdbool.h>

enum {
    BUNDLE_FORMAT = 1,
    BUNDLE_PATH_MAX = 256,
    BUNDLE_BYTES_MAX = 64 << 20 /* all files together */
};

struct bundle_file {
    char *path;      /* owned; below the root, '/' between its parts */
    struct buf text; /* of Lua files and assets alike */
    uint64_t size;
    char sha256[65];
    bool is_asset, is_executable;
    struct locator locator; /* made when an error needs it */
    bool has_locator;
};

/* Where files come from, and those that were read. */
struct bundle_files {
    char *root;                    /* owned; a folder, or NULL: from the */
    const Perigee__Bundle *bundle; /* bundle, borrowed */
    const struct script_limits *limits;
    VEC(struct bundle_file *) list; /* addresses stay */
    size_t text_bytes, bytes;
};

void bundle_files_release(struct bundle_files *files);
/* Read a file once; NULL with *err set. ERR_NOT_FOUND, ERR_LIMIT, ERR_DENIED
 * (outside the root), ERR_IO. A file is either Lua or an asset, or both when
 * read as both. */
struct bundle_file *bundle_files_read(struct bundle_files *files,
                                      const char *path, bool is_asset,
                                      struct err *err);
/* One that was read otherwise: its text is taken over. */
struct bundle_file *bundle_files_take(struct bundle_files *files,
                                      const char *path, struct buf *text);
struct bundle_file *bundle_files_find(const struct bundle_files *files,
                                      const char *path, bool is_asset);
/* "a/b/f.lua", "../g.lua" -> "a/g.lua". ERR_DENIED when it leaves the root. */
int bundle_path_join(const char *file, const char *relative,
                     char out[BUNDLE_PATH_MAX], struct err *err);
const struct locator *bundle_file_locator(struct bundle_file *file);

/* Append the canonical bytes. */
void bundle_pack(const struct bundle_files *files, const char *entry,
                 const struct script_parameter *parameter, size_t count,
                 struct buf *out);
/* Is it what bundle_pack() writes? ERR_INVALID names the field. Checks paths,
 * order, hashes, limits. */
int bundle_check(const Perigee__Bundle *bundle,
                 const struct script_limits *limits, struct err *err);
/* Hex SHA-256 of the bundle's identity. */
char *bundle_hash(const Perigee__Bundle *bundle, char out[65]);
