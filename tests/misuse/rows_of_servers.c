/* Rows of what optim/federated.h declares. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "optim/federated.h"
#include "rows.h"

/* Three clients, one parameter of two elements, nobody has begun. */
static optim_server_t *server_of(const char *rule, double *w) {
    optim_server_t *server;
    CHECK_OK(optim_server_create(&server, rule, NULL));
    CHECK_OK(optim_server_add_param(server, "w", OPTIM_F64, 1, (int64_t[]){2}, w));
    CHECK_OK(optim_server_set_clients(server, 3));
    return server;
}

static void rows_of_making(world_t *world) {
    optim_server_t *out = NULL;
    REFUSED(optim_server_create, (NULL, "fedavg", ""), OPTIM_ERR_NULL, "out");
    REFUSED(optim_server_create, (&out, NULL, NULL), OPTIM_ERR_NULL, "rule");
    REFUSED(optim_server_create, (&out, "", NULL), OPTIM_ERR_NAME, "fedavg");
    REFUSED(optim_server_create, (&out, "fedadvg", NULL), OPTIM_ERR_NAME, "mean \"fedavg\"");
    REFUSED(optim_server_create, (&out, "adam", NULL), OPTIM_ERR_NAME, "optim_create");
    REFUSED(optim_server_create, (&out, "gradient_coding", NULL), OPTIM_ERR_MISMATCH, "optim_coding_create");
    REFUSED(optim_server_create, (&out, world->control, NULL), OPTIM_ERR_NAME, "such\?\?\?");
    REFUSED(optim_server_create, (&out, world->bytes, NULL), OPTIM_ERR_NAME, "such\?\?\?\?\?\?");
    REFUSED(optim_server_create, (&out, world->endless, NULL), OPTIM_ERR_NAME, "kkkk");
    REFUSED(optim_server_create, (&out, "fedavg", world->control), OPTIM_ERR_VALUE, "such\?\?\?");
    REFUSED(optim_server_create, (&out, "fedavg", world->bytes), OPTIM_ERR_VALUE, "such\?\?\?\?\?\?");
    REFUSED(optim_server_create, (&out, "fedavg", world->endless), OPTIM_ERR_VALUE, "kkkk");
    REFUSED(optim_server_create, (&out, "fedavg", "rate=1"), OPTIM_ERR_OPTION, "rate");
    REFUSED(optim_server_create, (&out, "fedavg", "momentum=1"), OPTIM_ERR_VALUE, "momentum");
    REFUSED(optim_server_create, (&out, "fedavg", "lr=1,lr=2"), OPTIM_ERR_DUPLICATE, "lr");
    REFUSED(optim_server_create, (&out, "fedprox", "mu=0"), OPTIM_ERR_VALUE, "mu");
    REFUSED(optim_server_create, (&out, "fedfix", "weights=identical"), OPTIM_ERR_VALUE, "weights");
    REFUSED(optim_server_create, (&out, "fedhyper", "lo=2,hi=1"), OPTIM_ERR_VALUE, "lo");
    assert_null(out);
    ACCEPTED(optim_server_create, (&out, "fedavg", ""));
    optim_server_destroy(out);
    ACCEPTED(optim_server_create, (&out, "fedavg", NULL));
    optim_server_destroy(out);
    optim_server_destroy(NULL);
    HOLDS(optim_server_destroy, (NULL), true);
    HOLDS(optim_rule_name, (SIZE_MAX), optim_rule_name(SIZE_MAX) == NULL);
    HOLDS(optim_rule_count, (), optim_rule_count() > 0);
}

static void rows_of_server_parameters(world_t *world) {
    const int64_t two = 2, less = -1, huge = INT64_MAX;
    double w[2] = {0};
    optim_server_t *server;
    CHECK_OK(optim_server_create(&server, "fedavg", NULL));
    REFUSED(optim_server_commit, (server), OPTIM_ERR_ORDER, "optim_server_add_param");
    REFUSED(optim_server_add_param, (NULL, "w", OPTIM_F64, 1, &two, w), OPTIM_ERR_NULL, "server");
    REFUSED(optim_server_add_param, (server, "w", INT_MIN, 1, &two, w), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_server_add_param, (server, "w", INT_MAX, 1, &two, w), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_server_add_param, (server, "w", OPTIM_F64, INT_MIN, &two, w), OPTIM_ERR_SHAPE, "-2147483648");
    REFUSED(optim_server_add_param, (server, "w", OPTIM_F64, INT_MAX, &two, w), OPTIM_ERR_SHAPE, "2147483647");
    REFUSED(optim_server_add_param, (server, "w", OPTIM_F64, 1, NULL, w), OPTIM_ERR_NULL, "dims");
    REFUSED(optim_server_add_param, (server, "w", OPTIM_F64, 1, &less, w), OPTIM_ERR_SHAPE, "-1");
    REFUSED(optim_server_add_param, (server, "w", OPTIM_F64, 1, &huge, w), OPTIM_ERR_SIZE, "memory");
    REFUSED(optim_server_add_param, (server, "w", OPTIM_F64, 1, &two, NULL), OPTIM_ERR_NULL, "data");
    ACCEPTED(optim_server_add_param, (server, NULL, OPTIM_F64, 1, &two, w));
    ACCEPTED(optim_server_add_param, (server, "", OPTIM_F32, 1, &two, w));
    ACCEPTED(optim_server_add_param, (server, world->control, OPTIM_F64, 1, &two, w));
    ACCEPTED(optim_server_add_param, (server, world->bytes, OPTIM_F64, 1, &two, w));
    ACCEPTED(optim_server_add_param, (server, world->endless, OPTIM_F64, 1, &two, w));
    REFUSED(optim_server_add_param, (server, "param0", OPTIM_F64, 1, &two, w), OPTIM_ERR_DUPLICATE, "param0");
    REFUSED(optim_server_bind, (NULL, 0, w), OPTIM_ERR_NULL, "server");
    REFUSED(optim_server_bind, (server, INT_MIN, w), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_server_bind, (server, INT_MAX, w), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_server_bind, (server, 0, NULL), OPTIM_ERR_NULL, "data");
    size_t size;
    REFUSED(optim_server_serialize, (server, NULL, 0, &size), OPTIM_ERR_VALUE, "UTF-8");
    optim_server_destroy(server);
}

static void rows_of_clients(world_t *world) {
    const double right[] = {1, 0.5, 1}, negative[] = {-1, 1, 1}, none[] = {(double)NAN, 1, 1};
    double w[2] = {0};
    optim_server_t *server = server_of("fedavg", w), *untold;
    CHECK_OK(optim_server_create(&untold, "scaffold", NULL));
    REFUSED(optim_server_set_clients, (NULL, 3), OPTIM_ERR_NULL, "server");
    REFUSED(optim_server_set_clients, (server, INT64_MIN), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    REFUSED(optim_server_set_clients, (server, 0), OPTIM_ERR_ARGUMENT, "0");
    REFUSED(optim_server_set_numbers, (NULL, "size", right, 3), OPTIM_ERR_NULL, "server");
    REFUSED(optim_server_set_numbers, (server, NULL, right, 3), OPTIM_ERR_NULL, "name");
    REFUSED(optim_server_set_numbers, (server, "", right, 3), OPTIM_ERR_NAME, "probability");
    REFUSED(optim_server_set_numbers, (server, world->control, right, 3), OPTIM_ERR_NAME, "such\?\?\?");
    REFUSED(optim_server_set_numbers, (server, world->bytes, right, 3), OPTIM_ERR_NAME, "such\?\?\?\?\?\?");
    REFUSED(optim_server_set_numbers, (server, world->endless, right, 3), OPTIM_ERR_NAME, "kkkk");
    REFUSED(optim_server_set_numbers, (server, "size", NULL, 3), OPTIM_ERR_NULL, "values");
    REFUSED(optim_server_set_numbers, (server, "size", right, INT64_MIN), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    REFUSED(optim_server_set_numbers, (server, "size", right, 2), OPTIM_ERR_ARGUMENT, "2 numbers");
    REFUSED(optim_server_set_numbers, (server, "size", negative, 3), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_server_set_numbers, (server, "probability", none, 3), OPTIM_ERR_ARGUMENT, "nan");
    REFUSED(optim_server_set_numbers, (untold, "size", right, 3), OPTIM_ERR_ORDER, "optim_server_set_clients");
    REFUSED(optim_server_set_input, (NULL, 0, "data", OPTIM_F64, 1, 2, right), OPTIM_ERR_NULL, "server");
    REFUSED(optim_server_set_input, (server, INT64_MIN, "data", OPTIM_F64, 1, 2, right), OPTIM_ERR_ARGUMENT,
            "-9223372036854775808");
    REFUSED(optim_server_set_input, (server, 0, NULL, OPTIM_F64, 1, 2, right), OPTIM_ERR_NULL, "name");
    REFUSED(optim_server_set_input, (server, 0, "", OPTIM_F64, 1, 2, right), OPTIM_ERR_NAME, "second_moment");
    REFUSED(optim_server_set_input, (server, 0, world->control, OPTIM_F64, 1, 2, right), OPTIM_ERR_NAME, "such\?\?\?");
    REFUSED(optim_server_set_input, (server, 0, world->bytes, OPTIM_F64, 1, 2, right), OPTIM_ERR_NAME,
            "such\?\?\?\?\?\?");
    REFUSED(optim_server_set_input, (server, 0, world->endless, OPTIM_F64, 1, 2, right), OPTIM_ERR_NAME, "kkkk");
    REFUSED(optim_server_set_input, (server, 0, "data", INT_MIN, 1, 2, right), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_server_set_input, (server, 0, "data", INT_MAX, 1, 2, right), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_server_set_input, (server, 0, "data", OPTIM_F64, INT64_MIN, 2, right), OPTIM_ERR_SHAPE, "by 2");
    REFUSED(optim_server_set_input, (server, 0, "data", OPTIM_F64, 1, INT64_MIN, right), OPTIM_ERR_SHAPE, "1 by");
    ACCEPTED(optim_server_set_input, (server, 0, "data", OPTIM_F64, 1, 2, NULL));
    REFUSED(optim_server_set, (NULL, "lr", 1), OPTIM_ERR_NULL, "server");
    REFUSED(optim_server_set, (server, NULL, 1), OPTIM_ERR_NULL, "key");
    REFUSED(optim_server_set, (server, "", 1), OPTIM_ERR_OPTION, "lr");
    REFUSED(optim_server_set, (server, world->control, 1), OPTIM_ERR_OPTION, "such\?\?\?");
    REFUSED(optim_server_set, (server, world->bytes, 1), OPTIM_ERR_OPTION, "such\?\?\?\?\?\?");
    REFUSED(optim_server_set, (server, world->endless, 1), OPTIM_ERR_OPTION, "kkkk");
    REFUSED(optim_server_set, (server, "lr", (double)NAN), OPTIM_ERR_VALUE, "lr");
    REFUSED(optim_server_set, (server, "lr", (double)INFINITY), OPTIM_ERR_VALUE, "lr");
    ACCEPTED(optim_server_set, (server, "lr", 0.5));
    optim_server_destroy(untold);
    optim_server_destroy(server);
}

static void rows_of_rounds(world_t *world) {
    double w[2] = {1, 2}, y[2], g[2] = {0}, odd[2] = {(double)NAN, 1}, value;
    void *const data[] = {y}, *const grad[] = {g}, *const none[] = {NULL};
    const void *const handed[] = {w}, *const broken[] = {odd}, *const nothing[] = {NULL};
    int64_t who[3];
    size_t count;
    optim_server_t *server = server_of("fedavg", w);
    REFUSED(optim_server_select, (NULL, who, 3, &count), OPTIM_ERR_NULL, "server");
    REFUSED(optim_server_select, (server, who, 3, NULL), OPTIM_ERR_NULL, "count");
    REFUSED(optim_server_select, (server, who, 2, &count), OPTIM_ERR_ARGUMENT, "room");
    ACCEPTED(optim_server_select, (server, NULL, 0, &count));
    REFUSED(optim_server_set_clients, (server, 4), OPTIM_ERR_ORDER, "first round");
    REFUSED(optim_server_add_param, (server, "v", OPTIM_F64, 0, NULL, y), OPTIM_ERR_ORDER, "first round");
    REFUSED(optim_server_begin, (NULL, 0, data), OPTIM_ERR_NULL, "server");
    REFUSED(optim_server_begin, (server, INT64_MIN, data), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    REFUSED(optim_server_begin, (server, 3, data), OPTIM_ERR_ARGUMENT, "3");
    REFUSED(optim_server_begin, (server, 0, none), OPTIM_ERR_NULL, "data[0]");
    ACCEPTED(optim_server_begin, (server, 0, NULL));
    ACCEPTED(optim_server_begin, (server, 0, data));
    REFUSED(optim_server_local, (NULL, 0, data, grad), OPTIM_ERR_NULL, "server");
    REFUSED(optim_server_local, (server, INT64_MIN, data, grad), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    REFUSED(optim_server_local, (server, 1, data, grad), OPTIM_ERR_ORDER, "optim_server_begin");
    REFUSED(optim_server_local, (server, 0, NULL, grad), OPTIM_ERR_NULL, "data");
    REFUSED(optim_server_local, (server, 0, data, NULL), OPTIM_ERR_NULL, "grad");
    REFUSED(optim_server_end, (NULL, 0, handed, 1), OPTIM_ERR_NULL, "server");
    REFUSED(optim_server_end, (server, INT64_MIN, handed, 1), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    REFUSED(optim_server_end, (server, 1, handed, 1), OPTIM_ERR_ORDER, "optim_server_begin");
    REFUSED(optim_server_end, (server, 0, NULL, 1), OPTIM_ERR_NULL, "data");
    REFUSED(optim_server_end, (server, 0, nothing, 1), OPTIM_ERR_NULL, "data[0]");
    REFUSED(optim_server_end, (server, 0, handed, INT64_MIN), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    ACCEPTED(optim_server_end, (server, 0, broken, 1));
    CHECK_OK(optim_server_get(server, -1, "skipped", &value));
    assert_true(value == 1);
    CHECK_OK(optim_server_begin(server, 0, data));
    ACCEPTED(optim_server_end, (server, 0, handed, 1));
    REFUSED(optim_server_end, (server, 0, handed, 1), OPTIM_ERR_ORDER, "handed in");
    REFUSED(optim_server_commit, (NULL), OPTIM_ERR_NULL, "server");
    ACCEPTED(optim_server_commit, (server));
    REFUSED(optim_server_uniform, (NULL, &value), OPTIM_ERR_NULL, "server");
    REFUSED(optim_server_uniform, (server, NULL), OPTIM_ERR_NULL, "value");
    optim_server_destroy(server);
}

static void rows_of_knowledge(world_t *world) {
    double w[2] = {1, 2}, value, values[2];
    optim_server_t *server = server_of("scaffold", w);
    REFUSED(optim_server_get, (NULL, -1, "lr", &value), OPTIM_ERR_NULL, "server");
    REFUSED(optim_server_get, (server, INT64_MIN, "steps", &value), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    REFUSED(optim_server_get, (server, -1, NULL, &value), OPTIM_ERR_NULL, "name");
    REFUSED(optim_server_get, (server, -1, "", &value), OPTIM_ERR_OPTION, "round");
    REFUSED(optim_server_get, (server, -1, world->control, &value), OPTIM_ERR_OPTION, "such\?\?\?");
    REFUSED(optim_server_get, (server, 0, world->bytes, &value), OPTIM_ERR_OPTION, "such\?\?\?\?\?\?");
    REFUSED(optim_server_get, (server, 0, world->endless, &value), OPTIM_ERR_OPTION, "kkkk");
    REFUSED(optim_server_get, (server, -1, "lr", NULL), OPTIM_ERR_NULL, "value");
    ACCEPTED(optim_server_get, (server, 2, "steps", &value));
    REFUSED(optim_server_state, (NULL, -1, "c", 0, values), OPTIM_ERR_NULL, "server");
    REFUSED(optim_server_state, (server, INT64_MIN, "c_i", 0, values), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    REFUSED(optim_server_state, (server, -1, NULL, 0, values), OPTIM_ERR_NULL, "name");
    REFUSED(optim_server_state, (server, -1, "", 0, values), OPTIM_ERR_OPTION, "there are: c");
    REFUSED(optim_server_state, (server, -1, world->control, 0, values), OPTIM_ERR_OPTION, "such\?\?\?");
    REFUSED(optim_server_state, (server, -1, world->bytes, 0, values), OPTIM_ERR_OPTION, "such\?\?\?\?\?\?");
    REFUSED(optim_server_state, (server, -1, world->endless, 0, values), OPTIM_ERR_OPTION, "kkkk");
    REFUSED(optim_server_state, (server, -1, "c", INT_MIN, values), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_server_state, (server, -1, "c", INT_MAX, values), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_server_state, (server, -1, "c", 0, NULL), OPTIM_ERR_NULL, "values");
    REFUSED(optim_server_state, (server, 1, "start", 0, values), OPTIM_ERR_ORDER, "start");
    ACCEPTED(optim_server_state, (server, 1, "c_i", 0, values));
    optim_server_destroy(server);
}

static void rows_of_server_files(world_t *world) {
    double w[2] = {1, 2};
    char bytes[8] = "{}";
    size_t size;
    optim_server_t *server = server_of("scaffold", w);
    REFUSED(optim_server_save, (NULL, "path"), OPTIM_ERR_NULL, "server");
    REFUSED(optim_server_save, (server, NULL), OPTIM_ERR_NULL, "path");
    REFUSED(optim_server_save, (server, ""), OPTIM_ERR_IO, "");
    REFUSED(optim_server_save, (server, world->control), OPTIM_ERR_IO, "such\?\?\?");
    REFUSED(optim_server_save, (server, world->bytes), OPTIM_ERR_IO, "such\?\?\?\?\?\?");
    REFUSED(optim_server_save, (server, world->endless), OPTIM_ERR_IO, "kkkk");
    REFUSED(optim_server_load, (NULL, "path"), OPTIM_ERR_NULL, "server");
    REFUSED(optim_server_load, (server, NULL), OPTIM_ERR_NULL, "path");
    REFUSED(optim_server_load, (server, ""), OPTIM_ERR_IO, "");
    REFUSED(optim_server_load, (server, world->control), OPTIM_ERR_IO, "such\?\?\?");
    REFUSED(optim_server_load, (server, world->bytes), OPTIM_ERR_IO, "such\?\?\?\?\?\?");
    REFUSED(optim_server_load, (server, world->endless), OPTIM_ERR_IO, "kkkk");
    REFUSED(optim_server_serialize, (NULL, NULL, 0, &size), OPTIM_ERR_NULL, "server");
    REFUSED(optim_server_serialize, (server, NULL, 0, NULL), OPTIM_ERR_NULL, "size");
    REFUSED(optim_server_serialize, (server, bytes, sizeof bytes, &size), OPTIM_ERR_ARGUMENT, "room");
    ACCEPTED(optim_server_serialize, (server, NULL, 0, &size));
    REFUSED(optim_server_deserialize, (NULL, bytes, sizeof bytes), OPTIM_ERR_NULL, "server");
    REFUSED(optim_server_deserialize, (server, NULL, 0), OPTIM_ERR_NULL, "buffer");
    REFUSED(optim_server_deserialize, (server, bytes, sizeof bytes), OPTIM_ERR_FORMAT, "header");
    optim_server_destroy(server);
}

static void rows_of_making_codes(world_t *world) {
    optim_coding_t *out = NULL;
    REFUSED(optim_coding_create, (NULL, "gradient_coding", ""), OPTIM_ERR_NULL, "out");
    REFUSED(optim_coding_create, (&out, NULL, NULL), OPTIM_ERR_NULL, "rule");
    REFUSED(optim_coding_create, (&out, "", NULL), OPTIM_ERR_NAME, "gradient_coding");
    REFUSED(optim_coding_create, (&out, world->control, NULL), OPTIM_ERR_NAME, "such\?\?\?");
    REFUSED(optim_coding_create, (&out, world->bytes, NULL), OPTIM_ERR_NAME, "such\?\?\?\?\?\?");
    REFUSED(optim_coding_create, (&out, world->endless, NULL), OPTIM_ERR_NAME, "kkkk");
    REFUSED(optim_coding_create, (&out, "fedavg", NULL), OPTIM_ERR_MISMATCH, "optim_server_create");
    REFUSED(optim_coding_create, (&out, "gradient_coding", world->control), OPTIM_ERR_VALUE, "such\?\?\?");
    REFUSED(optim_coding_create, (&out, "gradient_coding", world->bytes), OPTIM_ERR_VALUE, "such\?\?\?\?\?\?");
    REFUSED(optim_coding_create, (&out, "gradient_coding", world->endless), OPTIM_ERR_VALUE, "kkkk");
    REFUSED(optim_coding_create, (&out, "gradient_coding", "n=3,s=3"), OPTIM_ERR_VALUE, "\"s\"");
    REFUSED(optim_coding_create, (&out, "sequential_gradient_coding", "lambda=5"), OPTIM_ERR_VALUE, "lambda");
    REFUSED(optim_coding_create, (&out, "sequential_gradient_coding", "b=2,w=4"), OPTIM_ERR_VALUE, "divide");
    REFUSED(optim_coding_create, (&out, "sequential_gradient_coding", "scheme=m,b=2"), OPTIM_ERR_VALUE, "less than w");
    REFUSED(optim_coding_create, (&out, "sequential_gradient_coding", "w=1,lambda=4"), OPTIM_ERR_VALUE, "no worker");
    assert_null(out);
    ACCEPTED(optim_coding_create, (&out, "gradient_coding", ""));
    optim_coding_destroy(out);
    optim_coding_destroy(NULL);
    HOLDS(optim_coding_destroy, (NULL), true);
}

static void rows_of_codes(world_t *world) {
    enum { WORKERS = 4 };
    double weights[WORKERS], times[WORKERS] = {1, 1, 1, 1}, wrong[WORKERS] = {1, (double)NAN, 1, 1}, value;
    const int64_t three[] = {0, 1, 3}, twice[] = {0, 0, 3}, foreign[] = {4};
    int64_t job, from[WORKERS];
    size_t count;
    int wait;
    optim_coding_t *code;
    CHECK_OK(optim_coding_create(&code, "sequential_gradient_coding", "jobs=1"));
    REFUSED(optim_coding_weights, (NULL, 0, weights), OPTIM_ERR_NULL, "coding");
    REFUSED(optim_coding_weights, (code, INT64_MIN, weights), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    REFUSED(optim_coding_weights, (code, 0, NULL), OPTIM_ERR_NULL, "weights");
    REFUSED(optim_coding_decode, (NULL, three, 3, weights), OPTIM_ERR_NULL, "coding");
    REFUSED(optim_coding_decode, (code, NULL, 3, weights), OPTIM_ERR_NULL, "workers");
    REFUSED(optim_coding_decode, (code, three, 2, weights), OPTIM_ERR_ARGUMENT, "3");
    REFUSED(optim_coding_decode, (code, twice, 3, weights), OPTIM_ERR_ARGUMENT, "ascending");
    REFUSED(optim_coding_decode, (code, three, 3, NULL), OPTIM_ERR_NULL, "weights");
    REFUSED(optim_coding_tasks, (NULL, 0, &job, NULL, NULL, 1, &count), OPTIM_ERR_NULL, "coding");
    REFUSED(optim_coding_tasks, (code, INT64_MIN, NULL, NULL, NULL, 1, &count), OPTIM_ERR_ARGUMENT,
            "-9223372036854775808");
    REFUSED(optim_coding_tasks, (code, 0, &job, NULL, NULL, 0, &count), OPTIM_ERR_ARGUMENT, "room");
    REFUSED(optim_coding_tasks, (code, 0, &job, NULL, NULL, 1, NULL), OPTIM_ERR_NULL, "count");
    REFUSED(optim_coding_decoded, (NULL, 0, &job, from, WORKERS, &count), OPTIM_ERR_NULL, "coding");
    REFUSED(optim_coding_decoded, (code, SIZE_MAX, &job, from, WORKERS, &count), OPTIM_ERR_ARGUMENT, "0 jobs");
    REFUSED(optim_coding_decoded, (code, 0, NULL, from, WORKERS, &count), OPTIM_ERR_NULL, "job");
    REFUSED(optim_coding_decoded, (code, 0, &job, NULL, WORKERS, NULL), OPTIM_ERR_NULL, "count");
    REFUSED(optim_coding_late, (NULL, three, 1, &wait), OPTIM_ERR_NULL, "coding");
    REFUSED(optim_coding_late, (code, NULL, 1, &wait), OPTIM_ERR_NULL, "workers");
    REFUSED(optim_coding_late, (code, foreign, 1, &wait), OPTIM_ERR_ARGUMENT, "4");
    REFUSED(optim_coding_times, (NULL, times, WORKERS, &wait), OPTIM_ERR_NULL, "coding");
    REFUSED(optim_coding_times, (code, NULL, WORKERS, &wait), OPTIM_ERR_NULL, "times");
    REFUSED(optim_coding_times, (code, times, 3, &wait), OPTIM_ERR_ARGUMENT, "3 times");
    REFUSED(optim_coding_times, (code, wrong, WORKERS, &wait), OPTIM_ERR_ARGUMENT, "nan");
    ACCEPTED(optim_coding_times, (code, times, WORKERS, NULL));
    ACCEPTED(optim_coding_late, (code, NULL, 0, NULL));
    REFUSED(optim_coding_late, (code, NULL, 0, NULL), OPTIM_ERR_ORDER, "2 rounds");
    REFUSED(optim_coding_get, (NULL, "load", &value), OPTIM_ERR_NULL, "coding");
    REFUSED(optim_coding_get, (code, NULL, &value), OPTIM_ERR_NULL, "name");
    REFUSED(optim_coding_get, (code, "", &value), OPTIM_ERR_OPTION, "load");
    REFUSED(optim_coding_get, (code, world->control, &value), OPTIM_ERR_OPTION, "such\?\?\?");
    REFUSED(optim_coding_get, (code, world->bytes, &value), OPTIM_ERR_OPTION, "such\?\?\?\?\?\?");
    REFUSED(optim_coding_get, (code, world->endless, &value), OPTIM_ERR_OPTION, "kkkk");
    REFUSED(optim_coding_get, (code, "load", NULL), OPTIM_ERR_NULL, "value");
    char bytes[4];
    REFUSED(optim_coding_serialize, (NULL, bytes, sizeof bytes, &count), OPTIM_ERR_NULL, "coding");
    REFUSED(optim_coding_serialize, (code, bytes, sizeof bytes, NULL), OPTIM_ERR_NULL, "size");
    REFUSED(optim_coding_serialize, (code, bytes, sizeof bytes, &count), OPTIM_ERR_ARGUMENT, "room");
    ACCEPTED(optim_coding_serialize, (code, NULL, 0, &count));
    REFUSED(optim_coding_deserialize, (NULL, bytes, sizeof bytes), OPTIM_ERR_NULL, "coding");
    REFUSED(optim_coding_deserialize, (code, NULL, 0), OPTIM_ERR_NULL, "buffer");
    REFUSED(optim_coding_deserialize, (code, "gradopt", 7), OPTIM_ERR_FORMAT, "no saved");
    REFUSED(optim_coding_deserialize, (code, "gradopt-coding 1 gradient_coding\n", 33), OPTIM_ERR_CHECKPOINT, "rule");
    optim_coding_destroy(code);
}

void rows_of_servers(world_t *world) {
    static void (*const ROWS[])(world_t *) = {
        rows_of_making,    rows_of_server_parameters, rows_of_clients,      rows_of_rounds,
        rows_of_knowledge, rows_of_server_files,      rows_of_making_codes, rows_of_codes};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; ++i)
        ROWS[i](world);
}
