/* How our connections behave, whoever opened them: what is written leaves at
 * once, and a peer that is gone without a word (a machine without power, a
 * cable pulled out) is noticed within TCP_GONE_MS, though nobody writes. That
 * is about machines. A process that stands still has a kernel that goes on
 * answering for it: it is noticed by what it does not say (wire/recordio.h, the
 * master's pings). */
#pragma once

enum {
    TCP_GONE_MS = 75 * 1000, /* as long as Mesos waits for an agent's pong */
    TCP_IDLE_S = 30,         /* without a byte, until the peer is asked */
    TCP_ASK_S = 15,
    TCP_ASKED_MAX = 3
};

/* For a socket that connects, or for one that listens: what it accepts is the
 * same. */
void tcp_prepare(int fd);
