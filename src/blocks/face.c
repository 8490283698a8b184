#include "blocks/face.h"

#include <math.h>

#include "base/number.h"

enum { PIECE = 256, ROWS = 2 };

size_t face_elements(size_t elements, const double *option) {
    (void)option;
    return elements;
}

/* One element: the room that it has below (<= 0) and above (>= 0) x, and what the rows say of it. */
typedef struct place {
    double x, down, up, spacing;
    double row[ROWS];
    double *held;
} place_t;

/* What is looked for, and found. */
typedef struct look {
    double t, sum;
    size_t count;
    bool flag;
} look_t;

typedef void visit_t(place_t *place, look_t *look);

static double read(const tensor_t *tensor, const void *row, size_t i) {
    return tensor->dtype == OPTIM_F64 ? ((const double *)row)[i] : (double)((const float *)row)[i];
}

static void write(const tensor_t *tensor, void *row, size_t i, double value) {
    if (tensor->dtype == OPTIM_F64)
        ((double *)row)[i] = value;
    else
        ((float *)row)[i] = (float)value;
}

/* All elements that move, in order; `writes`: the first row takes what the visit leaves there. */
static void walk(step_t *s, face_t *face, int x, const int *rows, bool writes, visit_t *visit, look_t *look) {
    double lower[PIECE], upper[PIECE];
    size_t none;
    for (size_t k = 0; k < step_tensor_count(s); ++k) {
        const tensor_t *tensor = step_tensor(s, k);
        if (tensor == NULL || tensor->count == 0)
            continue;
        const void *at = step_state(s, k, x, &none);
        void *row[ROWS] = {step_state(s, k, rows[0], &none), step_state(s, k, rows[1], &none)};
        const double spacing = 4 * (tensor->dtype == OPTIM_F64 ? DBL_EPSILON : (double)FLT_EPSILON);
        for (size_t i = 0; i < tensor->count; ++i) {
            const size_t j = i % PIECE, left = tensor->count - i;
            if (j == 0)
                step_bounds_read(s, tensor->id, i, left < PIECE ? left : PIECE, lower, upper);
            const double here = read(tensor, at, i);
            place_t place = {here,
                             lower[j] - here,
                             upper[j] - here,
                             spacing,
                             {read(tensor, row[0], i), read(tensor, row[1], i)},
                             &face->held[tensor->first_of_method + i]};
            visit(&place, look);
            if (writes)
                write(tensor, row[0], i, place.row[0]);
        }
    }
}

static void visit_find(place_t *place, look_t *look) {
    const double g = place->row[0], held = (g > 0 && place->down >= 0) || (g < 0 && place->up <= 0) ? 1 : 0;
    look->count += *place->held != held;
    *place->held = held;
}

size_t face_find(step_t *s, face_t *face, int x, int g) {
    look_t look = {0};
    walk(s, face, x, (const int[ROWS]){g, g}, false, visit_find, &look);
    return look.count;
}

static void visit_restrict(place_t *place, look_t *look) {
    (void)look;
    place->row[0] = *place->held != 0 ? 0 : place->row[0];
}

void face_restrict(step_t *s, face_t *face, int row) {
    walk(s, face, row, (const int[ROWS]){row, row}, true, visit_restrict, &(look_t){0});
}

static void visit_square(place_t *place, look_t *look) {
    look->sum += *place->held != 0 ? 0 : place->row[0] * place->row[0];
}

double face_square(step_t *s, face_t *face, int row) {
    look_t look = {0};
    walk(s, face, row, (const int[ROWS]){row, row}, false, visit_square, &look);
    return look.sum;
}

static void visit_modulus(place_t *place, look_t *look) {
    look->sum += *place->held != 0 ? 0 : fabs(place->row[0]);
}

double face_norm_1(step_t *s, face_t *face, int row) {
    look_t look = {0};
    walk(s, face, row, (const int[ROWS]){row, row}, false, visit_modulus, &look);
    return look.sum;
}

/* When it meets its bound. */
static double meets(const place_t *place) {
    const double z = place->row[0], p = place->row[1];
    if (*place->held != 0 || p == 0)
        return INFINITY;
    return fmax(((p > 0 ? place->up : place->down) - z) / p, 0);
}

static void visit_room(place_t *place, look_t *look) {
    look->t = fmin(look->t, meets(place));
}

double face_room(step_t *s, face_t *face, int x, int z, int p) {
    look_t look = {.t = INFINITY};
    walk(s, face, x, (const int[ROWS]){z, p}, false, visit_room, &look);
    return look.t;
}

/* To its bound, and a hair beyond. */
static double beyond(const place_t *place, double room) {
    return room + copysign(place->spacing * fmax(fabs(place->x), fabs(place->x + room)), room);
}

static void visit_go(place_t *place, look_t *look) {
    const double p = place->row[1];
    if (meets(place) <= look->t) {
        *place->held = 1;
        place->row[0] = beyond(place, p > 0 ? place->up : place->down);
    } else if (*place->held == 0) {
        place->row[0] += look->t * p;
    }
}

void face_go(step_t *s, face_t *face, int x, int z, int p, double t) {
    walk(s, face, x, (const int[ROWS]){z, p}, true, visit_go, &(look_t){.t = t});
}

static void visit_longest(place_t *place, look_t *look) {
    const double z = place->row[0];
    if (z != 0)
        look->t = fmin(look->t, (z > 0 ? place->up : place->down) / z);
}

double face_longest(step_t *s, face_t *face, int x, int z) {
    look_t look = {.t = INFINITY};
    walk(s, face, x, (const int[ROWS]){z, z}, false, visit_longest, &look);
    return fmax(look.t, 1);
}

static double within(const place_t *place, double d) {
    return d < place->down ? place->down : d > place->up ? place->up : d;
}

/* g'(P(x + d) - x), and how much of d lies in the box. */
static void visit_measure(place_t *place, look_t *look) {
    const double d = place->row[0], g = place->row[1];
    look->sum += g * within(place, d);
    if (d != 0)
        look->t = fmin(look->t, fmax((d > 0 ? place->up : place->down) / d, 0));
}

static void visit_cut(place_t *place, look_t *look) {
    const double d = place->row[0], cut = within(place, look->t * d), room = d > 0 ? place->up : place->down;
    look->flag |= cut != d;
    place->row[0] = d != 0 && room != 0 && cut == room ? beyond(place, room) : cut;
}

face_cut_t face_cut(step_t *s, face_t *face, int x, int g, int d) {
    look_t look = {.t = 1};
    walk(s, face, x, (const int[ROWS]){d, g}, false, visit_measure, &look);
    const bool projects = look.sum < 0;
    if (!projects && !(look.t > 0))
        return FACE_NONE;
    look.t = projects ? 1 : look.t;
    walk(s, face, x, (const int[ROWS]){d, g}, true, visit_cut, &look);
    return look.flag ? FACE_CUT : FACE_WHOLE;
}
