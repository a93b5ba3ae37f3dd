#include "script/worker.h"
#include "base/alloc.h"
#include "base/hash.h"
#include "script/nursery.h"
#include "script/worker_process.h"
#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Small results of small bundles stay. What decides is the bundle itself, byte
 * for byte; a strong hash of it would hold up the loop. */
enum {
    CACHE_ENTRIES = 32,
    CACHE_RESULT_MAX = 1 << 20,
    CACHE_BUNDLE_MAX = 256 << 10,
    BIRTHS_MAX = 2 /* of one job, when the nursery died under it */
};

struct job {
    struct job *next;
    uint64_t ticket;
    uint64_t hash;
    bool is_question;
    int births;
    int fd;            /* its request; -1: none */
    char *pick;        /* owned; NULL: all jobs */
    struct buf bundle; /* kept when the cache may */
    struct buf result; /* when the cache knew it */
};

/* Jobs that wait, oldest first; owned. */
struct queue {
    struct job *first, *last;
    uint32_t count;
};

/* One child at work. It is done when it ended and its answer was read. */
struct worker {
    struct worker_pool *pool; /* borrowed */
    struct job *job;          /* owned; NULL: idle */
    uint64_t child;           /* its name in the nursery */
    int fd;                   /* its answer; -1 when idle */
    struct event *readable;   /* NULL: all of it was read */
    struct event *expired;
    struct buf answer;
    bool has_ended;
    struct nursery_end end;
};

struct cached {
    uint64_t hash;
    char *pick; /* owned, or NULL */
    struct buf bundle, result;
};

struct worker_pool {
    struct event_base *base; /* borrowed */
    struct script_limits limits;
    worker_done *done;
    worker_judged *judged; /* NULL: no questions */
    void *context;
    struct nursery *nursery; /* owned */
    uint64_t next_child;
    struct worker worker[WORKERS_MAX];
    struct queue evaluations, questions;
    struct job *known;  /* answered by the cache; owned */
    struct event *tell; /* delivers `known` from the loop */
    struct cached cache[CACHE_ENTRIES];
    uint32_t cache_next;
};

static void job_free(struct job *job)
{
    if (job == NULL)
        return;
    if (job->fd >= 0)
        close(job->fd);
    free(job->pick);
    buf_release(&job->bundle);
    buf_release(&job->result);
    free(job);
}

/* --- the cache --- */

static bool is_same_pick(const char *a, const char *b)
{
    return a != NULL && b != NULL ? strcmp(a, b) == 0 : a == b;
}

static const struct cached *cache_find(const struct worker_pool *pool,
                                       uint64_t hash, struct bytes bundle,
                                       const char *pick)
{
    for (int i = 0; i < CACHE_ENTRIES; i++) {
        const struct cached *entry = &pool->cache[i];
        if (entry->result.size > 0 && entry->hash == hash &&
            is_same_pick(entry->pick, pick) &&
            bytes_equal(buf_bytes(&entry->bundle), bundle))
            return entry;
    }
    return NULL;
}

/* Results of children that died are chance: they may do better next time. */
static void cache_add(struct worker_pool *pool, const struct job *job,
                      struct bytes result)
{
    struct cached *entry = &pool->cache[pool->cache_next % CACHE_ENTRIES];
    if (result.size == 0 || result.size > CACHE_RESULT_MAX ||
        job->bundle.size == 0)
        return;
    pool->cache_next++;
    entry->hash = job->hash;
    free(entry->pick);
    entry->pick = job->pick != NULL ? xstrdup(job->pick) : NULL;
    buf_clear(&entry->bundle);
    buf_add_bytes(&entry->bundle, buf_bytes(&job->bundle));
    buf_clear(&entry->result);
    buf_add_bytes(&entry->result, result);
}

/* --- one worker --- */

static void start_next(struct worker_pool *pool);

/* Leave nothing but what the job was. */
static struct job *worker_idle(struct worker *worker)
{
    struct job *job = worker->job;
    event_del(worker->expired);
    if (worker->readable != NULL)
        event_free(worker->readable);
    if (worker->fd >= 0)
        close(worker->fd);
    buf_release(&worker->answer);
    *worker = (struct worker){
        .pool = worker->pool, .expired = worker->expired, .fd = -1};
    return job;
}

static void deliver(struct worker_pool *pool, const struct job *job,
                    struct bytes result)
{
    if (job->is_question)
        pool->judged(pool->context, job->ticket, result);
    else
        pool->done(pool->context, job->ticket, result);
}

/* No child to be had. */
static void fail_job(struct worker_pool *pool, struct job *job)
{
    struct buf result = {0};
    worker_unborn(job->is_question, &result);
    deliver(pool, job, buf_bytes(&result));
    buf_release(&result);
    job_free(job);
}

static void finish(struct worker *worker)
{
    struct worker_pool *pool = worker->pool;
    const struct nursery_end end = worker->end;
    struct buf answer = worker->answer, result = {0};
    if (!end.is_born) {
        fail_job(pool, worker_idle(worker));
        start_next(pool);
        return;
    }
    worker->answer = (struct buf){0};
    struct job *job = worker_idle(worker);
    bool is_whole =
        end.wait_status == 0 && answer.size > 0 && answer.data[0] == 'E';
    if (job->is_question)
        worker_verdicts(buf_bytes(&answer), end.wait_status, end.cpu_ms,
                        &pool->limits, &result);
    else
        worker_answer(buf_bytes(&answer), end.wait_status, end.cpu_ms,
                      &pool->limits, &result);
    if (is_whole && !job->is_question)
        cache_add(pool, job, buf_bytes(&result));
    deliver(pool, job, buf_bytes(&result));
    job_free(job);
    buf_release(&answer);
    buf_release(&result);
    start_next(pool);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct worker *worker = context;
    buf_reserve(&worker->answer, 65536);
    ssize_t size = read(fd, worker->answer.data + worker->answer.size, 65536);
    if (size > 0) {
        worker->answer.size += (size_t)size;
        if (worker->answer.size > WORKER_ANSWER_MAX)
            nursery_kill(worker->pool->nursery, worker->child);
        return;
    }
    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    event_free(worker->readable);
    worker->readable = NULL;
    if (worker->has_ended)
        finish(worker);
}

/* The nursery closed its copy of the pipe when the child had it, so the pipe
 * ends with the child. */
static void on_ended(void *context, uint64_t child,
                     const struct nursery_end *end)
{
    struct worker_pool *pool = context;
    for (int i = 0; i < WORKERS_MAX; i++) {
        struct worker *worker = &pool->worker[i];
        if (worker->job == NULL || worker->child != child)
            continue;
        worker->has_ended = true;
        worker->end = *end;
        if (worker->readable == NULL)
            finish(worker);
        return;
    }
}

static void on_expired(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct worker *worker = context;
    nursery_kill(worker->pool->nursery, worker->child);
}

static void worker_watch(struct worker *worker)
{
    struct timeval end = {WORKER_WALL_MS / 1000, 0};
    worker->readable = event_new(worker->pool->base, worker->fd,
                                 EV_READ | EV_PERSIST, on_readable, worker);
    event_add(worker->readable, NULL);
    event_add(worker->expired, &end);
}

static int worker_start(struct worker *worker, struct job *job)
{
    struct worker_pool *pool = worker->pool;
    int pipe_fd[2];
    if (pipe2(pipe_fd, O_CLOEXEC) < 0)
        return -ERR_IO;
    (void)fcntl(pipe_fd[0], F_SETFL, O_NONBLOCK);
    uint64_t child = ++pool->next_child;
    int rc = nursery_start(pool->nursery, child, job->fd, pipe_fd[1], NULL);
    close(pipe_fd[1]);
    if (rc < 0) {
        close(pipe_fd[0]);
        return rc;
    }
    job->births++;
    worker->job = job;
    worker->child = child;
    worker->fd = pipe_fd[0];
    worker_watch(worker);
    return 0;
}

/* --- the queue --- */

static struct worker *idle_worker(struct worker_pool *pool)
{
    for (int i = 0; i < WORKERS_MAX; i++)
        if (pool->worker[i].job == NULL)
            return &pool->worker[i];
    return NULL;
}

static bool is_judging(const struct worker_pool *pool)
{
    for (int i = 0; i < WORKERS_MAX; i++)
        if (pool->worker[i].job != NULL && pool->worker[i].job->is_question)
            return true;
    return false;
}

static void queue_add(struct queue *queue, struct job *job)
{
    if (queue->last != NULL)
        queue->last->next = job;
    else
        queue->first = job;
    queue->last = job;
    queue->count++;
}

/* A question first, when none is being worked on: so neither starves. */
static struct job *take_next(struct worker_pool *pool)
{
    struct queue *queue = &pool->evaluations;
    if (pool->questions.first != NULL && !is_judging(pool))
        queue = &pool->questions;
    struct job *job = queue->first;
    if (job == NULL)
        return NULL;
    queue->first = job->next;
    job->next = NULL;
    if (queue->first == NULL)
        queue->last = NULL;
    queue->count--;
    return job;
}

static void queue_return(struct worker_pool *pool, struct job *job)
{
    struct queue *queue =
        job->is_question ? &pool->questions : &pool->evaluations;
    job->next = queue->first;
    queue->first = job;
    if (queue->last == NULL)
        queue->last = job;
    queue->count++;
}

/* What was under way is begun anew, once: what kills nurseries may stand in the
 * file. */
static void on_lost(void *context)
{
    struct worker_pool *pool = context;
    struct job *hopeless[WORKERS_MAX];
    int count = 0;
    for (int i = WORKERS_MAX; i-- > 0;) {
        if (pool->worker[i].job == NULL)
            continue;
        struct job *job = worker_idle(&pool->worker[i]);
        if (job->births < BIRTHS_MAX)
            queue_return(pool, job);
        else
            hopeless[count++] = job;
    }
    start_next(pool);
    while (count > 0)
        fail_job(pool, hopeless[--count]);
}

static void start_next(struct worker_pool *pool)
{
    struct worker *worker;
    struct job *job;
    while ((worker = idle_worker(pool)) != NULL &&
           (job = take_next(pool)) != NULL) {
        int rc = worker_start(worker, job);
        if (rc == -ERR_BUSY) { /* until the loop hears that it is lost */
            queue_return(pool, job);
            return;
        }
        if (rc < 0)
            fail_job(pool, job);
    }
}

static void on_tell(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct worker_pool *pool = context;
    while (pool->known != NULL) {
        struct job *job = pool->known;
        pool->known = job->next;
        pool->done(pool->context, job->ticket, buf_bytes(&job->result));
        job_free(job);
    }
}

static bool answer_known(struct worker_pool *pool, uint64_t ticket,
                         uint64_t hash, struct bytes bundle, const char *pick)
{
    struct timeval now = {0, 0};
    const struct cached *cached = cache_find(pool, hash, bundle, pick);
    struct job **end = &pool->known;
    if (cached == NULL)
        return false;
    struct job *job = xcalloc(1, sizeof *job);
    job->ticket = ticket;
    job->fd = -1;
    buf_add_bytes(&job->result, buf_bytes(&cached->result));
    while (*end != NULL)
        end = &(*end)->next;
    *end = job;
    event_add(pool->tell, &now);
    return true;
}

/* What makes a job a question. */
struct question {
    struct bytes judgement, stdlib;
};

static ProtobufCBinaryData data_of(struct bytes bytes)
{
    return (ProtobufCBinaryData){bytes.size, (uint8_t *)(uintptr_t)bytes.data};
}

/* A job with its request; takes nothing on failure. */
static int job_new(const struct worker_pool *pool, uint64_t ticket,
                   struct bytes bundle, const char *pick,
                   const struct question *question, struct job **out,
                   struct err *err)
{
    Perigee__WorkRequest request = PERIGEE__WORK_REQUEST__INIT;
    worker_request_limits(&request, &pool->limits);
    request.pick = (char *)(uintptr_t)pick;
    if (question != NULL) {
        request.has_judgement = true;
        request.judgement = data_of(question->judgement);
        request.has_stdlib = question->stdlib.size > 0;
        request.stdlib = data_of(question->stdlib);
    }
    int fd = worker_request_fd(&request, bundle, err);
    if (fd < 0)
        return fd;
    *out = xcalloc(1, sizeof **out);
    (*out)->ticket = ticket;
    (*out)->is_question = question != NULL;
    (*out)->fd = fd;
    (*out)->pick = pick != NULL ? xstrdup(pick) : NULL;
    return 0;
}

int worker_pool_evaluate(struct worker_pool *pool, uint64_t ticket,
                         struct bytes bundle, const char *pick, struct err *err)
{
    bool is_small = bundle.size > 0 && bundle.size <= CACHE_BUNDLE_MAX;
    uint64_t hash = is_small ? hash64(bundle, (uint64_t)(uintptr_t)pool) : 0;
    struct job *job = NULL;
    if (pool->evaluations.count >= WORKER_QUEUE_MAX)
        return err_set(err, ERR_BUSY,
                       "%d evaluations are waiting already: try again later",
                       WORKER_QUEUE_MAX);
    if (is_small && answer_known(pool, ticket, hash, bundle, pick))
        return 0;
    int rc = job_new(pool, ticket, bundle, pick, NULL, &job, err);
    if (rc < 0)
        return rc;
    job->hash = hash;
    if (is_small)
        buf_add_bytes(&job->bundle, bundle);
    queue_add(&pool->evaluations, job);
    start_next(pool);
    return 0;
}

int worker_pool_judge(struct worker_pool *pool, uint64_t ticket,
                      struct bytes bundle, struct bytes judgement,
                      struct bytes stdlib, struct err *err)
{
    const struct question question = {judgement, stdlib};
    struct job *job = NULL;
    if (pool->judged == NULL || pool->questions.count >= QUESTIONS_MAX)
        return err_set(err, ERR_BUSY,
                       "%d questions are waiting already: try again later",
                       QUESTIONS_MAX);
    int rc = job_new(pool, ticket, bundle, NULL, &question, &job, err);
    if (rc < 0)
        return rc;
    queue_add(&pool->questions, job);
    start_next(pool);
    return 0;
}

/* --- life --- */

int worker_pool_open(struct worker_pool **out, struct event_base *base,
                     const struct script_limits *limits, worker_done *done,
                     void *context, struct err *err)
{
    struct worker_pool *pool = xcalloc(1, sizeof *pool);
    const struct nursery_events events = {on_ended, on_lost, pool};
    int rc = nursery_open(&pool->nursery, base, &events, err);
    if (rc < 0) {
        free(pool);
        return rc;
    }
    pool->base = base;
    pool->limits = limits != NULL ? *limits : SCRIPT_LIMITS;
    pool->done = done;
    pool->context = context;
    pool->tell = event_new(base, -1, 0, on_tell, pool);
    for (int i = 0; i < WORKERS_MAX; i++) {
        struct worker *worker = &pool->worker[i];
        worker->pool = pool;
        worker->fd = -1;
        worker->expired = event_new(base, -1, 0, on_expired, worker);
    }
    *out = pool;
    return 0;
}

void worker_pool_on_judged(struct worker_pool *pool, worker_judged *judged)
{
    pool->judged = judged;
}

static void free_list(struct job *job)
{
    while (job != NULL) {
        struct job *next = job->next;
        job_free(job);
        job = next;
    }
}

void worker_pool_close(struct worker_pool *pool)
{
    if (pool == NULL)
        return;
    nursery_close(pool->nursery);
    for (int i = 0; i < WORKERS_MAX; i++) {
        struct worker *worker = &pool->worker[i];
        job_free(worker_idle(worker));
        event_free(worker->expired);
    }
    event_free(pool->tell);
    free_list(pool->evaluations.first);
    free_list(pool->questions.first);
    free_list(pool->known);
    for (int i = 0; i < CACHE_ENTRIES; i++) {
        free(pool->cache[i].pick);
        buf_release(&pool->cache[i].bundle);
        buf_release(&pool->cache[i].result);
    }
    free(pool);
}
