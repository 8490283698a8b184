#include "problem.h"

#include <math.h>
#include <string.h>

#include "golden_text.h"
#include "verdict.h"

/* ---- Data that many problems share ---- */

double sample_a(size_t i, size_t j) {
    const double row = (double)i, column = (double)j;
    return sin(1.7 * row + 0.9 * row * column + 2.3 * column * column + 0.5);
}

double sample_other_a(size_t i, size_t j) {
    const double row = (double)i, column = (double)j;
    return sin(1.1 * row + 0.7 * row * column + 1.9 * column * column + 0.2);
}

double sample_b(size_t i) {
    return cos(0.9 * (double)i);
}

double dot_sample(size_t i, size_t d, const double *x) {
    double sum = 0;
    for (size_t j = 0; j < d; ++j)
        sum += sample_a(i, j) * x[j];
    return sum;
}

/* ---- Options and inputs ---- */

double problem_number(const problem_t *p, const char *key) {
    double value;
    if (!golden_option(p->options, key, &value))
        fail_file("problem %s wants %s=", p->kind->name, key);
    return value;
}

size_t problem_size(const problem_t *p, const char *key) {
    const double value = problem_number(p, key);
    if (!(value >= 1 && value <= 10000) || value != floor(value))
        fail_file("problem %s: %s=%g is no size", p->kind->name, key, value);
    return (size_t)value;
}

void problem_shape(problem_t *p, size_t d, size_t components) {
    p->d = d;
    p->parts = 1;
    p->size[0] = d;
    p->components = components;
}

double *problem_offer(problem_t *p, const char *name, size_t rows, size_t columns) {
    if (p->inputs == PROBLEM_INPUTS)
        fail_file("problem %s has more inputs than there is room for", p->kind->name);
    problem_input_t *input = &p->input[p->inputs++];
    input->name = name;
    input->ndim = columns == 0 ? 1 : 2;
    input->dims[0] = (int64_t)rows;
    input->dims[1] = (int64_t)columns;
    input->values = file_memory(columns == 0 ? rows : rows * columns, sizeof(double));
    return input->values;
}

/* ---- Opening ---- */

static const problem_kind_t *find_kind(const char *name) {
    static const problem_kind_t *const TABLES[] = {
        PROBLEMS_OF_SUMS, PROBLEMS_WITH_CONSTRAINTS, PROBLEMS_OF_TWO_LEVELS, PROBLEMS_OF_OPERATORS,
        PROBLEMS_OF_DATA, PROBLEMS_OF_NETWORKS,      PROBLEMS_OF_VALUES,
    };
    for (size_t t = 0; t < sizeof TABLES / sizeof *TABLES; ++t)
        for (const problem_kind_t *kind = TABLES[t]; kind->name != NULL; ++kind)
            if (strcmp(kind->name, name) == 0)
                return kind;
    return NULL;
}

problem_t *problem_open(const char *name, const char *options, const char *method, int tensors, const size_t *sizes) {
    problem_t *p = file_memory(1, sizeof *p);
    p->options = options;
    p->method = method;
    p->tensors = tensors;
    p->sizes = sizes;
    p->kind = find_kind(name);
    p->oracle = p->kind == NULL ? oracle_find(strcmp(name, "quad") == 0 ? "quadratic" : name) : NULL;
    if (p->kind == NULL && p->oracle == NULL)
        return NULL;
    if (p->oracle != NULL) {
        double d = 0;
        (void)golden_option(options, "d", &d);
        problem_shape(p, (size_t)d, 0);
    } else {
        p->kind->open(p);
    }
    return p;
}

/* ---- Evaluating ---- */

static size_t variables(const problem_t *p) {
    size_t d = p->d;
    for (int i = 0; i < p->tensors && p->d == 0; ++i)
        d += p->sizes[i];
    return d;
}

static size_t first_tensor(const problem_t *p) {
    return p->tensors > 0 ? p->sizes[0] : 0;
}

typedef struct range {
    size_t first, end;
} range_t;

/* The components of a term; one, number 0, where there is no sum. Of an oracle every component is the function
 * itself: workers that have the same loss. */
static range_t components_of(const problem_t *p, const term_t *term) {
    if (p->components == 0) {
        const bool is_all = term->count == 0 || (term->first == 0 && term->count == 1);
        if (!is_all && p->oracle == NULL)
            fail_file("asks for component %lld of a problem that is no sum", (long long)term->first);
        return (range_t){0, 1};
    }
    if (term->count == 0)
        return (range_t){0, p->components};
    if (term->first < 0 || term->count < 0 || term->first + term->count > (int64_t)p->components)
        fail_file("asks for components %lld to %lld of %zu", (long long)term->first,
                  (long long)(term->first + term->count - 1), p->components);
    return (range_t){(size_t)term->first, (size_t)(term->first + term->count)};
}

static void must_have(const problem_t *p, bool has, const char *what) {
    if (!has)
        fail_file("asks for a %s, which problem %s does not have", what, p->kind->name);
}

double problem_value(const problem_t *p, const term_t *term, const double *x) {
    const range_t range = components_of(p, term);
    if (p->oracle != NULL)
        return p->oracle->loss(variables(p), first_tensor(p), x);
    must_have(p, p->kind->value != NULL, "value");
    double sum = 0;
    for (size_t i = range.first; i < range.end; ++i)
        sum += p->kind->value(p, term->objective, i, x);
    return sum / (double)(range.end - range.first);
}

static void divide(size_t d, double divisor, double *values) {
    for (size_t i = 0; i < d && divisor != 1; ++i)
        values[i] /= divisor;
}

void problem_gradient(const problem_t *p, const term_t *term, const double *x, double *g) {
    const size_t d = variables(p);
    const range_t range = components_of(p, term);
    if (p->oracle != NULL) {
        p->oracle->gradient(d, first_tensor(p), x, g);
        return;
    }
    must_have(p, p->kind->gradient != NULL, "gradient");
    memset(g, 0, d * sizeof *g);
    for (size_t i = range.first; i < range.end; ++i) {
        p->kind->gradient(p, term->objective, i, x, g);
        if (term->weights != NULL)
            p->kind->constraint_gradient(p, i, x, term->weights, g);
    }
    divide(d, (double)(range.end - range.first), g);
}

void problem_product(const problem_t *p, const term_t *term, const double *x, const double *v, double *hv) {
    const size_t d = variables(p);
    const range_t range = components_of(p, term);
    if (p->oracle != NULL) {
        p->oracle->product(d, first_tensor(p), x, v, hv);
        return;
    }
    must_have(p, p->kind->product != NULL, "Hessian-vector product");
    memset(hv, 0, d * sizeof *hv);
    for (size_t i = range.first; i < range.end; ++i)
        p->kind->product(p, term->objective, i, x, v, hv);
    divide(d, (double)(range.end - range.first), hv);
    if (term->weights != NULL && p->kind->constraint_product != NULL)
        p->kind->constraint_product(p, x, term->weights, v, hv);
}

void problem_constraints(const problem_t *p, const term_t *term, const double *x, double *c) {
    const size_t count = p->equalities + p->inequalities;
    const range_t range = components_of(p, term);
    if (p->oracle != NULL || p->kind->constrain == NULL)
        fail_file("asks for constraints of a problem that has none");
    memset(c, 0, count * sizeof *c);
    for (size_t i = range.first; i < range.end; ++i)
        p->kind->constrain(p, i, x, c);
    divide(count, (double)(range.end - range.first), c);
}
