/* Which fields of a job that came as JSON go together. In the language the
 * constructors see to it (src/script/value_check.c). */
#include "script/job_check.h"
#include "script/template.h"
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 200 };

struct told {
    job_problem *problem;
    void *context;
};

struct choice {
    const char *name; /* NULL ends a list */
    bool is_set;
};

static void tell(const struct told *to, const char *path, const char *message,
                 const char *expected)
{
    to->problem(to->context, path, message, expected, NULL);
}

/* Exactly one of the choices is wanted, or at most one. */
static void one_of(const struct told *to, const char *path,
                   const struct choice *choice, bool is_required)
{
    char message[TEXT_MAX], expected[TEXT_MAX] = "want one of ";
    const char *first = NULL;
    size_t used = strlen(expected);
    for (; choice->name != NULL; choice++) {
        used +=
            (size_t)snprintf(expected + used, sizeof expected - used, "%s%s",
                             choice->name, choice[1].name != NULL ? ", " : "");
        if (choice->is_set && first != NULL) {
            snprintf(message, sizeof message,
                     "'%s' and '%s' cannot be given both", first, choice->name);
            tell(to, path, message, "want one of them");
            return;
        }
        first = choice->is_set ? choice->name : first;
    }
    if (first == NULL && is_required) {
        snprintf(message, sizeof message, "'%s' does not say what it is about",
                 path);
        tell(to, path, message, expected);
    }
}

static void check_template(const struct told *to, const char *path,
                           const char *text)
{
    struct buf message = {0}, expected = {0};
    struct template_ref ref;
    struct bytes left = bytes_of_text(text);
    for (int found; (found = template_next(&left, &ref, &message, &expected));)
        if (found < 0)
            tell(to, path, buf_text(&message), buf_text(&expected));
    buf_release(&message);
    buf_release(&expected);
}

static void check_health(const struct told *to,
                         const Perigee__HealthCheck *check)
{
    const struct choice kinds[] = {{"http", check->http != NULL},
                                   {"tcp", check->tcp != NULL},
                                   {"shell", check->shell != NULL},
                                   {"lua", check->lua != NULL},
                                   {NULL, false}};
    one_of(to, "health_check", kinds, true);
    if (check->shell != NULL && !check->shell->raw &&
        check->shell->shell_command != NULL)
        check_template(to, "health_check.shell.shell_command",
                       check->shell->shell_command);
}

static void check_sla(const struct told *to, const Perigee__SlaPolicy *sla)
{
    bool is_asking = sla->coordinator_url != NULL;
    const struct choice what[] = {{"count", sla->has_count},
                                  {"percentage", sla->has_percentage_milli},
                                  {"coordinator_url", is_asking},
                                  {NULL, false}};
    one_of(to, "sla_policy", what, true);
    if (!is_asking && !sla->has_duration_secs)
        tell(to, "sla_policy.duration_secs", "'duration_secs' is missing",
             "want how long an instance runs until it counts");
    if (is_asking && sla->has_duration_secs)
        tell(to, "sla_policy.duration_secs",
             "a coordinator decides by itself how long",
             "want no duration_secs");
    if (!is_asking && sla->status_key != NULL)
        tell(to, "sla_policy.status_key", "no coordinator is asked",
             "want coordinator_url, or no status_key");
}

static void check_container(const struct told *to,
                            const Perigee__Container *container)
{
    const struct choice system[] = {{"docker", container->docker != NULL},
                                    {"image", container->image != NULL},
                                    {NULL, false}};
    one_of(to, "container", system, false);
    for (size_t i = 0; i < container->n_volumes; i++) {
        const Perigee__Volume *volume = container->volumes[i];
        char path[TEXT_MAX];
        const struct choice what[] = {{"host_path", volume->host_path != NULL},
                                      {"name", volume->name != NULL},
                                      {NULL, false}};
        snprintf(path, sizeof path, "container.volumes[%zu]", i + 1);
        one_of(to, path, what, true);
        if ((volume->name != NULL) != volume->has_size_bytes)
            tell(to, path, "'name' and 'size' go together",
                 "want both for a persistent volume, none for a folder of the "
                 "machine");
    }
}

static void check_notify(const struct told *to, const Perigee__Job *job)
{
    for (size_t i = 0; i < job->n_notify; i++) {
        const Perigee__Notify *notify = job->notify[i];
        char path[TEXT_MAX];
        const struct choice how[] = {{"url", notify->url != NULL},
                                     {"email", notify->email != NULL},
                                     {"script", notify->script != NULL},
                                     {NULL, false}};
        snprintf(path, sizeof path, "notify[%zu]", i + 1);
        one_of(to, path, how, true);
    }
}

static void check_ports(const struct told *to, const Perigee__Announcer *one)
{
    for (size_t i = 0; i < one->n_portmap; i++) {
        const Perigee__PortAlias *alias = one->portmap[i];
        const struct choice what[] = {{"target", alias->target != NULL},
                                      {"port", alias->has_port},
                                      {NULL, false}};
        one_of(to, "announce.portmap", what, true);
    }
}

void job_choices(const Perigee__Job *job, job_problem *problem, void *context)
{
    const struct told to = {problem, context};
    if (job->health_check != NULL)
        check_health(&to, job->health_check);
    if (job->sla_policy != NULL)
        check_sla(&to, job->sla_policy);
    if (job->container != NULL)
        check_container(&to, job->container);
    if (job->announce != NULL)
        check_ports(&to, job->announce);
    if (job->cron != NULL) {
        const struct choice when[] = {{"schedule", job->cron->schedule != NULL},
                                      {"after", job->cron->n_after > 0},
                                      {NULL, false}};
        one_of(&to, "cron", when, true);
    }
    check_notify(&to, job);
}
