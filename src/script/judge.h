/* The child's side of perigee.Judgement: one question about many hosts, each
 * answered by a verdict. `place` and `rank` are functions of the file that was
 * just evaluated; `like` is an expression and needs no file.
 *
 * A function sees a host and nothing of the calls before it: what a call wrote
 * to globals, upvalues and tables is undone before the next one (script/
 * image.h). An error, a result of another type, and 1 ms of CPU time exceeded
 * are failures with their line; what exceeded a budget may do better another
 * time (`passing`), everything else is final.
 *
 * A function of `Notify` is asked about one event instead, has 10 ms, and
 * answers with deliveries (script/notify_call.h). */
#pragma once
#include "script/evaluation.h"

enum {
    JUDGE_HOSTS_MAX = 256, /* of one question */
    JUDGE_CALL_MS = 1,
    JUDGE_NOTIFY_MS = 10,
    JUDGE_TEXT_MAX = 300 /* of a failure */
};

/* NULL when the bytes are no such question: unknown kind, too many hosts. */
Perigee__Judgement *judge_unpack(struct bytes bytes);
/* Write 'V' and the packed Verdicts to `fd`. The evaluation has run, unless
 * the question is LIKE; `problem` is its first problem or NULL. The process'
 * CPU budget is open and none runs. False when writing failed. */
bool judge_run(struct evaluation *e, const Perigee__Judgement *judgement,
               const char *problem, int fd);
