/* One who asks for what he may not have: as nobody, with a wrong token, as
 * alice, bob or the operator, of whom none may do it. That he is refused is
 * checked here, that nothing came of it in people.h. */
#pragma once
#include "tests/sim/node.h"
#include "tests/sim/user.h"

struct stranger;
struct stranger *stranger_new(const struct user_options *options);
void stranger_free(struct stranger *stranger);
extern const struct program STRANGER_PROGRAM;
/* What is wrong with an answer; "" when nothing is. */
const char *stranger_problem(const struct stranger *stranger);
