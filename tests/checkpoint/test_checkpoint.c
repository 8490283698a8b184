/* Checkpoints through the public interface: what is taken over, what is refused and how, files, the background. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "trainer.h"

static const plan_t ADAMW = {.algorithm = "adamw", .options = "lr=0.05"};

/* ---- Files ---- */

static char folder[] = "/tmp/gradopt-checkpoint-XXXXXX";

static const char *in_folder(const char *name) {
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

/* Another process loads the file, goes on, and hands its parameters over. */
static void go_on_elsewhere(const plan_t *plan, const char *path, const trainer_t *from, int steps, trainer_t *to) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        trainer_t t;
        trainer_open(&t, plan);
        memcpy(t.p, from->p, sizeof t.p);
        CHECK_OK(optim_load(t.opt, path));
        trainer_steps(&t, steps);
        const bool wrote = write(ends[1], t.p, sizeof t.p) == (ssize_t)sizeof t.p;
        trainer_close(&t);
        _exit(wrote ? 0 : 1);
    }
    assert_int_equal(read(ends[0], to->p, sizeof to->p), sizeof to->p);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void another_process_goes_on(void **state) {
    static const plan_t PLANS[] = {{.algorithm = "adamw", .options = "lr=0.05", .wrapper = "ema"},
                                   {.algorithm = "lbfgs", .options = ""},
                                   {.algorithm = "muon", .options = "", .group = "algorithm=adamw,lr=0.01"},
                                   {.algorithm = "random_scaling_sgdm", .options = "lr=0.01,seed=7"}};
    (void)state;
    for (size_t i = 0; i < sizeof PLANS / sizeof *PLANS; ++i) {
        trainer_t straight, elsewhere;
        trainer_open(&straight, &PLANS[i]);
        trainer_steps(&straight, 3);
        CHECK_OK(optim_save(straight.opt, in_folder("state.safetensors")));
        const trainer_t saved = straight;
        go_on_elsewhere(&PLANS[i], in_folder("state.safetensors"), &saved, 4, &elsewhere);
        trainer_steps(&straight, 4);
        trainer_check_same(&elsewhere, &straight);
        trainer_close(&straight);
        assert_false(exists(in_folder("state.safetensors.partial")));
    }
}

static void a_file_holds_what_memory_holds(void **state) {
    trainer_t t;
    size_t size;
    (void)state;
    trainer_open(&t, &ADAMW);
    trainer_steps(&t, 2);
    char *memory = trainer_state(&t, &size), *file = check_memory(size + 1, 1);
    CHECK_OK(optim_save(t.opt, in_folder("state.safetensors")));
    FILE *stream = fopen(in_folder("state.safetensors"), "rb");
    assert_non_null(stream);
    assert_int_equal(fread(file, 1, size + 1, stream), size);
    assert_memory_equal(file, memory, size);
    (void)fclose(stream);
    free(file);
    free(memory);
    trainer_close(&t);
}

static void replacing_keeps_mode_and_link(void **state) {
    trainer_t t;
    struct stat about;
    char target[256];
    (void)state;
    trainer_open(&t, &ADAMW);
    trainer_steps(&t, 1);
    (void)snprintf(target, sizeof target, "%s", in_folder("kept.safetensors"));
    CHECK_OK(optim_save(t.opt, target));
    assert_int_equal(chmod(target, 0640), 0);
    assert_int_equal(symlink("kept.safetensors", in_folder("link")), 0);
    CHECK_OK(optim_save(t.opt, in_folder("link")));
    assert_int_equal(lstat(in_folder("link"), &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    assert_int_equal(stat(target, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0640);
    CHECK_OK(optim_load(t.opt, in_folder("link")));
    trainer_close(&t);
}

static void files_that_cannot_be(void **state) {
    trainer_t t;
    (void)state;
    trainer_open(&t, &ADAMW);
    CHECK_STATUS(optim_save(t.opt, in_folder("no/such/folder")), OPTIM_ERR_IO);
    assert_non_null(strstr(optim_error(), "no/such/folder"));
    CHECK_STATUS(optim_load(t.opt, in_folder("nothing")), OPTIM_ERR_IO);
    assert_non_null(strstr(optim_error(), "nothing"));
    CHECK_STATUS(optim_load(t.opt, folder), OPTIM_ERR_IO);
    CHECK_STATUS(optim_save(t.opt, folder), OPTIM_ERR_IO);
    assert_false(exists(in_folder(".partial")));
    CHECK_STATUS(optim_save(t.opt, ""), OPTIM_ERR_IO);
    trainer_close(&t);
}

/* ---- What is taken over ---- */

static void options_and_schedules_come_along(void **state) {
    trainer_t saved, loaded;
    size_t size;
    double lr[2];
    (void)state;
    trainer_open(&saved, &ADAMW);
    CHECK_OK(optim_set(saved.opt, 0, "beta1", 0.8));
    CHECK_OK(optim_set(saved.opt, -1, "clip_norm", 2.5));
    CHECK_OK(optim_set_schedule(saved.opt, 0, "lr", "sequence",
                                "milestones=4,children=linear(start_factor=0.1,steps=4);exponential(gamma=0.9)"));
    trainer_steps(&saved, 3);
    char *bytes = trainer_state(&saved, &size);
    trainer_open(&loaded, &(plan_t){.algorithm = "adamw", .options = "lr=0.7"});
    CHECK_OK(optim_set_schedule(loaded.opt, 0, "beta2", "constant", "factor=0.5,steps=9"));
    CHECK_OK(optim_deserialize(loaded.opt, bytes, size));
    memcpy(loaded.p, saved.p, sizeof saved.p);
    for (int step = 0; step < 6; ++step) {
        CHECK_OK(optim_get(saved.opt, 0, "lr", &lr[0]));
        CHECK_OK(optim_get(loaded.opt, 0, "lr", &lr[1]));
        assert_true(lr[0] == lr[1]);
        trainer_steps(&saved, 1);
        trainer_steps(&loaded, 1);
        trainer_check_same(&saved, &loaded);
    }
    CHECK_OK(optim_get(loaded.opt, 0, "beta1", &lr[1]));
    assert_true(lr[1] == 0.8);
    free(bytes);
    trainer_close(&saved);
    trainer_close(&loaded);
}

/* What reports have taught a schedule, inside a composition too, is part of the state. */
static void reported_metrics_come_along(void **state) {
    static const char *const SCHEDULES[][2] = {
        {"plateau", "patience=1,factor=0.5"},
        {"volsched", "window=2,steps=40"},
        {"sequence", "milestones=2,children=constant;plateau(patience=1,factor=0.5)"},
        {"onecycle", "steps=20"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof SCHEDULES / sizeof *SCHEDULES; ++i) {
        trainer_t saved, loaded;
        size_t size;
        trainer_open(&saved, &ADAMW);
        CHECK_OK(optim_set_schedule(saved.opt, 0, "lr", SCHEDULES[i][0], SCHEDULES[i][1]));
        for (int step = 0; step < 6; ++step) {
            trainer_steps(&saved, 1);
            CHECK_OK(optim_report(saved.opt, 1 + 0.1 * (step % 3)));
        }
        char *bytes = trainer_state(&saved, &size);
        trainer_open(&loaded, &ADAMW);
        CHECK_OK(optim_deserialize(loaded.opt, bytes, size));
        memcpy(loaded.p, saved.p, sizeof saved.p);
        for (int step = 0; step < 6; ++step) {
            double lr[2];
            CHECK_OK(optim_get(saved.opt, 0, "lr", &lr[0]));
            CHECK_OK(optim_get(loaded.opt, 0, "lr", &lr[1]));
            assert_true(lr[0] == lr[1]);
            trainer_steps(&saved, 1);
            trainer_steps(&loaded, 1);
            CHECK_OK(optim_report(saved.opt, 1 + 0.1 * (step % 4)));
            CHECK_OK(optim_report(loaded.opt, 1 + 0.1 * (step % 4)));
        }
        trainer_check_same(&saved, &loaded);
        free(bytes);
        trainer_close(&saved);
        trainer_close(&loaded);
    }
}

static void more_groups_and_another_order(void **state) {
    static const plan_t OTHER = {
        .algorithm = "adamw", .options = "lr=0.05", .group = "lr=0.05,weight_decay=0.5", .reversed = true};
    trainer_t saved, loaded, reference;
    size_t size;
    double decay;
    (void)state;
    trainer_open(&saved, &ADAMW);
    trainer_open(&loaded, &OTHER);
    trainer_open(&reference, &ADAMW);
    trainer_steps(&saved, 3);
    trainer_steps(&reference, 3);
    char *bytes = trainer_state(&saved, &size);
    memcpy(loaded.p, saved.p, sizeof saved.p);
    CHECK_OK(optim_deserialize(loaded.opt, bytes, size));
    CHECK_OK(optim_get(loaded.opt, 1, "weight_decay", &decay)); /* groups that are new keep their options */
    assert_true(decay == 0.5);
    CHECK_OK(optim_set(loaded.opt, 1, "weight_decay", 0.01));
    trainer_steps(&loaded, 3);
    trainer_steps(&reference, 3);
    trainer_check_same(&loaded, &reference);
    free(bytes);
    trainer_close(&saved);
    trainer_close(&loaded);
    trainer_close(&reference);
}

static void before_the_first_step(void **state) {
    trainer_t fresh, used, reference;
    size_t size;
    (void)state;
    trainer_open(&fresh, &ADAMW);
    trainer_open(&used, &ADAMW);
    trainer_open(&reference, &ADAMW);
    char *bytes = trainer_state(&fresh, &size);
    trainer_steps(&used, 5);
    CHECK_OK(optim_deserialize(used.opt, bytes, size));
    assert_int_equal(optim_steps(used.opt), 0);
    optim_request next = {.size = sizeof next};
    CHECK_OK(optim_request_info(used.opt, &next));
    assert_int_equal(next.sample, OPTIM_SAMPLE_FRESH);
    memcpy(used.p, reference.p, sizeof used.p);
    trainer_steps(&used, 4);
    trainer_steps(&reference, 4);
    trainer_check_same(&used, &reference);
    free(bytes);
    trainer_close(&fresh);
    trainer_close(&used);
    trainer_close(&reference);
}

/* ---- What is refused ---- */

static void other_optimizers(void **state) {
    static const struct {
        plan_t plan;
        const char *words[3];
    } CASES[] = {
        {{.algorithm = "adamw", .names = {"a", "beta", "c"}}, {"\"beta\" is missing", "\"b\" is unknown"}},
        {{.algorithm = "adamw", .rows_of_a = 3}, {"\"a\" has shape [2,3] there and [3,2] here"}},
        {{.algorithm = "lion"}, {"group 0 runs \"lion\" here and \"adamw\" there"}},
        {{.algorithm = "adamw", .wrapper = "ema"}, {"wrapper 1 is \"ema\" here and \"none\" there"}},
        {{.algorithm = "adamw", .options = "state_dtype=bf16,state_min=0"}, {"state_dtype", "before the first step"}},
    };
    trainer_t saved;
    size_t size;
    (void)state;
    trainer_open(&saved, &ADAMW);
    trainer_steps(&saved, 2);
    char *bytes = trainer_state(&saved, &size);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i)
        for (int k = 0; k < 3 && CASES[i].words[k] != NULL; ++k) {
            trainer_t t;
            trainer_open(&t, &CASES[i].plan);
            trainer_steps(&t, 1);
            trainer_refuses(&t, bytes, size, OPTIM_ERR_CHECKPOINT, CASES[i].words[k]);
            trainer_close(&t);
        }
    free(bytes);
    trainer_close(&saved);
}

static void other_moments(void **state) {
    trainer_t t;
    size_t size;
    (void)state;
    trainer_open(&t, &(plan_t){.algorithm = "sgd", .options = "momentum=0.9", .wrapper = "ema"});
    CHECK_STATUS(optim_serialize(t.opt, NULL, 0, NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_serialize(NULL, NULL, 0, &size), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_save(t.opt, NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_load(NULL, "x"), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_deserialize(t.opt, NULL, 8), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_save_wait(NULL), OPTIM_ERR_NULL);
    trainer_steps(&t, 2);
    char *bytes = trainer_state(&t, &size);
    CHECK_STATUS(optim_serialize(t.opt, bytes, size - 1, &size), OPTIM_ERR_ARGUMENT);
    CHECK_OK(optim_swap_output(t.opt));
    CHECK_STATUS(optim_save(t.opt, in_folder("x")), OPTIM_ERR_SWAPPED);
    CHECK_STATUS(optim_deserialize(t.opt, bytes, size), OPTIM_ERR_SWAPPED);
    CHECK_OK(optim_swap_output(t.opt));
    free(bytes);
    trainer_close(&t);
    trainer_open(&t, &(plan_t){.algorithm = "sgd", .wrapper = "sam"});
    assert_int_equal(optim_step(t.opt), OPTIM_EVAL_GRAD);
    CHECK_STATUS(optim_save(t.opt, in_folder("x")), OPTIM_ERR_OPEN);
    CHECK_STATUS(optim_save_async(t.opt, in_folder("x")), OPTIM_ERR_OPEN);
    CHECK_STATUS(optim_load(t.opt, in_folder("x")), OPTIM_ERR_OPEN);
    assert_false(exists(in_folder("x")));
    trainer_close(&t);
}

/* Every byte counts: no file cut short and no flipped bit is taken for a checkpoint. */
static void damage_is_noticed(void **state) {
    trainer_t saved, t;
    size_t size;
    (void)state;
    trainer_open(&saved, &(plan_t){.algorithm = "adamw", .wrapper = "ema"});
    trainer_steps(&saved, 2);
    char *bytes = trainer_state(&saved, &size);
    for (int planned = 0; planned < 2; ++planned) {
        trainer_open(&t, &(plan_t){.algorithm = "adamw", .wrapper = "ema"});
        trainer_steps(&t, planned);
        for (size_t i = 0; i < size; ++i) {
            if (optim_deserialize(t.opt, bytes, i) != OPTIM_ERR_FORMAT)
                fail_msg("%zu of %zu bytes: \"%s\"", i, size, optim_error());
            bytes[i] = (char)(bytes[i] ^ (1 << (i % 8)));
            if (optim_deserialize(t.opt, bytes, size) != OPTIM_ERR_FORMAT)
                fail_msg("bit %zu of byte %zu of %zu: \"%s\"", i % 8, i, size, optim_error());
            bytes[i] = (char)(bytes[i] ^ (1 << (i % 8)));
        }
        trainer_refuses(&t, bytes, size - 1, OPTIM_ERR_FORMAT, NULL);
        CHECK_OK(optim_deserialize(t.opt, bytes, size));
        memcpy(t.p, saved.p, sizeof t.p);
        trainer_steps(&t, 2);
        if (planned == 0)
            trainer_steps(&saved, 2);
        trainer_close(&t);
    }
    free(bytes);
    trainer_close(&saved);
}

static void other_formats(void **state) {
    static const char *const TEXTS[] = {
        "",
        "{}",
        "\x02\0\0\0\0\0\0\0{}",
        "\x02\0\0\0\0\0\0\0[]",
        "\x08\0\0\0\0\0\0\0{\"a\":{}}",
        "\xff\xff\xff\xff\xff\xff\xff\xff{}",
        "\x43\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F32\",\"shape\":[1,-1],\"data_offsets\":[0,4]}}       0123",
        "\x43\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F31\",\"shape\":[1,01],\"data_offsets\":[0,4]}}       0123",
    };
    static const size_t SIZES[] = {0, 2, 10, 10, 16, 10, 8 + 0x43 + 4, 8 + 0x43 + 4};
    trainer_t t;
    (void)state;
    trainer_open(&t, &ADAMW);
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; ++i)
        trainer_refuses(&t, TEXTS[i], SIZES[i], OPTIM_ERR_FORMAT, NULL);
    trainer_close(&t);
}

/* ---- In the background ---- */

static void the_trainer_goes_on(void **state) {
    trainer_t t, loaded;
    char path[256];
    (void)state;
    trainer_open(&t, &ADAMW);
    trainer_steps(&t, 3);
    (void)snprintf(path, sizeof path, "%s", in_folder("background"));
    const trainer_t then = t;
    CHECK_OK(optim_save_async(t.opt, path));
    trainer_steps(&t, 5);
    CHECK_OK(optim_save_wait(t.opt));
    CHECK_OK(optim_save_wait(t.opt));
    trainer_open(&loaded, &ADAMW);
    memcpy(loaded.p, then.p, sizeof then.p);
    CHECK_OK(optim_load(loaded.opt, path));
    assert_int_equal(optim_steps(loaded.opt), 3);
    trainer_steps(&loaded, 5);
    trainer_check_same(&loaded, &t);
    CHECK_OK(optim_save_async(t.opt, path)); /* nobody waits: destroying does */
    trainer_close(&t);
    CHECK_OK(optim_load(loaded.opt, path));
    assert_int_equal(optim_steps(loaded.opt), 8);
    trainer_close(&loaded);
}

static void a_failure_is_told_once(void **state) {
    trainer_t t;
    (void)state;
    trainer_open(&t, &ADAMW);
    trainer_steps(&t, 1);
    CHECK_OK(optim_save_async(t.opt, in_folder("no/folder")));
    CHECK_STATUS(optim_save_wait(t.opt), OPTIM_ERR_IO);
    assert_non_null(strstr(optim_error(), "no/folder"));
    CHECK_OK(optim_save_wait(t.opt));
    CHECK_OK(optim_save_async(t.opt, in_folder("no/folder")));
    CHECK_STATUS(optim_save(t.opt, in_folder("fine")), OPTIM_ERR_IO);
    assert_false(exists(in_folder("fine")));
    CHECK_OK(optim_save(t.opt, in_folder("fine")));
    trainer_close(&t);
}

/* JSON is UTF-8: a name that is not can be used, but not saved, and that is what the error says, before steps and after. */
static void names_that_are_not_text(void **state) {
    (void)state;
    trainer_t t;
    size_t size;
    const plan_t plan = {.algorithm = "adam", .names = {"\xff", NULL, NULL}};
    trainer_open(&t, &plan);
    CHECK_REFUSED(optim_serialize(t.opt, NULL, 0, &size), OPTIM_ERR_VALUE, "UTF-8");
    trainer_steps(&t, 1);
    CHECK_REFUSED(optim_serialize(t.opt, NULL, 0, &size), OPTIM_ERR_VALUE, "UTF-8");
    trainer_close(&t);
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
    static const char *const NAMES[] = {"state.safetensors", "kept.safetensors", "link", "background", "fine"};
    (void)state;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; ++i)
        (void)unlink(in_folder(NAMES[i]));
    return rmdir(folder); /* fails if anything else was left there */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_process_goes_on),
        cmocka_unit_test(a_file_holds_what_memory_holds),
        cmocka_unit_test(replacing_keeps_mode_and_link),
        cmocka_unit_test(files_that_cannot_be),
        cmocka_unit_test(options_and_schedules_come_along),
        cmocka_unit_test(reported_metrics_come_along),
        cmocka_unit_test(more_groups_and_another_order),
        cmocka_unit_test(before_the_first_step),
        cmocka_unit_test(other_optimizers),
        cmocka_unit_test(other_moments),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(other_formats),
        cmocka_unit_test(the_trainer_goes_on),
        cmocka_unit_test(a_failure_is_told_once),
        cmocka_unit_test(names_that_are_not_text),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
