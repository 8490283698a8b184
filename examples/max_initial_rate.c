/*
 * The maximal initial learning rate (Iyer, Hanin, Rolnick, "Maximal Initial Learning Rates in Deep ReLU Networks", 2023):
 * the largest constant rate with which SGD gets from its first weights to a threshold accuracy. Doubled until the first
 * failure, then bisected in the logarithm to 5 %.
 * Usage: max_initial_rate          the search goes to standard error
 */
#include <math.h>
#include <optim/optim.h>
#include <stdio.h>
#include <stdlib.h>

#include "trainer.h"

static const double THRESHOLD = 0.8; /* of the accuracy on held-out images */
enum { PASSES = 5 };

static int succeeds(small_trainer_t *t, double lr) {
    if (trainer_restart(t) < 0 || optim_set(t->opt, 0, "lr", lr) < 0)
        return -1;
    for (size_t k = 0; k < PASSES * t->digits.train.rows / 64; ++k)
        (void)trainer_step(t);
    const double accuracy = mlp_accuracy(&t->net, &t->digits.test);
    fprintf(stderr, "rate %-8.4g accuracy %.3f\n", lr, accuracy);
    return accuracy >= THRESHOLD;
}

int main(void) {
    small_trainer_t t;
    double low = 0.1, high;
    int answer = trainer_open(&t, "sgd", NULL) < 0 ? -1 : succeeds(&t, low);
    if (answer == 0) {
        fprintf(stderr, "not even the first rate succeeds\n");
        answer = -1;
    }
    high = 2 * low;
    while (answer == 1 && (answer = succeeds(&t, high)) == 1) {
        low = high;
        high *= 2;
    }
    while (answer >= 0 && high / low > 1.05) {
        const double middle = sqrt(low * high);
        answer = succeeds(&t, middle);
        if (answer == 1)
            low = middle;
        else
            high = middle;
    }
    if (answer >= 0) {
        fprintf(stderr, "maximal initial rate: %.3g\n", low);
        printf("maximal initial rate between 0.8 and 1.6: %s\n", low > 0.8 && low < 1.6 ? "yes" : "no");
    }
    trainer_close(&t);
    return answer < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
