/* What rules of servers promise: fixed points, relations between them, and that the order of arrival changes nothing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "simulation.h"

static const double EQUAL[CLIENTS] = {1, 1, 1, 1};

static double after_rounds(const char *rule, const char *options, int rounds, const double weight[CLIENTS]) {
    double best[D];
    simulation_t *s = simulation_new(rule, options);
    for (int k = 0; k < rounds; ++k)
        simulation_round(s);
    minimiser(weight, best);
    const double far = distance(s->w, best);
    simulation_free(s);
    return far;
}

static void close_to(double got, double want, double by) {
    if (!(fabs(got - want) <= by))
        fail_msg("%.17g is not %g within %g", got, want, by);
}

/* ---- Fixed points ---- */

/* One step of gradient descent on the mean of the clients' functions, at the rate 0.1. */
static void descend(double x[D]) {
    double g[D], mean[D] = {0};
    for (size_t c = 0; c < CLIENTS; ++c) {
        client_gradient(c, x, g);
        for (size_t i = 0; i < D; ++i)
            mean[i] += g[i] / CLIENTS;
    }
    for (size_t i = 0; i < D; ++i)
        x[i] -= 0.1 * mean[i];
}

static void test_one_step_is_gradient_descent(void **state) {
    double x[D];
    (void)state;
    simulation_t *s = simulation_new("fedavg", "local_steps=1,lr=0.1");
    memcpy(x, s->w, sizeof x);
    for (int k = 0; k < 20; ++k) {
        descend(x);
        simulation_round(s);
        assert_true(distance(x, s->w) < 2e-15);
    }
    simulation_free(s);
}

static void test_local_steps_are_biased(void **state) {
    (void)state;
    close_to(after_rounds("fedavg", NULL, 400, EQUAL), 0.1186, 5e-5);
    close_to(after_rounds("fedprox", "mu=1", 400, EQUAL), 0.1170, 5e-5);
}

static void test_corrections_are_not(void **state) {
    (void)state;
    close_to(after_rounds("scaffold", NULL, 1000, EQUAL), 0, 5e-15);
    close_to(after_rounds("fedspeed", "rho=0,clip=0", 4000, EQUAL), 0, 1e-13);
}

/* ---- Order, absence ---- */

static void test_order_of_arrival(void **state) {
    static const char *const RULES[] = {"fedavg", "scaffold", "fedspeed", "fedau", "pfedme", "fedhyper", "diloco"};
    (void)state;
    for (size_t r = 0; r < sizeof RULES / sizeof *RULES; ++r) {
        simulation_t *forth = simulation_new(RULES[r], "lr=0.02"), *back = simulation_new(RULES[r], "lr=0.02");
        back->backwards = true;
        for (int k = 0; k < 9; ++k) {
            simulation_round(forth);
            simulation_round(back);
        }
        assert_memory_equal(forth->w, back->w, sizeof forth->w);
        simulation_free(forth);
        simulation_free(back);
    }
}

static void test_nobody_came(void **state) {
    double before[D];
    (void)state;
    for (size_t r = 0; r < optim_rule_count(); ++r) {
        optim_server_t *server;
        simulation_t *s;
        if (optim_server_create(&server, optim_rule_name(r), NULL) != OPTIM_OK)
            continue; /* a rule of coded gradients */
        optim_server_destroy(server);
        if (strcmp(optim_rule_name(r), "fedpca") == 0 || strcmp(optim_rule_name(r), "checkfree") == 0)
            continue; /* which want a matrix, and norms */
        s = simulation_new(optim_rule_name(r), NULL);
        memcpy(before, s->w, sizeof before);
        CHECK_OK(optim_server_commit(s->server));
        assert_true(distance(before, s->w) < 1e-15); /* means of equal replicas are rounded */
        assert_true(simulation_number(s, -1, "round") == 1);
        simulation_free(s);
    }
}

static void test_momentum_waits(void **state) {
    (void)state;
    simulation_t *s = simulation_new("fedavg", "momentum=0.9");
    simulation_round(s);
    double before[D];
    memcpy(before, s->w, sizeof before);
    CHECK_OK(optim_server_commit(s->server));
    assert_memory_equal(before, s->w, sizeof before);
    simulation_free(s);
}

/* Its part is left out, as if it had not been selected. */
static void test_not_finite(void **state) {
    (void)state;
    simulation_t *with = simulation_new("fedavg", NULL), *without = simulation_new("fedavg", NULL);
    for (size_t c = 0; c < CLIENTS; ++c)
        for (simulation_t *s = with; s != NULL; s = s == with && c != 2 ? without : NULL) {
            simulation_begin(s, c);
            simulation_train(s, c);
            if (c == 2)
                s->y[c][3] = (double)NAN;
            simulation_end(s, c);
        }
    CHECK_OK(optim_server_commit(with->server));
    CHECK_OK(optim_server_commit(without->server));
    assert_memory_equal(with->w, without->w, sizeof with->w);
    assert_true(simulation_number(with, -1, "skipped") == 1);
    simulation_free(with);
    simulation_free(without);
}

/* Who began and did not hand in must begin again; the others do not notice. */
static void test_lost_on_the_way(void **state) {
    (void)state;
    simulation_t *s = simulation_new("scaffold", NULL);
    simulation_begin(s, 0);
    simulation_begin(s, 1);
    simulation_train(s, 1);
    simulation_end(s, 1);
    CHECK_OK(optim_server_commit(s->server));
    assert_int_equal(optim_server_end(s->server, 0, (const void *[]){s->y[0]}, 5), OPTIM_ERR_ORDER);
    simulation_free(s);
}

/* ---- Relations ---- */

static void test_buffer_of_all_is_fedavg(void **state) {
    (void)state;
    simulation_t *buffered = simulation_new("fedbuff", "buffer=4"), *averaged = simulation_new("fedavg", NULL);
    for (int k = 0; k < 5; ++k) {
        for (size_t c = 0; c < CLIENTS; ++c)
            simulation_begin(buffered, c);
        for (size_t c = 0; c < CLIENTS; ++c) {
            simulation_train(buffered, c);
            simulation_end(buffered, c);
        }
        CHECK_OK(optim_server_commit(buffered->server));
        simulation_round(averaged);
        assert_true(distance(buffered->w, averaged->w) < 1e-15);
    }
    simulation_free(buffered);
    simulation_free(averaged);
}

static void test_long_period_is_fedavg(void **state) {
    (void)state;
    simulation_t *fixed = simulation_new("fedfix", "period=4"), *averaged = simulation_new("fedavg", NULL);
    for (size_t c = 0; c < CLIENTS; ++c)
        simulation_begin(fixed, c);
    for (int k = 0; k < 5; ++k) {
        simulation_event(fixed);
        simulation_round(averaged);
        assert_true(distance(fixed->w, averaged->w) < 1e-15);
    }
    simulation_free(fixed);
    simulation_free(averaged);
}

static void test_outer_steps(void **state) {
    double x[D];
    (void)state;
    simulation_t *diloco = simulation_new("diloco", "local_steps=1,lr=1,outer_lr=0.1,outer_momentum=0");
    memcpy(x, diloco->w, sizeof x);
    for (int k = 0; k < 5; ++k) {
        descend(x);
        simulation_round(diloco);
        assert_true(distance(x, diloco->w) < 2e-15);
    }
    simulation_free(diloco);
    simulation_t *co2 = simulation_new("co2", "local_steps=5,outer_momentum=0.5,outer_lr=0.7");
    diloco = simulation_new("diloco", "local_steps=5,outer_momentum=0.5,nesterov=0");
    for (int k = 0; k < 9; ++k) {
        simulation_round(co2);
        simulation_round(diloco);
        assert_true(distance(co2->w, diloco->w) < 1e-14);
    }
    simulation_free(co2);
    simulation_free(diloco);
}

/* How far away it is in the end. */
static double co2_after(const char *options) {
    double zero[D] = {0};
    simulation_t *s = simulation_new("co2", options);
    for (int k = 0; k < 400; ++k)
        simulation_round(s);
    const double far = distance(s->w, zero);
    simulation_free(s);
    return far;
}

static void test_delay_needs_smaller_steps(void **state) {
    (void)state;
    /* one local step: c is lr times the mean of h, at most 0.35 here; without momentum stable iff outer_lr c < 2, or 1 */
    assert_true(co2_after("local_steps=1,lr=0.1,outer_momentum=0,outer_lr=5.5") < 10);
    assert_true(co2_after("local_steps=1,lr=0.1,outer_momentum=0,outer_lr=6") > 1e10);
    assert_true(co2_after("local_steps=1,lr=0.1,outer_momentum=0,outer_lr=2.75,delay=1") < 10);
    assert_true(co2_after("local_steps=1,lr=0.1,outer_momentum=0,outer_lr=3.5,delay=1") > 1e10);
}

/* ---- Who takes part ---- */

static void test_fedau_learns_who_comes(void **state) {
    double mean[D] = {0}, fixed[D];
    (void)state;
    simulation_t *all = simulation_new("fedavg", NULL), *s = simulation_new("fedau", "cutoff=1000,server_lr=0.1");
    for (int k = 0; k < 400; ++k)
        simulation_round(all);
    memcpy(fixed, all->w, sizeof fixed);
    enum { WARM = 2000, ROUNDS = 20000 };
    for (int k = 0; k < WARM + ROUNDS; ++k) {
        simulation_round(s);
        for (size_t i = 0; k >= WARM && i < D; ++i)
            mean[i] += s->w[i] / ROUNDS;
    }
    for (int c = 0; c < CLIENTS; ++c)
        close_to(simulation_number(s, c, "weights"), 1 / (0.2 + 0.2 * c), 0.1);
    assert_true(distance(mean, fixed) < 0.02);
    simulation_free(all);
    simulation_free(s);
    close_to(after_rounds("fedavg", "participation=bernoulli", 1, EQUAL), 0, 10);
}

static double fedfix_distance(const char *options, const double weight[CLIENTS]) {
    enum { ALL = 12000, LAST = 600 };
    double mean[D] = {0}, best[D];
    simulation_t *s = simulation_new("fedfix", options);
    for (size_t c = 0; c < CLIENTS; ++c)
        simulation_begin(s, c);
    for (int k = 0; k < ALL; ++k) {
        simulation_event(s);
        for (size_t i = 0; k >= ALL - LAST && i < D; ++i)
            mean[i] += s->w[i] / LAST;
    }
    simulation_free(s);
    minimiser(weight, best);
    return distance(mean, best);
}

static void test_fedfix_is_unbiased(void **state) {
    static const double FAST[CLIENTS] = {1, 1 / 2.0, 1 / 3.0, 1 / 4.0}, SIZES[CLIENTS] = {1, 2, 3, 4};
    (void)state;
    assert_true(fedfix_distance("local_steps=1,lr=0.002", EQUAL) < 0.005);
    assert_true(fedfix_distance("local_steps=1,lr=0.002,scheme=async", EQUAL) < 0.005);
    assert_true(fedfix_distance("local_steps=1,lr=0.002,scheme=buffer,horizon=1000", EQUAL) < 0.005);
    assert_true(fedfix_distance("local_steps=1,lr=0.002,scheme=sync,importance=size", SIZES) < 0.005);
    assert_true(fedfix_distance("local_steps=1,lr=0.002,scheme=async,weights=identical", FAST) < 0.005);
    assert_true(fedfix_distance("local_steps=1,lr=0.002,scheme=async,weights=identical", EQUAL) > 0.1);
}

/* ---- Networks ---- */

static double spread(const char *options) {
    double most = 0;
    simulation_t *s = simulation_new("dfedsam", options);
    for (int k = 0; k < 500; ++k)
        simulation_round(s);
    for (size_t i = 0; i < D; ++i) {
        double least = HUGE_VAL, largest = -HUGE_VAL, x[D];
        for (int c = 0; c < CLIENTS; ++c) {
            CHECK_OK(optim_server_state(s->server, c, "X", 0, x));
            least = fmin(least, x[i]);
            largest = fmax(largest, x[i]);
        }
        most = fmax(most, largest - least);
    }
    simulation_free(s);
    return most;
}

static void test_gossip(void **state) {
    (void)state;
    close_to(spread("rho=0,gossip=1"), 0.456, 5e-4);
    close_to(spread("rho=0,gossip=8"), 2.1e-4, 5e-6);
}

static void test_dadao_converges(void **state) {
    double best[D], x[D];
    (void)state;
    simulation_t *s = simulation_new("dadao", NULL);
    for (int k = 0; k < 20000; ++k)
        simulation_gradient_event(s);
    minimiser(EQUAL, best);
    for (int c = 0; c < CLIENTS; ++c) {
        CHECK_OK(optim_server_state(s->server, c, "X", 0, x));
        assert_true(distance(x, best) < 1e-12);
    }
    simulation_free(s);
}

/* The mean square of the distance at the end, over seeds. */
static double walk_error(double alpha) {
    enum { SEEDS = 60, EVENTS = 3000 };
    double best[D], sum = 0;
    minimiser(EQUAL, best);
    for (int seed = 1; seed <= SEEDS; ++seed) {
        char *options = check_text("alpha=%g,seed=%d,lr=1", alpha, seed);
        simulation_t *s = simulation_new("sa_srrw", options);
        for (int k = 0; k < EVENTS; ++k)
            simulation_gradient_event(s);
        sum += distance(s->w, best) * distance(s->w, best) / SEEDS;
        simulation_free(s);
        free(options);
    }
    return sum;
}

static void test_walk(void **state) {
    (void)state;
    simulation_t *s = simulation_new("sa_srrw", NULL);
    for (int k = 0; k < 20000; ++k)
        simulation_gradient_event(s);
    for (int c = 0; c < CLIENTS; ++c)
        close_to(simulation_number(s, c, "occupation"), 0.25, 0.01);
    simulation_free(s);
    const double none = walk_error(0), some = walk_error(2), more = walk_error(8);
    assert_true(more < some && some < none);
}

static void test_one_merge(void **state) {
    double losses = 0, merged = 0;
    (void)state;
    simulation_t *apart = simulation_new("diloco", "local_steps=5"), *s = simulation_new("merge_once", NULL);
    for (size_t c = 0; c < CLIENTS; ++c) {
        simulation_begin(apart, c);
        simulation_train(apart, c);
        CHECK_OK(optim_server_end(s->server, (int64_t)c, (const void *[]){apart->y[c]}, 5));
    }
    CHECK_OK(optim_server_commit(s->server));
    for (size_t c = 0; c < CLIENTS; ++c) {
        merged += client_loss(c, s->w) / CLIENTS;
        for (size_t k = 0; k < CLIENTS; ++k)
            losses += client_loss(c, apart->y[k]) / (CLIENTS * CLIENTS);
    }
    assert_true(merged < losses);
    simulation_free(apart);
    simulation_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_step_is_gradient_descent),
        cmocka_unit_test(test_local_steps_are_biased),
        cmocka_unit_test(test_corrections_are_not),
        cmocka_unit_test(test_order_of_arrival),
        cmocka_unit_test(test_nobody_came),
        cmocka_unit_test(test_momentum_waits),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_lost_on_the_way),
        cmocka_unit_test(test_buffer_of_all_is_fedavg),
        cmocka_unit_test(test_long_period_is_fedavg),
        cmocka_unit_test(test_outer_steps),
        cmocka_unit_test(test_delay_needs_smaller_steps),
        cmocka_unit_test(test_fedau_learns_who_comes),
        cmocka_unit_test(test_fedfix_is_unbiased),
        cmocka_unit_test(test_gossip),
        cmocka_unit_test(test_dadao_converges),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_one_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
