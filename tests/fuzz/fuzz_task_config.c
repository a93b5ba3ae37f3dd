/* Any bytes as a task: a configuration whose every process can be started, or
 * a refusal that says why. */
#include "executor/thermos/task_care.h"
#include "executor/thermos/task_config.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(struct task_config *config)
{
    struct task_run run;
    struct err err = {0};
    assert(config->count > 0 && config->task_id != NULL);
    for (uint32_t i = 0; i < config->count; i++) {
        const struct process_config *process = &config->process[i];
        assert(process->name[0] != '\0' && process->path != NULL);
        assert(process->argv[0] != NULL && process->envp != NULL);
    }
    if (task_config_plan(config, &run, &err) == 0) {
        task_run_check(&run);
        task_run_release(&run);
    } else {
        assert(*err.text != '\0');
    }
    task_config_release(config);
}

/* What is done for the task besides: all of it, or a reason. */
static void look_after(struct bytes bytes, const struct task_host *host)
{
    struct thermos_care rules;
    struct task_care care;
    struct health health;
    struct err err = {0};

    task_care_rules(bytes, &rules);
    health_init(&health, &rules.health);
    health_check(&health);
    if (task_care_open(bytes, host, &care, &err) == 0) {
        assert(care.kind != CHECK_HTTP || care.endpoint[0] == '/');
        assert((care.member == NULL) == (care.zookeeper == NULL));
        task_care_release(&care);
    } else {
        assert(*err.text != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const environ_of[] = {"PATH=/bin", "A", "=b", NULL};
    static const struct task_host host = {.sandbox = "/box",
                                          .hostname = "here",
                                          .user = "www",
                                          .home = "/home/www",
                                          .environ = environ_of,
                                          .shell = "/bin/sh"};
    struct bytes bytes = bytes_of(data, size);
    struct task_config config;
    struct err err = {0};

    if (task_config_from_info(bytes, &host, &config, &err) == 0)
        look(&config);
    else
        assert(*err.text != '\0');
    if (task_config_from_assigned(bytes, &host, &config, &err) == 0)
        look(&config);
    look_after(bytes, &host);
    return 0;
}
