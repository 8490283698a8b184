/* gradopt tune: the table at the end, as text and JSON, and the picture. */
#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/number.h"
#include "tool.h"
#include "tune.h"

enum { SHOWN = 10 };

bool entry_is_better(const entry_t *a, const entry_t *b) {
    const double x = isfinite(a->loss) ? a->loss : (double)INFINITY, y = isfinite(b->loss) ? b->loss : (double)INFINITY;
    return x < y || (x == y && a->config < b->config);
}

static int compare(const void *a, const void *b) {
    return entry_is_better(*(entry_t *const *)a, *(entry_t *const *)b) ? -1 : 1;
}

/* ---- Text ---- */

static void print_entry(const race_t *race, size_t place, const entry_t *e) {
    char loss[NUMBER_TEXT], budget[NUMBER_TEXT];
    (void)number_print(loss, sizeof loss, "%.6g", e->loss);
    (void)number_print(budget, sizeof budget, "%.6g", e->budget);
    printf("%5zu %-12s %-10s %-6lld ", place + 1, loss, budget, (long long)e->config);
    print_text(race->space[e->space].method);
    printf(" ");
    print_text(e->options);
    printf("%s", e->note[0] == '\0' ? "" : "  ");
    print_text(e->note);
    printf("\n");
}

/* The ten best, and of every space the best. */
static void print_table(const race_t *race, entry_t *const *order) {
    printf("%5s %-12s %-10s %-6s %s\n", "place", "loss", "budget", "config", "method and options");
    bool *seen = calloc(race->spaces, sizeof *seen);
    for (size_t i = 0; i < race->entries; ++i) {
        if (i < SHOWN || (seen != NULL && !seen[order[i]->space]))
            print_entry(race, i, order[i]);
        if (seen != NULL)
            seen[order[i]->space] = true;
    }
    free(seen);
}

/* ---- JSON ---- */

static void out_number(json_out_t *out, const char *key, double value) {
    char text[NUMBER_TEXT];
    number_text(value, text);
    if (isfinite(value))
        out_raw(out, key, text);
    else
        out_raw(out, key, "null");
}

static void out_table(const race_t *race, entry_t *const *order) {
    json_out_t out = {false};
    out_open(&out, NULL, '{');
    out_open(&out, "configurations", '[');
    for (size_t i = 0; i < race->entries; ++i) {
        const entry_t *e = order[i];
        out_open(&out, NULL, '{');
        out_count(&out, "config", (size_t)e->config);
        out_text(&out, "method", race->space[e->space].method);
        out_text(&out, "options", e->options);
        out_number(&out, "budget", e->budget);
        out_number(&out, "loss", e->loss);
        out_text(&out, "note", e->note);
        out_close(&out, '}');
    }
    out_close(&out, ']');
    out_close(&out, '}');
    out_end();
}

void race_print(const race_t *race) {
    entry_t **order = (entry_t **)calloc(race->entries + 1, sizeof *order);
    if (order == NULL) {
        (void)print_error("gradopt tune: out of memory");
        return;
    }
    for (size_t i = 0; i < race->entries; ++i)
        order[i] = &race->entry[i];
    qsort((void *)order, race->entries, sizeof *order, compare);
    if (race->json)
        out_table(race, order);
    else
        print_table(race, order);
    free((void *)order);
}

/* ---- The picture: losses by the value of the first range, a colour for each space, larger with the budget ---- */

static FILE *open_in(const char *folder, const char *name) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return fopen(path, "w");
}

static bool is_drawn(const entry_t *e) {
    return isfinite(e->loss) && isfinite(e->first);
}

/* A block of lines "value loss budget" for each space; *above: all values and losses are above 0. */
static bool write_points(const race_t *race, bool above[2]) {
    FILE *file = open_in(race->folder, "race.txt");
    size_t drawn = 0;
    if (file == NULL)
        return false;
    for (size_t s = 0; s < race->spaces; ++s) {
        fprintf(file, "%s# %s\n", s == 0 ? "" : "\n\n", race->space[s].method);
        for (size_t i = 0; i < race->entries; ++i) {
            const entry_t *e = &race->entry[i];
            char text[128];
            if (e->space != s || !is_drawn(e))
                continue;
            (void)number_print(text, sizeof text, "%.17g %.17g %.17g", e->first, e->loss, e->budget);
            fprintf(file, "%s\n", text);
            above[0] &= e->first > 0;
            above[1] &= e->loss > 0;
            ++drawn;
        }
    }
    return fclose(file) == 0 && drawn > 0;
}

static bool write_script(const race_t *race, const bool above[2]) {
    FILE *file = open_in(race->folder, "race.gp");
    if (file == NULL)
        return false;
    fprintf(file, "set output \"race.png\"\n"
                  "set terminal pngcairo size 960,600 font \"DejaVu Sans,12\" background \"#ffffff\"\n"
                  "set title \"The last loss of every configuration; larger with the budget that it reached\"\n"
                  "set ylabel \"loss\"\n"
                  "set border 3 linecolor \"#666666\"\n"
                  "set tics nomirror textcolor \"#333333\"\n"
                  "set grid linetype 1 linecolor \"#e8e8e8\" linewidth 1\n"
                  "set key outside noenhanced Left reverse\n"
                  "set format \"%%g\"\n");
    if (above[0])
        fprintf(file, "set logscale x\n");
    if (above[1])
        fprintf(file, "set logscale y\n");
    const char *separator = "plot ";
    for (size_t s = 0; s < race->spaces; ++s) {
        const char *key = space_first(&race->space[s]);
        if (key == NULL)
            continue;
        fprintf(file,
                "%s\"race.txt\" index %zu using 1:2:(0.6 + 0.35 * log(1 + $3)) with points pointtype 7 "
                "pointsize variable linecolor %zu title \"%s, by %s\"",
                separator, s, s + 1, race->space[s].method, key);
        separator = ", \\\n     ";
    }
    fprintf(file, "\n");
    return fclose(file) == 0;
}

void race_draw(const race_t *race) {
    bool above[2] = {true, true};
    if (!write_points(race, above) || !write_script(race, above))
        return;
    char shell[] = "sh", option[] = "-c",
         script[] = "command -v gnuplot >/dev/null && cd -- \"$1\" && exec gnuplot race.gp 2>/dev/null", zero[] = "sh",
         folder[4096];
    (void)snprintf(folder, sizeof folder, "%s", race->folder);
    char *words[] = {shell, option, script, zero, folder, NULL};
    pid_t process;
    int status = 1;
    if (posix_spawnp(&process, "sh", NULL, NULL, words, environ) != 0)
        return;
    while (waitpid(process, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !race->json) {
        printf("picture: ");
        print_text(race->folder);
        printf("/race.png\n");
    }
}
