/* What the outside said since the last turn: inputs of a program, in the order
 * in which they came. Callbacks of sockets and children put them in; the turn
 * takes them out. Everything is copied on the way in. */
#pragma once
#include "base/arena.h"
#include "wire/program.h"

enum input_kind {
    INPUT_REQUEST,
    INPUT_GONE,
    INPUT_ANSWER,
    INPUT_RECORD,
    INPUT_BROKEN,
    INPUT_FACT
};

struct input {
    struct input *next;
    enum input_kind kind;
    exchange_id exchange;
    struct arena arena; /* owns what the union points to */
    union {
        struct http_request request;
        struct http_response response;
        struct bytes record;
        const char *why;
        struct {
            uint32_t kind;
            void *data;
        } fact;
    };
};

struct inbox {
    struct input *first, **last; /* owned; last: where the next one goes */
    uint32_t count;
};

void inbox_init(struct inbox *inbox);
void inbox_release(struct inbox *inbox);
/* The oldest input, now the caller's; NULL when there is none. */
struct input *inbox_take(struct inbox *inbox);
void input_free(struct input *input);

void inbox_request(struct inbox *inbox, exchange_id exchange,
                   const struct http_request *request);
void inbox_gone(struct inbox *inbox, exchange_id exchange);
void inbox_answer(struct inbox *inbox, exchange_id exchange,
                  const struct http_response *response);
void inbox_record(struct inbox *inbox, exchange_id exchange,
                  struct bytes record);
void inbox_broken(struct inbox *inbox, exchange_id exchange, const char *why);
/* `extra` goes behind the data, and its address to `extra_at` when that is
 * inside the data. */
void inbox_fact(struct inbox *inbox, uint32_t kind, const void *data,
                size_t size, size_t extra_at, struct bytes extra);
