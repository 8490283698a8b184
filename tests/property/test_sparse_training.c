/* What docs/recipes/sparsity.md promises: gates of low-rank factors that end at 0, and codes of few entries. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "solve.h"

static void normal(uint64_t *stream, double scale, double *to, int count) {
    for (int i = 0; i < count; ++i)
        to[i] = scale * solve_normal(stream);
}

static void add(optim_t *opt, int group, const char *name, int rows, int columns, double *x, double *g) {
    CHECK_OK(optim_add_param(opt, group, name, OPTIM_F64, columns == 0 ? 1 : 2, (int64_t[]){rows, columns}, x, g));
}

/* ---- Gates (SoRA): U diag(gate) V is to be a matrix of rank 2, seen with noise ---- */

enum { ROWS = 10, COLUMNS = 8, GATES = 6, RANK = 2 };

typedef struct gated {
    double target[ROWS * COLUMNS], u[ROWS * GATES], gate[GATES], v[GATES * COLUMNS];
    double gu[ROWS * GATES], ggate[GATES], gv[GATES * COLUMNS];
} gated_t;

static void gated_start(gated_t *s) {
    uint64_t stream = 1;
    double a[ROWS * RANK], b[RANK * COLUMNS];
    normal(&stream, 1, a, ROWS * RANK);
    normal(&stream, 1, b, RANK * COLUMNS);
    normal(&stream, 0.05, s->target, ROWS * COLUMNS);
    for (int i = 0; i < ROWS * COLUMNS; ++i)
        for (int k = 0; k < RANK; ++k)
            s->target[i] += a[i / COLUMNS * RANK + k] * b[k * COLUMNS + i % COLUMNS];
    normal(&stream, 0.3, s->u, ROWS * GATES);
    normal(&stream, 0.3, s->v, GATES * COLUMNS);
    for (int k = 0; k < GATES; ++k)
        s->gate[k] = 1;
}

/* Half the squared distance, and its gradients. */
static double gated_loss(gated_t *s) {
    double loss = 0;
    memset(s->gu, 0, sizeof s->gu);
    memset(s->gv, 0, sizeof s->gv);
    memset(s->ggate, 0, sizeof s->ggate);
    for (int i = 0; i < ROWS * COLUMNS; ++i) {
        const int row = i / COLUMNS, column = i % COLUMNS;
        double rest = -s->target[i];
        for (int k = 0; k < GATES; ++k)
            rest += s->u[row * GATES + k] * s->gate[k] * s->v[k * COLUMNS + column];
        loss += rest * rest / 2;
        for (int k = 0; k < GATES; ++k) {
            const double u = s->u[row * GATES + k], v = s->v[k * COLUMNS + column];
            s->gu[row * GATES + k] += rest * s->gate[k] * v;
            s->gv[k * COLUMNS + column] += rest * u * s->gate[k];
            s->ggate[k] += rest * u * v;
        }
    }
    return loss;
}

/* How many gates are not 0 in the end; `lam`: the end of its schedule, or a subgradient's weight in place of the map. */
static int train_gates(double lam, bool by_map, double *loss) {
    gated_t s;
    optim_t *opt;
    int gates;
    gated_start(&s);
    CHECK_OK(optim_create(&opt, "adamw", "lr=0.01,weight_decay=0.01"));
    CHECK_OK(optim_add_group(opt, "weight_decay=0", &gates));
    add(opt, 0, "u", ROWS, GATES, s.u, s.gu);
    add(opt, 0, "v", GATES, COLUMNS, s.v, s.gv);
    add(opt, gates, "gate", GATES, 0, s.gate, s.ggate);
    if (by_map) {
        char *map = check_text("map=prox_l1,lam=%g", lam);
        CHECK_OK(optim_wrap(opt, "prox", map));
        CHECK_OK(optim_wrap_groups(opt, "prox", &gates, 1));
        CHECK_OK(optim_set_schedule(opt, -1, "lam", "linear", "start_factor=0,end_factor=1,steps=2000"));
        free(map);
    }
    for (int t = 0; t < 4000; ++t) {
        (void)gated_loss(&s);
        for (int k = 0; k < GATES && !by_map; ++k)
            s.ggate[k] += lam * ((s.gate[k] > 0) - (s.gate[k] < 0));
        CHECK_OK(optim_step(opt));
    }
    *loss = gated_loss(&s);
    optim_destroy(opt);
    int open = 0;
    for (int k = 0; k < GATES; ++k)
        open += s.gate[k] != 0;
    return open;
}

/* The map closes those that are not needed, exactly; the penalty's subgradient none, with all of them near 0. */
static void test_gates(void **state) {
    (void)state;
    double loss;
    assert_int_equal(train_gates(0, true, &loss), GATES);
    CHECK_CLOSE(loss, 0.0054, 0.0005);
    assert_int_equal(train_gates(0.3, true, &loss), 4);
    assert_int_equal(train_gates(1, true, &loss), RANK);
    CHECK_CLOSE(loss, 0.0565, 0.001); /* of 80 entries with noise of variance 0.0025: a half of 0.2 less what fits */
    assert_int_equal(train_gates(1, false, &loss), GATES);
}

/* ---- Codes (AbsTopK): x = sum of two atoms of eight, with any signs ---- */

enum { D = 6, ATOMS = 8, CODES = 8, KEPT = 2 };

typedef struct coder {
    double atom[ATOMS * D], encoder[CODES * D], decoder[D * CODES], ge[CODES * D], gd[D * CODES];
} coder_t;

static void draw(const coder_t *c, uint64_t *stream, double *x) {
    memset(x, 0, D * sizeof *x);
    for (int k = 0; k < KEPT; ++k) {
        const int atom = (int)(ATOMS * solve_uniform(stream));
        const double weight = (0.5 + solve_uniform(stream)) * (solve_uniform(stream) < 0.5 ? -1 : 1);
        for (int j = 0; j < D; ++j)
            x[j] += weight * c->atom[atom * D + j];
    }
}

/* |x - decoder map(encoder x)|^2 / 2; adds the gradients, which go through the entries that the map keeps. */
static double code_loss(coder_t *c, const char *map, const double *x) {
    const int64_t count = CODES;
    double code[CODES], rest[D], loss = 0;
    for (int k = 0; k < CODES; ++k) {
        code[k] = 0;
        for (int j = 0; j < D; ++j)
            code[k] += c->encoder[k * D + j] * x[j];
    }
    CHECK_OK(optim_map_apply(map, 1, OPTIM_F64, 1, &count, code));
    for (int j = 0; j < D; ++j) {
        rest[j] = -x[j];
        for (int k = 0; k < CODES; ++k)
            rest[j] += c->decoder[j * CODES + k] * code[k];
        loss += rest[j] * rest[j] / 2;
    }
    for (int k = 0; k < CODES; ++k) {
        double back = 0;
        for (int j = 0; j < D; ++j) {
            back += code[k] != 0 ? rest[j] * c->decoder[j * CODES + k] : 0;
            c->gd[j * CODES + k] += rest[j] * code[k];
        }
        for (int j = 0; j < D; ++j)
            c->ge[k * D + j] += back * x[j];
    }
    return loss;
}

/* The mean loss of the last quarter. */
static double train_codes(const char *map, uint64_t seed) {
    enum { STEPS = 4000, BATCH = 16 };
    coder_t c;
    uint64_t stream = seed << 40;
    double mean = 0;
    optim_t *opt;
    normal(&stream, 1 / sqrt(D), c.atom, ATOMS * D);
    normal(&stream, 1 / sqrt(D), c.encoder, CODES * D);
    for (int i = 0; i < CODES * D; ++i) /* the encoder's transpose to begin with */
        c.decoder[i % D * CODES + i / D] = c.encoder[i];
    CHECK_OK(optim_create(&opt, "adam", "lr=0.003"));
    add(opt, 0, "encoder", CODES, D, c.encoder, c.ge);
    add(opt, 0, "decoder", D, CODES, c.decoder, c.gd);
    for (int t = 0; t < STEPS; ++t) {
        double x[D];
        memset(c.ge, 0, sizeof c.ge);
        memset(c.gd, 0, sizeof c.gd);
        for (int i = 0; i < BATCH; ++i) {
            draw(&c, &stream, x);
            mean += code_loss(&c, map, x) * (t >= STEPS * 3 / 4 ? 4.0 / STEPS / BATCH : 0);
        }
        CHECK_OK(optim_step(opt));
    }
    optim_destroy(opt);
    return mean;
}

/* Codes of both signs need half as many atoms: with as many, and as many entries kept, they are nearer. */
static void test_codes(void **state) {
    (void)state;
    double both = 0, positive = 0;
    for (uint64_t seed = 1; seed <= 5; ++seed) {
        const double of_both = train_codes("abs_topk(k=2)", seed), of_positive = train_codes("topk_relu(k=2)", seed);
        CHECK_AT_MOST(of_both, of_positive);
        both += of_both / 5;
        positive += of_positive / 5;
    }
    CHECK_CLOSE(both, 0.0666, 0.001);
    CHECK_CLOSE(positive, 0.178, 0.002);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gates),
        cmocka_unit_test(test_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
