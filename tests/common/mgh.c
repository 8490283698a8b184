#include "mgh.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

static double squared(double x) {
    return x * x;
}

/* ---- 1 to 5: two variables ---- */

static void rosenbrock(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    const size_t n = problem->n; /* 21, too */
    for (size_t i = 0; i < n; i += 2) {
        r[i] = 10 * (x[i + 1] - x[i] * x[i]);
        jacobian[i * n + i] = -20 * x[i];
        jacobian[i * n + i + 1] = 10;
        r[i + 1] = 1 - x[i];
        jacobian[(i + 1) * n + i] = -1;
    }
}

static void freudenstein_roth(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    (void)problem;
    r[0] = -13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1];
    r[1] = -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1];
    jacobian[0] = jacobian[2] = 1;
    jacobian[1] = (10 - 3 * x[1]) * x[1] - 2;
    jacobian[3] = (3 * x[1] + 2) * x[1] - 14;
}

static void powell_badly_scaled(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    (void)problem;
    r[0] = 1e4 * x[0] * x[1] - 1;
    r[1] = exp(-x[0]) + exp(-x[1]) - 1.0001;
    jacobian[0] = 1e4 * x[1];
    jacobian[1] = 1e4 * x[0];
    jacobian[2] = -exp(-x[0]);
    jacobian[3] = -exp(-x[1]);
}

static void brown_badly_scaled(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    (void)problem;
    r[0] = x[0] - 1e6;
    r[1] = x[1] - 2e-6;
    r[2] = x[0] * x[1] - 2;
    jacobian[0] = jacobian[3] = 1;
    jacobian[4] = x[1];
    jacobian[5] = x[0];
}

static void beale(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    static const double Y[] = {1.5, 2.25, 2.625};
    double power = 1;
    for (size_t i = 0; i < problem->m; ++i) {
        jacobian[2 * i + 1] = x[0] * (double)(i + 1) * power;
        power *= x[1];
        r[i] = Y[i] - x[0] * (1 - power);
        jacobian[2 * i] = power - 1;
    }
}

static void jennrich_sampson(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    for (size_t i = 0; i < problem->m; ++i) {
        const double k = (double)(i + 1), a = exp(k * x[0]), b = exp(k * x[1]);
        r[i] = 2 + 2 * k - (a + b);
        jacobian[2 * i] = -k * a;
        jacobian[2 * i + 1] = -k * b;
    }
}

/* ---- 7 to 12: three ---- */

static void helical_valley(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    (void)problem;
    const double square = x[0] * x[0] + x[1] * x[1], radius = sqrt(square);
    const double turn = atan(x[1] / x[0]) / (2 * PI) + (x[0] < 0 ? 0.5 : 0);
    r[0] = 10 * (x[2] - 10 * turn);
    r[1] = 10 * (radius - 1);
    r[2] = x[2];
    jacobian[0] = 100 * x[1] / (2 * PI * square);
    jacobian[1] = -100 * x[0] / (2 * PI * square);
    jacobian[2] = 10;
    jacobian[3] = 10 * x[0] / radius;
    jacobian[4] = 10 * x[1] / radius;
    jacobian[8] = 1;
}

static void bard(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    static const double Y[] = {0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39,
                               0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39};
    for (size_t i = 0; i < problem->m; ++i) {
        const double u = (double)(i + 1), v = 16 - u, w = fmin(u, v), below = v * x[1] + w * x[2];
        r[i] = Y[i] - (x[0] + u / below);
        jacobian[3 * i] = -1;
        jacobian[3 * i + 1] = u * v / (below * below);
        jacobian[3 * i + 2] = u * w / (below * below);
    }
}

static void gaussian(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    static const double Y[] = {0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989,
                               0.3521, 0.2420, 0.1295, 0.0540, 0.0175, 0.0044, 0.0009};
    for (size_t i = 0; i < problem->m; ++i) {
        const double t = (7 - (double)i) / 2 - x[2], e = exp(-x[1] * t * t / 2);
        r[i] = x[0] * e - Y[i];
        jacobian[3 * i] = e;
        jacobian[3 * i + 1] = -x[0] * e * t * t / 2;
        jacobian[3 * i + 2] = x[0] * e * x[1] * t;
    }
}

static void meyer(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    static const double Y[] = {34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744,
                               8261,  7030,  6005,  5147,  4427,  3820,  3307,  2872};
    for (size_t i = 0; i < problem->m; ++i) {
        const double below = 45 + 5 * (double)(i + 1) + x[2], e = exp(x[1] / below);
        r[i] = x[0] * e - Y[i];
        jacobian[3 * i] = e;
        jacobian[3 * i + 1] = x[0] * e / below;
        jacobian[3 * i + 2] = -x[0] * e * x[1] / (below * below);
    }
}

static void gulf(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    for (size_t i = 0; i < problem->m; ++i) {
        const double t = (double)(i + 1) / 100, y = 25 + pow(-50 * log(t), 2.0 / 3), d = y - x[1];
        const double power = pow(fabs(d), x[2]) / x[0], e = exp(-power);
        r[i] = e - t;
        if (d == 0 || e == 0)
            continue;
        jacobian[3 * i] = e * power / x[0];
        jacobian[3 * i + 1] = e * power * x[2] / d;
        jacobian[3 * i + 2] = -e * power * log(fabs(d));
    }
}

static void box(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    for (size_t i = 0; i < problem->m; ++i) {
        const double t = (double)(i + 1) / 10, a = exp(-t * x[0]), b = exp(-t * x[1]), c = exp(-t) - exp(-10 * t);
        r[i] = a - b - x[2] * c;
        jacobian[3 * i] = -t * a;
        jacobian[3 * i + 1] = t * b;
        jacobian[3 * i + 2] = -c;
    }
}

/* ---- 13 to 20: four and more ---- */

static void powell_singular(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    const size_t n = problem->n; /* 22, too */
    for (size_t i = 0; i < n; i += 4) {
        double *row[4];
        for (size_t k = 0; k < 4; ++k)
            row[k] = jacobian + (i + k) * n + i;
        const double b = x[i + 1] - 2 * x[i + 2], c = x[i] - x[i + 3];
        r[i] = x[i] + 10 * x[i + 1];
        row[0][0] = 1;
        row[0][1] = 10;
        r[i + 1] = sqrt(5) * (x[i + 2] - x[i + 3]);
        row[1][2] = sqrt(5);
        row[1][3] = -sqrt(5);
        r[i + 2] = b * b;
        row[2][1] = 2 * b;
        row[2][2] = -4 * b;
        r[i + 3] = sqrt(10) * c * c;
        row[3][0] = 2 * sqrt(10) * c;
        row[3][3] = -2 * sqrt(10) * c;
    }
}

static void wood(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    (void)problem;
    const double a = sqrt(90), b = sqrt(10);
    const double values[] = {10 * (x[1] - x[0] * x[0]), 1 - x[0],         a * (x[3] - x[2] * x[2]), 1 - x[2],
                             b * (x[1] + x[3] - 2),     (x[1] - x[3]) / b};
    const double rows[][4] = {{-20 * x[0], 10}, {-1},         {0, 0, -2 * a * x[2], a},
                              {0, 0, -1},       {0, b, 0, b}, {0, 1 / b, 0, -1 / b}};
    memcpy(r, values, sizeof values);
    memcpy(jacobian, rows, sizeof rows);
}

static void kowalik_osborne(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    static const double Y[] = {0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246};
    static const double U[] = {4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625};
    for (size_t i = 0; i < problem->m; ++i) {
        const double u = U[i], above = u * u + u * x[1], below = u * u + u * x[2] + x[3];
        r[i] = Y[i] - x[0] * above / below;
        jacobian[4 * i] = -above / below;
        jacobian[4 * i + 1] = -x[0] * u / below;
        jacobian[4 * i + 2] = x[0] * above * u / (below * below);
        jacobian[4 * i + 3] = x[0] * above / (below * below);
    }
}

static void brown_dennis(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    for (size_t i = 0; i < problem->m; ++i) {
        const double t = (double)(i + 1) / 5, a = x[0] + t * x[1] - exp(t), b = x[2] + x[3] * sin(t) - cos(t);
        r[i] = a * a + b * b;
        jacobian[4 * i] = 2 * a;
        jacobian[4 * i + 1] = 2 * a * t;
        jacobian[4 * i + 2] = 2 * b;
        jacobian[4 * i + 3] = 2 * b * sin(t);
    }
}

static void osborne_1(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    static const double Y[] = {0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751,
                               0.718, 0.685, 0.658, 0.628, 0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490,
                               0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411, 0.406};
    for (size_t i = 0; i < problem->m; ++i) {
        const double t = 10 * (double)i, a = exp(-t * x[3]), b = exp(-t * x[4]);
        r[i] = Y[i] - (x[0] + x[1] * a + x[2] * b);
        const double row[] = {-1, -a, -b, x[1] * t * a, x[2] * t * b};
        memcpy(jacobian + 5 * i, row, sizeof row);
    }
}

static void biggs_exp6(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    for (size_t i = 0; i < problem->m; ++i) {
        const double t = (double)(i + 1) / 10, y = exp(-t) - 5 * exp(-10 * t) + 3 * exp(-4 * t);
        const double a = exp(-t * x[0]), b = exp(-t * x[1]), c = exp(-t * x[4]);
        r[i] = x[2] * a - x[3] * b + x[5] * c - y;
        const double row[] = {-t * x[2] * a, t * x[3] * b, a, -b, -t * x[5] * c, c};
        memcpy(jacobian + 6 * i, row, sizeof row);
    }
}

static void osborne_2(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    static const double Y[] = {1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746,
                               0.679, 0.608, 0.655, 0.616, 0.606, 0.602, 0.626, 0.651, 0.724, 0.649, 0.649,
                               0.694, 0.644, 0.624, 0.661, 0.612, 0.558, 0.533, 0.495, 0.500, 0.423, 0.395,
                               0.375, 0.372, 0.391, 0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653,
                               0.672, 0.708, 0.633, 0.668, 0.645, 0.632, 0.591, 0.559, 0.597, 0.625, 0.739,
                               0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098, 0.054};
    for (size_t i = 0; i < problem->m; ++i) {
        const double t = (double)i / 10;
        double *row = jacobian + 11 * i;
        r[i] = Y[i];
        for (size_t k = 0; k < 4; ++k) {
            const double d = k == 0 ? 0 : t - x[7 + k], from = k == 0 ? t : d * d, e = exp(-from * x[4 + k]);
            r[i] -= x[k] * e;
            row[k] = -e;
            row[4 + k] = x[k] * from * e;
            if (k > 0)
                row[7 + k] = -2 * x[k] * x[4 + k] * d * e;
        }
    }
}

static void watson(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    const size_t n = problem->n;
    for (size_t i = 0; i < 29; ++i) {
        const double t = (double)(i + 1) / 29;
        double slope = 0, sum = 0, power = 1;
        for (size_t j = 0; j < n; ++j, power *= t) {
            slope += (double)j * x[j] * power / t;
            sum += x[j] * power;
        }
        r[i] = slope - sum * sum - 1;
        power = 1;
        for (size_t j = 0; j < n; ++j, power *= t)
            jacobian[i * n + j] = (double)j * power / t - 2 * sum * power;
    }
    r[29] = x[0];
    jacobian[29 * n] = 1;
    r[30] = x[1] - x[0] * x[0] - 1;
    jacobian[30 * n] = -2 * x[0];
    jacobian[30 * n + 1] = 1;
}

/* ---- 23 to 35: of any dimension ---- */

static void penalty_1(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    const size_t n = problem->n;
    r[n] = -0.25;
    for (size_t i = 0; i < n; ++i) {
        r[i] = sqrt(1e-5) * (x[i] - 1);
        jacobian[i * n + i] = sqrt(1e-5);
        r[n] += x[i] * x[i];
        jacobian[n * n + i] = 2 * x[i];
    }
}

static void penalty_2(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    const size_t n = problem->n, last = 2 * n - 1;
    const double a = sqrt(1e-5);
    r[0] = x[0] - 0.2;
    jacobian[0] = 1;
    r[last] = -1;
    for (size_t i = 0; i < n; ++i) {
        const double weight = (double)(n - i);
        r[last] += weight * x[i] * x[i];
        jacobian[last * n + i] = 2 * weight * x[i];
        if (i == 0)
            continue;
        const double here = exp(x[i] / 10), before = exp(x[i - 1] / 10);
        r[i] = a * (here + before - exp((double)(i + 1) / 10) - exp((double)i / 10));
        jacobian[i * n + i] = a * here / 10;
        jacobian[i * n + i - 1] = a * before / 10;
        r[n + i - 1] = a * (here - exp(-0.1));
        jacobian[(n + i - 1) * n + i] = a * here / 10;
    }
}

static void variably_dimensioned(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    const size_t n = problem->n;
    double sum = 0;
    for (size_t i = 0; i < n; ++i) {
        r[i] = x[i] - 1;
        jacobian[i * n + i] = 1;
        sum += (double)(i + 1) * (x[i] - 1);
    }
    r[n] = sum;
    r[n + 1] = sum * sum;
    for (size_t i = 0; i < n; ++i) {
        jacobian[n * n + i] = (double)(i + 1);
        jacobian[(n + 1) * n + i] = 2 * sum * (double)(i + 1);
    }
}

static void trigonometric(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    const size_t n = problem->n;
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += cos(x[i]);
    for (size_t i = 0; i < n; ++i) {
        const double k = (double)(i + 1);
        r[i] = (double)n - sum + k * (1 - cos(x[i])) - sin(x[i]);
        for (size_t j = 0; j < n; ++j)
            jacobian[i * n + j] = sin(x[j]);
        jacobian[i * n + i] += k * sin(x[i]) - cos(x[i]);
    }
}

static void brown_almost_linear(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    const size_t n = problem->n, last = n - 1;
    double sum = 0, product = 1;
    for (size_t i = 0; i < n; ++i) {
        sum += x[i];
        product *= x[i];
    }
    for (size_t i = 0; i < last; ++i) {
        r[i] = x[i] + sum - (double)(n + 1);
        for (size_t j = 0; j < n; ++j)
            jacobian[i * n + j] = i == j ? 2 : 1;
    }
    r[last] = product - 1;
    for (size_t j = 0; j < n; ++j) {
        double others = 1;
        for (size_t k = 0; k < n; ++k)
            others *= k == j ? 1 : x[k];
        jacobian[last * n + j] = others;
    }
}

static void discrete_boundary_value(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    const size_t n = problem->n;
    const double h = 1 / (double)(n + 1);
    for (size_t i = 0; i < n; ++i) {
        const double u = x[i] + (double)(i + 1) * h + 1;
        r[i] = 2 * x[i] + h * h * u * u * u / 2 - (i > 0 ? x[i - 1] : 0) - (i + 1 < n ? x[i + 1] : 0);
        jacobian[i * n + i] = 2 + 1.5 * h * h * u * u;
        if (i > 0)
            jacobian[i * n + i - 1] = -1;
        if (i + 1 < n)
            jacobian[i * n + i + 1] = -1;
    }
}

static void discrete_integral_equation(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    const size_t n = problem->n;
    const double h = 1 / (double)(n + 1);
    for (size_t i = 0; i < n; ++i) {
        const double ti = (double)(i + 1) * h;
        r[i] = x[i];
        for (size_t j = 0; j < n; ++j) {
            const double tj = (double)(j + 1) * h, u = x[j] + tj + 1;
            const double weight = h / 2 * (j <= i ? (1 - ti) * tj : ti * (1 - tj));
            r[i] += weight * u * u * u;
            jacobian[i * n + j] = (i == j ? 1 : 0) + 3 * weight * u * u;
        }
    }
}

static void broyden_tridiagonal(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    const size_t n = problem->n;
    for (size_t i = 0; i < n; ++i) {
        r[i] = (3 - 2 * x[i]) * x[i] + 1 - (i > 0 ? x[i - 1] : 0) - (i + 1 < n ? 2 * x[i + 1] : 0);
        jacobian[i * n + i] = 3 - 4 * x[i];
        if (i > 0)
            jacobian[i * n + i - 1] = -1;
        if (i + 1 < n)
            jacobian[i * n + i + 1] = -2;
    }
}

static void broyden_banded(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    const size_t n = problem->n;
    for (size_t i = 0; i < n; ++i) {
        r[i] = x[i] * (2 + 5 * x[i] * x[i]) + 1;
        jacobian[i * n + i] = 2 + 15 * x[i] * x[i];
        for (size_t j = i > 5 ? i - 5 : 0; j < n && j <= i + 1; ++j)
            if (j != i) {
                r[i] -= x[j] * (1 + x[j]);
                jacobian[i * n + j] = -1 - 2 * x[j];
            }
    }
}

static void linear_full_rank(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    const size_t n = problem->n, m = problem->m;
    double sum = 0;
    for (size_t j = 0; j < n; ++j)
        sum += x[j];
    for (size_t i = 0; i < m; ++i) {
        r[i] = (i < n ? x[i] : 0) - 2 * sum / (double)m - 1;
        for (size_t j = 0; j < n; ++j)
            jacobian[i * n + j] = (i == j ? 1 : 0) - 2 / (double)m;
    }
}

/* i sum j x_j - 1, without the first and last `border` of i and j: there residuals are -1. */
static void linear_rank_one(const mgh_t *problem, const double *x, double *r, double *jacobian, size_t border) {
    const size_t n = problem->n, m = problem->m;
    double sum = 0;
    for (size_t j = border; j < n - border; ++j)
        sum += (double)(j + 1) * x[j];
    for (size_t i = 0; i < m; ++i) {
        const double k = i < border || i >= m - border ? 0 : (double)(i + 1 - border);
        r[i] = k * sum - 1;
        for (size_t j = border; j < n - border; ++j)
            jacobian[i * n + j] = k * (double)(j + 1);
    }
}
static void linear_rank_1(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    linear_rank_one(problem, x, r, jacobian, 0);
}
static void linear_rank_1_zero(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    linear_rank_one(problem, x, r, jacobian, 1);
}

static void chebyquad(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    const size_t n = problem->n;
    for (size_t i = 1; i <= problem->m; ++i)
        r[i - 1] = i % 2 == 1 ? 0 : 1 / (squared((double)i) - 1);
    for (size_t j = 0; j < n; ++j) {
        const double z = 2 * x[j] - 1;
        double before = 1, here = z, slope_before = 0, slope = 2; /* T_0 and T_1 */
        for (size_t i = 1; i <= problem->m; ++i) {
            r[i - 1] += here / (double)n;
            jacobian[(i - 1) * n + j] = slope / (double)n;
            const double next = 2 * z * here - before, slope_next = 4 * here + 2 * z * slope - slope_before;
            before = here;
            here = next;
            slope_before = slope;
            slope = slope_next;
        }
    }
}

/* ---- The table: minimum, minimizer and the values in the boxes are the least that five solvers of scipy found ---- */

/* clang-format off */
#define NODE(i) (i / 11.) * (i / 11. - 1)
const mgh_t MGH[MGH_COUNT] = {
    {"Rosenbrock", 2, 2, rosenbrock, {-1.2, 1}, {0, NAN, NAN},
     {1, 1}, {1.21, 1.21}},
    {"Freudenstein-Roth", 2, 2, freudenstein_roth, {0.5, -2}, {0, 48.98425367924, NAN},
     {5, 4}, {79.94781017903, 79.94781017903}},
    {"Powell badly scaled", 2, 2, powell_badly_scaled, {0, 1}, {0, NAN, NAN},
     {1.09816e-05, 9.10615}, {0.5221118629794, 1.01927128721e-08}},
    {"Brown badly scaled", 2, 3, brown_badly_scaled, {1, 1}, {0, NAN, NAN},
     {1e6, 2e-06}, {312498875002.3, 249999500000.2}},
    {"Beale", 2, 3, beale, {1, 1}, {0, NAN, NAN},
     {3, 0.5}, {5.0478515625, 0.5233448360105}},
    {"Jennrich-Sampson", 2, 10, jennrich_sampson, {0.3, 0.4}, {124.362182355615, NAN, NAN},
     {0.257825, 0.257825}, {644.0072088999, 126.7252794396}},
    {"helical valley", 3, 3, helical_valley, {-1}, {0, NAN, NAN},
     {1, 0, 0}, {226, 226}},
    {"Bard", 3, 15, bard, {1, 1, 1}, {0.00821487730657896, 17.4286933333333, NAN},
     {0.0824106, 1.13304, 2.3437}, {7.789655493146, 1.869231760315}},
    {"Gaussian", 3, 15, gaussian, {0.4, 1}, {1.12793276961872e-08, NAN, NAN},
     {0.398956, 1.00002, 0}, {9.800560775391e-07, 6.546392340065e-07}},
    {"Meyer", 3, 16, meyer, {0.02, 4000, 250}, {87.9458551709213, NAN, NAN},
     {0.00560964, 6181.35, 345.224}, {99649.53940589, 99649.53940589}},
    {"Gulf", 3, 99, gulf, {5, 2.5, 0.15}, {0, NAN, NAN},
     {50, 25, 1.5}, {3.742958712538, 0.3423318915349}},
    {"Box", 3, 10, box, {0, 10, 20}, {0, NAN, NAN},
     {1, 10, 1}, {213.1138608549, 207.9450725686}},
    {"Powell singular", 4, 4, powell_singular, {3, -1, 0, 1}, {0, NAN, NAN},
     {0, 0, 0, 0}, {16.60323625019, 3.193307044689}},
    {"Wood", 4, 6, wood, {-3, -1, -3, -1}, {0, NAN, NAN},
     {1, 1, 1, 1}, {238, 8}},
    {"Kowalik-Osborne", 4, 11, kowalik_osborne, {0.25, 0.39, 0.415, 0.39}, {0.000307505603849238, 0.00102734, NAN},
     {0.192807, 0.191282, 0.123057, 0.136062}, {0.001071659757605, 0.000703649586934}},
    {"Brown-Dennis", 4, 20, brown_dennis, {25, 5, -5, -1}, {85822.2016263563, NAN, NAN},
     {-11.5944, 13.2036, -0.403439, 0.236779}, {466348.3625067, 449426.8582669}},
    {"Osborne 1", 5, 33, osborne_1, {0.5, 1.5, -1, 0.01, 0.02}, {5.46489469748339e-05, NAN, NAN},
     {0.37541, 1.93585, -1.46469, 0.0128675, 0.0221227}, {0.06306718086211, 0.03758659805368}},
    {"Biggs EXP6", 6, 13, biggs_exp6, {1, 2, 1, 1, 1, 1}, {0, 0.00565564991, 0.30636677},
     {1, 10, 1, 5, 4, 3}, {0.0516125140086, 0.0001032251886194}},
    {"Osborne 2", 11, 65, osborne_2, {1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5},
     {0.0401377362935478, 1.78981358688, NAN},
     {1.30998, 0.431554, 0.633662, 0.599431, 0.754183, 0.904289, 1.36581, 4.8237, 2.39868, 4.56887, 5.67534},
     {0.7408104998071, 0.2655886615613}},
    {"Watson", 9, 31, watson, {0}, {1.39976013809805e-06, NAN, NAN},
     {-1.5307e-05, 0.99979, 0.014764, 0.146342, 1.00082, -2.61773, 4.1044, -3.14361, 1.05263},
     {2.800279375262, 5.772126064649e-06}},
    {"extended Rosenbrock", 10, 10, rosenbrock, {-1.2, 1, -1.2, 1, -1.2, 1, -1.2, 1, -1.2, 1}, {0, NAN, NAN},
     {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {6.05, 6.05}},
    {"extended Powell singular", 12, 12, powell_singular, {3, -1, 0, 1, 3, -1, 0, 1, 3, -1, 0, 1}, {0, NAN, NAN},
     {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {49.80970875057, 9.579921134068}},
    {"penalty I", 10, 11, penalty_1, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, {7.08765146709e-05, NAN, NAN},
     {0.158122, 0.158122, 0.158122, 0.158122, 0.158122, 0.158122, 0.158122, 0.158122, 0.158122, 0.158122},
     {10082.34163134, 1849.669261112}},
    {"penalty II", 10, 20, penalty_2, {0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5}, {0.000293660374567, NAN, NAN},
     {0.199984, 0.0103506, 0.0196049, 0.0320891, 0.0499327, 0.076514, 0.118624, 0.192145, 0.347321, 0.369164},
     {16.06554643423, 3.865307334039}},
    {"variably dimensioned", 10, 12, variably_dimensioned, {0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0},
     {0, NAN, NAN},
     {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {137688.0914062, 0.7204770444236}},
    {"trigonometric", 10, 10, trigonometric, {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1},
     {0, 2.79506121876e-05, NAN},
     {0.0551509, 0.0568406, 0.058764, 0.0609906, 0.0636262, 0.0668432, 0.208162, 0.164363, 0.0850069, 0.0914314},
     {0.00187530913843, 0.0004293029650775}},
    {"Brown almost linear", 10, 10, brown_almost_linear, {0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5},
     {0, 1, NAN},
     {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {68.95304418252, 0.3251132177139}},
    {"discrete boundary value", 10, 10, discrete_boundary_value,
     {NODE(1), NODE(2), NODE(3), NODE(4), NODE(5), NODE(6), NODE(7), NODE(8), NODE(9), NODE(10)},
     {0, NAN, NAN},
     {-0.043165, -0.0815772, -0.114486, -0.140974, -0.159909, -0.169877, -0.16909, -0.15525, -0.125356, -0.0754165},
     {0.0001667069941745, 0.0001666971362552}},
    {"discrete integral equation", 10, 10, discrete_integral_equation,
     {NODE(1), NODE(2), NODE(3), NODE(4), NODE(5), NODE(6), NODE(7), NODE(8), NODE(9), NODE(10)},
     {0, NAN, NAN},
     {-0.043165, -0.0815772, -0.114486, -0.140974, -0.159909, -0.169877, -0.16909, -0.15525, -0.125356, -0.0754165},
     {0.0160309527334, 0.006304935799092}},
    {"Broyden tridiagonal", 10, 10, broyden_tridiagonal, {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1}, {0, NAN, NAN},
     {-0.570722, -0.681807, -0.70221, -0.705511, -0.704906, -0.701497, -0.691889, -0.665797, -0.596035, -0.416412},
     {4.203340549572, 2.854996878649}},
    {"Broyden banded", 10, 10, broyden_banded, {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1}, {0, 3.05727842771, NAN},
     {-0.428303, -0.476596, -0.519652, -0.558099, -0.592506, -0.624504, -0.623239, -0.621394, -0.620454, -0.586469},
     {49.14375973799, 19.78351348188}},
    {"linear, full rank", 10, 20, linear_full_rank, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {10, NAN, NAN},
     {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1}, {20, 15}},
    {"linear, rank 1", 10, 20, linear_rank_1, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {4.63414634146341, NAN, NAN},
     {0.857333, 0.714666, 0.571999, 0.429332, 0.286665, 0.143997, 0.00133038, -0.141337, -0.284004, -0.426671},
     {2164670.733498, 4.634146341463}},
    {"linear, rank 1 with zeros", 10, 20, linear_rank_1_zero, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
     {6.13513513513514, NAN, NAN},
     {1, -2.14187, -1.1018, -0.76224, 2.49031, -3.20359, -1.30381, -2.52448, 5.20129, 1},
     {6.135135135135, 6.135135135135}},
    {"Chebyquad", 8, 8, chebyquad, {1. / 9, 2. / 9, 3. / 9, 4. / 9, 5. / 9, 6. / 9, 7. / 9, 8. / 9},
     {0.00351687372568, NAN, NAN},
     {0.0431528, 0.193091, 0.266329, 0.5, 0.5, 0.733671, 0.806909, 0.956847}, {0.008910220994787, 0.005348668404191}},
};
/* clang-format on */

/* ---- Values ---- */

void mgh_residuals(const mgh_t *problem, const double *x, double *r, double *jacobian) {
    memset(jacobian, 0, problem->m * problem->n * sizeof *jacobian);
    problem->residuals(problem, x, r, jacobian);
}

double mgh_value(const mgh_t *problem, const double *x, double *gradient) {
    double r[MGH_RESIDUALS], jacobian[MGH_RESIDUALS * MGH_MOST], f = 0;
    mgh_residuals(problem, x, r, jacobian);
    for (size_t j = 0; gradient != NULL && j < problem->n; ++j)
        gradient[j] = 0;
    for (size_t i = 0; i < problem->m; ++i) {
        f += r[i] * r[i];
        for (size_t j = 0; gradient != NULL && j < problem->n; ++j)
            gradient[j] += 2 * r[i] * jacobian[i * problem->n + j];
    }
    return f;
}

double mgh_excess(const mgh_t *problem, double f) {
    double excess = INFINITY;
    for (size_t k = 0; k < MGH_MINIMA; ++k) {
        const double least = problem->least[k], over = (f - least) / (1 + fabs(least));
        if (!isnan(least) && over >= -1e-8)
            excess = fmin(excess, over);
    }
    return excess;
}

void mgh_box(const mgh_t *problem, int which, double *lower, double *upper) {
    for (size_t i = 0; i < problem->n; ++i) {
        const double whole = fabs(problem->minimizer[i] - problem->start[i]), half = whole > 0 ? whole / 2 : 1;
        const bool is_free = which == 1 && i % 2 == 1;
        lower[i] = is_free ? -INFINITY : problem->start[i] - half;
        upper[i] = is_free ? INFINITY : problem->start[i] + half;
    }
}
