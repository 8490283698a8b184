#include "blocks/box.h"

#include <math.h>
#include <string.h>

#include "base/number.h"

enum { PIECE = 256 };

size_t box_elements(size_t elements, const double *option) {
    (void)option;
    return elements;
}

enum { MATRICES = 3, VECTORS = 8 };
size_t box_dense(size_t pairs) {
    const size_t side = 2 * pairs;
    return side * (MATRICES * side + VECTORS);
}

/* ---- Elements ---- */

/* One tensor: where its rows are, and its box around x for a piece of it. */
typedef struct part {
    const box_model_t *model;
    const tensor_t *tensor;
    const void *x, *g, *s, *y;
    void *d;
    size_t pace_s, pace_y; /* bytes from copy to copy */
    double down[PIECE], up[PIECE];
} part_t;

static double read(const part_t *part, const void *row, size_t i) {
    return part->tensor->dtype == OPTIM_F64 ? ((const double *)row)[i] : (double)((const float *)row)[i];
}

/* False: it has no elements that move. */
static bool open_part(const step_t *s, const box_model_t *model, size_t tensor, part_t *part) {
    size_t none;
    part->tensor = step_tensor(s, tensor);
    if (part->tensor == NULL || part->tensor->count == 0)
        return false;
    part->model = model;
    part->x = step_state(s, tensor, model->x, &none);
    part->g = step_state(s, tensor, model->g, &none);
    part->d = step_state(s, tensor, model->d, &none);
    part->s = step_state(s, tensor, model->s, &part->pace_s);
    part->y = step_state(s, tensor, model->y, &part->pace_y);
    return true;
}

/* The room that the elements from `first` on have below and above x; returns how many they are. */
static size_t open_piece(const step_t *s, part_t *part, size_t first) {
    const size_t left = part->tensor->count - first, n = left < PIECE ? left : PIECE;
    step_bounds_read(s, part->tensor->id, first, n, part->down, part->up);
    for (size_t i = 0; i < n; ++i) {
        const double x = read(part, part->x, first + i);
        part->down[i] -= x;
        part->up[i] -= x;
    }
    return n;
}

/* The row of W: gamma y, then s, by age. */
static void read_w(const part_t *part, size_t i, double *w) {
    const box_model_t *m = part->model;
    for (size_t j = 0; j < m->pairs; ++j) {
        const size_t copy = (m->oldest + j) % m->history;
        w[j] = m->gamma * read(part, (const char *)part->y + copy * part->pace_y, i);
        w[m->pairs + j] = read(part, (const char *)part->s + copy * part->pace_s, i);
    }
}

/* A sum of squares as scale^2 sum, which doubles always hold. */
typedef struct squares {
    double scale, sum;
} squares_t;
static void add_square(squares_t *squares, double x) {
    const double modulus = fabs(x);
    if (modulus > squares->scale) {
        const double ratio = squares->scale / modulus;
        *squares = (squares_t){modulus, 1 + squares->sum * ratio * ratio};
    } else if (modulus > 0) {
        squares->sum += modulus / squares->scale * (modulus / squares->scale);
    } else if (isnan(x)) {
        squares->sum = x;
    }
}

box_look_t box_look(const step_t *s, const box_model_t *model) {
    box_look_t look = {0};
    squares_t movable = {0}, projected = {0};
    part_t part;
    for (size_t tensor = 0; tensor < step_tensor_count(s); ++tensor) {
        const size_t count = open_part(s, model, tensor, &part) ? part.tensor->count : 0;
        for (size_t first = 0, n; first < count; first += n) {
            n = open_piece(s, &part, first);
            for (size_t i = 0; i < n; ++i) {
                const double g = read(&part, part.g, first + i), room = g > 0 ? part.down[i] : part.up[i];
                look.outside |= part.down[i] > 0 || part.up[i] < 0;
                add_square(&projected, fabs(g) < fabs(room) || isnan(g) ? g : room);
                if (room == 0)
                    continue;
                look.norm_1 += fabs(g);
                add_square(&movable, g);
            }
        }
    }
    look.norm_2 = movable.scale * sqrt(movable.sum);
    look.criterion = projected.scale * sqrt(projected.sum);
    return look;
}

/* ---- Small matrices ---- */

/* The lower triangle of a <- a + w w' */
static void add_product(size_t n, const double *w, double *a) {
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j <= i; ++j)
            a[i * n + j] += w[i] * w[j];
}

static void add_multiple(size_t n, double factor, const double *x, double *y) {
    for (size_t i = 0; i < n; ++i)
        y[i] += factor * x[i];
}

static double inner(size_t n, const double *x, const double *y) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += x[i] * y[i];
    return sum;
}

static void swap(double *x, double *y) {
    const double kept = *x;
    *x = *y;
    *y = kept;
}

/* a <- L and U of P a = L U, rows exchanged as `pivot` says; false: it is singular. */
static bool factor(size_t n, double *a, double *pivot) {
    for (size_t k = 0; k < n; ++k) {
        size_t largest = k;
        for (size_t i = k + 1; i < n; ++i)
            if (fabs(a[i * n + k]) > fabs(a[largest * n + k]))
                largest = i;
        pivot[k] = (double)largest;
        for (size_t j = 0; j < n; ++j)
            swap(&a[k * n + j], &a[largest * n + j]);
        if (!(fabs(a[k * n + k]) > 0) || isinf(a[k * n + k]))
            return false;
        for (size_t i = k + 1; i < n; ++i) {
            const double l = a[i * n + k] /= a[k * n + k];
            for (size_t j = k + 1; j < n; ++j)
                a[i * n + j] -= l * a[k * n + j];
        }
    }
    return true;
}

/* x <- a^-1 b */
static void solve(size_t n, const double *a, const double *pivot, const double *b, double *x) {
    memcpy(x, b, n * sizeof *x);
    for (size_t k = 0; k < n; ++k)
        swap(&x[k], &x[(size_t)pivot[k]]);
    for (size_t i = 0; i < n; ++i)
        x[i] -= inner(i, a + i * n, x);
    for (size_t i = n; i-- > 0;)
        x[i] = (x[i] - inner(n - 1 - i, a + i * n + i + 1, x + i + 1)) / a[i * n + i];
}

/* ---- The heap: elements by the time at which they meet their bound ---- */

static void sift(const double *time, double *heap, size_t count, size_t i) {
    for (size_t child; (child = 2 * i + 1) < count; i = child) {
        if (child + 1 < count && time[(size_t)heap[child + 1]] < time[(size_t)heap[child]])
            ++child;
        if (!(time[(size_t)heap[child]] < time[(size_t)heap[i]]))
            return;
        swap(&heap[child], &heap[i]);
    }
}

/* ---- The Cauchy point ---- */

typedef struct search {
    step_t *s;
    box_t *box;
    const box_model_t *model;
    size_t side;                                  /* of M: twice the pairs */
    double *gram, *m, *free;                      /* W'W; the factors of M^-1, and of M^-1 - W_F'W_F */
    double *m_pivot, *free_pivot, *w, *p, *c, *v; /* p = W'd, c = W'(x - x_c) */
    double *mw;
    double slope, curvature; /* of the model along the path */
    double at;               /* time of the Cauchy point */
    size_t waiting;          /* in the heap */
} search_t;

static search_t make_search(step_t *s, box_t *box, const box_model_t *model) {
    const size_t n = 2 * model->pairs, square = n * n;
    double *dense = box->dense, *vectors = dense + MATRICES * square;
    memset(dense, 0, n * (MATRICES * n + VECTORS) * sizeof *dense);
    return (search_t){.s = s,
                      .box = box,
                      .model = model,
                      .side = n,
                      .gram = dense,
                      .m = dense + square,
                      .free = dense + 2 * square,
                      .m_pivot = vectors,
                      .free_pivot = vectors + n,
                      .w = vectors + 2 * n,
                      .p = vectors + 3 * n,
                      .c = vectors + 4 * n,
                      .v = vectors + 5 * n,
                      .mw = vectors + 6 * n};
}

/* Times and rooms of all elements, W'W, p = W'd and the first slope; the heap without its order. */
static void begin_path(search_t *search) {
    box_t *box = search->box;
    part_t part;
    for (size_t tensor = 0; tensor < step_tensor_count(search->s); ++tensor) {
        const size_t count = open_part(search->s, search->model, tensor, &part) ? part.tensor->count : 0;
        for (size_t first = 0, n; first < count; first += n) {
            n = open_piece(search->s, &part, first);
            for (size_t i = 0; i < n; ++i) {
                const size_t own = part.tensor->first_of_method + first + i;
                const double d = -search->model->gamma * read(&part, part.g, first + i);
                const double room = d > 0 ? part.up[i] : d < 0 ? part.down[i] : 0;
                box->move[own] = room;
                box->time[own] = d == 0 ? INFINITY : room / d;
                read_w(&part, first + i, search->w);
                add_product(search->side, search->w, search->gram);
                if (!(box->time[own] > 0))
                    continue;
                search->slope -= d * d;
                add_multiple(search->side, d, search->w, search->p);
                if (box->time[own] < INFINITY)
                    box->spare[search->waiting++] = (double)own;
            }
        }
    }
    for (size_t i = search->waiting / 2; i-- > 0;)
        sift(box->time, box->spare, search->waiting, i);
}

/* M^-1, both triangles. */
static void compose(const search_t *search, double *to) {
    const size_t n = search->side, k = n / 2;
    for (size_t i = 0; i < k; ++i)
        for (size_t j = 0; j < k; ++j) {
            const double sy = search->gram[(k + i) * n + j];
            to[i * n + j] = i == j ? -sy : 0;
            to[(k + i) * n + j] = to[j * n + k + i] = i > j ? sy : 0;
            to[(k + i) * n + k + j] = search->gram[(k + (i > j ? i : j)) * n + k + (i > j ? j : i)];
        }
}

/* The element that leaves the path at its bound: d_b = 0 from here on. */
static void fix(search_t *search, size_t own) {
    const size_t n = search->side;
    part_t part;
    size_t tensor = 0;
    while (!open_part(search->s, search->model, tensor, &part) ||
           own - part.tensor->first_of_method >= part.tensor->count)
        ++tensor;
    const size_t i = own - part.tensor->first_of_method;
    const double d = -search->model->gamma * read(&part, part.g, i);
    read_w(&part, i, search->w);
    solve(n, search->m, search->m_pivot, search->w, search->mw);
    search->slope += d * d - d * search->box->move[own] + d * inner(n, search->mw, search->c);
    search->curvature += 2 * d * inner(n, search->mw, search->p) - d * d * (1 + inner(n, search->mw, search->w));
    add_multiple(n, -d, search->w, search->p);
}

/* Algorithm CP: from breakpoint to breakpoint, until the model rises. */
static void walk_path(search_t *search) {
    const size_t n = search->side;
    box_t *box = search->box;
    solve(n, search->m, search->m_pivot, search->p, search->v);
    const double whole = -search->slope;
    search->curvature = whole - inner(n, search->p, search->v);
    while (search->slope < 0) {
        const double least = fmax(search->curvature, DBL_EPSILON * whole), ahead = -search->slope / least;
        const double next = search->waiting > 0 ? box->time[(size_t)box->spare[0]] : INFINITY;
        const double go = fmin(ahead, next - search->at);
        add_multiple(n, go, search->p, search->c);
        if (search->at + ahead < next) {
            search->at += ahead;
            return;
        }
        search->at = next;
        search->slope += go * search->curvature;
        fix(search, (size_t)box->spare[0]);
        box->spare[0] = box->spare[--search->waiting];
        sift(box->time, box->spare, search->waiting, 0);
    }
}

/* ---- The minimizer over the variables that are free at the Cauchy point ---- */

/* What elements move to the Cauchy point; of free ones the residual r = g~ + x_c - x - W M c, u = W_F'r, W_F'W_F. */
static void gather_free(search_t *search, const double *mc, double *u) {
    const size_t n = search->side;
    box_t *box = search->box;
    part_t part;
    for (size_t tensor = 0; tensor < step_tensor_count(search->s); ++tensor) {
        const size_t count = open_part(search->s, search->model, tensor, &part) ? part.tensor->count : 0;
        for (size_t i = 0; i < count; ++i) {
            const size_t own = part.tensor->first_of_method + i;
            const double g = search->model->gamma * read(&part, part.g, i);
            if (!(box->time[own] > search->at))
                continue;
            read_w(&part, i, search->w);
            box->move[own] = -search->at * g;
            box->spare[own] = g + box->move[own] - inner(n, search->w, mc);
            add_multiple(n, box->spare[own], search->w, u);
            add_product(n, search->w, search->free);
        }
    }
}

/* spare <- the way from the Cauchy point, -r - W_F (M^-1 - W_F'W_F)^-1 u; 0 of what is not free. */
static void find_minimizer(search_t *search) {
    const size_t n = search->side;
    box_t *box = search->box;
    double *mc = search->mw, *u = search->p;
    part_t part;
    solve(n, search->m, search->m_pivot, search->c, mc);
    memset(u, 0, n * sizeof *u);
    gather_free(search, mc, u);
    for (size_t i = 0; i < n; ++i) /* the Gram matrix of W is no longer needed */
        for (size_t j = 0; j < i; ++j)
            search->free[j * n + i] = search->free[i * n + j];
    double *inverse = search->m;
    compose(search, inverse);
    for (size_t i = 0; i < n * n; ++i)
        search->free[i] = inverse[i] - search->free[i];
    const bool regular = factor(n, search->free, search->free_pivot);
    if (regular)
        solve(n, search->free, search->free_pivot, u, search->v);
    for (size_t tensor = 0; tensor < step_tensor_count(search->s); ++tensor) {
        const size_t count = open_part(search->s, search->model, tensor, &part) ? part.tensor->count : 0;
        for (size_t i = 0; i < count; ++i) {
            const size_t own = part.tensor->first_of_method + i;
            const bool is_free = regular && box->time[own] > search->at;
            if (is_free)
                read_w(&part, i, search->w);
            box->spare[own] = is_free ? -box->spare[own] - inner(n, search->w, search->v) : 0;
        }
    }
}

/* ---- The direction ---- */

static double within(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

/* g'(P(x^) - x), and how much of the way from the Cauchy point lies inside the box. */
static double measure(const search_t *search, double *share) {
    const box_t *box = search->box;
    double slope = 0;
    part_t part;
    *share = 1;
    for (size_t tensor = 0; tensor < step_tensor_count(search->s); ++tensor) {
        const size_t count = open_part(search->s, search->model, tensor, &part) ? part.tensor->count : 0;
        for (size_t first = 0, n; first < count; first += n) {
            n = open_piece(search->s, &part, first);
            for (size_t i = 0; i < n; ++i) {
                const size_t own = part.tensor->first_of_method + first + i;
                const double way = box->spare[own], room = (way > 0 ? part.up[i] : part.down[i]) - box->move[own];
                slope += search->model->gamma * read(&part, part.g, first + i) *
                         within(box->move[own] + way, part.down[i], part.up[i]);
                if (way != 0)
                    *share = fmin(*share, fmax(room / way, 0));
            }
        }
    }
    return slope;
}

/* d, and how far it may be followed. What ends at its bound is sent a hair beyond, so that rounding cannot leave it a
   hair before: points are projected. */
static void write_direction(search_t *search, double share) {
    box_t *box = search->box;
    part_t part;
    box->longest = INFINITY;
    for (size_t tensor = 0; tensor < step_tensor_count(search->s); ++tensor) {
        const size_t count = open_part(search->s, search->model, tensor, &part) ? part.tensor->count : 0;
        for (size_t first = 0, n; first < count; first += n) {
            n = open_piece(search->s, &part, first);
            for (size_t i = 0; i < n; ++i) {
                const size_t own = part.tensor->first_of_method + first + i;
                double d = within(box->move[own] + share * box->spare[own], part.down[i], part.up[i]);
                const double room = d > 0 ? part.up[i] : part.down[i], x = read(&part, part.x, first + i);
                const bool is_f64 = part.tensor->dtype == OPTIM_F64;
                if (d != 0)
                    box->longest = fmin(box->longest, room / d);
                if (d != 0 && d == room)
                    d += copysign(4 * (is_f64 ? DBL_EPSILON : (double)FLT_EPSILON) * fmax(fabs(x), fabs(x + d)), d);
                if (is_f64)
                    ((double *)part.d)[first + i] = d;
                else
                    ((float *)part.d)[first + i] = (float)d;
            }
        }
    }
    box->longest = fmax(box->longest, 1);
}

bool box_direction(step_t *s, box_t *box, const box_model_t *model) {
    search_t search = make_search(s, box, model);
    double share;
    begin_path(&search);
    compose(&search, search.m);
    if (!factor(search.side, search.m, search.m_pivot))
        return false;
    walk_path(&search);
    find_minimizer(&search);
    const double slope = measure(&search, &share);
    write_direction(&search, slope < 0 ? 1 : share);
    return true;
}
