#include "tests/tools/crash_log.h"

#include "sys/store_frame.h"
#include "sys/store_log.h"

#include <string.h>

enum {
    SMALL = 512,      /* frames up to it are cut at every byte */
    FRAMES_BEFORE = 2 /* whose bits are turned, too */
};

/* Frames of a segment, the last one being written. */
struct window {
    struct crash_log *log;
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
    const struct window *window = reading->window;
    uint64_t number = sequence - window->base;

    (void)err;
    if (number > window->log->commits || number != reading->seen + 1 ||
        !bytes_equal(found, buf_bytes(&window->log->payload[number])))
        window->log->wrong("the log gives what it was not given", number,
                           window->log->states);
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
    window->log->repaired += log.repaired;
    window->log->refused += status < 0;
    window->log->states++;
    return status < 0 ? status : (int64_t)reading.seen;
}

static void expect_cut(const struct window *window, struct buf *image)
{
    uint32_t repaired;
    int64_t seen = read_log(window, image, &repaired);

    if (seen != (int64_t)window->number && seen != (int64_t)window->number - 1)
        window->log->wrong(
            "a torn write loses what came before it, or is refused",
            window->number, window->log->states);
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

/* Every choice of up to CRASH_DEPTH sectors of the frame. */
static void try_sectors(const struct window *window, struct buf *image,
                        uint64_t offset)
{
    size_t first = offset / CRASH_SECTOR, end = offset + window->new.size;
    size_t sectors = (end + CRASH_SECTOR - 1) / CRASH_SECTOR - first;
    size_t depth = sectors < CRASH_DEPTH ? sectors : CRASH_DEPTH;

    uint32_t step = window->new.size > 2 * SMALL ? 7 : 1;

    for (uint32_t mask = 0; mask < 1U << depth; mask += step) {
        reset(window, image);
        for (size_t s = 0; s < sectors; s++) {
            uint64_t from = (first + s) * CRASH_SECTOR,
                     to = from + CRASH_SECTOR;
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
    size_t content_end = window->last + STORE_LOG_HEADER_BYTES +
                         window->log->payload[window->number].size;

    for (size_t bit = 0; bit < 8 * content_end; bit++) {
        uint32_t repaired;
        reset(window, image);
        memcpy(image->data + window->last, window->new.data, window->new.size);
        image->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int64_t seen = read_log(window, image, &repaired);
        window->log->flips++;
        if (seen >= 0 && seen != (int64_t)window->number)
            window->log->wrong("a flipped bit loses an acknowledged commit",
                               window->number, bit);
        if (seen >= 0 && repaired != 1)
            window->log->harmless++; /* of the padding between two frames */
    }
}

static size_t frame_size(const struct crash_log *log, uint64_t number)
{
    return store_frame_step(log->payload[number].size);
}

void crash_log_try(struct crash_log *log, struct crash_disk *disk,
                   const struct crash_event *event, uint64_t number)
{
    struct window window = {
        .log = log, .number = number, .first = number, .new = event->data};
    const struct buf *segment = crash_disk_file(disk, event->file);
    size_t from = event->offset, end = from + event->data.size;
    struct buf image = {0};
    uint64_t sequence;

    memcpy(&sequence, event->data.data + 8, sizeof sequence);
    window.base = sequence - number;
    while (window.first > 1 && number - window.first < FRAMES_BEFORE &&
           from >= frame_size(log, window.first - 1))
        from -= frame_size(log, --window.first);
    window.last = event->offset - from;
    /* And some of what lies behind: zeroes, or older frames. */
    end =
        end + CRASH_SECTOR < segment->size ? end + CRASH_SECTOR : segment->size;
    buf_add(&window.old, segment->data + from, end - from);
    if (window.last + event->data.size > window.old.size)
        log->wrong("a frame was written behind its segment", number, 0);
    try_cuts(&window, &image);
    try_sectors(&window, &image, event->offset);
    if (event->data.size < 2 * CRASH_SECTOR || number % 16 == 0)
        try_flips(&window, &image);
    buf_release(&image);
    buf_release(&window.old);
}
