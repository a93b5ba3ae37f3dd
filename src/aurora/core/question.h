/* Questions about hosts that only a script can answer: `place` and `rank`
 * functions of a job file, and the expressions of like and unlike. The core
 * asks them (question_asks.h); verdicts come back as inputs. A verdict is kept
 * per host until what a question may see of the host changes; a host without
 * one is not placed on.
 *
 * Equal questions of several configs are one: shared by reference count, found
 * by text. Nothing of this is stored: after a restart hosts are judged anew. */
#pragma once
#include "base/bytes.h"
#include "base/table.h"
#include <stdbool.h>
#include <stdint.h>

/* The numbers are those of perigee.Judgement.Kind. */
enum question_kind { QUESTION_PLACE = 1, QUESTION_RANK, QUESTION_LIKE };

enum {
    QUESTION_FAILURE_MAX = 300, /* bytes of a failure's text */
    QUESTION_STALE_MAX = 64     /* verdicts of hosts that went away */
};

/* What one question says of one host. */
struct verdict {
    uint64_t host;        /* its number */
    uint64_t description; /* of the host as it was judged */
    bool is_known;        /* else it was asked for */
    bool is_passing;      /* a failure that may do better another time */
    char *failure;        /* owned; NULL: `value` counts */
    int64_t value;
    UT_hash_handle hh;
};

struct questions;

struct question {
    uint32_t refs;
    struct questions *all; /* the table it stands in; NULL: in none yet */
    char *text;            /* owned; tells it from all others */
    enum question_kind kind;
    char *bundle; /* owned; hex hash, of PLACE and RANK */
    uint32_t ordinal;
    char *attribute, *expression; /* owned; of LIKE */

    struct verdict *verdicts;
    uint64_t seen;     /* hosts not changed since then were asked about */
    uint64_t number;   /* of its timer */
    int64_t busy_ms;   /* not asked before: no worker had time; 0: at once */
    int64_t again_ms;  /* passing failures are forgotten then; 0: none */
    bool is_under_way; /* one request at a time */
    UT_hash_handle hh;
};

struct questions {
    struct question *by_text;
    uint64_t next_number;
};

/* One reference each; texts are copied. */
struct question *question_new_function(enum question_kind kind,
                                       const char *bundle, uint32_t ordinal);
struct question *question_new_like(const char *attribute,
                                   const char *expression);
struct question *question_ref(struct question *question);
void question_unref(struct question *question); /* accepts NULL */
/* The question of the table that equals *question, which becomes it: takes and
 * gives one reference. Accepts a pointer to NULL. */
void questions_share(struct questions *all, struct question **question);

/* NULL unless this description of the host was judged. */
const struct verdict *question_verdict(const struct question *question,
                                       uint64_t host, uint64_t description);
/* Has it been asked about this description, at least? */
bool question_is_asked(const struct question *question, uint64_t host,
                       uint64_t description);
/* Ask, or answer: what was known of the host goes. `failure` may be NULL. */
void question_ask(struct question *question, uint64_t host,
                  uint64_t description);
void question_answer(struct question *question, uint64_t host,
                     uint64_t description, int64_t value, const char *failure,
                     bool is_passing);
/* Forget what may do better another time, and what was never answered. */
void question_forget_passing(struct question *question);
/* Forget all when much of it is of hosts that are gone. */
void question_trim(struct question *question, uint32_t hosts);
