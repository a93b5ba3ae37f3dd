/* crash-states [--seed N] [--commits N] [--share N]: what a power cut may leave
 * of a store, built and opened.
 *
 * A store takes commits, and saves its checkpoint now and then; every write,
 * sync, rename and acknowledgement is written down (crash_record.h). Then, for
 * every moment between two of them:
 *
 *   log     the frame being written cut at every byte (a large one at 512 of
 *           them) from either end, every choice of up to eight of its sectors,
 *           every flipped bit of it and of the frames before: read as a log
 *   disk    the whole directory, with every choice of the last eight unsynced
 *           pages, torn sectors, names that came or did not: opened as a store
 *   flips   every bit of the closed checkpoint turned: opened as a store
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
#include "tests/tools/crash_disk.h"
#include "tests/tools/crash_log.h"
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
    SAVE_EVERY = 15 /* commits */
};

static uint64_t seed = 1;
static int64_t commits = 300, share = 1;
static char root[64], live[96], made[96];

static struct crash_log counted; /* flips of the checkpoint, too */
static uint64_t disk_states;

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

/* --- the disk to begin with --- */

static void load(struct crash_disk *disk, const char *name)
{
    char path[PATH_MAX];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/%s", live, name);
    if (stat(path, &st) < 0)
        return;
    crash_disk_name(disk, name, st.st_ino);
    must(file_read(path, 64 << 20, crash_disk_file(disk, st.st_ino), NULL),
         &(struct err){.text = "a file cannot be read"});
}

static void load_all(struct crash_disk *disk)
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

static struct bytes part(const struct crash_unit *unit,
                         const struct choice *choice, bool is_last)
{
    size_t from = is_last ? choice->from : 0;
    size_t to =
        is_last && choice->to < unit->data.size ? choice->to : unit->data.size;

    return from < to ? bytes_of(unit->data.data + from, to - from)
                     : bytes_of("", 0);
}

static void build(const struct crash_disk *disk, const struct choice *choice)
{
    struct crash_name *names = disk->names.item;
    struct crash_disk copy = {
        .names = {xmemdup(names, (disk->names.count + 1) * sizeof *names -
                                     sizeof *names),
                  disk->names.count, disk->names.count}};
    char log[128];

    for (uint32_t i = 0; i < choice->moves; i++)
        crash_disk_move(&copy, disk->moves.item[i]);
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
            const struct crash_unit *unit = &disk->units.item[i];
            bool is_last = i + 1 == disk->units.count;
            if (unit->file == inode && choice->has_unit[i])
                crash_put(&image, unit->offset + (is_last ? choice->from : 0),
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
        wrong("a state does not open", at, disk_states);
    }
    store_close(store);
    if (first != hash)
        wrong("records are others while the store is opened", at, disk_states);
    for (uint64_t n = acked; n <= (uint64_t)commits && n <= acked + 1; n++)
        if (content[n] == hash)
            return;
    wrong("an acknowledged commit is lost, or one came apart", at, disk_states);
}

static void try_state(const struct crash_disk *disk,
                      const struct choice *choice, uint64_t acked, uint64_t at)
{
    static uint64_t states;

    if (states++ % (uint64_t)share != 0)
        return;
    build(disk, choice);
    expect_open(acked, at);
    disk_states++;
}

/* Every choice of the last CRASH_DEPTH units, the older ones all there or all
 * not; the newest is there, because without it this was tried before. */
static void try_units(const struct crash_disk *disk, uint64_t acked,
                      uint64_t at)
{
    uint32_t count = disk->units.count,
             depth = count < CRASH_DEPTH ? count : CRASH_DEPTH;
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
    size_t step = size > CRASH_PAGE ? size / 8 : CRASH_SECTOR;
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

static void try_moves(const struct crash_disk *disk, uint64_t acked,
                      uint64_t at)
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
        wrong("a flipped bit of the checkpoint goes unnoticed",
              bit / 8 / CRASH_PAGE, bit);
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

static void look_between(struct crash_disk *disk,
                         const struct crash_events *events)
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
                crash_log_try(&counted, disk, event, ++written);
            crash_disk_write(disk, event);
            try_units(disk, acked, i);
            if (event->is_durable) {
                struct crash_unit unit = disk->units.item[--disk->units.count];
                crash_put(crash_disk_file(disk, unit.file), unit.offset,
                          unit.data);
            }
            break;
        case CRASH_SYNC:
            crash_disk_sync(disk, event->file);
            break;
        case CRASH_SYNC_DIR:
            for (uint32_t m = 0; m < disk->moves.count; m++)
                crash_disk_move(disk, disk->moves.item[m]);
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
    struct crash_disk disk = {0};
    struct store *store;
    struct err err = {0};

    for (int i = 1; i < argc; i += 2)
        if (!take_option(argv[i], argv[i + 1])) {
            (void)fprintf(stderr, "usage: crash-states [--seed N] "
                                  "[--commits N] [--share N]\n");
            return 2;
        }
    counted = (struct crash_log){
        .payload = payload, .commits = (uint64_t)commits, .wrong = wrong};
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
        (unsigned long long)(counted.states + disk_states),
        (unsigned long long)counted.states, (unsigned long long)disk_states,
        (unsigned long long)counted.flips, (unsigned long long)counted.refused,
        (unsigned long long)counted.repaired,
        (unsigned long long)counted.harmless,
        (long long)(clock_monotonic_ms() - began_ms) / 1000);
    return 0;
}
