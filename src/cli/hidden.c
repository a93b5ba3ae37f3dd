#include "cli/hidden.h"

#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

/* A line, without its end; negative when there is none or it is too long. */
static int read_line(char *out, size_t size)
{
    size_t count = 0;
    ssize_t got;
    char c;

    while ((got = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n') {
        if (count + 1 >= size || c == '\0')
            return -1;
        out[count++] = c;
    }
    out[count] = '\0';
    return got < 0 || (got == 0 && count == 0) ? -1 : 0;
}

int hidden_line(const char *prompt, char *out, size_t size)
{
    struct termios before, quiet;
    sigset_t block, old;

    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0)
        return read_line(out, size);
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)fputs(prompt, stderr);
    sigemptyset(&block);
    sigaddset(&block, SIGINT);
    sigaddset(&block, SIGTSTP);
    sigprocmask(SIG_BLOCK, &block, &old);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    int rc = read_line(out, size);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    sigprocmask(SIG_SETMASK, &old, NULL);
    (void)fputc('\n', stderr);
    return rc;
}
