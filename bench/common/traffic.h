/*
 * The bare memory traffic of a step: loops over separate buffers that read the gradient and read and write the parameters
 * and every state, in the formats and with the static split over threads that a step has, and that do next to nothing else.
 * No step that keeps its state in memory can be faster for long.
 */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>

enum { TRAFFIC_STATES = 64 };

typedef struct traffic {
    size_t elements;
    size_t gradient_bytes, parameter_bytes; /* of an element */
    size_t real;                            /* of an element of a whole state */
    int threads;
    char *gradient, *parameter, *state[TRAFFIC_STATES];
    int states; /* whole ones, of one real an element */
    char *rest; /* bytes of state that do not make up a whole one: `rest_bytes` an element */
    size_t rest_bytes;
} traffic_t;

/* Takes and touches the buffers, for `state_bytes` of state an element; false: out of memory, or too many states.
 * traffic_close frees them, whatever happened. */
bool traffic_open(traffic_t *traffic, size_t elements, size_t gradient_bytes, size_t parameter_bytes,
                  size_t state_bytes, int threads);
void traffic_close(traffic_t *traffic);

/* Bytes moved for each element. */
size_t traffic_bytes(const traffic_t *traffic);

/* Moves them once; `traffic` is a traffic_t. */
void traffic_run(void *traffic);

/*
 * The same for a step that goes over memory several times: "gpa,gP" reads gradient, parameters and the first state, then
 * the gradient, and reads and writes the parameters; states are a, b, ... in the order of the buffers, capitals are
 * written. Of one real an element each, at most four of a walk being read alone and four written.
 */
enum { TRAFFIC_WALKS = 8, TRAFFIC_OF_WALK = 4 };

typedef struct walks {
    const traffic_t *traffic;
    int count;
    struct {
        int reads, writes;
        char *read[TRAFFIC_OF_WALK], *write[TRAFFIC_OF_WALK];
    } walk[TRAFFIC_WALKS];
} walks_t;

/* False: that is no such text, or `traffic` has no such streams. */
bool walks_parse(walks_t *walks, const traffic_t *traffic, const char *text);
size_t walks_bytes(const walks_t *walks);
void walks_run(void *context); /* a walks_t */

#endif
