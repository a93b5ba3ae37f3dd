/* Offers: their formats, filters and ends, and tasks on invalid ones, over the
 * scheduler API. Facts from recordings of a real Mesos. */
#include "master_scene.h"

/* --- offers --- */

#define PORTS                                                          \
    "{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{\"range\":[{" \
    "\"begin\":31000,\"end\":31999}]}"
#define SCALAR(name, value)                                                   \
    "{\"name\":\"" name "\",\"type\":\"SCALAR\",\"scalar\":{\"value\":" value \
    "}"

static void expect_resources(struct kit *k, const char *info, const char *tail,
                             const char *offer_tail)
{
    struct kit_agent agent = kit_new_agent(k, 5051);
    struct kit_framework f = kit_subscribe(k, info, "");
    const char *id = master_program_core(k->p)->id;
    char want[2048];
    snprintf(want, sizeof want,
             "{\"type\":\"OFFERS\",\"offers\":{\"offers\":[{\"id\":{\"value\":"
             "\"%s-O0\"},\"framework_id\":{\"value\":\"%s\"},\"agent_id\":{"
             "\"value\":\"%s\"},\"hostname\":\"localhost\",\"url\":{"
             "\"scheme\":\"http\",\"address\":{\"hostname\":\"localhost\","
             "\"ip\":\"127.0.0.1\",\"port\":5051},\"path\":\"/slave(1)\"},"
             "\"resources\":[" PORTS "%s}," SCALAR("cpus", "4.0") "%s}," SCALAR(
                 "mem", "4096.0") "%s}," SCALAR("disk", "8192.0") "%s}]%s}]}}",
             id, f.id, agent.id, tail, tail, tail, tail, offer_tail);
    assert_string_equal(kit_next(k, f.stream, "OFFERS"), want);
}

static void test_offers_of_a_plain_framework_have_roles(void **state)
{
    expect_resources(*state, "", ",\"role\":\"*\"", "");
}

static void test_offers_of_a_multi_role_framework_are_allocated(void **state)
{
    expect_resources(*state,
                     ",\"roles\":[\"dev\"],\"capabilities\":[{\"type\":"
                     "\"MULTI_ROLE\"}]",
                     ",\"role\":\"*\",\"allocation_info\":{\"role\":\"dev\"}",
                     ",\"allocation_info\":{\"role\":\"dev\"}");
}

static void test_offers_with_refinement_have_no_role(void **state)
{
    expect_resources(*state,
                     ",\"roles\":[\"dev\"],\"capabilities\":[{\"type\":"
                     "\"MULTI_ROLE\"},{\"type\":\"RESERVATION_REFINEMENT\"}]",
                     ",\"allocation_info\":{\"role\":\"dev\"}",
                     ",\"allocation_info\":{\"role\":\"dev\"}");
}

static void test_suppressed_roles_get_no_offers_until_revived(void **state)
{
    struct kit *k = *state;
    (void)kit_new_agent(k, 5051);
    struct kit_framework f =
        kit_subscribe(k, ROLE_DEV, ",\"suppressed_roles\":[\"dev\"]");
    kit_wait(k, 5000);
    kit_nothing(k, f.stream);
    kit_call(k, &f, "REVIVE", "");
    kit_next(k, f.stream, "OFFERS");
    char offer[128];
    kit_call(k, &f, "SUPPRESS", ",\"suppress\":{\"roles\":[\"dev\"]}");
    assert_int_equal(k->status, 202);
    snprintf(offer, sizeof offer, "%s-O0", master_program_core(k->p)->id);
    char rest[512];
    snprintf(rest, sizeof rest,
             ",\"decline\":{\"offer_ids\":[{\"value\":\"%s\"}],\"filters\":{"
             "\"refuse_seconds\":0}}",
             offer);
    kit_call(k, &f, "DECLINE", rest);
    kit_wait(k, 5000);
    kit_nothing(k, f.stream);
    kit_call(k, &f, "REVIVE", ",\"revive\":{\"roles\":[\"dev\"]}");
    kit_next(k, f.stream, "OFFERS");
}

static void decline(struct kit *k, const struct kit_framework *f,
                    const char *offer, const char *filters)
{
    char rest[512];
    snprintf(rest, sizeof rest,
             ",\"decline\":{\"offer_ids\":[{\"value\":\"%s\"}]%s}", offer,
             filters);
    kit_call(k, f, "DECLINE", rest);
    assert_int_equal(k->status, 202);
}

/* The offer comes back between `least` and `most` milliseconds later. */
static void test_a_declined_offer_comes_back_after_its_time(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, "");
    kit_wait(k, 17); /* not on a tick */
    decline(k, &s.f, s.offer, ",\"filters\":{\"refuse_seconds\":3}");
    expect_back(k, &s, 2990, 4000);
    decline(k, &s.f, s.offer, AT_ONCE);
    expect_back(k, &s, 0, 1000);
    decline(k, &s.f, s.offer, "");
    expect_back(k, &s, 4990, 6000);
    decline(k, &s.f, s.offer, ",\"filters\":{\"refuse_seconds\":-5}");
    expect_back(k, &s, 4990, 6000);
    decline(k, &s.f, "nope", "");
    char rest[512];
    snprintf(rest, sizeof rest,
             ",\"accept\":{\"offer_ids\":[{\"value\":\"%s\"}],\"operations\":"
             "[],\"filters\":{\"refuse_seconds\":2}}",
             s.offer);
    kit_call(k, &s.f, "ACCEPT", rest);
    expect_back(k, &s, 1990, 3000);
    decline(k, &s.f, s.offer, ",\"filters\":{\"refuse_seconds\":31536000}");
    kit_wait(k, 100000);
    kit_nothing(k, s.f.stream);
    kit_call(k, &s.f, "REVIVE", "");
    kit_next(k, s.f.stream, "OFFERS");
}

static void test_unanswered_offers_expire_when_asked_to(void **state)
{
    struct kit *k = *state;
    master_program_free(k->p);
    k->options.core.offer_timeout_ms = 3000;
    kit_start(k);
    struct scene s = begin(k, "");
    char want[256];
    snprintf(want, sizeof want,
             "{\"type\":\"RESCIND\",\"rescind\":{\"offer_id\":{\"value\":"
             "\"%s\"}}}",
             s.offer);
    kit_wait(k, 2999);
    kit_nothing(k, s.f.stream);
    kit_wait(k, 1);
    kit_next(k, s.f.stream, want);
    kit_next(k, s.f.stream, "OFFERS");
}

/* --- invalid offers --- */

static void accept_with(struct kit *k, struct scene *s, const char *offer_ids,
                        const char *id)
{
    char task[1024];
    struct buf rest = {0};
    buf_addf(&rest,
             ",\"accept\":{\"offer_ids\":[%s],\"operations\":[{\"type\":"
             "\"LAUNCH\",\"launch\":{\"task_infos\":[%s]}}]}",
             offer_ids, kit_task(task, sizeof task, id, s->agent.id, TRUE));
    kit_call(k, &s->f, "ACCEPT", buf_text(&rest));
    assert_int_equal(k->status, 202);
    buf_release(&rest);
}

static void expect_lost(struct kit *k, struct scene *s, const char *id,
                        const char *state, const char *why)
{
    char want[1024], got[1024];
    snprintf(want, sizeof want,
             "{\"type\":\"UPDATE\",\"update\":{\"status\":{\"task_id\":{"
             "\"value\":\"%s\"},\"state\":\"%s\",\"message\":\"Task launched "
             "with invalid offers: %s\",\"source\":\"SOURCE_MASTER\","
             "\"reason\":\"REASON_INVALID_OFFERS\",\"agent_id\":{\"value\":"
             "\"%s\"},\"timestamp\":",
             id, state, why, s->agent.id);
    snprintf(got, sizeof got, "%s", kit_next(k, s->f.stream, "UPDATE"));
    got[strlen(want)] = '\0';
    assert_string_equal(got, want);
}

static void invalid_offers(struct kit *k, const char *info, const char *state)
{
    struct scene s = begin(k, info);
    char ids[512], why[512];
    accept_with(k, &s, "{\"value\":\"nope-O0\"}", "inv");
    expect_lost(k, &s, "inv", state, "Offer nope-O0 is no longer valid");
    snprintf(ids, sizeof ids, "{\"value\":\"%s\"},{\"value\":\"nope-O1\"}",
             s.offer);
    accept_with(k, &s, ids, "inv2");
    expect_lost(k, &s, "inv2", state, "Offer nope-O1 is no longer valid");
    expect_back(k, &s, 0, 1000); /* the valid one was given back */
    snprintf(ids, sizeof ids, "{\"value\":\"%s\"},{\"value\":\"%s\"}", s.offer,
             s.offer);
    accept_with(k, &s, ids, "inv3");
    snprintf(why, sizeof why, "Duplicate offer %s in offer list", s.offer);
    expect_lost(k, &s, "inv3", state, why);
    expect_back(k, &s, 0, 1000);
    decline(k, &s.f, s.offer, NOT_SOON);
    snprintf(ids, sizeof ids, "{\"value\":\"%s\"}", s.offer);
    accept_with(k, &s, ids, "inv4");
    snprintf(why, sizeof why, "Offer %s is no longer valid", s.offer);
    expect_lost(k, &s, "inv4", state, why);
    accept_with(k, &s, "", "inv5");
    expect_lost(k, &s, "inv5", state, "No offers specified");
    kit_nothing(k, s.agent.stream);
}

static void test_tasks_on_invalid_offers_are_lost(void **state)
{
    invalid_offers(*state, "", "TASK_LOST");
}

static void test_tasks_on_invalid_offers_are_dropped(void **state)
{
    invalid_offers(*state, ROLE_DEV, "TASK_DROPPED");
}

static void test_offers_of_two_agents_do_not_mix(void **state)
{
    struct kit *k = *state;
    struct scene s = begin(k, ROLE_DEV);
    struct kit_agent other = kit_new_agent(k, 5052);
    char second[128], ids[512];
    kit_offer(k, &s.f, second, sizeof second);
    snprintf(ids, sizeof ids, "{\"value\":\"%s\"},{\"value\":\"%s\"}", s.offer,
             second);
    accept_with(k, &s, ids, "mixed");
    kit_next(k, s.f.stream,
             "Aggregated offers must belong to one single agent");
    kit_nothing(k, other.stream);
}

int main(void)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, kit_set_up, kit_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_offers_of_a_plain_framework_have_roles),
        TEST(test_offers_of_a_multi_role_framework_are_allocated),
        TEST(test_offers_with_refinement_have_no_role),
        TEST(test_suppressed_roles_get_no_offers_until_revived),
        TEST(test_a_declined_offer_comes_back_after_its_time),
        TEST(test_unanswered_offers_expire_when_asked_to),
        TEST(test_tasks_on_invalid_offers_are_lost),
        TEST(test_tasks_on_invalid_offers_are_dropped),
        TEST(test_offers_of_two_agents_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
