/* Evaluating in a child: jobs, problems, and children that die. */
#include "script_kit.h"

#include "script/job_check.h"
#include "script/worker_process.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

static char folder[] = "/tmp/perigee-evaluate-XXXXXX";

static const char GOOD[] =
    "return { Service { cluster = 'c', role = 'r', environment = 'test',\n"
    "  instances = 2, task = SimpleTask { name = 'hello',\n"
    "  cmdline = 'x {{thermos.ports[b]}} {{thermos.ports[a]}}' } } }";

static Perigee__Evaluation *evaluate(const char *text,
                                     const struct script_limits *limits)
{
    char path[64];
    struct err err = {0};
    Perigee__Evaluation *out = NULL;
    snprintf(path, sizeof path, "%s/f.lua", folder);
    assert_int_equal(file_write(path, bytes_of_text(text), 0644, false, &err),
                     0);
    assert_int_equal(
        script_evaluate_file(path, NULL, NULL, 0, limits, &out, &err), 0);
    assert_non_null(out);
    return out;
}

static void test_a_file_becomes_jobs(void **unused)
{
    (void)unused;
    Perigee__Evaluation *out = evaluate(GOOD, NULL);
    assert_int_equal(out->n_problems, 0);
    assert_int_equal(out->n_jobs, 1);
    assert_string_equal(out->jobs[0]->name, "hello");
    assert_int_equal(out->jobs[0]->n_port_names, 2);
    assert_string_equal(out->jobs[0]->port_names[0], "a");
    assert_string_equal(out->stdlib_hash, script_stdlib_hash());
    assert_string_equal(out->jobs[0]->bundle_hash, out->bundle_hash);
    assert_true(out->has_bundle && out->bundle.len > 0);
    perigee__evaluation__free_unpacked(out, NULL);
}

static void test_problems_are_a_success(void **unused)
{
    (void)unused;
    Perigee__Evaluation *out = evaluate("local p = Process { nam = 1 }", NULL);
    assert_int_equal(out->n_jobs, 0);
    assert_int_equal(out->n_problems, 4);
    const Perigee__Problem *p = out->problems[0];
    assert_string_equal(p->file, "f.lua");
    assert_int_equal(p->line, 1);
    assert_string_equal(p->object, "Process begun at f.lua:1");
    assert_true(out->problems[3]->runtime);
    perigee__evaluation__free_unpacked(out, NULL);
}

static void test_time_is_bounded(void **unused)
{
    (void)unused;
    struct script_limits limits = SCRIPT_LIMITS;
    limits.cpu_ms = 100;
    Perigee__Evaluation *out = evaluate("\nwhile true do end", &limits);
    assert_int_equal(out->n_problems, 1);
    assert_string_equal(out->problems[0]->message,
                        "runs longer than 100 ms of CPU time");
    assert_int_equal(out->problems[0]->line, 2);
    perigee__evaluation__free_unpacked(out, NULL);
}

static void test_a_missing_file_is_an_error(void **unused)
{
    (void)unused;
    struct err err = {0};
    Perigee__Evaluation *out = NULL;
    assert_int_equal(
        script_evaluate_file("/no/such", NULL, NULL, 0, NULL, &out, &err),
        -ERR_NOT_FOUND);
    assert_string_equal(err.text,
                        "job file '/no/such': No such file or directory");
}

static const char *made_up(const char *answer, int status, int64_t cpu_ms)
{
    static char message[256];
    struct buf packed = {0};
    worker_answer(bytes_of_text(answer), status, cpu_ms, &SCRIPT_LIMITS,
                  &packed);
    Perigee__Evaluation *out =
        perigee__evaluation__unpack(NULL, packed.size, packed.data);
    assert_non_null(out);
    assert_int_equal(out->n_problems, 1);
    const Perigee__Problem *p = out->problems[0];
    snprintf(message, sizeof message, "%s:%u %s", p->file ? p->file : "",
             p->line, p->message);
    perigee__evaluation__free_unpacked(out, NULL);
    buf_release(&packed);
    return message;
}

static void test_a_child_that_died_is_explained(void **unused)
{
    (void)unused;
    assert_string_equal(made_up("T3 a b.lua\nsource", 0, 2000),
                        "a b.lua:3 runs longer than 2 s of CPU time");
    assert_string_equal(made_up("", SIGKILL, 2050),
                        ":0 runs longer than 2 s of CPU time");
    assert_string_equal(
        made_up("", SIGABRT, 10),
        ":0 the evaluation died (terminated by signal 6 (Aborted)): it may "
        "need more than 512 MiB of memory");
    assert_string_equal(made_up("x", 0, 10),
                        ":0 the evaluation died (exited with status 0): it "
                        "may need more than 512 MiB of memory");
}

/* --- jobs that come as JSON --- */

static Perigee__Job *bare_job(Perigee__Job *job, Perigee__TaskConfig *task,
                              Perigee__Process *process,
                              Perigee__ResourceAmounts *resources)
{
    static Perigee__Process *processes[1];
    perigee__job__init(job);
    perigee__task_config__init(task);
    perigee__process__init(process);
    perigee__resource_amounts__init(resources);
    process->name = (char *)"p";
    process->cmdline = (char *)"x {{thermos.ports[http]}}";
    resources->has_cpu_milli = true;
    resources->cpu_milli = 100;
    resources->has_ram_bytes = resources->has_disk_bytes = true;
    resources->ram_bytes = resources->disk_bytes = 1 << 20;
    processes[0] = process;
    task->processes = processes;
    task->n_processes = 1;
    task->resources = resources;
    job->task = task;
    job->cluster = (char *)"c";
    job->role = (char *)"r";
    job->environment = (char *)"prod";
    return job;
}

static void test_a_bare_job_is_completed(void **unused)
{
    (void)unused;
    Perigee__Job job;
    Perigee__TaskConfig task;
    Perigee__Process process;
    Perigee__ResourceAmounts resources;
    struct arena arena;
    struct err err = {0};
    arena_init(&arena);
    bare_job(&job, &task, &process, &resources);
    assert_true(job_check(&job, &err) < 0);
    assert_int_equal(job_complete(&job, &arena, &err), 0);
    assert_string_equal(job.name, "p");
    assert_string_equal(job.tier, "preemptible");
    assert_int_equal(job.instances, 1);
    assert_int_equal(task.finalization_wait, 30);
    assert_int_equal(process.min_duration, 5);
    assert_string_equal(process.logger->mode, "rotate");
    assert_int_equal(job.n_port_names, 1);
    assert_int_equal(job_check(&job, &err), 0);
    arena_release(&arena);
}

static void expect_refusal(Perigee__Job *job, const char *field,
                           const char *text)
{
    struct arena arena;
    struct err err = {0};
    arena_init(&arena);
    assert_int_equal(job_complete(job, &arena, &err), -ERR_INVALID);
    assert_string_equal(err.field, field);
    assert_string_equal(err.text, text);
    arena_release(&arena);
}

static void test_a_wrong_job_is_refused_with_its_field(void **unused)
{
    (void)unused;
    Perigee__Job job;
    Perigee__TaskConfig task;
    Perigee__Process process;
    Perigee__ResourceAmounts resources;
    bare_job(&job, &task, &process, &resources)->environment = (char *)"x";
    expect_refusal(&job, "environment",
                   "job: 'environment' is 'x': want prod, devel, test, or "
                   "staging and digits");
    bare_job(&job, &task, &process, &resources)->role = NULL;
    expect_refusal(&job, "role",
                   "job: 'role' is missing: want letters, digits, '_', '.' or "
                   "'-', at most 63");
    bare_job(&job, &task, &process, &resources);
    job.name = task.name = (char *)"j";
    process.name = (char *)"a/b";
    expect_refusal(&job, "task.processes[1].name",
                   "job: 'task.processes[1].name' is 'a/b': want a name "
                   "without '/' that does not begin with '.'");
    bare_job(&job, &task, &process, &resources);
    resources.ram_bytes = (1 << 20) + 1;
    expect_refusal(&job, "task.resources.ram",
                   "job: 'task.resources.ram' is 1048577: want whole MiB");
    bare_job(&job, &task, &process, &resources);
    process.cmdline = (char *)"{{what}}";
    expect_refusal(&job, "task.processes",
                   "job: nothing binds '{{what}}': want mesos.*, thermos.*, "
                   "env[NAME], or raw [[...]] around text that is not "
                   "substituted");
    bare_job(&job, &task, &process, &resources);
    task.n_processes = 0;
    expect_refusal(&job, "task.processes",
                   "job: 'task.processes' has too few or too many elements: "
                   "want at least one");
    bare_job(&job, &task, &process, &resources);
    Perigee__OrderChain chain = PERIGEE__ORDER_CHAIN__INIT;
    Perigee__OrderChain *chains[] = {&chain};
    char *order[] = {(char *)"q"};
    chain.order = order;
    chain.n_order = 1;
    task.constraints = chains;
    task.n_constraints = 1;
    expect_refusal(&job, "task.constraints[1]",
                   "job: order names no process: 'q'");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_becomes_jobs),
        cmocka_unit_test(test_problems_are_a_success),
        cmocka_unit_test(test_time_is_bounded),
        cmocka_unit_test(test_a_missing_file_is_an_error),
        cmocka_unit_test(test_a_child_that_died_is_explained),
        cmocka_unit_test(test_a_bare_job_is_completed),
        cmocka_unit_test(test_a_wrong_job_is_refused_with_its_field),
    };
    return SCRIPT_TESTS(folder, tests, argc, argv);
}
