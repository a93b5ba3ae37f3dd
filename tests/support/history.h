/* The checkpoint of a task, read back: what a test may hold against what it
 * saw. Reading takes no lock, so it works beside a living runner. */
#pragma once
#include "executor/thermos/stream.h"

#include "base/arena.h"
#include "base/vec.h"
#include "sys/file.h"
#include "wire/codec.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct history_run {
    uint32_t process, run;
    int32_t pid;
    int64_t started_ms, ended_ms; /* since the boot; ended 0: it runs */
    Perigee__Thermos__Process__State state;
    int wait_status; /* -1: unknown */
};

struct history {
    struct arena arena;
    const Perigee__Thermos__Header *header; /* NULL: there is none */
    VEC(struct history_run) runs;           /* by their start */
    Perigee__Thermos__Task__State state;    /* the newest */
    uint32_t takeovers;                     /* runners after the first */
};

static inline void history_process(struct history *h,
                                   const Perigee__Thermos__Process *record)
{
    bool never_began = record->reason != NULL;
    if (record->state == PERIGEE__THERMOS__PROCESS__STATE__RUNNING ||
        never_began) {
        *vec_add(&h->runs) = (struct history_run){
            .process = record->process,
            .run = record->run,
            .pid = record->pid,
            .started_ms = (int64_t)record->boot_ms,
            .ended_ms = never_began ? (int64_t)record->boot_ms : 0,
            .state = record->state,
            .wait_status = -1};
        return;
    }
    for (uint32_t i = h->runs.count; i-- > 0;) {
        struct history_run *run = &h->runs.item[i];
        if (run->process != record->process)
            continue;
        assert(run->run == record->run && run->ended_ms == 0);
        run->ended_ms = (int64_t)record->boot_ms;
        run->state = record->state;
        run->wait_status = record->has_wait_status ? record->wait_status : -1;
        return;
    }
    abort(); /* an end without a start */
}

static inline void history_read(struct history *h, const char *path)
{
    struct buf file = {0};
    struct bytes bytes;
    size_t at = 0;

    *h = (struct history){.header = NULL};
    arena_init(&h->arena);
    (void)file_read(path, STREAM_FILE_MAX, &file, NULL);
    while (stream_frame_next(buf_bytes(&file), &at, &bytes, NULL) == 1) {
        ProtobufCMessage *message = NULL;
        int rc = codec_decode(&perigee__thermos__record__descriptor, "Record",
                              MEDIA_PROTOBUF, bytes, &h->arena, &message, NULL);
        assert(rc == 0);
        const Perigee__Thermos__Record *record = (const void *)message;
        if (record->header != NULL)
            h->header = record->header;
        if (record->process != NULL)
            history_process(h, record->process);
        if (record->task != NULL && record->task->has_state)
            h->state = record->task->state;
        h->takeovers += record->task != NULL && record->task->boot_id != NULL;
    }
    buf_release(&file);
}

static inline void history_release(struct history *h)
{
    vec_free(&h->runs);
    arena_release(&h->arena);
}

/* Run `run` of a process, NULL when it never began. */
static inline const struct history_run *history_run_of(const struct history *h,
                                                       uint32_t process,
                                                       uint32_t run)
{
    for (uint32_t i = 0; i < h->runs.count; i++)
        if (h->runs.item[i].process == process && h->runs.item[i].run == run)
            return &h->runs.item[i];
    return NULL;
}

/* The runs of a process as letters: s f k l, r for one that still runs. */
static inline const char *history_letters(const struct history *h,
                                          uint32_t process, char *out,
                                          size_t size)
{
    static const char letters[] = "?rsfkl"; /* by state */
    size_t n = 0;
    for (uint32_t i = 0; i < h->runs.count && n + 1 < size; i++)
        if (h->runs.item[i].process == process)
            out[n++] = letters[h->runs.item[i].state];
    out[n] = '\0';
    return out;
}
