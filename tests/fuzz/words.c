/* Prints a dictionary for libFuzzer: every name in the registry, every option with its "=", every keyword. */
#include <stdio.h>
#include <string.h>

#include "optim/optim.h"

static void print_options(int kind, const char *name) {
    optim_option option = {.size = sizeof option};
    for (size_t i = 0; optim_describe_option(kind, name, i, &option) == OPTIM_OK; ++i) {
        (void)printf("\"%s=\"\n", option.name);
        const char *word = strchr(option.range, '|') == NULL ? "" : option.range;
        for (size_t length; *word != '\0'; word += length + (word[length] == '|')) {
            length = strcspn(word, "|");
            (void)printf("\"=%.*s\"\n", (int)length, word);
        }
    }
}

static void print_entries(int kind, size_t count, const char *(*name)(size_t)) {
    for (size_t i = 0; i < count; ++i) {
        (void)printf("\"%s\"\n", name(i));
        print_options(kind, name(i));
    }
}

int main(void) {
    static const char *const NUMBERS[] = {"0",    "1",     "-1",  "inf",   "-inf", "nan",  "1e308",           "1e-320",
                                          "1e-8", "0.999", "1e6", "1e999", "0x1p", "1;2;", "9007199254740993"};
    print_entries(OPTIM_ALGORITHM, optim_algorithm_count(), optim_algorithm_name);
    print_entries(OPTIM_WRAPPER, optim_wrapper_count(), optim_wrapper_name);
    print_entries(OPTIM_SCHEDULE, optim_schedule_count(), optim_schedule_name);
    print_options(OPTIM_ENGINE, "engine");
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; ++i)
        (void)printf("\"%s\"\n", NUMBERS[i]);
    (void)puts("\"\\x0agroup \"\n\"algorithm=\"\n\"children=\"\n\"chain(children=\"\n\"\\x0a~\"");
    return 0;
}
