/*
 * write_checkpoint FILE [forms|names|shares]: a checkpoint for others to look at.
 *
 * Three steps of adamw under ema; element i of every tensor begins at 1 + i / 8, and its gradient in step s = 1, 2, ...
 * is ((7 i + 3 s) mod 11 - 5) / 8, so that every dtype holds it exactly. `forms`: parameters and states of every form,
 * and the gradient of step 4 accumulated. `names`: one-element tensors of odd names. `shares`: two ranks save. Prints
 * all parameters, a line for each.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "optim/comm.h"

enum { MOST = 16, ELEMENTS = 24, STEPS = 3, LONG_NAME = 5000 };

typedef struct form {
    const char *name;
    optim_dtype dtype;
    int group, ndim;
    int64_t dims[2];
} form_t;

static const form_t PLAIN[] = {{"w", OPTIM_F32, 0, 2, {3, 4}}, {"b", OPTIM_F64, 0, 1, {5}}, {0}};

static const char *const GROUPS[] = {"master=f32", "rounding=kahan", "state_dtype=bf16,state_min=0",
                                     "state_dtype=int8,state_min=0,state_block=8"};
static const form_t FORMS[] = {
    {"f32", OPTIM_F32, 0, 2, {3, 4}},
    {"f64", OPTIM_F64, 0, 1, {5}},
    {"bf16", OPTIM_BF16, 0, 2, {2, 3}},
    {"master", OPTIM_BF16, 1, 1, {7}},
    {"kahan", OPTIM_F16, 2, 1, {4}},
    {"short", OPTIM_F32, 3, 1, {10}},
    {"int8", OPTIM_F32, 4, 2, {3, 7}},
    {"int8_f64", OPTIM_F64, 4, 1, {9}},
    {"scalar", OPTIM_F32, 0, 0, {0}},
    {"empty", OPTIM_F32, 0, 2, {0, 3}},
    {0},
};

static char long_name[LONG_NAME + 1];
static const form_t NAMES[] = {{"a", OPTIM_F32},
                               {"a/adamw.m", OPTIM_F32},
                               {"a/adamw.m/adamw.v", OPTIM_F32},
                               {"layers.0/weight", OPTIM_F32},
                               {"\"quoted\" \\ and {braces}", OPTIM_F32},
                               {"two\nlines\tand a bell \a", OPTIM_F32},
                               {"\xC3\xBC\xE2\x86\x92\xF0\x9F\x98\x80", OPTIM_F32},
                               {"\xC2\x9B[31m", OPTIM_F32},
                               {"__metadata__", OPTIM_F32},
                               {"\"libgradopt.checksum\":\"", OPTIM_F32},
                               {" ", OPTIM_F32},
                               {long_name, OPTIM_F32},
                               {0}};

static union {
    float f32[ELEMENTS];
    double f64[ELEMENTS];
    uint16_t half[ELEMENTS];
} data[MOST], grad[MOST];

/* Numbers of few bits: what bf16 and f16 hold of a float without rounding. */
static uint16_t to_half(optim_dtype dtype, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (dtype == OPTIM_BF16)
        return (uint16_t)(bits >> 16);
    const uint32_t exponent = bits >> 23 & 0xFF;
    return (uint16_t)((bits >> 16 & 0x8000) | (exponent == 0 ? 0 : (exponent - 112) << 10) | (bits >> 13 & 0x3FF));
}

static double from_half(optim_dtype dtype, uint16_t half) {
    uint32_t bits = (uint32_t)half << 16;
    float value;
    if (dtype == OPTIM_F16) /* none here is subnormal */
        bits = (uint32_t)(half & 0x8000) << 16 | ((half & 0x7FFF) == 0 ? 0 : (uint32_t)(half & 0x7FFF) + (112U << 10))
                                                     << 13;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

static void put(optim_dtype dtype, void *to, int i, double value) {
    if (dtype == OPTIM_F64)
        ((double *)to)[i] = value;
    else if (dtype == OPTIM_F32)
        ((float *)to)[i] = (float)value;
    else
        ((uint16_t *)to)[i] = to_half(dtype, (float)value);
}

static double get(optim_dtype dtype, const void *from, int i) {
    if (dtype == OPTIM_F64)
        return ((const double *)from)[i];
    if (dtype == OPTIM_F32)
        return (double)((const float *)from)[i];
    return from_half(dtype, ((const uint16_t *)from)[i]);
}

static int elements(const form_t *form) {
    int64_t count = 1;
    for (int i = 0; i < form->ndim; ++i)
        count *= form->dims[i];
    return (int)count;
}

static void set_gradients(const form_t *forms, int step) {
    for (int k = 0; forms[k].name != NULL; ++k)
        for (int i = 0; i < elements(&forms[k]); ++i)
            put(forms[k].dtype, &grad[k], i, ((7 * i + 3 * step) % 11 - 5) / 8.0);
}

static int lend(optim_t *opt, const form_t *forms) {
    int failed = 0;
    for (int k = 0; !failed && forms[k].name != NULL; ++k) {
        for (int i = 0; i < elements(&forms[k]); ++i)
            put(forms[k].dtype, &data[k], i, 1 + i / 8.0);
        failed = optim_add_param(opt, forms[k].group, forms[k].name, forms[k].dtype, forms[k].ndim, forms[k].dims,
                                 &data[k], &grad[k]);
    }
    return failed;
}

static void print(const form_t *forms) {
    for (int k = 0; forms[k].name != NULL; ++k) {
        printf("%s", forms[k].name);
        for (int i = 0; i < elements(&forms[k]); ++i)
            printf(" %.17g", get(forms[k].dtype, &data[k], i));
        printf("\n");
    }
}

/* ---- Two ranks, each with tensors of its own ---- */

static const char *path;

static void *be_rank(void *argument) {
    enum { N = 4 };
    optim_comm *comm = argument;
    double x[2][N] = {{1, 2, 3, 4}, {5, 6, 7, 8}}, g[2][N] = {{1, 1, 1, 1}, {2, 2, 2, 2}};
    optim_t *opt = NULL;
    const int failed = optim_create(&opt, "adamw", "replicas=mean,shard=1,checkpoint=shares") ||
                       optim_add_param(opt, 0, "w", OPTIM_F64, 1, (int64_t[]){N}, x[0], g[0]) ||
                       optim_add_param(opt, 0, "b", OPTIM_F64, 1, (int64_t[]){N}, x[1], g[1]) ||
                       optim_set_comm(opt, comm) || optim_step(opt) || optim_save(opt, path);
    if (failed)
        fprintf(stderr, "%s\n", optim_error());
    optim_destroy(opt);
    return failed ? argument : NULL;
}

static int write_shares(void) {
    enum { RANKS = 2 };
    optim_comm comm[RANKS];
    pthread_t thread[RANKS];
    optim_team_t *team;
    int failed = optim_team_create(&team, RANKS) != OPTIM_OK;
    for (int r = 0; !failed && r < RANKS; ++r)
        failed = optim_comm_team(&comm[r], team, r) || pthread_create(&thread[r], NULL, be_rank, &comm[r]);
    for (int r = 0; !failed && r < RANKS; ++r) {
        void *wrong;
        failed = pthread_join(thread[r], &wrong) || wrong != NULL;
    }
    optim_team_destroy(team);
    return failed;
}

int main(int count, char **argument) {
    const char *which = count == 3 ? argument[2] : "";
    const int all_forms = strcmp(which, "forms") == 0, all_names = strcmp(which, "names") == 0;
    const form_t *forms = all_forms ? FORMS : all_names ? NAMES : PLAIN;
    optim_t *opt = NULL;
    if (count < 2 || count > 3)
        return 2;
    path = argument[1];
    if (strcmp(which, "shares") == 0)
        return write_shares();
    memset(long_name, 'x', LONG_NAME);
    int failed = optim_create(&opt, "adamw", all_forms ? "lr=0.25,accumulate=1" : "lr=0.25") ||
                 optim_wrap(opt, "ema", NULL) || optim_set_schedule(opt, 0, "lr", "wsd", "steps=10,cooldown=5");
    for (size_t g = 0; !failed && all_forms && g < sizeof GROUPS / sizeof *GROUPS; ++g)
        failed = optim_add_group(opt, GROUPS[g], NULL);
    failed = failed || lend(opt, forms);
    for (int step = 1; !failed && step <= STEPS; ++step) {
        set_gradients(forms, step);
        failed = (all_forms && optim_accumulate(opt)) || optim_step(opt);
    }
    set_gradients(forms, STEPS + 1);
    failed = failed || (all_forms && optim_accumulate(opt)) || optim_save(opt, argument[1]);
    if (failed)
        fprintf(stderr, "%s\n", optim_error());
    else
        print(forms);
    optim_destroy(opt);
    return failed != 0;
}
