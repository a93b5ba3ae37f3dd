/* `thermos executor`: the shell of EXECUTOR_PROGRAM. Started by an agent with
 * the Mesos environment, it forks the runner, carries what the two tell each
 * other, and reaps what a dead runner leaves. */
#pragma once

/* The exit status of the program. `title` is the argv[1] of the process, which
 * the runner writes its own name into. */
int executor_main(char *title);
