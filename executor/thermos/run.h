/* `thermos run FILE [KEY]`: one instance of a job, here and now, without a
 * cluster: the same runner in the command's own process, telling a person what
 * happens. */
#pragma once

int run_main(int argc, char **argv);
