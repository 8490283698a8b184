/* optim_set_bounds looks at the boxes: empty ones and NaN are refused, infinities are not. And no method that evaluates
 * at other points than where its steps end leaves them. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "element.h"

enum { N = 600 }; /* more than one piece */

typedef struct scene {
    optim_t *opt;
    double p[N], g[N], lower[N], upper[N]; /* room for every dtype */
    optim_dtype dtype;
} scene_t;

static void put(scene_t *s, int i, double lower, double upper) {
    element_write(s->dtype, s->lower, (size_t)i, lower);
    element_write(s->dtype, s->upper, (size_t)i, upper);
}

static void open_scene(scene_t *s, optim_dtype dtype) {
    memset(s, 0, sizeof *s);
    s->dtype = dtype;
    for (int i = 0; i < N; ++i) {
        put(s, i, -1, i % 2 == 0 ? -1 : (double)INFINITY);
        element_write(dtype, s->g, (size_t)i, 1);
    }
    CHECK_OK(optim_create(&s->opt, "sgd", "lr=4"));
    CHECK_OK(optim_add_param(s->opt, 0, "w", dtype, 1, (int64_t[]){N}, s->p, s->g));
}

static void empty_boxes(void **state) {
    (void)state;
    for (optim_dtype dtype = OPTIM_F32; dtype <= OPTIM_F16; ++dtype) {
        scene_t s;
        open_scene(&s, dtype);
        CHECK_OK(optim_set_bounds(s.opt, 0, s.lower, s.upper));
        for (int i = 0; i < N; i += 599) {
            put(&s, i, 1, 0.5);
            CHECK_REFUSED(optim_set_bounds(s.opt, 0, s.lower, s.upper), OPTIM_ERR_ARGUMENT,
                          i == 0 ? "\"w\" at element 0 are 1 and 0.5" : "\"w\" at element 599 are 1 and 0.5");
            put(&s, i, (double)NAN, 1);
            CHECK_REFUSED(optim_set_bounds(s.opt, 0, s.lower, NULL), OPTIM_ERR_ARGUMENT, i == 0 ? "0" : "599");
            CHECK_OK(optim_set_bounds(s.opt, 0, NULL, s.upper));
            put(&s, i, 1, (double)NAN);
            CHECK_REFUSED(optim_set_bounds(s.opt, 0, NULL, s.upper), OPTIM_ERR_ARGUMENT, i == 0 ? "0" : "599");
            put(&s, i, -(double)INFINITY, (double)INFINITY);
            CHECK_OK(optim_set_bounds(s.opt, 0, s.lower, s.upper));
        }
        CHECK_OK(optim_step(s.opt));
        assert_true(element_read(dtype, s.p, 0) == -4 && element_read(dtype, s.p, 1) == -1);
        optim_destroy(s.opt);
    }
}

/* The box before it stays. */
static void a_refusal_changes_nothing(void **state) {
    (void)state;
    scene_t s;
    open_scene(&s, OPTIM_F64);
    static const double HIGH[N] = {2}; /* the others 0 */
    CHECK_OK(optim_set_bounds(s.opt, 0, s.lower, NULL));
    CHECK_REFUSED(optim_set_bounds(s.opt, 0, HIGH, s.upper), OPTIM_ERR_ARGUMENT, "lower");
    CHECK_OK(optim_step(s.opt));
    for (int i = 0; i < N; ++i)
        assert_true(s.p[i] == -1);
    optim_destroy(s.opt);
}

/* ---- Methods that evaluate elsewhere make do with the nearest point inside ---- */

typedef struct game {
    optim_t *opt;
    double z[2], g[2];
    int asked;
} game_t;

static const double LOW[] = {-0.25, -1}, HIGH[] = {1, 0.5};

/* The descent directions of min over x, max over y of x y + x. */
static void play(game_t *game) {
    game->g[0] = game->z[1] + 1;
    game->g[1] = -game->z[0];
}

static void open_game(game_t *game, const char *method, const char *options, const char *wrapper) {
    *game = (game_t){.z = {1, 0.4}};
    CHECK_OK(optim_create(&game->opt, method, options));
    CHECK_OK(optim_add_param(game->opt, 0, "z", OPTIM_F64, 1, (int64_t[]){2}, game->z, game->g));
    CHECK_OK(optim_set_bounds(game->opt, 0, LOW, HIGH));
    if (wrapper != NULL)
        CHECK_OK(optim_wrap(game->opt, wrapper, "rho=2"));
}

static void assert_inside(const game_t *game) {
    for (int i = 0; i < 2; ++i)
        assert_true(game->z[i] >= LOW[i] && game->z[i] <= HIGH[i]);
}

static void step_game(game_t *game) {
    play(game);
    CHECK_OK(optim_set_loss(game->opt, game->z[0] * (game->z[1] + 1)));
    optim_status status;
    while ((status = optim_step(game->opt)) > 0) {
        assert_int_equal(status, OPTIM_EVAL_GRAD);
        assert_inside(game);
        play(game);
        CHECK_OK(optim_set_loss(game->opt, game->z[0] * (game->z[1] + 1)));
        ++game->asked;
    }
    CHECK_OK(status);
    assert_inside(game);
}

static double inside(int i, double z) {
    return fmin(fmax(z, LOW[i]), HIGH[i]);
}

/* Korpelevich's: both half steps are projected. It comes to rest at the solution, (-1/4, -1). */
static void extragradient_projects_twice(void **state) {
    (void)state;
    const double lr = 0.5;
    game_t game;
    double z[] = {1, 0.4};
    open_game(&game, "extragradient", "lr=0.5", NULL);
    for (int step = 0; step < 40; ++step) {
        const double x = inside(0, z[0] - lr * (z[1] + 1)), y = inside(1, z[1] + lr * z[0]);
        z[0] = inside(0, z[0] - lr * (y + 1));
        z[1] = inside(1, z[1] + lr * x);
        step_game(&game);
        assert_true(game.z[0] == z[0] && game.z[1] == z[1]);
    }
    assert_int_equal(game.asked, 40);
    assert_true(z[0] == -0.25 && z[1] == -1);
    optim_destroy(game.opt);
}

/* The worst point nearby, in the box; and back from there to the bit. */
static void sharpness_stays_inside(void **state) {
    (void)state;
    game_t game;
    open_game(&game, "sgd", "lr=1e-300", "sam");
    for (int step = 0; step < 5; ++step)
        step_game(&game);
    assert_true(game.asked == 5 && game.z[0] == 1 && game.z[1] == 0.4);
    optim_destroy(game.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_boxes),
        cmocka_unit_test(a_refusal_changes_nothing),
        cmocka_unit_test(extragradient_projects_twice),
        cmocka_unit_test(sharpness_stays_inside),
    };
    return cmocka_run_group_tests_name("bounds", tests, NULL, NULL);
}
