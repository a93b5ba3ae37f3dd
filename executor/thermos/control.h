/* The line between an executor and its runner: a socket pair of sequential
 * packets. Both ends are one binary, so a packet is a plain struct. A packet
 * may carry descriptors: the executor holds the reading ends of the logs'
 * pipes, so that what was written outlives both the writer and the runner. The
 * next runner is forked from the executor, and so has them from birth, as it
 * has the ends of those that the executor adopted until then. */
#pragma once
#include "executor/thermos/core/thermos.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum control_kind {
    /* executor -> runner */
    CONTROL_EXIT = 1, /* pid, status: an adopted child ended */
    CONTROL_KILL,     /* number: grace in milliseconds */
    CONTROL_DRAIN,    /* start nothing more: a kill will follow */
    CONTROL_LINK,     /* number: should the executor die, go on until then
                         (clock_boot_ms()); 0: not at all */
    /* runner -> executor */
    CONTROL_RUNNING, /* the first process runs, or all were adopted; number:
                        the task's finalization_wait in milliseconds */
    CONTROL_ENDED,   /* state, text */
    CONTROL_HOLD,    /* number: a key; with descriptors to keep open */
    CONTROL_RELEASE  /* number: the key; they are not needed any more */
};

enum { CONTROL_FDS_MAX = 2 };

struct control_message {
    uint32_t kind;
    int32_t pid, status;
    uint32_t state; /* enum thermos_state */
    int64_t number;
    char text[THERMOS_MESSAGE_MAX + 1]; /* only as much as needed travels */
};

/* What CONTROL_HOLD asked for: the pipes of one run of one process. */
struct control_held {
    int64_t key;
    int fd[CONTROL_FDS_MAX]; /* stdout, stderr; -1: none */
};

/* How a child of the executor ended that was not the runner. */
struct control_exit {
    int32_t pid, status;
};

/* In a runner just forked: close everything but the standard streams, its end
 * of the line and what is held. */
void control_close_others(int control, const struct control_held *held,
                          size_t count);

/* True when the packet went out; false: the other side is gone or choked. */
bool control_send(int fd, const struct control_message *message);
bool control_send_fds(int fd, const struct control_message *message,
                      const int *fds, size_t count);
/* 1: a message; 0: nothing now; -1: the other side is gone. Descriptors that
 * came with it are the caller's; unused places of fds are -1. */
int control_receive(int fd, struct control_message *out,
                    int fds[CONTROL_FDS_MAX]);
