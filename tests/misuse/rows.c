#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "header.h"

/* ---- The world ---- */

enum { FRESH, STEPPED, ASKING, SCRATCH };
enum { ENDLESS = 1 << 20 };

static optim_t *handle_new(world_t *w, int i) {
    const bool asks = i == ASKING;
    optim_t *opt;
    for (int k = 0; k < 4; ++k)
        w->x[i][k] = w->g[i][k] = 1 + k;
    w->y[i][0] = w->y[i][1] = w->h[i][0] = 1;
    w->h[i][1] = 0;
    CHECK_OK(optim_create(&opt, asks ? "oasis" : "sgd", asks ? NULL : "lr=0.25,momentum=0.5,accumulate=1"));
    if (asks) {
        CHECK_OK(optim_add_param(opt, 0, "z", OPTIM_F64, 1, (int64_t[]){3}, w->x[i], w->g[i]));
        CHECK_STATUS(optim_step(opt), OPTIM_EVAL_HVP);
        return opt;
    }
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 2, (int64_t[]){2, 2}, w->x[i], w->g[i]));
    CHECK_OK(optim_add_param(opt, 0, "y", OPTIM_F64, 1, (int64_t[]){2}, w->y[i], w->h[i]));
    for (int step = 0; i == STEPPED && step < 2; ++step) {
        CHECK_OK(optim_accumulate(opt));
        CHECK_OK(optim_step(opt));
    }
    return opt;
}

static optim_batch_t *batch_new(void) {
    static const double FIRST[] = {1, 2}, SECOND[] = {3, 1};
    optim_batch_t *batch;
    CHECK_OK(optim_batch_create(&batch, "max=64", OPTIM_F64, 1, (int64_t[]){2}));
    CHECK_OK(optim_batch_add(batch, (const void *[]){FIRST}));
    CHECK_OK(optim_batch_add(batch, (const void *[]){SECOND}));
    return batch;
}

static int no_gradient(void *user, const optim_request *request, double *loss) {
    (void)user;
    (void)request;
    *loss = 0;
    return 1; /* so that nothing moves where a row is accepted */
}

/* All that a handle is made of but its parameters. */
static void *state_of(const optim_t *opt, size_t *size) {
    return check_serialized(opt, size);
}

world_t *world_new(void) {
    world_t *w = check_memory(1, sizeof *w);
    w->fresh = handle_new(w, FRESH);
    w->stepped = handle_new(w, STEPPED);
    w->asking = handle_new(w, ASKING);
    w->scratch = handle_new(w, SCRATCH);
    w->batch = batch_new();
    w->spare = batch_new();
    w->gradients[0] = w->numbers;
    w->control = "no/such\x01\n\x7f/place";
    w->bytes = "no/such\xff\xc0\x80\xed\xa0\x80/place";
    w->endless = check_memory(ENDLESS + 1, 1);
    memset(w->endless, 'k', ENDLESS);
    w->problem = (optim_problem){.size = sizeof w->problem, .gradient = no_gradient};
    w->stop = (optim_stop){.size = sizeof w->stop, .steps = 1};
    w->before[FRESH] = state_of(w->fresh, &w->before_size[FRESH]);
    w->before[STEPPED] = state_of(w->stepped, &w->before_size[STEPPED]);
    return w;
}

static void check_state(const optim_t *opt, const void *before, size_t size, const char *call) {
    size_t now;
    void *bytes = state_of(opt, &now);
    if (now != size || memcmp(bytes, before, now) != 0)
        fail_msg("%s changed the handle, though it was refused", call);
    free(bytes);
}

static void check_batch(const world_t *w, const char *call) {
    double size;
    CHECK_OK(optim_batch_test(w->batch, "norm", &size));
    if (size != 40) /* (2 + 1/2) / (0.1^2 (2^2 + 1.5^2)) */
        fail_msg("%s changed the batch: it asks for %g", call, size);
}

static void check_unchanged(const world_t *w, const char *call) {
    check_state(w->fresh, w->before[FRESH], w->before_size[FRESH], call);
    check_state(w->stepped, w->before[STEPPED], w->before_size[STEPPED], call);
    optim_request request = {.size = sizeof request};
    CHECK_OK(optim_request_info(w->asking, &request));
    if (request.kind != OPTIM_EVAL_HVP || request.evaluation != 2)
        fail_msg("%s changed the open request", call);
    check_batch(w, call);
}

/* Three steps, requests answered by twice the direction. */
static void go_on(optim_t *opt) {
    for (int step = 0; step < 3; ++step) {
        (void)optim_accumulate(opt); /* of the handles that can */
        optim_status status = optim_step(opt);
        for (; status == OPTIM_EVAL_HVP; status = optim_step(opt)) {
            const void *direction;
            void *product;
            CHECK_OK(optim_hvp_vector(opt, 0, &direction));
            CHECK_OK(optim_hvp_result(opt, 0, &product));
            for (int k = 0; k < 3; ++k)
                ((double *)product)[k] = 2 * ((const double *)direction)[k];
        }
        CHECK_OK(status);
    }
}

void world_free(world_t *w) {
    world_t *other = check_memory(1, sizeof *other);
    optim_t *misused[] = {w->fresh, w->stepped, w->asking, w->scratch};
    for (int i = 0; i < 4; ++i) {
        optim_t *twin = handle_new(other, i);
        go_on(misused[i]);
        go_on(twin);
        assert_memory_equal(w->x[i], other->x[i], sizeof w->x[i]);
        assert_memory_equal(w->y[i], other->y[i], sizeof w->y[i]);
        optim_destroy(twin);
        optim_destroy(misused[i]);
    }
    optim_batch_destroy(w->batch);
    optim_batch_destroy(w->spare);
    free(w->before[FRESH]);
    free(w->before[STEPPED]);
    free(w->endless);
    free(other);
    free(w);
}

void *boxed(world_t *w, int form, const void *content) {
    size_t size, said;
    memcpy(&size, content, sizeof size);
    memset(w->box, 0, sizeof w->box);
    memcpy(w->box, content, size);
    said = form == ZERO ? 0 : form == SHORT ? sizeof size - 1 : form == NONSENSE ? SIZE_MAX / 3 : size + 16;
    memcpy(w->box, &said, sizeof said);
    if (form == TAIL)
        w->box[size + 9] = 1;
    return w->box;
}

/* ---- Rows ---- */

enum { MOST_ROWS = 2048, MOST_ARGUMENTS = 10 };
static struct { const char *function, *arguments; } rows[MOST_ROWS];
static int row_count;

static void record(world_t *w, const char *function, const char *arguments) {
    assert_in_range(row_count, 0, MOST_ROWS - 1);
    rows[row_count].function = function;
    rows[row_count++].arguments = arguments;
    ++w->rows;
}

/* Bytes of the character that `text` begins with, by the table of the Unicode standard; 0 if it is none. */
static size_t character(const unsigned char *text) {
    const unsigned c = text[0], next = c < 0x80 ? 0 : text[1];
    size_t length = c < 0x80                ? 1
                    : c >= 0xC2 && c < 0xE0 ? 2
                    : c >= 0xE0 && c < 0xF0 ? 3
                    : c >= 0xF0 && c < 0xF5 ? 4
                                            : 0;
    for (size_t i = 1; i < length; ++i)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    if ((c == 0xE0 && next < 0xA0) || (c == 0xED && next > 0x9F) || (c == 0xF0 && next < 0x90) ||
        (c == 0xF4 && next > 0x8F))
        return 0;
    return length;
}

/* One line of UTF-8, whatever the argument was. */
static void check_sentence(const char *call) {
    const unsigned char *text = (const unsigned char *)optim_error();
    const size_t length = strlen(optim_error());
    if (length < 20 || length > 8191)
        fail_msg("%s: no sentence: \"%s\"", call, optim_error());
    for (size_t i = 0; i < length; i += character(text + i))
        if (text[i] < 0x20 || text[i] == 0x7F || character(text + i) == 0)
            fail_msg("%s: byte %zu of the sentence is %02x", call, i, text[i]);
}

static void check_row(const char *call, optim_status status, optim_status expected) {
    if (status != expected)
        fail_msg("%s returned %d (%s), not %d (%s); the library says \"%s\"", call, status, optim_strerror(status),
                 expected, optim_strerror(expected), optim_error());
}

void row_refused(world_t *w, const char *function, const char *arguments, optim_status status, optim_status expected,
                 const char *offender) {
    char *call = check_text("%s%s", function, arguments);
    record(w, function, arguments);
    check_row(call, status, expected);
    check_sentence(call);
    if (strstr(optim_error(), offender) == NULL)
        fail_msg("%s: the sentence does not name %s: \"%s\"", call, offender, optim_error());
    check_unchanged(w, call);
    free(call);
}

void row_accepted(world_t *w, const char *function, const char *arguments, optim_status status, optim_status expected) {
    char *call = check_text("%s%s", function, arguments);
    record(w, function, arguments);
    check_row(call, status, expected);
    check_unchanged(w, call);
    free(call);
    optim_destroy(w->scratch);
    w->scratch = handle_new(w, SCRATCH);
    optim_batch_destroy(w->spare);
    w->spare = batch_new();
}

void row_holds(world_t *w, const char *function, const char *arguments, bool holds) {
    record(w, function, arguments);
    if (!holds)
        fail_msg("%s%s: not what was expected", function, arguments);
    check_unchanged(w, function);
}

/* ---- Complete? ---- */

/* Cuts the text "(a, f(b, c), d)" at its outer commas; copies to be freed by the caller as one. */
static int split(const char *text, char *copy, char *part[MOST_ARGUMENTS]) {
    int count = 0, depth = 0;
    assert_int_equal(text[0], '(');
    part[count++] = copy;
    for (++text; depth > 0 || *text != ')'; ++text) {
        assert_int_not_equal(*text, '\0');
        depth += (*text == '(' || *text == '{' || *text == '[') - (*text == ')' || *text == '}' || *text == ']');
        if (depth == 0 && *text == ',') {
            *copy++ = '\0';
            assert_in_range(count, 1, MOST_ARGUMENTS - 1);
            part[count++] = copy;
        } else {
            *copy++ = *text;
        }
    }
    *copy = '\0';
    return count;
}

/* Whether some row of the function has `token` in this argument. */
static bool has_row(const char *function, int argument, const char *token) {
    for (int i = 0; i < row_count; ++i) {
        if (strcmp(rows[i].function, function) != 0)
            continue;
        char *part[MOST_ARGUMENTS], *copy = check_memory(strlen(rows[i].arguments) + 1, 1);
        const int count = split(rows[i].arguments, copy, part);
        const bool has = argument < count && strstr(part[argument], token) != NULL;
        free(copy);
        if (has)
            return true;
    }
    return false;
}

static int demand(const char *function, int argument, const char *parameter, const char *const *tokens) {
    int missing = 0;
    for (; *tokens != NULL; ++tokens)
        if (!has_row(function, argument, *tokens)) {
            print_error("%s: no row with %s for \"%s\"\n", function, *tokens, parameter);
            ++missing;
        }
    return missing;
}

static bool is_struct(const char *parameter) {
    return strstr(parameter, "optim_") != NULL && strstr(parameter, "optim_t ") == NULL &&
           strstr(parameter, "optim_batch_t ") == NULL && strstr(parameter, "optim_hyperband_t ") == NULL &&
           strstr(parameter, "optim_server_t ") == NULL && strstr(parameter, "optim_coding_t ") == NULL &&
           strstr(parameter, "optim_team_t ") == NULL && strstr(parameter, "optim_comm ") == NULL; /* it never grows */
}

/* What the rows of one argument must try, by its type. */
static int check_argument(const char *function, int argument, const char *parameter) {
    static const char *const POINTER[] = {"NULL", NULL}, *const NUMBER[] = {"INT_MIN", "INT_MAX", NULL},
                             *const REAL[] = {"NAN", "INFINITY", NULL}, *const WIDE[] = {"INT64_MIN", NULL},
                             *const INDEX[] = {"SIZE_MAX", NULL}, *const STRUCT[] = {"NULL",     "ZERO",   "SHORT",
                                                                                     "NONSENSE", "LONGER", "TAIL",
                                                                                     NULL},
                             *const TEXT[] = {"NULL", "\"\"", "world->control", "world->bytes", "world->endless", NULL};
    if (strchr(parameter, '*') != NULL || strchr(parameter, '[') != NULL)
        return demand(function, argument, parameter,
                      strstr(parameter, "char *") != NULL ? TEXT
                      : is_struct(parameter)              ? STRUCT
                                                          : POINTER);
    if (strstr(parameter, "double ") != NULL)
        return demand(function, argument, parameter, REAL);
    if (strstr(parameter, "int64_t ") != NULL)
        return demand(function, argument, parameter, WIDE);
    if (strstr(parameter, "int ") != NULL || strstr(parameter, "optim_dtype ") != NULL ||
        strstr(parameter, "optim_status") != NULL)
        return demand(function, argument, parameter, NUMBER);
    if (strcmp(parameter, "size_t i") == 0 || strcmp(parameter, " size_t i") == 0)
        return demand(function, argument, parameter, INDEX);
    return 0; /* the length of the caller's own array, or no argument */
}

static int check_function(const char *function, const char *open) {
    char *part[MOST_ARGUMENTS], *copy = check_memory(strlen(open) + 1, 1);
    int missing = 0, has = 0;
    const int count = split(open, copy, part);
    for (int i = 0; i < row_count; ++i)
        has += strcmp(rows[i].function, function) == 0;
    if (has == 0) {
        print_error("%s: no row\n", function);
        ++missing;
    }
    for (int i = 0; i < count; ++i)
        missing += check_argument(function, i, part[i]);
    free(copy);
    return missing;
}

void rows_check_complete(void) {
    int missing = 0;
    header_t *header = header_read();
    for (int i = 0; i < header->functions; ++i)
        missing += check_function(header->name[i], header->parameters[i]);
    print_message("%d rows over %d functions\n", row_count, header->functions);
    assert_int_equal(missing, 0);
    header_free(header);
}
