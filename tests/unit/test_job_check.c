/* Jobs as JSON: what the language makes is complete, whatever is in it; what
 * somebody else wrote is refused by field. */
#include "script_kit.h"

#include "script/job_check.h"
#include "base/arena.h"
#include "perigee/job.pb-c.h"
#include "wire/codec.h"
#include "wire/http.h"
#include <stdio.h>
#include <string.h>

/* %s: further fields of the job. */
#define HEAD                                                           \
    "return { Job { cluster = 'c', role = 'r', environment = 'test', " \
    "name = 'j', instances = 20, task = SimpleTask('t', "              \
    "'x {{thermos.ports[http]}}') } { %s } }"

static const char *const FIELDS[] = {
    "",
    "update = {}",
    "update = { wait_for_batch_completion = true, batch_size = 3 }",
    "update = { strategy = QueueUpdateStrategy {}, canary = {} }",
    "update = { strategy = BatchUpdateStrategy { batch_size = 3 }, "
    "pulse_interval_secs = 60 }",
    "update = { strategy = VariableBatchUpdateStrategy { batch_sizes = "
    "{ 1, 2 } } }",
    "update = { strategy = Surge { minimum_health_capacity = 0 } }",
    "health_check = { http = { expected_response = '' } }",
    "health_check = { tcp = {} }",
    "health_check = { shell = raw 'a {{b}}' }",
    "health = function(ctx) return true end",
    "task = SimpleTask('t', 'x {{thermos.ports[health]}}')",
    "task = SimpleTask('t', 'x {{thermos.ports[health]}}'), "
    "lifecycle = DisableLifecycle",
    "lifecycle = { http = { port = 'http' } }",
    "announce = {}",
    "announce = { primary_port = 'a', portmap = { a = 'http', b = 8080 } }, "
    "constraints = { dedicated = 'r/x' }",
    "container = Docker { image = 'a', parameters = { { name = 'b', "
    "value = '' } } }",
    "container = Container { image = DockerImage { name = 'a', tag = 'b' }, "
    "volumes = { { container_path = '/a', name = 'b', size = 1*GB }, "
    "{ container_path = '/c', host_path = '/d', mode = 'RO' } } }",
    "container = Mesos { image = AppcImage { name = 'a', image_id = 'b' } }",
    "partition = { delay_secs = 5 }",
    "sla = CountSlaPolicy { count = 2, duration_secs = 5 }",
    "sla = PercentageSlaPolicy { percentage = 0.5, duration_secs = 5 }",
    "sla = CoordinatorSlaPolicy { coordinator_url = 'http://a/' }",
    "sla = Sla { coordinator_url = 'http://a/', status_key = 'b' }",
    "cron_schedule = '*/5 * * * *'",
    "cron = Cron { after = 'c/r/test/a', timezone = 'UTC', epsilon = 5 }",
    "place = function() return true end, rank = function() return 1 end",
    "notify = { Notify { on = 'failed', script = function() end }, "
    "Notify { on = { 'lost', 'sla' }, email = 'a@b' } }",
    "executor_config = { name = 'a', data = '{}' }",
    "metadata = { { key = 'a', value = '1' }, { key = 'a', value = '2' } }",
    "env = Env { A = secret('b'), B = '' }, production = true",
    "constraints = { a = unique(), b = cluster_on(), c = cluster_on('x'), "
    "d = group_by(), e = group_by(2), f = like('g'), h = unlike('i'), "
    "j = max_per(1), k = limit(1), l = 'm,n', o = '!p' }",
};

static Perigee__Evaluation *evaluate(const char *fields)
{
    char text[2048];
    snprintf(text, sizeof text, HEAD, fields);
    return script_evaluated(text);
}

static void pack(const Perigee__Job *job, struct buf *out)
{
    buf_reserve(out, perigee__job__get_packed_size(job));
    out->size = perigee__job__pack(job, out->data);
}

static Perigee__Job *decode(const char *json, size_t size, struct arena *arena)
{
    struct err err = {0};
    ProtobufCMessage *message = NULL;
    if (codec_decode(&perigee__job__descriptor, "job", MEDIA_JSON,
                     bytes_of(json, size), arena, &message, &err) < 0)
        fail_msg("%s", err.text);
    return (Perigee__Job *)message;
}

static void test_what_the_language_makes_survives_json(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
        struct err err = {0};
        struct arena arena;
        struct buf json = {0}, before = {0}, after = {0};
        Perigee__Evaluation *evaluation = evaluate(FIELDS[i]);
        Perigee__Job *job = evaluation->jobs[0];
        if (job_check(job, &err) < 0)
            fail_msg("%s: %s", FIELDS[i], err.text);
        arena_init(&arena);
        pack(job, &before);
        codec_encode(&job->base, MEDIA_JSON, &json);
        Perigee__Job *again = decode(buf_text(&json), json.size, &arena);
        if (job_complete(again, &arena, &err) < 0)
            fail_msg("%s: %s", FIELDS[i], err.text);
        pack(again, &after);
        if (!bytes_equal(buf_bytes(&before), buf_bytes(&after)))
            fail_msg("%s: %s", FIELDS[i], buf_text(&json));
        buf_release(&json);
        buf_release(&before);
        buf_release(&after);
        perigee__evaluation__free_unpacked(evaluation, NULL);
        arena_release(&arena);
    }
}

static const struct {
    const char *fields; /* of JSON */
    const char *field, *text;
} WRONG[] = {
    {"\"update\":{\"strategy\":\"BATCH\",\"batch_size\":0}",
     "update.batch_size", "is 0"},
    {"\"update\":{\"strategy\":\"VARIABLE_BATCH\",\"batch_sizes\":[1,0]}",
     "update.batch_sizes[2]", "is 0"},
    {"\"update\":{\"max_total_failures\":1}", "update.max_total_failures",
     "1 of 1 instances"},
    {"\"health_check\":{\"tcp\":{\"port\":\"a b\"}}", "health_check.tcp.port",
     "named by nothing"},
    {"\"health_check\":{\"shell\":{}}", "health_check.shell.shell_command",
     "is missing"},
    {"\"health_check\":{\"lua\":{}}", "health_check.lua", "names no function"},
    {"\"health_check\":{\"tcp\":{\"port\":\"http\"},\"lua\":{\"ordinal\":1}}",
     "health_check", "'tcp' and 'lua' cannot be given both"},
    {"\"health_check\":{\"shell\":{\"shell_command\":\"{{ a }}\"}}",
     "health_check.shell.shell_command", "{{ a }}"},
    {"\"sla_policy\":{\"duration_secs\":1}", "sla_policy",
     "does not say what it is about: want one of count, percentage, "
     "coordinator_url"},
    {"\"sla_policy\":{\"count\":1}", "sla_policy.duration_secs", "is missing"},
    {"\"sla_policy\":{\"coordinator_url\":\"http://a/\",\"duration_secs\":1}",
     "sla_policy.duration_secs", "decides by itself"},
    {"\"container\":{\"docker\":{\"image\":\"a\"},\"image\":{\"kind\":"
     "\"DOCKER\",\"name\":\"a\",\"tag\":\"b\"}}",
     "container", "'docker' and 'image' cannot be given both"},
    {"\"container\":{\"volumes\":[{\"container_path\":\"/a\"}]}",
     "container.volumes[1]", "does not say what it is about"},
    {"\"container\":{\"volumes\":[{\"container_path\":\"/a\",\"name\":"
     "\"b\"}]}",
     "container.volumes[1]", "'name' and 'size' go together"},
    {"\"notify\":[{\"on\":[\"failed\"]}]", "notify[1]",
     "want one of url, email, script"},
    {"\"announce\":{\"primary_port\":\"http\",\"portmap\":[{\"name\":\"a\"}]}",
     "announce.portmap", "want one of target, port"},
    {"\"cron\":{\"retries\":1}", "cron", "want one of schedule, after"},
    {"\"cron\":{\"schedule\":\"* * * * *\",\"after\":[\"a/b/test/c\"]}", "cron",
     "'schedule' and 'after' cannot be given both"},
    {"\"lifecycle\":{\"port\":\"http\",\"shutdown_endpoint\":\"x\"}",
     "lifecycle.shutdown_endpoint", "begins with '/'"},
    {"\"announce\":{\"primary_port\":\"q\"}", "announce.primary_port",
     "named by nothing"},
    {"\"announce\":{\"portmap\":[{\"name\":\"a\",\"target\":\"a\"}]}",
     "announce.portmap.a", "another name of itself"},
    {"\"announce\":{\"primary_port\":\"http\",\"portmap\":[{\"target\":"
     "\"a\"}]}",
     "announce.portmap", "has a wrong name"},
    {"\"container\":{\"docker\":{}}", "container.docker.image", "is missing"},
    {"\"container\":{\"image\":{\"name\":\"a\"}}", "container.image.tag",
     "is missing"},
    {"\"container\":{\"image\":{\"kind\":\"APPC\",\"name\":\"a\"}}",
     "container.image.image_id", "is missing"},
    {"\"container\":{\"volumes\":[{\"container_path\":\"a\"}]}",
     "container.volumes[1].container_path", "begins with '/'"},
    {"\"sla_policy\":{\"count\":1,\"duration_secs\":1}", "sla_policy.count",
     "1 of 1 instances"},
    {"\"cron\":{\"schedule\":\"x\"}", "cron.schedule", "want five"},
    {"\"cron\":{\"schedule\":\"* * * * *\",\"timezone\":\"Mars\"}",
     "cron.timezone", "time zone"},
    {"\"cron\":{\"schedule\":\"* * * * *\"},\"service\":true", "cron",
     "a service cannot"},
    {"\"place\":{\"line\":3}", "place", "names no function"},
    {"\"notify\":[{\"on\":[\"x\"]}]", "notify[1].on[1]", "want 'started'"},
    {"\"env\":[{\"name\":\"A\"}]", "env", "a variable without one value"},
    {"\"env\":[{\"name\":\"A\",\"value\":\"\",\"secret\":\"b\"}]", "env",
     "a variable without one value"},
    {"\"constraints\":[{\"attribute\":\"a\",\"kind\":\"LIKE\",\"limit\":1}]",
     "constraints", "wrong operand"},
    {"\"constraints\":[{\"attribute\":\"dedicated\",\"kind\":\"ONE_OF\","
     "\"values\":[\"q/x\"]}]",
     "constraints.dedicated", "not dedicated to the role"},
};

static void test_what_others_write_is_refused_by_field(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        struct err err = {0};
        struct arena arena;
        char json[1024];
        int size = snprintf(
            json, sizeof json,
            "{\"cluster\":\"c\",\"role\":\"r\",\"environment\":\"test\","
            "\"task\":{\"processes\":[{\"name\":\"p\",\"cmdline\":"
            "\"x {{thermos.ports[http]}}\"}],\"resources\":{\"cpu_milli\":1,"
            "\"ram_bytes\":1048576,\"disk_bytes\":1048576}},%s}",
            WRONG[i].fields);
        arena_init(&arena);
        Perigee__Job *job = decode(json, (size_t)size, &arena);
        if (job_complete(job, &arena, &err) == 0)
            fail_msg("taken: %s", WRONG[i].fields);
        if (strcmp(err.field, WRONG[i].field) != 0 ||
            strstr(err.text, WRONG[i].text) == NULL)
            fail_msg("%s: %s (%s)", WRONG[i].fields, err.text, err.field);
        arena_release(&arena);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_language_makes_survives_json),
        cmocka_unit_test(test_what_others_write_is_refused_by_field),
    };
    return SCRIPT_TESTS(NULL, tests, argc, argv);
}
