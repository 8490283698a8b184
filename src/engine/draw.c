/* Random numbers for serial work, each from the handle's stream. engine_t.draws, the number of the last word that was
 * taken, is all that has to be saved of it. */
#include <math.h>

#include "engine/engine.h"
#include "kernels/random.h"

uint64_t step_draws(step_t *s, uint64_t count) {
    const uint64_t first = s->engine->draws + 1;
    s->engine->draws += count;
    return first;
}

double step_uniform(step_t *s) {
    return random_uniform(s->seed, step_draws(s, 1));
}

double step_normal(step_t *s) {
    return random_normal(s->seed, step_draws(s, 2));
}

bool step_bernoulli(step_t *s, double p) {
    return step_uniform(s) < p;
}

/* floor(n u) can round to n where n is beyond 2^53 only, but costs nothing to bound. */
int64_t step_index(step_t *s, int64_t n) {
    const int64_t drawn = (int64_t)((double)n * step_uniform(s));
    return drawn < n ? drawn : n - 1;
}

int64_t step_categorical(step_t *s, int64_t n, const double *weight) {
    double total = 0, reached = 0;
    for (int64_t i = 0; i < n; ++i)
        total += weight[i];
    const double wanted = step_uniform(s) * total;
    for (int64_t i = 0; i < n; ++i) {
        reached += weight[i];
        if (reached > wanted)
            return i;
    }
    return n - 1;
}

static void exchange(int64_t *order, int64_t i, int64_t j) {
    const int64_t kept = order[i];
    order[i] = order[j];
    order[j] = kept;
}

void step_permutation(step_t *s, int64_t n, int64_t *order) {
    for (int64_t i = 0; i < n; ++i)
        order[i] = i;
    for (int64_t i = n - 1; i > 0; --i)
        exchange(order, i, step_index(s, i + 1));
}

/* Moves order[root] down a heap of `count` with the largest on top. */
static void sift(int64_t *order, int64_t root, int64_t count) {
    for (int64_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && order[child + 1] > order[child])
            ++child;
        if (order[root] >= order[child])
            return;
        exchange(order, root, child);
    }
}

/* Heapsort: qsort may take memory. */
static void sort(int64_t *order, int64_t count) {
    for (int64_t root = count / 2 - 1; root >= 0; --root)
        sift(order, root, count);
    for (int64_t last = count - 1; last > 0; --last) {
        exchange(order, 0, last);
        sift(order, 0, last);
    }
}

void step_subset(step_t *s, int64_t n, int64_t count, int64_t *order) {
    step_permutation(s, n, order);
    sort(order, count);
}

int64_t *step_order(const step_t *s) {
    return s->engine->order;
}
