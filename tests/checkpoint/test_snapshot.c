/* A snapshot: the copy runs while the trainer goes on, and whatever changes the state waits for it. The state is so
 * large that a call which did not wait would be in the middle of the copy. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { ROWS = 1 << 11, COLUMNS = 1 << 7, N = ROWS * COLUMNS };

typedef struct subject {
    optim_t *opt;
    float *p, *g, *more;
} subject_t;

static char folder[] = "/tmp/gradopt-snapshot-XXXXXX", path[300], other[300];

static void evaluate(const subject_t *s) {
    for (int i = 0; i < N; ++i)
        s->g[i] = s->p[i] + (float)(i % 7) / 16;
}

static void open_subject(subject_t *s) {
    *s = (subject_t){.p = check_memory(N, sizeof *s->p), .g = check_memory(N, sizeof *s->g)};
    s->more = check_memory(N, sizeof *s->more);
    for (int i = 0; i < N; ++i)
        s->p[i] = 1 + (float)(i % 13) / 8;
    CHECK_OK(optim_create(&s->opt, "adamw", "lr=0.01,accumulate=1"));
    CHECK_OK(optim_wrap(s->opt, "ema", NULL));
    CHECK_OK(optim_add_param(s->opt, 0, "w", OPTIM_F32, 2, (int64_t[]){ROWS, COLUMNS}, s->p, s->g));
    evaluate(s);
    CHECK_OK(optim_accumulate(s->opt));
    CHECK_OK(optim_step(s->opt));
    CHECK_OK(optim_accumulate(s->opt)); /* so that the sum is a part of the state */
}

static void close_subject(subject_t *s) {
    optim_destroy(s->opt);
    free(s->p);
    free(s->g);
    free(s->more);
}

static char *contents(const char *of, size_t *size) {
    struct stat about;
    FILE *file = fopen(of, "rb");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &about), 0);
    *size = (size_t)about.st_size;
    char *bytes = check_memory(*size, 1);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    (void)fclose(file);
    return bytes;
}

/* ---- What the file holds ---- */

static void step(subject_t *s) {
    CHECK_OK(optim_step(s->opt));
}
static void accumulate(subject_t *s) {
    CHECK_OK(optim_accumulate(s->opt));
}
static void reset(subject_t *s) {
    CHECK_OK(optim_reset(s->opt));
}
static void wrap(subject_t *s) {
    CHECK_OK(optim_wrap(s->opt, "lookahead", NULL));
}
static void resize(subject_t *s) {
    static int64_t kept[ROWS / 2];
    for (int i = 0; i < ROWS / 2; ++i)
        kept[i] = ROWS - 1 - i;
    CHECK_OK(optim_resize(s->opt, 0, kept, ROWS / 2, ROWS / 2, s->p, s->g));
}
static void add_parameter(subject_t *s) {
    CHECK_OK(optim_add_param(s->opt, 0, "more", OPTIM_F32, 1, (int64_t[]){N}, s->more, s->more + N / 2));
}
static void write_state(subject_t *s) {
    optim_array array = {.size = sizeof array};
    size_t i = 0;
    for (CHECK_OK(optim_param_array(s->opt, 0, i, &array)); array.name[0] != '\0';
         CHECK_OK(optim_param_array(s->opt, 0, ++i, &array)))
        memset(array.data, 0, array.bytes);
}
static void load(subject_t *s) {
    CHECK_OK(optim_load(s->opt, other));
}
static void deserialize(subject_t *s) {
    size_t size;
    char *bytes = contents(other, &size);
    CHECK_OK(optim_deserialize(s->opt, bytes, size));
    free(bytes);
}
static void swap(subject_t *s) {
    CHECK_OK(optim_swap_output(s->opt));
}
static void update(subject_t *s) {
    CHECK_OK(optim_update(s->opt, (void *[]){s->more}, 1));
}
static void change_option(subject_t *s) {
    CHECK_OK(optim_set(s->opt, 0, "lr", 0.5));
}
static void destroy(subject_t *s) {
    optim_destroy(s->opt);
    s->opt = NULL;
}
/* What the caller may do itself. */
static void evaluate_and_move(subject_t *s) {
    evaluate(s);
    for (int i = 0; i < N; ++i)
        s->p[i] = 0;
    CHECK_OK(optim_bind(s->opt, 0, s->more, s->g));
    memset(s->p, 1, N * sizeof *s->p);
}
static void nothing(subject_t *s) {
    (void)s;
}

/* The file is the one that optim_save writes at the same moment, whatever comes right after the call. */
static void whatever_follows_leaves_the_snapshot_as_it_is(void **state) {
    static const struct {
        const char *name;
        void (*call)(subject_t *s);
    } CALLS[] = {{"nothing", nothing},
                 {"step", step},
                 {"accumulate", accumulate},
                 {"reset", reset},
                 {"wrap", wrap},
                 {"resize", resize},
                 {"add_param", add_parameter},
                 {"param_array", write_state},
                 {"load", load},
                 {"deserialize", deserialize},
                 {"swap_output", swap},
                 {"update", update},
                 {"set", change_option},
                 {"bind", evaluate_and_move},
                 {"destroy", destroy}};
    subject_t s;
    size_t size, found;
    (void)state;
    open_subject(&s);
    step(&s);
    CHECK_OK(optim_save(s.opt, other));
    close_subject(&s);
    for (size_t k = 0; k < sizeof CALLS / sizeof *CALLS; ++k) {
        open_subject(&s);
        CHECK_OK(optim_save(s.opt, path));
        char *wanted = contents(path, &size);
        CHECK_OK(optim_snapshot_begin(s.opt, path));
        CALLS[k].call(&s);
        if (s.opt != NULL)
            CHECK_OK(optim_snapshot_wait(s.opt));
        char *bytes = contents(path, &found);
        if (found != size || memcmp(bytes, wanted, size) != 0)
            fail_msg("\"%s\" right after the call has changed what is saved", CALLS[k].name);
        free(bytes);
        free(wanted);
        close_subject(&s);
    }
}

/* ---- A child ---- */

/* The thread is the parent's: the child's steps wait for nothing, and its memory is its own. */
static void a_child_goes_on_alone(void **state) {
    subject_t s;
    size_t size, found;
    int status;
    (void)state;
    open_subject(&s);
    CHECK_OK(optim_set_threads(s.opt, 1));
    CHECK_OK(optim_save(s.opt, path));
    char *wanted = contents(path, &size);
    CHECK_OK(optim_snapshot_begin(s.opt, path));
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const bool good = optim_step(s.opt) == OPTIM_OK && optim_snapshot_wait(s.opt) == OPTIM_OK &&
                          optim_save(s.opt, other) == OPTIM_OK;
        optim_destroy(s.opt);
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    step(&s);
    CHECK_OK(optim_snapshot_wait(s.opt));
    char *bytes = contents(path, &found);
    assert_int_equal(found, size);
    assert_memory_equal(bytes, wanted, size);
    free(bytes);
    free(wanted);
    CHECK_OK(optim_save(s.opt, path));
    wanted = contents(path, &size);
    bytes = contents(other, &found);
    assert_int_equal(found, size);
    assert_memory_equal(bytes, wanted, size);
    free(bytes);
    free(wanted);
    close_subject(&s);
}

/* ---- Failures ---- */

static void a_failure_is_told_by_the_wait_and_by_the_next(void **state) {
    subject_t s;
    (void)state;
    open_subject(&s);
    CHECK_OK(optim_snapshot_begin(s.opt, "no/such/folder"));
    step(&s);
    CHECK_REFUSED(optim_snapshot_wait(s.opt), OPTIM_ERR_IO, "no/such/folder");
    CHECK_OK(optim_snapshot_begin(s.opt, "no/such/folder"));
    CHECK_REFUSED(optim_snapshot_begin(s.opt, path), OPTIM_ERR_IO, "no/such/folder");
    CHECK_OK(optim_snapshot_begin(s.opt, "/dev/full"));
    CHECK_REFUSED(optim_save(s.opt, path), OPTIM_ERR_IO, "/dev/full");
    CHECK_OK(optim_save(s.opt, path));
    close_subject(&s);
}

static int make_folder(void **state) {
    (void)state;
    if (mkdtemp(folder) == NULL)
        return 1;
    (void)snprintf(path, sizeof path, "%s/a", folder);
    (void)snprintf(other, sizeof other, "%s/b", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    (void)unlink(path);
    (void)unlink(other);
    return rmdir(folder); /* fails if anything else was left there */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_follows_leaves_the_snapshot_as_it_is),
        cmocka_unit_test(a_child_goes_on_alone),
        cmocka_unit_test(a_failure_is_told_by_the_wait_and_by_the_next),
    };
    return cmocka_run_group_tests_name("snapshot", tests, make_folder, remove_folder);
}
