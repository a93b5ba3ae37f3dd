#include "sys/backup_file.h"
#include "base/alloc.h"
#include "base/hash.h"
#include "base/version.h"
#include "perigee/backup.pb-c.h"
#include "sys/store_batch.h"
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAGIC_HEAD = 0x486b4250, /* "PBkH" */
    MAGIC_DATA = 0x446b4250, /* "PBkD" */
    MAGIC_END = 0x456b4250,  /* "PBkE" */
    TAIL_BYTES = 16,
    HEAD_MAX = 64 << 10 /* of a head or an end frame */
};
static const char TAIL[8] = {'P', 'B', 'k', 'T', 'a', 'i', 'l', '1'};

struct frame {
    uint32_t magic;
    uint32_t size;
    uint64_t before;
    uint64_t checksum;
};
static_assert(sizeof(struct frame) == 24, "no padding");

/* Of the first 16 bytes as they lie in the file, and the payload. */
static uint64_t frame_checksum(const struct frame *raw, struct bytes payload)
{
    return hash64(payload, hash64(bytes_of(raw, 16), 0));
}

uint64_t backup_records(const struct backup_summary *summary, const char *table)
{
    for (uint32_t i = 0; i < summary->table_count; i++)
        if (strcmp(summary->table[i].name, table) == 0)
            return summary->table[i].records;
    return 0;
}

/* --- writing --- */

struct backup_writer {
    char *path; /* owned */
    int fd;
    struct buf batch; /* of the data frame being filled */
    uint64_t before;  /* checksum of the last frame */
    uint64_t offset;
    backup_pace *pace;
    void *context;
    struct backup_summary summary;
};

static int file_error(struct err *err, const char *verb, const char *path)
{
    return err_set(err,
                   errno == ENOSPC || errno == EDQUOT  ? ERR_NO_SPACE
                   : errno == ENOENT                   ? ERR_NOT_FOUND
                   : errno == EACCES || errno == EPERM ? ERR_DENIED
                   : errno == EEXIST                   ? ERR_EXISTS
                                                       : ERR_IO,
                   "cannot %s backup '%s': %s", verb, path, strerror(errno));
}

static int put(struct backup_writer *writer, const void *data, size_t size,
               struct err *err)
{
    const char *at = data;

    while (size > 0) {
        ssize_t done = write(writer->fd, at, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return file_error(err, "write", writer->path);
        at += done;
        size -= (size_t)done;
        writer->offset += (uint64_t)done;
    }
    return 0;
}

/* In pieces that are waited for, at the pace that is wanted: nothing may pile
 * up that the disk would have to take at once, in front of other people's
 * writes. Not for durability: that comes at the end. */
static int put_gently(struct backup_writer *writer, struct bytes data,
                      struct err *err)
{
    int status = 0;

    while (data.size > 0 && status == 0) {
        size_t size =
            data.size < BACKUP_PIECE_BYTES ? data.size : BACKUP_PIECE_BYTES;
        status = put(writer, data.data, size, err);
        (void)sync_file_range(writer->fd, 0, 0,
                              SYNC_FILE_RANGE_WAIT_BEFORE |
                                  SYNC_FILE_RANGE_WRITE |
                                  SYNC_FILE_RANGE_WAIT_AFTER);
        if (status == 0 && writer->pace != NULL)
            status = writer->pace(writer->context, size, err);
        data.data += size;
        data.size -= size;
    }
    return status;
}

static int put_frame(struct backup_writer *writer, uint32_t magic,
                     struct bytes payload, struct err *err)
{
    struct frame raw = {.magic = htole32(magic),
                        .size = htole32((uint32_t)payload.size),
                        .before = htole64(writer->before)};
    int status;

    writer->before = frame_checksum(&raw, payload);
    raw.checksum = htole64(writer->before);
    status = put(writer, &raw, sizeof raw, err);
    return status < 0 ? status : put_gently(writer, payload, err);
}

static int put_message(struct backup_writer *writer, uint32_t magic,
                       const ProtobufCMessage *message, struct err *err)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = xmalloc(size + 1);

    protobuf_c_message_pack(message, packed);
    int status = put_frame(writer, magic, bytes_of(packed, size), err);
    free(packed);
    return status;
}

static int put_head(struct backup_writer *writer, struct err *err)
{
    Perigee__BackupHead head = PERIGEE__BACKUP_HEAD__INIT;

    head.has_format = head.has_created_ms = head.has_sequence =
        head.has_store_version = true;
    head.format = BACKUP_FORMAT;
    head.created_ms = writer->summary.created_ms;
    head.sequence = writer->summary.sequence;
    head.store_version = writer->summary.store_version;
    head.made_by = writer->summary.made_by;
    return put_message(writer, MAGIC_HEAD, &head.base, err);
}

int backup_writer_open(struct backup_writer **out, const char *path,
                       const struct backup_summary *head, backup_pace *pace,
                       void *context, struct err *err)
{
    struct backup_writer *writer;
    int status, fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return file_error(err, "make", path);
    writer = xcalloc(1, sizeof *writer);
    writer->path = xstrdup(path);
    writer->fd = fd;
    writer->pace = pace;
    writer->context = context;
    writer->summary.created_ms = head->created_ms;
    writer->summary.sequence = head->sequence;
    writer->summary.store_version = STORE_VERSION;
    snprintf(writer->summary.made_by, sizeof writer->summary.made_by, "%s",
             PERIGEE_VERSION);
    status = put_head(writer, err);
    if (status < 0) {
        backup_writer_free(writer);
        return status;
    }
    *out = writer;
    return 0;
}

static int flush(struct backup_writer *writer, struct err *err)
{
    size_t size = writer->batch.size;
    int status;

    if (size == 0)
        return 0;
    status = put_frame(writer, MAGIC_DATA, buf_bytes(&writer->batch), err);
    if (size > 4 * (size_t)BACKUP_FRAME_BYTES)
        buf_release(&writer->batch); /* one big record is no reason to stay */
    buf_clear(&writer->batch);
    return status;
}

/* The summary's row of a table; records come table by table. */
static struct backup_table *table_of(struct backup_summary *summary,
                                     const char *name)
{
    struct backup_table *last = &summary->table[summary->table_count];

    if (summary->table_count > 0 && strcmp(last[-1].name, name) == 0)
        return last - 1;
    if (summary->table_count == STORE_TABLES_MAX ||
        (summary->table_count > 0 && strcmp(last[-1].name, name) > 0))
        return NULL;
    snprintf(last->name, sizeof last->name, "%s", name);
    last->records = last->bytes = 0;
    summary->table_count++;
    return last;
}

int backup_writer_add(struct backup_writer *writer, const char *table,
                      struct bytes key, struct bytes value, struct err *err)
{
    struct backup_table *row = table_of(&writer->summary, table);
    struct store_op op = {table, key, value};
    static const uint8_t nothing;
    int status;

    assert(row != NULL);
    if (op.value.data == NULL)
        op.value.data = &nothing; /* empty, not deleted */
    status = store_batch_encode(&op, 1, &writer->batch, err);
    if (status < 0)
        return status;
    row->records++;
    row->bytes += key.size + value.size;
    return writer->batch.size < BACKUP_FRAME_BYTES ? 0 : flush(writer, err);
}

static int put_end(struct backup_writer *writer, struct err *err)
{
    Perigee__BackupEnd end = PERIGEE__BACKUP_END__INIT;
    Perigee__BackupEnd__Table row[STORE_TABLES_MAX], *rows[STORE_TABLES_MAX];
    struct backup_summary *summary = &writer->summary;
    uint64_t at = htole64(writer->offset);
    int status;

    for (uint32_t i = 0; i < summary->table_count; i++) {
        perigee__backup_end__table__init(&row[i]);
        row[i].name = summary->table[i].name;
        row[i].has_records = row[i].has_bytes = true;
        row[i].records = summary->table[i].records;
        row[i].bytes = summary->table[i].bytes;
        rows[i] = &row[i];
    }
    end.n_tables = summary->table_count;
    end.tables = rows;
    status = put_message(writer, MAGIC_END, &end.base, err);
    if (status == 0)
        status = put(writer, &at, sizeof at, err);
    if (status == 0)
        status = put(writer, TAIL, sizeof TAIL, err);
    return status;
}

int backup_writer_end(struct backup_writer *writer, struct backup_summary *out,
                      struct err *err)
{
    int status = flush(writer, err);

    if (status == 0)
        status = put_end(writer, err);
    if (status == 0 && fdatasync(writer->fd) < 0)
        status = file_error(err, "sync", writer->path);
    if (status < 0)
        return status;
    writer->summary.bytes = writer->offset;
    *out = writer->summary;
    return 0;
}

void backup_writer_free(struct backup_writer *writer)
{
    if (writer == NULL)
        return;
    close(writer->fd);
    buf_release(&writer->batch);
    free(writer->path);
    free(writer);
}

/* --- reading --- */

struct reader {
    const char *path;
    int fd;
    uint64_t size;   /* of the file */
    uint64_t offset; /* of the next frame */
    uint64_t before;
    struct buf payload;
};

static int damaged(const struct reader *reader, const char *what,
                   struct err *err)
{
    (void)err_set(err, ERR_DAMAGED, "backup '%s', offset %llu: %s",
                  reader->path, (unsigned long long)reader->offset, what);
    err_hint(err, "take another backup; `clusterctl backup list` knows them");
    return -ERR_DAMAGED;
}

static int get(const struct reader *reader, void *data, size_t size,
               uint64_t offset, struct err *err)
{
    char *at = data;

    while (size > 0) {
        ssize_t got = pread(reader->fd, at, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return file_error(err, "read", reader->path);
        if (got == 0)
            return damaged(reader, "the file ends too early", err);
        at += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

/* The frame at the offset goes to `payload`. */
static int get_frame(struct reader *reader, struct frame *out, struct err *err)
{
    struct frame raw;
    int status;

    if (reader->offset > reader->size - TAIL_BYTES ||
        reader->size - TAIL_BYTES - reader->offset < sizeof raw)
        return damaged(reader, "a frame is missing", err);
    status = get(reader, &raw, sizeof raw, reader->offset, err);
    if (status < 0)
        return status;
    *out = (struct frame){le32toh(raw.magic), le32toh(raw.size),
                          le64toh(raw.before), le64toh(raw.checksum)};
    if (out->size > BACKUP_FRAME_MAX ||
        out->size > reader->size - TAIL_BYTES - reader->offset - sizeof raw)
        return damaged(reader, "a frame is damaged", err);
    buf_clear(&reader->payload);
    buf_reserve(&reader->payload, out->size + 1);
    status = get(reader, reader->payload.data, out->size,
                 reader->offset + sizeof raw, err);
    if (status < 0)
        return status;
    reader->payload.size = out->size;
    if (frame_checksum(&raw, buf_bytes(&reader->payload)) != out->checksum)
        return damaged(reader, "a frame fails its checksum", err);
    return 0;
}

static int take_head(struct reader *reader, struct backup_summary *out,
                     struct err *err)
{
    struct frame frame;
    Perigee__BackupHead *head;
    int status = get_frame(reader, &frame, err);

    if (status < 0)
        return status;
    head = frame.magic != MAGIC_HEAD || frame.before != 0
               ? NULL
               : perigee__backup_head__unpack(NULL, reader->payload.size,
                                              reader->payload.data);
    if (head == NULL)
        return damaged(reader, "this is not a backup", err);
    if (head->format > BACKUP_FORMAT || head->store_version > STORE_VERSION) {
        status = err_set(err, ERR_UNSUPPORTED,
                         "backup '%s': format %u of store version %u, this "
                         "program knows %d and %d",
                         reader->path, head->format, head->store_version,
                         BACKUP_FORMAT, STORE_VERSION);
        err_hint(err, "use the programs that made it, or newer ones");
    } else {
        out->created_ms = head->created_ms;
        out->sequence = head->sequence;
        out->store_version = head->store_version;
        snprintf(out->made_by, sizeof out->made_by, "%s",
                 head->made_by ? head->made_by : "");
        reader->before = frame.checksum;
        reader->offset += sizeof frame + frame.size;
    }
    perigee__backup_head__free_unpacked(head, NULL);
    return status;
}

static bool tables_from(const Perigee__BackupEnd *end,
                        struct backup_summary *out)
{
    out->table_count = 0;
    for (size_t i = 0; i < end->n_tables; i++) {
        const Perigee__BackupEnd__Table *from = end->tables[i];
        struct backup_table *to =
            from->name == NULL || strlen(from->name) > STORE_TABLE_MAX
                ? NULL
                : table_of(out, from->name);
        if (to == NULL || to->records > 0)
            return false;
        to->records = from->records;
        to->bytes = from->bytes;
    }
    return true;
}

/* The payload is that of an end frame. */
static int take_end(struct reader *reader, struct backup_summary *out,
                    struct err *err)
{
    Perigee__BackupEnd *end = perigee__backup_end__unpack(
        NULL, reader->payload.size, reader->payload.data);
    bool is_good = end != NULL && tables_from(end, out);

    if (end != NULL)
        perigee__backup_end__free_unpacked(end, NULL);
    return is_good ? 0 : damaged(reader, "its end is malformed", err);
}

static int reader_open(struct reader *reader, const char *path,
                       uint64_t *end_at, struct err *err)
{
    struct stat st;
    uint64_t tail[2];
    int status;

    *reader = (struct reader){.path = path};
    reader->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (reader->fd < 0 || fstat(reader->fd, &st) < 0)
        return file_error(err, "open", path);
    if (!S_ISREG(st.st_mode) || st.st_size < TAIL_BYTES)
        return damaged(reader, "this is not a backup", err);
    reader->size = (uint64_t)st.st_size;
    status = get(reader, tail, sizeof tail, reader->size - TAIL_BYTES, err);
    if (status < 0)
        return status;
    *end_at = le64toh(tail[0]);
    if (memcmp(&tail[1], TAIL, sizeof TAIL) != 0)
        return damaged(reader, "it has no end: it was not finished, or cut",
                       err);
    return 0;
}

static void reader_close(struct reader *reader)
{
    if (reader->fd >= 0)
        close(reader->fd);
    buf_release(&reader->payload);
}

int backup_summarize(const char *path, struct backup_summary *out,
                     struct err *err)
{
    struct backup_summary found = {0};
    struct reader reader;
    struct frame frame;
    uint64_t end_at = 0;
    int status = reader_open(&reader, path, &end_at, err);

    if (status == 0)
        status = take_head(&reader, &found, err);
    if (status == 0) {
        reader.offset = end_at;
        status = get_frame(&reader, &frame, err);
    }
    if (status == 0 && (frame.magic != MAGIC_END || frame.size > HEAD_MAX))
        status = damaged(&reader, "its end is malformed", err);
    if (status == 0)
        status = take_end(&reader, &found, err);
    found.bytes = reader.size;
    reader_close(&reader);
    if (status == 0)
        *out = found;
    return status;
}

struct counting {
    store_visit *visit;
    void *context;
    struct reader *reader;
    struct backup_summary seen;
};

static int count_op(void *context, const struct store_op *op, struct err *err)
{
    struct counting *counting = context;
    struct backup_table *row = table_of(&counting->seen, op->table);

    if (row == NULL || op->value.data == NULL)
        return damaged(counting->reader, "its records are out of order", err);
    row->records++;
    row->bytes += op->key.size + op->value.size;
    if (counting->visit == NULL)
        return 0;
    return counting->visit(counting->context, op->table, op->key, op->value,
                           err);
}

static bool same_tables(const struct backup_summary *a,
                        const struct backup_summary *b)
{
    if (a->table_count != b->table_count)
        return false;
    for (uint32_t i = 0; i < a->table_count; i++)
        if (strcmp(a->table[i].name, b->table[i].name) != 0 ||
            a->table[i].records != b->table[i].records ||
            a->table[i].bytes != b->table[i].bytes)
            return false;
    return true;
}

/* Data frames, then the end, where the tail says it is. */
static int read_frames(struct reader *reader, struct counting *counting,
                       uint64_t end_at, struct backup_summary *out,
                       struct err *err)
{
    struct frame frame;
    int status;

    for (;;) {
        status = get_frame(reader, &frame, err);
        if (status < 0)
            return status;
        if (frame.before != reader->before)
            return damaged(reader, "a frame of another backup", err);
        if (frame.magic != MAGIC_DATA)
            break;
        status = store_batch_decode(buf_bytes(&reader->payload), count_op,
                                    counting, err);
        if (status < 0)
            return status;
        reader->before = frame.checksum;
        reader->offset += sizeof frame + frame.size;
    }
    if (frame.magic != MAGIC_END || reader->offset != end_at ||
        reader->offset + sizeof frame + frame.size + TAIL_BYTES != reader->size)
        return damaged(reader, "its end is malformed", err);
    status = take_end(reader, out, err);
    if (status == 0 && !same_tables(out, &counting->seen))
        status = damaged(reader, "it does not hold what its end counts", err);
    return status;
}

int backup_read(const char *path, store_visit *visit, void *context,
                struct backup_summary *out, struct err *err)
{
    struct reader reader;
    struct counting counting = {visit, context, &reader, {0}};
    struct backup_summary found = {0};
    uint64_t end_at = 0;
    int status = reader_open(&reader, path, &end_at, err);

    if (status == 0)
        status = take_head(&reader, &found, err);
    if (status == 0)
        status = read_frames(&reader, &counting, end_at, &found, err);
    found.bytes = reader.size;
    reader_close(&reader);
    if (status == 0 && out != NULL)
        *out = found;
    return status;
}
