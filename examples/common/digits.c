#include "digits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

enum { LINE = 1024, MAX_LINES = 100000, SPLIT_SEED = 2024 };

/* ---- The file ---- */

static int parse_line(const char *line, float *x, unsigned char *label) {
    for (int i = 0; i <= DIGITS_PIXELS; ++i) {
        char *end;
        const long value = strtol(line, &end, 10);
        const long highest = i < DIGITS_PIXELS ? 16 : DIGITS_CLASSES - 1;
        if (end == line || value < 0 || value > highest || (i < DIGITS_PIXELS && *end != ','))
            return -1;
        if (i < DIGITS_PIXELS)
            x[i] = (float)value / 16;
        else
            *label = (unsigned char)value;
        line = end + 1;
    }
    return 0;
}

static size_t count_lines(FILE *file) {
    char line[LINE];
    size_t lines = 0;
    while (lines < MAX_LINES && fgets(line, sizeof line, file) != NULL)
        ++lines;
    rewind(file);
    return lines;
}

/* Reads line i into row place[i]. */
static int read_lines(digits_t *digits, FILE *file, const char *path, size_t lines, const size_t *place) {
    char line[LINE];
    for (size_t i = 0; i < lines; ++i) {
        const size_t row = place[i];
        if (fgets(line, sizeof line, file) == NULL ||
            parse_line(line, digits->x + row * DIGITS_PIXELS, digits->label + row) != 0) {
            fprintf(stderr, "%s:%zu: expected 64 numbers from 0 to 16 and a digit\n", path, i + 1);
            return -1;
        }
    }
    return 0;
}

static void split(digits_t *digits, size_t rows) {
    const size_t test = rows / 5;
    digits->test = (batch_t){test, digits->x, digits->label};
    digits->train = (batch_t){rows - test, digits->x + test * DIGITS_PIXELS, digits->label + test};
}

static int load(digits_t *digits, FILE *file, const char *path) {
    const size_t rows = count_lines(file);
    if (rows < 10) {
        fprintf(stderr, "%s: too few lines\n", path);
        return -1;
    }
    int status = -1;
    size_t *place = malloc(rows * sizeof *place);
    digits->x = malloc(rows * DIGITS_PIXELS * sizeof *digits->x);
    digits->label = malloc(rows);
    if (place == NULL || digits->x == NULL || digits->label == NULL) {
        fprintf(stderr, "%s: not enough memory\n", path);
    } else {
        uint64_t random = SPLIT_SEED;
        for (size_t i = 0; i < rows; ++i)
            place[i] = i;
        random_shuffle(&random, rows, place);
        status = read_lines(digits, file, path, rows, place);
        split(digits, rows);
    }
    free(place);
    return status;
}

int digits_load(digits_t *digits, const char *path) {
    *digits = (digits_t){.x = NULL};
    if (path == NULL)
        path = DIGITS_CSV;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    const int status = load(digits, file, path);
    fclose(file);
    if (status != 0)
        digits_free(digits);
    return status;
}

void digits_free(digits_t *digits) {
    free(digits->x);
    free(digits->label);
    *digits = (digits_t){.x = NULL};
}

/* ---- Mini-batches ---- */

int sampler_create(sampler_t *sampler, const batch_t *from, size_t rows, uint64_t seed) {
    *sampler = (sampler_t){.from = from, .random = seed, .batch = *from};
    if (rows == 0)
        return 0;
    sampler->order = malloc(from->rows * sizeof *sampler->order);
    sampler->x = malloc(rows * DIGITS_PIXELS * sizeof *sampler->x);
    sampler->label = malloc(rows);
    if (sampler->order == NULL || sampler->x == NULL || sampler->label == NULL) {
        sampler_destroy(sampler);
        return -1;
    }
    for (size_t i = 0; i < from->rows; ++i)
        sampler->order[i] = i;
    sampler->next = from->rows;
    sampler->batch = (batch_t){rows, sampler->x, sampler->label};
    return 0;
}

void sampler_destroy(sampler_t *sampler) {
    free(sampler->order);
    free(sampler->x);
    free(sampler->label);
    *sampler = (sampler_t){.from = NULL};
}

void sampler_next(sampler_t *sampler) {
    if (sampler->order == NULL)
        return;
    const batch_t *from = sampler->from;
    const size_t rows = sampler->batch.rows;
    if (sampler->next + rows > from->rows) {
        random_shuffle(&sampler->random, from->rows, sampler->order);
        sampler->next = 0;
    }
    for (size_t i = 0; i < rows; ++i) {
        const size_t row = sampler->order[sampler->next++];
        memcpy(sampler->x + i * DIGITS_PIXELS, from->x + row * DIGITS_PIXELS, DIGITS_PIXELS * sizeof *sampler->x);
        sampler->label[i] = from->label[row];
    }
}
