/* Questions about hosts and the answers to them, from whoever: a question is
 * none or gets one verdict per host, expressions end within their limits, and
 * the answer of a child that died anyhow is still a list of verdicts. */
#include "script/evaluation.h"
#include "script/expression.h"
#include "script/judge.h"
#include "script/worker_process.h"
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_verdicts(struct bytes packed, size_t hosts)
{
    Perigee__Verdicts *verdicts =
        perigee__verdicts__unpack(NULL, packed.size, packed.data);
    assert(verdicts != NULL && verdicts->n_verdicts == hosts);
    for (size_t i = 0; i < hosts; i++) {
        const Perigee__Verdict *v = verdicts->verdicts[i];
        assert(v->failure != NULL || v->has_value);
        assert(v->failure == NULL || strlen(v->failure) < JUDGE_TEXT_MAX);
    }
    perigee__verdicts__free_unpacked(verdicts, NULL);
}

/* Only expressions: a function needs a file, which fuzz_job_file has. */
static void check_question(struct bytes bytes)
{
    static struct evaluation e;
    Perigee__Judgement *judgement = judge_unpack(bytes);
    uint8_t answer[(JUDGE_HOSTS_MAX + 1) * (JUDGE_TEXT_MAX + 40)];
    if (judgement == NULL)
        return;
    int fd = memfd_create("answer", MFD_CLOEXEC);
    assert(fd >= 0 && judge_run(&e, judgement, NULL, fd));
    ssize_t got = pread(fd, answer, sizeof answer, 0);
    close(fd);
    assert(got > 0 && answer[0] == 'V');
    check_verdicts(bytes_of(answer + 1, (size_t)got - 1),
                   judgement->event != NULL ? 1 : judgement->n_hosts);
    perigee__judgement__free_unpacked(judgement, NULL);
}

static void check_answer(struct bytes bytes)
{
    struct buf out = {0};
    if (bytes.size > 0 && bytes.data[0] == 'V')
        return; /* the reader's part: it checks what it unpacks */
    worker_verdicts(bytes, 0, 0, &SCRIPT_LIMITS, &out);
    check_verdicts(buf_bytes(&out), 1);
    buf_release(&out);
}

static void check_expression(const char *text)
{
    struct expression *expression = NULL;
    struct err err = {0};
    if (expression_new(text, &expression, &err) < 0) {
        assert(err.text[0] != '\0');
        return;
    }
    (void)expression_match(expression, bytes_of_text(text), &err);
    expression_free(expression);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    assert(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    check_question(bytes_of(data, size));
    check_answer(bytes_of(data, size));
    check_expression(text);
    free(text);
    return 0;
}
