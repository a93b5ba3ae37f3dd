#include "script/cpu_budget.h"
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum {
    STEP_MS = 20, /* between asking Lua to stop and stopping in its stead */
    KILL_MS = 50, /* and the end without a word */
    LAST_MS = 1000
};

/* What the signal handler sees. */
static struct {
    const struct cpu_budget *budget; /* NULL: none runs */
    volatile sig_atomic_t rings;
    timer_t ring, kill;
} watch;

static void set_timer(timer_t timer, int64_t first_ms, int64_t again_ms)
{
    struct itimerspec at = {
        .it_value = {first_ms / 1000, first_ms % 1000 * 1000000},
        .it_interval = {again_ms / 1000, again_ms % 1000 * 1000000}};
    timer_settime(timer, 0, &at, NULL);
}

static void on_time_in_lua(lua_State *L, lua_Debug *frame)
{
    (void)frame;
    const struct cpu_budget *budget = watch.budget;
    if (budget == NULL) /* rang between the last instruction and the stop */
        lua_sethook(L, NULL, 0, 0);
    else
        budget->in_lua(L, budget->context);
}

/* First ring: ask Lua. Second: it sits in C. */
static void on_time(int signo)
{
    (void)signo;
    const struct cpu_budget *budget = watch.budget;
    if (budget == NULL)
        return;
    if (++watch.rings == 1 && budget->sandbox->L != NULL) {
        lua_sethook(budget->sandbox->L, on_time_in_lua, LUA_MASKCOUNT, 1);
        return;
    }
    budget->in_c(budget->context);
    _exit(0);
}

bool cpu_budget_open(void)
{
    struct sigaction action = {.sa_handler = on_time, .sa_flags = SA_RESTART};
    struct sigevent ring = {.sigev_notify = SIGEV_SIGNAL,
                            .sigev_signo = SIGXCPU};
    struct sigevent kill = {.sigev_notify = SIGEV_SIGNAL,
                            .sigev_signo = SIGKILL};
    return sigaction(SIGXCPU, &action, NULL) == 0 &&
           timer_create(CLOCK_PROCESS_CPUTIME_ID, &ring, &watch.ring) == 0 &&
           timer_create(CLOCK_PROCESS_CPUTIME_ID, &kill, &watch.kill) == 0;
}

void cpu_budget_start(const struct cpu_budget *budget)
{
    watch.rings = 0;
    watch.budget = budget;
    set_timer(watch.kill, budget->cpu_ms + KILL_MS, 0);
    set_timer(watch.ring, budget->cpu_ms, STEP_MS);
}

void cpu_budget_stop(void)
{
    const struct cpu_budget *budget = watch.budget;
    watch.budget = NULL;
    set_timer(watch.ring, 0, 0);
    set_timer(watch.kill, 0, 0);
    if (watch.rings > 0 && budget->sandbox->L != NULL)
        lua_sethook(budget->sandbox->L, NULL, 0, 0);
}

void cpu_budget_extend(void)
{
    set_timer(watch.ring, 0, 0);
    set_timer(watch.kill, LAST_MS, 0);
}
