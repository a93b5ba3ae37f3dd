/* A program: a pure core together with its codec. It takes inputs from the
 * world (requests, answers, records of a stream, facts about processes, stored
 * records, the passing of time) and appends **effects as data**. The shell
 * (src/sys/daemon) performs them on sockets and disks; tests/sim performs the
 * very same effects in virtual time. A program opens nothing, reads no clock
 * and draws randomness from its seeded generator only.
 *
 *   request ──► decode ──► x_step(core) ──► encode ──► effects
 *
 * Order: all inputs of one turn go in, then all effects of that turn come out.
 * PERSIST effects of a turn are one atomic batch. Everything else of turn n
 * leaves only when batch n is durable; a program never waits for it.
 *
 * Ownership: the bytes of an input are borrowed for the call. Effects live in
 * the list's arena and are gone after the turn that acts on them. */
#pragma once
#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "wire/http.h"
#include "wire/metrics.h"
#include <stdint.h>

/* Names one HTTP exchange. Those we serve and those we make are numbered
 * apart; the shell numbers the former, the program the latter. Never reused. */
typedef uint64_t exchange_id;

enum effect_kind {
    EFFECT_PERSIST, /* table, key, bytes; bytes.data == NULL deletes */
    EFFECT_REPLY,   /* exchange, response: the whole answer to a request */
    EFFECT_STREAM,  /* exchange, response: begin a stream; its body is the
                       record that a reader too slow gets as its last */
    EFFECT_RECORD,  /* exchange, bytes: one RecordIO record, framed by the
                       shell, exactly one HTTP chunk */
    EFFECT_CLOSE,   /* exchange: end our stream after what was sent */
    EFFECT_CALL,    /* exchange, url, request: make a request of our own */
    EFFECT_FOLLOW,  /* the same, whose answer is a stream of records */
    EFFECT_HANGUP,  /* exchange: drop a request of our own */
    EFFECT_ACT,     /* act, data: something only this program's shell can do:
                       launch a container, run a script */
    EFFECT_LOG,     /* level, bytes: one log line, "event key=value ..." */
    EFFECT_STOP,    /* status: end the daemon in good order */
    EFFECT_METRICS  /* exchange, bytes: answer with what /metrics has; the
                        bytes are the path */
};

struct effect {
    enum effect_kind kind;
    exchange_id exchange;
    union {
        struct {
            const char *table; /* static */
            struct bytes key;
        } persist;
        struct http_response response;
        struct {
            const char *url; /* "http://host:port/path" */
            enum http_method method;
            const struct http_header *header;
            uint32_t header_count;
            int64_t timeout_ms; /* 0: none (streams) */
        } call;
        struct {
            uint32_t kind;    /* the program's enumeration */
            const void *data; /* the program's plain struct */
        } act;
        int level; /* enum log_level */
        int status;
    };
    struct bytes bytes; /* value, record, body or line */
};

struct effects {
    struct arena arena; /* owns everything the effects point to */
    struct effect *item;
    uint32_t count, capacity;
};

void effects_init(struct effects *fx);
void effects_release(struct effects *fx);
void effects_clear(struct effects *fx);

/* Each of these copies what it is given into the list's arena. */
void effect_persist(struct effects *fx, const char *table, struct bytes key,
                    struct bytes value);
/* `value` lies in the list's arena already. */
void effect_persist_kept(struct effects *fx, const char *table,
                         struct bytes key, struct bytes value);
void effect_forget(struct effects *fx, const char *table, struct bytes key);
void effect_reply(struct effects *fx, exchange_id exchange, int status,
                  enum media_type type, struct bytes body);
void effect_reply_full(struct effects *fx, exchange_id exchange,
                       const struct http_response *response);
/* text/plain with a status: how Mesos words its refusals. */
void effect_reply_text(struct effects *fx, exchange_id exchange, int status,
                       const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void effect_stream(struct effects *fx, exchange_id exchange,
                   const struct http_response *head);
void effect_record(struct effects *fx, exchange_id exchange,
                   struct bytes record);
void effect_close(struct effects *fx, exchange_id exchange);
/* What was asked for at `path`, /metrics or /metrics/snapshot. */
void effect_metrics(struct effects *fx, exchange_id exchange, const char *path);
/* POST `body` to url; the shell answers with on_answer or on_broken. */
void effect_call(struct effects *fx, exchange_id exchange, const char *url,
                 const struct http_header *header, uint32_t header_count,
                 struct bytes body, int64_t timeout_ms);
void effect_follow(struct effects *fx, exchange_id exchange, const char *url,
                   const struct http_header *header, uint32_t header_count,
                   struct bytes body);
void effect_hangup(struct effects *fx, exchange_id exchange);
/* `size` bytes of plain data are copied; pointers inside must point into
 * fx->arena. */
void effect_act(struct effects *fx, uint32_t kind, const void *data,
                size_t size);
/* level: 0 error, 1 warn, 2 info, 3 debug. */
void effect_log(struct effects *fx, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void effect_stop(struct effects *fx, int status);

/* What a program is made of. `self` is its state. Every function may be NULL
 * when the program has no such input. now_ms is wall time in milliseconds,
 * read once per turn. */
struct program {
    const char *name; /* "master" */

    /* A stored record, before anything else happens; then, once, "that was
     * all". ERR_DAMAGED refuses the store. */
    int (*on_stored)(void *self, const char *table, struct bytes key,
                     struct bytes value, struct err *err);
    void (*on_start)(void *self, int64_t now_ms, struct effects *fx);

    /* Somebody's request to us; answered by REPLY or STREAM under the same
     * exchange. on_gone: the other side of an open exchange left. */
    void (*on_request)(void *self, exchange_id exchange,
                       const struct http_request *request, int64_t now_ms,
                       struct effects *fx);
    void (*on_gone)(void *self, exchange_id exchange, int64_t now_ms,
                    struct effects *fx);

    /* Our own requests: the answer of a CALL, or the head of a FOLLOW (body
     * empty when 200; the whole body otherwise, and then it is over); one
     * record of a stream; the connection could not be made or ended. */
    void (*on_answer)(void *self, exchange_id exchange,
                      const struct http_response *response, int64_t now_ms,
                      struct effects *fx);
    void (*on_record)(void *self, exchange_id exchange, struct bytes record,
                      int64_t now_ms, struct effects *fx);
    void (*on_broken)(void *self, exchange_id exchange, const char *why,
                      int64_t now_ms, struct effects *fx);

    /* A fact about something an ACT began: a container exited, a script gave
     * its verdict. `kind` and `data` are the program's own. */
    void (*on_fact)(void *self, uint32_t kind, const void *data, int64_t now_ms,
                    struct effects *fx);

    /* next_ms: when on_time is wanted, INT64_MAX for never. */
    int64_t (*next_ms)(const void *self);
    void (*on_time)(void *self, int64_t now_ms, struct effects *fx);

    /* Report what the state can count. */
    void (*metrics)(const void *self, struct metrics *out);

    /* Verify every invariant of the state; asserts. Called after every step in
     * the simulator and in debug builds. */
    void (*check)(const void *self);

    /* Requests for metrics come to on_request, which answers with METRICS when
     * it may; otherwise the shell answers everybody. */
    bool guards_metrics;
};
