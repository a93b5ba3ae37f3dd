/* crash-states [--seed N] [--commits N] [--share N]: what a power cut may leave
 * of a store, built and opened.
 *
 * A store takes commits, and saves its checkpoint now and then; every write,
 * sync, rename and acknowledgement is written down (crash_record.h). Then, for
 * every moment between two of them:
 *
 *   log     the frame being written cut at every byte (a large one at 512 of
 *           them) from either end, every choice of up to eight of its sectors,
 * every flipped bit of it and of the frames before: read as a log disk    the
 * whole directory, with every choice of the last eight unsynced pages, torn
 * sectors, names that came or did not: opened as a store flips   every bit of
 * the closed checkpoint turned: opened as a store
 *
 * Right is: what was acknowledged is there, wholly, and what was not is there
 * wholly or not at all; or, with a flipped bit, the store is refused as damaged
 * or was put right. --share 1 in N of the disk states and flips. */
#include "base/hash.h"
#include "base/rng.h"
#include "base/text.h"
#include "base/vec.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/store_batch.h"
#include "sys/store_checkpoint.h"
#include "sys/store_copy.h"
#include "sys/store_log.h"
#include "sys/store_scan.h"
#include "tests/tools/crash_record.h"
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    KEYS = 40,
    VALUE_MAX = 3000,
    COMMITS_MAX = 5000,
    DEPTH = 8, /* unsynced pages or sectors chosen from */
    PAGE = 4096,
    SECTOR = 512,
    SMALL = 512,       /* frames up to it are cut at every byte */
    FRAMES_BEFORE = 2, /* whose bits are turned, too */
    SAVE_EVERY = 15    /* commits */
};

static uint64_t seed = 1;
static int64_t commits = 300, share = 1;
static char root[64], live[96], made[96];

static struct {
    uint64_t log, disk, flips, refused, repaired, harmless;
} counted;

static void wrong(const char *what, uint64_t number, uint64_t state)
{
    (void)printf("WRONG: %s (seed %llu, at %llu, state %llu)\n", what,
                 (unsigned long long)seed, (unsigned long long)number,
                 (unsigned long long)state);
    exit(1);
}

/* --- what the store holds after each commit --- */

static struct {
    char value[KEYS][VALUE_MAX];
    size_t size[KEYS]; /* 0: there is no such record */
} model;
static uint64_t content[COMMITS_MAX + 1];   /* hash after so many commits */
static struct buf payload[COMMITS_MAX + 1]; /* what the log was given */

static void key_text(int key, char out[16])
{
    (void)snprintf(out, 16, "key-%03d", key);
}

static int add_record(void *context, const char *table, struct bytes key,
                      struct bytes value, struct err *err)
{
    uint64_t *hash = context;

    (void)err;
    *hash = hash64(value, hash64(key, hash64(bytes_of_text(table), *hash)));
    return 0;
}

static uint64_t model_hash(void)
{
    uint64_t hash = 0;
    char key[16];

    for (int i = 0; i < KEYS; i++)
        if (model.size[i] > 0) {
            key_text(i, key);
            (void)add_record(&hash, "t", bytes_of_text(key),
                             bytes_of(model.value[i], model.size[i]), NULL);
        }
    return hash;
}

/* One to three records put or deleted; mostly small ones. */
static size_t make_commit(struct rng *rng, struct store_op op[3],
                          char key[3][16])
{
    size_t count = 1 + rng_below(rng, 3);

    for (size_t i = 0; i < count; i++) {
        int k = (int)rng_below(rng, KEYS);
        size_t max = rng_below(rng, 40) == 0 ? VALUE_MAX : 120;
        model.size[k] = rng_below(rng, 10) == 0 ? 0 : 1 + rng_below(rng, max);
        for (size_t b = 0; b < model.size[k]; b++)
            model.value[k][b] = (char)rng_below(rng, 256);
        key_text(k, key[i]);
        op[i] = (struct store_op){.table = "t", .key = bytes_of_text(key[i])};
        if (model.size[k] > 0)
            op[i].value = bytes_of(model.value[k], model.size[k]);
    }
    return count;
}

/* --- recording --- */

static void must(int status, const struct err *err)
{
    if (status >= 0)
        return;
    (void)printf("WRONG: %s\n", err->text);
    exit(1);
}

/* A backup forces a save that goes on beside; its own files lie elsewhere. */
static void save(struct store *store, int64_t ms)
{
    struct store_backup request = {
        .created_ms = ms, .keep = 1, .bytes_per_s = 1 << 30};
    struct err err = {0};

    (void)snprintf(request.dir, sizeof request.dir, "%s/backups", root);
    if (store_backup_begin(store, &request, &err) != -ERR_BUSY)
        must(-(int)err.code, &err);
}

static void commit_all(void)
{
    struct backup_result result;
    struct rng rng;
    struct store *store;
    struct err err = {0};
    char key[3][16];
    struct store_op op[3];

    rng_seed(&rng, seed);
    must(store_open(&store, live, &err), &err);
    content[0] = model_hash();
    for (int64_t n = 1; n <= commits; n++) {
        size_t count = make_commit(&rng, op, key);
        must(store_batch_encode(op, count, &payload[n], &err), &err);
        content[n] = model_hash();
        must(store_append(store, op, count, &err), &err);
        crash_record_ack((uint64_t)n);
        must(store_apply(store, &err), &err);
        if (n % SAVE_EVERY == 0)
            save(store, n);
        must(store_save_if_due(store, &err), &err);
        (void)store_backup_take(store, &result);
    }
    store_close(store);
}

/* --- the disk at a moment --- */

struct unit { /* bytes that were written and not synced */
    uint64_t file, offset;
    struct bytes data;
};

struct disk_file {
    uint64_t inode;
    struct buf durable;
};

struct disk_name {
    char name[64];
    uint64_t inode;
};

struct disk {
    VEC(struct disk_file) files;
    VEC(struct disk_name) names;           /* durable */
    VEC(const struct crash_event *) moves; /* of names, not durable */
    VEC(struct unit) units;
};

static struct buf *file_of(struct disk *disk, uint64_t inode)
{
    for (uint32_t i = 0; i < disk->files.count; i++)
        if (disk->files.item[i].inode == inode)
            return &disk->files.item[i].durable;
    struct disk_file *file = vec_add(&disk->files);
    *file = (struct disk_file){.inode = inode};
    return &file->durable;
}

static void put(struct buf *to, uint64_t offset, struct bytes data)
{
    size_t end = offset + data.size;

    if (end > to->size) {
        buf_reserve(to, end - to->size);
        memset(to->data + to->size, 0, end - to->size);
        to->size = end;
    }
    memcpy(to->data + offset, data.data, data.size);
}

static void set_name(struct disk *disk, const char *name, uint64_t inode)
{
    for (uint32_t i = 0; i < disk->names.count; i++)
        if (strcmp(disk->names.item[i].name, name) == 0) {
            disk->names.item[i].inode = inode;
            return;
        }
    struct disk_name *entry = vec_add(&disk->names);
    (void)snprintf(entry->name, sizeof entry->name, "%s", name);
    entry->inode = inode;
}

static uint64_t take_name(struct disk *disk, const char *name)
{
    for (uint32_t i = 0; i < disk->names.count; i++)
        if (strcmp(disk->names.item[i].name, name) == 0) {
            uint64_t inode = disk->names.item[i].inode;
            vec_remove(&disk->names, i);
            return inode;
        }
    return 0;
}

static void move(struct disk *disk, const struct crash_event *event)
{
    if (event->kind == CRASH_CREATE)
        set_name(disk, event->name, event->file);
    else if (event->kind == CRASH_UNLINK)
        (void)take_name(disk, event->name);
    else
        set_name(disk, event->to, take_name(disk, event->name));
}

/* What a file's sync makes durable. */
static void sync_file(struct disk *disk, uint64_t inode)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < disk->units.count; i++)
        if (disk->units.item[i].file == inode)
            put(file_of(disk, inode), disk->units.item[i].offset,
                disk->units.item[i].data);
        else
            disk->units.item[left++] = disk->units.item[i];
    disk->units.count = left;
}

static void add_units(struct disk *disk, const struct crash_event *event)
{
    struct bytes rest = event->data;
    uint64_t at = event->offset;
    size_t page = rest.size > 8 * PAGE ? rest.size / 8 : PAGE;

    while (rest.size > 0) {
        size_t size = page - at % page;
        if (size > rest.size)
            size = rest.size;
        *vec_add(&disk->units) =
            (struct unit){event->file, at, bytes_of(rest.data, size)};
        rest = bytes_of(rest.data + size, rest.size - size);
        at += size;
    }
}

static void load(struct disk *disk, const char *name)
{
    char path[PATH_MAX];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/%s", live, name);
    if (stat(path, &st) < 0)
        return;
    set_name(disk, name, st.st_ino);
    must(file_read(path, 64 << 20, file_of(disk, st.st_ino), NULL),
         &(struct err){.text = "a file cannot be read"});
}

static void load_all(struct disk *disk)
{
    load(disk, "version");
    load(disk, "data.mdb");
    load(disk, "log/0000000001.log");
    load(disk, "log/0000000002.log");
}

/* --- states of the whole disk --- */

/* One state: which units are on the disk, how much of the last one of them
 * (SIZE_MAX: all), and how many moves of names. */
struct choice {
    const bool *has_unit;
    size_t from, to; /* bytes of the last unit */
    uint32_t moves;
};

static void write_image(const char *name, struct bytes image)
{
    char path[PATH_MAX];
    size_t used = image.size;

    (void)snprintf(path, sizeof path, "%s/%s", made, name);
    while (used > 0 && image.data[used - 1] == 0)
        used--;
    must(file_write(path, bytes_of(image.data, used), 0600, false, NULL),
         &(struct err){.text = "a state cannot be written"});
    if (truncate(path, (off_t)image.size) < 0)
        wrong("a state cannot be written", 0, 0);
}

static struct bytes part(const struct unit *unit, const struct choice *choice,
                         bool is_last)
{
    size_t from = is_last ? choice->from : 0;
    size_t to =
        is_last && choice->to < unit->data.size ? choice->to : unit->data.size;

    return from < to ? bytes_of(unit->data.data + from, to - from)
                     : bytes_of("", 0);
}

static void build(const struct disk *disk, const struct choice *choice)
{
    struct disk_name *names = disk->names.item;
    struct disk copy = {
        .names = {xmemdup(names, (disk->names.count + 1) * sizeof *names -
                                     sizeof *names),
                  disk->names.count, disk->names.count}};
    char log[128];

    for (uint32_t i = 0; i < choice->moves; i++)
        move(&copy, disk->moves.item[i]);
    (void)dir_remove(made, NULL);
    (void)snprintf(log, sizeof log, "%s/log", made);
    must(dir_make(log, 0700, NULL), &(struct err){.text = "no directory"});
    for (uint32_t n = 0; n < copy.names.count; n++) {
        uint64_t inode = copy.names.item[n].inode;
        struct buf image = {0};
        for (uint32_t i = 0; i < disk->files.count; i++)
            if (disk->files.item[i].inode == inode)
                buf_add_bytes(&image, buf_bytes(&disk->files.item[i].durable));
        for (uint32_t i = 0; i < disk->units.count; i++) {
            const struct unit *unit = &disk->units.item[i];
            bool is_last = i + 1 == disk->units.count;
            if (unit->file == inode && choice->has_unit[i])
                put(&image, unit->offset + (is_last ? choice->from : 0),
                    part(unit, choice, is_last));
        }
        write_image(copy.names.item[n].name, buf_bytes(&image));
        buf_release(&image);
    }
    vec_free(&copy.names);
}

/* Open what was built: it must hold `acked` commits, or more. */
static void expect_open(uint64_t acked, uint64_t at)
{
    struct store *store;
    struct err err = {0};
    uint64_t hash = 0, first = 0;

    if (store_open_each(&store, made, add_record, &first, &err) < 0 ||
        store_each(store, add_record, &hash, &err) < 0) {
        (void)printf("%s\n", err.text);
        wrong("a state does not open", at, counted.disk);
    }
    store_close(store);
    if (first != hash)
        wrong("records are others while the store is opened", at, counted.disk);
    for (uint64_t n = acked; n <= (uint64_t)commits && n <= acked + 1; n++)
        if (content[n] == hash)
            return;
    wrong("an acknowledged commit is lost, or one came apart", at,
          counted.disk);
}

static void try_state(const struct disk *disk, const struct choice *choice,
                      uint64_t acked, uint64_t at)
{
    static uint64_t states;

    if (states++ % (uint64_t)share != 0)
        return;
    build(disk, choice);
    expect_open(acked, at);
    counted.disk++;
}

/* Every choice of the last DEPTH units, the older ones all there or all not;
 * the newest is there, because without it this was tried before. */
static void try_units(const struct disk *disk, uint64_t acked, uint64_t at)
{
    uint32_t count = disk->units.count, depth = count < DEPTH ? count : DEPTH;
    bool *has = xcalloc(count + 1, sizeof *has);
    struct choice choice = {has, 0, SIZE_MAX, disk->moves.count};

    for (int older = 0; older < (count > depth ? 2 : 1); older++) {
        memset(has, older, count - depth);
        for (uint32_t mask = 0; mask < 1U << (depth - 1); mask++) {
            for (uint32_t i = 0; i + 1 < depth; i++)
                has[count - depth + i] = (mask >> i & 1) != 0;
            has[count - 1] = true;
            try_state(disk, &choice, acked, at);
        }
    }
    memset(has, 1, count);
    size_t size = disk->units.item[count - 1].data.size;
    size_t step = size > PAGE ? size / 8 : SECTOR;
    for (size_t cut = step; cut < size; cut += step) {
        choice.to = cut;
        try_state(disk, &choice, acked, at);
        choice.to = SIZE_MAX;
        choice.from = cut;
        try_state(disk, &choice, acked, at);
        choice.from = 0;
    }
    free(has);
}

static void try_moves(const struct disk *disk, uint64_t acked, uint64_t at)
{
    bool *has = xcalloc(disk->units.count + 1, sizeof *has);

    for (uint32_t moves = 0; moves <= disk->moves.count; moves++)
        for (int all = 0; all < 2; all++) {
            memset(has, all, disk->units.count);
            try_state(disk, &(struct choice){has, 0, SIZE_MAX, moves}, acked,
                      at);
        }
    free(has);
}

/* --- states of the log alone --- */

struct window {       /* frames of a segment, the last one being written */
    struct buf old;   /* what lies there before the last frame */
    size_t last;      /* where that begins */
    uint64_t first;   /* commit of the first frame */
    uint64_t number;  /* commit of the last one */
    uint64_t base;    /* sequence of commit 0 */
    struct bytes new; /* the last frame */
};

struct reading {
    const struct window *window;
    uint64_t seen; /* the last commit that was read */
};

static int see(void *context, uint64_t sequence, struct bytes found,
               struct err *err)
{
    struct reading *reading = context;
    uint64_t number = sequence - reading->window->base;

    (void)err;
    if (number > (uint64_t)commits || number != reading->seen + 1 ||
        !bytes_equal(found, buf_bytes(&payload[number])))
        wrong("the log gives what it was not given", number, counted.log);
    reading->seen = number;
    return 0;
}

/* Read `image`; the last commit that it holds, or negative. */
static int64_t read_log(const struct window *window, struct buf *image,
                        uint32_t *repaired)
{
    struct reading reading = {window, window->first - 1};
    uint64_t applied = window->base + window->first - 1;
    struct store_log_reading log = {see, &reading, applied, applied, false, 0};
    int status = store_log_read_segment(&log, image->data, image->size, NULL);

    *repaired = log.repaired;
    counted.repaired += log.repaired;
    counted.refused += status < 0;
    counted.log++;
    return status < 0 ? status : (int64_t)reading.seen;
}

static void expect_cut(const struct window *window, struct buf *image)
{
    uint32_t repaired;
    int64_t seen = read_log(window, image, &repaired);

    if (seen != (int64_t)window->number && seen != (int64_t)window->number - 1)
        wrong("a torn write loses what came before it, or is refused",
              window->number, counted.log);
}

static void reset(const struct window *window, struct buf *image)
{
    buf_clear(image);
    buf_add_bytes(image, buf_bytes(&window->old));
}

static void try_cuts(const struct window *window, struct buf *image)
{
    size_t step = window->new.size > SMALL ? window->new.size / SMALL : 1;

    for (size_t cut = 0; cut <= window->new.size; cut += step) {
        reset(window, image);
        memcpy(image->data + window->last, window->new.data, cut);
        expect_cut(window, image);
        reset(window, image);
        memcpy(image->data + window->last + cut, window->new.data + cut,
               window->new.size - cut);
        expect_cut(window, image);
    }
}

/* Every choice of up to DEPTH sectors of the frame. */
static void try_sectors(const struct window *window, struct buf *image,
                        uint64_t offset)
{
    size_t first = offset / SECTOR, end = offset + window->new.size;
    size_t sectors = (end + SECTOR - 1) / SECTOR - first;
    size_t depth = sectors < DEPTH ? sectors : DEPTH;

    uint32_t step = window->new.size > 2 * SMALL ? 7 : 1;

    for (uint32_t mask = 0; mask < 1U << depth; mask += step) {
        reset(window, image);
        for (size_t s = 0; s < sectors; s++) {
            uint64_t from = (first + s) * SECTOR, to = from + SECTOR;
            if (s < depth ? (mask >> s & 1) == 0 : mask % 2 == 0)
                continue;
            from = from < offset ? offset : from;
            to = to > end ? end : to;
            memcpy(image->data + window->last + (from - offset),
                   window->new.data + (from - offset), to - from);
        }
        expect_cut(window, image);
    }
}

/* All frames were written and synced; one bit turns. Padding is no content. */
static void try_flips(const struct window *window, struct buf *image)
{
    size_t content_end =
        window->last + STORE_LOG_HEADER_BYTES + payload[window->number].size;

    for (size_t bit = 0; bit < 8 * content_end; bit++) {
        uint32_t repaired;
        reset(window, image);
        memcpy(image->data + window->last, window->new.data, window->new.size);
        image->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int64_t seen = read_log(window, image, &repaired);
        counted.flips++;
        if (seen >= 0 && seen != (int64_t)window->number)
            wrong("a flipped bit loses an acknowledged commit", window->number,
                  bit);
        if (seen >= 0 && repaired != 1)
            counted.harmless++; /* of the padding between two frames */
    }
}

static size_t frame_size(uint64_t number)
{
    return STORE_LOG_HEADER_BYTES + ((payload[number].size + 7) & ~(size_t)7);
}

/* The event writes the frame of commit `number` into a segment. */
static void try_log(struct disk *disk, const struct crash_event *event,
                    uint64_t number)
{
    struct window window = {
        .number = number, .first = number, .new = event->data};
    const struct buf *segment = file_of(disk, event->file);
    size_t from = event->offset, end = from + event->data.size;
    struct buf image = {0};
    uint64_t sequence;

    memcpy(&sequence, event->data.data + 8, sizeof sequence);
    window.base = sequence - number;
    while (window.first > 1 && number - window.first < FRAMES_BEFORE &&
           from >= frame_size(window.first - 1))
        from -= frame_size(--window.first);
    window.last = event->offset - from;
    /* And some of what lies behind: zeroes, or older frames. */
    end = end + SECTOR < segment->size ? end + SECTOR : segment->size;
    buf_add(&window.old, segment->data + from, end - from);
    if (window.last + event->data.size > window.old.size)
        wrong("a frame was written behind its segment", number, 0);
    try_cuts(&window, &image);
    try_sectors(&window, &image, event->offset);
    if (event->data.size < 2 * SECTOR || number % 16 == 0)
        try_flips(&window, &image);
    buf_release(&image);
    buf_release(&window.old);
}

/* --- flips of the closed checkpoint --- */

enum verdict { SAME, OTHER, REFUSED };

static enum verdict look_at_checkpoint(const char *path)
{
    uint64_t hash = 0;

    if (store_scan_here(path) < 0 ||
        store_checkpoint_read(path, add_record, &hash, NULL) < 0)
        return REFUSED;
    return hash == content[commits] ? SAME : OTHER;
}

/* The checkpoint alone gives other records: the log must bring it forward, or
 * the store be refused. */
static void expect_flip(const char *image, size_t size, const char *path,
                        uint64_t bit)
{
    struct store *store;
    struct err err = {0};
    uint64_t hash = 0;
    int status = store_open(&store, made, &err);

    if (status >= 0)
        status = store_each(store, add_record, &hash, &err);
    if (status >= 0 && hash != content[commits])
        wrong("a flipped bit of the checkpoint goes unnoticed", bit / 8 / PAGE,
              bit);
    if (status >= 0)
        store_close(store);
    (void)file_write(path, bytes_of(image, size), 0600, false, NULL);
}

struct progress { /* shared with the child */
    uint64_t next, refused, same, other;
};

/* Until the end, or until a flip crashes the reader. */
static void flip_in_child(char *map, size_t size, const char *path,
                          struct progress *p)
{
    (void)!freopen("/dev/null", "w", stderr); /* LMDB's last words */
    while (p->next < 8 * size) {
        uint64_t bit = p->next;
        p->next += (uint64_t)share;
        map[bit / 8] ^= (char)(1 << bit % 8);
        enum verdict verdict = look_at_checkpoint(path);
        map[bit / 8] ^= (char)(1 << bit % 8);
        p->refused += verdict == REFUSED;
        p->same += verdict == SAME;
        p->other += verdict == OTHER;
        if (verdict == OTHER)
            _exit(2);
    }
    _exit(0);
}

static void try_checkpoint_flips(void)
{
    struct progress *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char path[PATH_MAX];
    struct buf image = {0};
    int status = 0;

    (void)snprintf(path, sizeof path, "%s/data.mdb", made);
    must(file_read(path, 64 << 20, &image, NULL), &(struct err){.code = 1});
    while (p->next < 8 * image.size) {
        FILE *file = fopen(path, "r+be");
        char *map = mmap(NULL, image.size, PROT_READ | PROT_WRITE, MAP_SHARED,
                         fileno(file), 0);
        (void)fclose(file);
        (void)fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            flip_in_child(map, image.size, path, p);
        (void)waitpid(pid, &status, 0);
        if (WIFSIGNALED(status))
            p->refused++; /* as the scan's own child would have ended */
        if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
            uint64_t bit = p->next - (uint64_t)share;
            map[bit / 8] ^= (char)(1 << bit % 8);
            (void)munmap(map, image.size);
            expect_flip(image.text, image.size, path, bit);
            continue;
        }
        memcpy(map, image.data, image.size);
        (void)munmap(map, image.size);
    }
    counted.flips += p->refused + p->same + p->other;
    counted.refused += p->refused;
    counted.harmless += p->same + p->other;
    buf_release(&image);
    (void)munmap(p, sizeof *p);
}

/* --- all of it --- */

static void look_between(struct disk *disk, const struct crash_events *events)
{
    uint64_t acked = 0, written = 0;

    for (uint32_t i = 0; i < events->count; i++) {
        const struct crash_event *event = &events->item[i];
        uint32_t magic = 0;
        switch (event->kind) {
        case CRASH_WRITE:
            if (event->data.size >= STORE_LOG_HEADER_BYTES)
                memcpy(&magic, event->data.data, sizeof magic);
            if (magic == STORE_LOG_MAGIC && written == acked)
                try_log(disk, event, ++written);
            add_units(disk, event);
            try_units(disk, acked, i);
            if (event->is_durable) {
                struct unit unit = disk->units.item[--disk->units.count];
                put(file_of(disk, unit.file), unit.offset, unit.data);
            }
            break;
        case CRASH_SYNC:
            sync_file(disk, event->file);
            break;
        case CRASH_SYNC_DIR:
            for (uint32_t m = 0; m < disk->moves.count; m++)
                move(disk, disk->moves.item[m]);
            disk->moves.count = 0;
            break;
        case CRASH_ACK:
            acked = event->number;
            try_moves(disk, acked, i);
            break;
        default:
            *vec_add(&disk->moves) = event;
            try_moves(disk, acked, i);
            break;
        }
    }
}

static bool take_option(const char *name, const char *value)
{
    int64_t number = 0;

    if (value == NULL || text_int(value, 1, 1000000, &number, NULL) < 0)
        return false;
    if (strcmp(name, "--seed") == 0)
        seed = (uint64_t)number;
    else if (strcmp(name, "--share") == 0)
        share = number;
    else if (strcmp(name, "--commits") == 0 && number <= COMMITS_MAX)
        commits = number;
    else
        return false;
    return true;
}

static const char *big_enough(void)
{
    return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

int main(int argc, char **argv)
{
    int64_t began_ms = clock_monotonic_ms();
    struct disk disk = {0};
    struct store *store;
    struct err err = {0};

    for (int i = 1; i < argc; i += 2)
        if (!take_option(argv[i], argv[i + 1])) {
            (void)fprintf(stderr, "usage: crash-states [--seed N] "
                                  "[--commits N] [--share N]\n");
            return 2;
        }
    (void)snprintf(root, sizeof root, "%s/perigee-crash.XXXXXX", big_enough());
    if (mkdtemp(root) == NULL)
        return 2;
    (void)snprintf(live, sizeof live, "%s/live", root);
    (void)snprintf(made, sizeof made, "%s/made", root);
    must(store_open(&store, live, &err), &err);
    store_close(store);
    load_all(&disk);
    crash_record_begin(live);
    commit_all();
    struct crash_events events = crash_record_end();
    look_between(&disk, &events);
    try_moves(&disk, (uint64_t)commits, events.count);
    try_checkpoint_flips();
    (void)dir_remove(root, NULL);
    (void)printf(
        "%llu states (%llu of the log, %llu of the disk), %llu flipped "
        "bits (%llu refused, %llu put right, %llu harmless), "
        "%lld s: nothing lost\n",
        (unsigned long long)(counted.log + counted.disk),
        (unsigned long long)counted.log, (unsigned long long)counted.disk,
        (unsigned long long)counted.flips, (unsigned long long)counted.refused,
        (unsigned long long)counted.repaired,
        (unsigned long long)counted.harmless,
        (long long)(clock_monotonic_ms() - began_ms) / 1000);
    return 0;
}
