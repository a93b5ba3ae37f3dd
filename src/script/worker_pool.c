#include "script/worker.h"
#include "base/alloc.h"
#include "base/hash.h"
#include "script/worker_process.h"
#include "sys/process.h"
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Small results of small bundles stay. What decides is the bundle itself, byte
 * for byte; a strong hash of it would hold up the loop. */
enum {
    CACHE_ENTRIES = 32,
    CACHE_RESULT_MAX = 1 << 20,
    CACHE_BUNDLE_MAX = 256 << 10,
    REAP_MS = 2
};

struct job {
    struct job *next;
    uint64_t ticket;
    uint64_t hash;
    bool is_question;
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

/* One child at work. */
struct worker {
    struct worker_pool *pool; /* borrowed */
    struct job *job;          /* owned; NULL: idle */
    struct worker_process process;
    struct event *readable, *expired, *reap;
    struct buf answer;
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

static void worker_idle(struct worker *worker)
{
    if (worker->process.pid != 0)
        close(worker->process.fd);
    worker->process = (struct worker_process){0};
    event_del(worker->expired);
    event_del(worker->reap);
    if (worker->readable != NULL)
        event_free(worker->readable);
    worker->readable = NULL;
    buf_release(&worker->answer);
    worker->answer = (struct buf){0};
    job_free(worker->job);
    worker->job = NULL;
}

static int64_t cpu_ms(const struct rusage *usage)
{
    return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000 +
           (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1000;
}

/* The pipe is closed: the child is gone or about to be. It is asked for again
 * and again in short steps, since whoever owns the loop may reap for itself. */
static void on_reap(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct worker *worker = context;
    struct worker_pool *pool = worker->pool;
    struct rusage usage = {0};
    struct buf result = {0};
    struct timeval again = {0, REAP_MS * 1000};
    int status = 0;
    pid_t pid = wait4(worker->process.pid, &status, WNOHANG, &usage);
    if (pid == 0 || (pid < 0 && errno == EINTR)) {
        event_add(worker->reap, &again);
        return;
    }
    struct bytes answer = buf_bytes(&worker->answer);
    bool is_question = worker->job->is_question;
    bool is_whole = status == 0 && answer.size > 0 && answer.data[0] == 'E';
    if (is_question)
        worker_verdicts(answer, status, cpu_ms(&usage), &pool->limits, &result);
    else
        worker_answer(answer, status, cpu_ms(&usage), &pool->limits, &result);
    if (is_whole && !is_question)
        cache_add(pool, worker->job, buf_bytes(&result));
    uint64_t ticket = worker->job->ticket;
    worker_idle(worker);
    if (is_question)
        pool->judged(pool->context, ticket, buf_bytes(&result));
    else
        pool->done(pool->context, ticket, buf_bytes(&result));
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
            kill(worker->process.pid, SIGKILL);
        return;
    }
    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    event_del(worker->readable);
    on_reap(-1, 0, worker);
}

static void on_expired(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct worker *worker = context;
    kill(worker->process.pid, SIGKILL); /* its pipe closes next */
}

static void worker_watch(struct worker *worker)
{
    struct timeval end = {WORKER_WALL_MS / 1000, 0};
    int fd = worker->process.fd;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    worker->readable = event_new(worker->pool->base, fd, EV_READ | EV_PERSIST,
                                 on_readable, worker);
    event_add(worker->readable, NULL);
    event_add(worker->expired, &end);
}

static int worker_start(struct worker *worker, struct job *job)
{
    struct err err = {0};
    int rc = worker_process_start(job->fd, &worker->process, &err);
    if (rc < 0)
        return rc;
    close(job->fd);
    job->fd = -1;
    worker->job = job;
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

/* No child to be had. */
static void fail_job(struct worker_pool *pool, struct job *job)
{
    struct bytes none = bytes_of("", 0);
    if (job->is_question) {
        worker_verdicts(none, -1, 0, &pool->limits, &job->result);
        pool->judged(pool->context, job->ticket, buf_bytes(&job->result));
    } else {
        worker_answer(none, -1, 0, &pool->limits, &job->result);
        pool->done(pool->context, job->ticket, buf_bytes(&job->result));
    }
    job_free(job);
}

static void start_next(struct worker_pool *pool)
{
    struct worker *worker;
    struct job *job;
    while ((worker = idle_worker(pool)) != NULL &&
           (job = take_next(pool)) != NULL)
        if (worker_start(worker, job) < 0)
            fail_job(pool, job);
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
    (void)err;
    pool->base = base;
    pool->limits = limits != NULL ? *limits : SCRIPT_LIMITS;
    pool->done = done;
    pool->context = context;
    pool->tell = event_new(base, -1, 0, on_tell, pool);
    for (int i = 0; i < WORKERS_MAX; i++) {
        struct worker *worker = &pool->worker[i];
        worker->pool = pool;
        worker->expired = event_new(base, -1, 0, on_expired, worker);
        worker->reap = event_new(base, -1, 0, on_reap, worker);
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
    for (int i = 0; i < WORKERS_MAX; i++) {
        struct worker *worker = &pool->worker[i];
        if (worker->process.pid != 0) {
            kill(worker->process.pid, SIGKILL);
            (void)waitpid(worker->process.pid, NULL, 0);
        }
        worker_idle(worker);
        event_free(worker->expired);
        event_free(worker->reap);
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
