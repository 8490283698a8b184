/* Which methods go through BLAS: those that docs/numerics.md names, because their bits depend on it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blas_watch.h"
#include "check.h"
#include "layouts.h"
#include "rig.h"

static const layout_t LAYOUT = {"two", 2, {{"matrix", 2, {6, 4}}, {"vector", 1, {9}}}};

/* The heading of the table in docs/numerics.md, which names them; to be freed. */
static char *heading(void) {
    char *line = check_memory(4096, 1);
    FILE *page = fopen(TEST_SOURCE_DIR "/../docs/numerics.md", "r");
    assert_non_null(page);
    do
        assert_non_null(fgets(line, 4096, page));
    while (strncmp(line, "| change |", strlen("| change |")) != 0);
    assert_int_equal(fclose(page), 0);
    return line;
}

static bool calls_blas(const char *algorithm, const char *wrapper) {
    const int64_t before = blas_watch_calls();
    const layout_t *layout = &LAYOUT;
    for (int i = 0; layout != NULL; layout = layouts_fallback(i++)) {
        rig_t *rig = rig_new_for(algorithm, layout, OPTIM_F32, OPTIM_F32, 0);
        optim_t *opt;
        CHECK_OK(optim_create(&opt, algorithm, NULL));
        if (wrapper != NULL)
            CHECK_OK(optim_wrap(opt, wrapper, NULL));
        if (rig_lend(rig, opt) == OPTIM_OK)
            (void)rig_steps(rig, 4);
        rig_free(rig);
    }
    return blas_watch_calls() != before;
}

static void numerics_page_names_them(void **state) {
    (void)state;
    char *names = heading();
    for (size_t i = 0; i < optim_algorithm_count(); ++i) {
        char *name = check_text("`%s`", optim_algorithm_name(i));
        if (calls_blas(optim_algorithm_name(i), NULL) != (strstr(names, name) != NULL))
            fail_msg("whether %s goes through BLAS is not what docs/numerics.md says: %s", name, names);
        free(name);
    }
    for (size_t i = 0; i < optim_wrapper_count(); ++i)
        assert_false(calls_blas("adamw", optim_wrapper_name(i)));
    free(names);
}

/* A nudge moves what goes through BLAS, by little, and nothing else. */
static void nudges_move(void **state) {
    static const char *const METHODS[] = {"sgd", "muon", "adamw", "lbfgs"};
    enum { NUDGED = 2 }; /* the first so many go through BLAS */
    (void)state;
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; ++i) {
        rig_t *plain = rig_new(&LAYOUT, OPTIM_F32, OPTIM_F32, 0), *nudged = rig_new(&LAYOUT, OPTIM_F32, OPTIM_F32, 0);
        optim_t *opt;
        CHECK_OK(optim_create(&opt, METHODS[i], NULL));
        CHECK_OK(rig_lend(plain, opt));
        CHECK_OK(rig_steps(plain, 2));
        CHECK_OK(optim_create(&opt, METHODS[i], NULL));
        CHECK_OK(rig_lend(nudged, opt));
        blas_watch_nudge(7);
        CHECK_OK(rig_steps(nudged, 2));
        blas_watch_nudge(0);
        rig_check_near(nudged, plain, 2e-5, METHODS[i]);
        void *snapshot = rig_snapshot(plain);
        const bool same = memcmp(snapshot, nudged->tensor[0].data, nudged->tensor[0].count * sizeof(float)) == 0;
        assert_int_equal(same, i >= NUDGED);
        free(snapshot);
        rig_free(nudged);
        rig_free(plain);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numerics_page_names_them),
        cmocka_unit_test(nudges_move),
    };
    return cmocka_run_group_tests_name("methods", tests, NULL, NULL);
}
