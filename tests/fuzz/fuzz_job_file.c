/* A job file is any text: it ends within its budgets, in jobs or in problems
 * that have a message, and jobs that come out are complete. Endless loops are
 * ended as in a worker; what sits in C is left by a jump, which a worker's
 * _exit() stands for. */
#include "script/cpu_budget.h"
#include "script/evaluation.h"
#include "script/job_check.h"
#include <assert.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CPU_MS = 200, MEMORY_MAX = 32 << 20, TEXT_MAX = 64 << 10 };

static sigjmp_buf out_of_c;

static void on_time_in_lua(lua_State *L, void *context)
{
    (void)context;
    sandbox_of(L)->is_spent = true;
    luaL_error(L, "the time is up");
}

static void on_time_in_c(void *context)
{
    (void)context;
    siglongjmp(out_of_c, 1);
}

static void check(const Perigee__Evaluation *out)
{
    struct err err = {0};
    for (size_t i = 0; i < out->n_problems; i++) {
        const Perigee__Problem *p = out->problems[i];
        assert(p->message != NULL && p->message[0] != '\0');
        assert(p->source == NULL || p->mark <= strlen(p->source) + 1);
    }
    assert(out->n_problems == 0 || out->n_jobs == 0);
    for (size_t i = 0; i < out->n_jobs; i++)
        assert(job_check(out->jobs[i], &err) == 0);
    assert(out->bundle_hash != NULL);
}

/* The text as the only file of a bundle. */
static void pack(struct bytes text, struct buf *out)
{
    struct bundle_files files = {.limits = &SCRIPT_LIMITS};
    struct bundle_file *file = calloc(1, sizeof *file);
    assert(file != NULL);
    file->path = strdup("f.lua");
    buf_add_bytes(&file->text, text);
    file->size = text.size;
    memset(file->sha256, '0', 64);
    *vec_add(&files.list) = file;
    bundle_pack(&files, "f.lua", NULL, 0, out);
    bundle_files_release(&files);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct evaluation e;
    static struct cpu_budget budget = {.sandbox = &e.sandbox,
                                       .cpu_ms = CPU_MS,
                                       .in_lua = on_time_in_lua,
                                       .in_c = on_time_in_c};
    static bool is_open;
    struct buf packed = {0};
    if (size > TEXT_MAX)
        return 0;
    if (!is_open)
        is_open = cpu_budget_open();
    assert(is_open);
    evaluation_init(&e);
    e.limits = SCRIPT_LIMITS;
    e.limits.memory_bytes = MEMORY_MAX;
    pack(bytes_of(data, size), &packed);
    Perigee__Bundle *bundle =
        perigee__bundle__unpack(NULL, packed.size, packed.data);
    buf_release(&packed);
    e.bundle = bundle;
    e.files.limits = &e.limits;
    e.files.bundle = bundle;
    memcpy(e.entry, "f.lua", sizeof "f.lua");
    if (sigsetjmp(out_of_c, 1) == 0) {
        cpu_budget_start(&budget);
        const Perigee__Evaluation *out = evaluation_run(&e);
        cpu_budget_stop();
        check(out);
    } else {
        cpu_budget_stop();
        e.sandbox.is_spent = true;
    }
    evaluation_release(&e);
    return 0;
}
