#include "report.h"

#include <errno.h>
#include <string.h>

static const char CSV_HEAD[] =
    "case,method,dtype,elements,tensors,threads,runs,ns_per_step,ns_low,ns_high,ns_per_element,bytes_per_element,"
    "gb_per_s,against,reference_ns_per_step,ratio,ratio_low,ratio_high,ratio_best,interrupted\n";

bool report_open(report_t *report, const char *path) {
    *report = (report_t){0};
    if (path == NULL)
        return true;
    report->csv = fopen(path, "w");
    if (report->csv == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    fputs(CSV_HEAD, report->csv);
    return true;
}

bool report_close(report_t *report) {
    return report->csv == NULL || fclose(report->csv) == 0;
}

static void print_time(double ns) {
    if (ns < 1e4)
        printf(" %9.1f ns", ns);
    else if (ns < 1e7)
        printf(" %9.1f us", ns / 1e3);
    else
        printf(" %9.1f ms", ns / 1e6);
}

static void begin_row(report_t *report, const char *name) {
    if (report->group == NULL)
        printf("%-11s %-20s %-8s %7s %12s %8s %5s %6s  %-11s %6s %6s  %-16s %s\n", "case", "method", "dtype", "threads",
               "step", "ns/elem", "B/el", "GB/s", "against", "ratio", "best", "quartiles", "interrupted");
    if (report->group == NULL || strncmp(report->group, name, strlen(report->group)) != 0) {
        putchar('\n');
        report->group = name;
    }
}

static void print_row(const row_t *row, double ns_per_element) {
    printf("%-11s %-20s %-8s %7d", row->name, row->method, row->dtype, row->threads);
    print_time(row->ns.median);
    printf(" %8.3f", ns_per_element);
    if (row->bytes > 0)
        printf(" %5zu %6.1f", row->bytes, (double)row->bytes / ns_per_element);
    else
        printf(" %5s %6s", "", "");
    if (row->against != NULL)
        printf("  %-11s %6.3f %6.3f  %.3f to %.3f", row->against, row->ratio.median, row->ratio.least, row->ratio.low,
               row->ratio.high);
    if (row->interrupted > 0)
        printf("   %.0f %%", 100 * row->interrupted);
    putchar('\n');
    fflush(stdout);
}

static void write_row(FILE *csv, const row_t *row, double ns_per_element) {
    fprintf(csv, "%s,\"%s\",%s,%zu,%zu,%d,%d,%.1f,%.1f,%.1f,%.5f,", row->name, row->method, row->dtype, row->elements,
            row->tensors, row->threads, row->runs, row->ns.median, row->ns.low, row->ns.high, ns_per_element);
    if (row->bytes > 0)
        fprintf(csv, "%zu,%.2f,", row->bytes, (double)row->bytes / ns_per_element);
    else
        fputs(",,", csv);
    if (row->against != NULL)
        fprintf(csv, "%s,%.1f,%.4f,%.4f,%.4f,%.4f,", row->against, row->reference_ns, row->ratio.median, row->ratio.low,
                row->ratio.high, row->ratio.least);
    else
        fputs(",,,,,,", csv);
    fprintf(csv, "%.3f\n", row->interrupted);
}

void report_row(report_t *report, const row_t *row) {
    const double ns_per_element = row->ns.median / (double)row->elements;
    begin_row(report, row->name);
    print_row(row, ns_per_element);
    if (report->csv != NULL)
        write_row(report->csv, row, ns_per_element);
}

void report_remark(report_t *report, const char *name, const char *method, const char *remark) {
    begin_row(report, name);
    printf("%-11s %-20s %s\n", name, method, remark);
}
