/* Runs a target on every file of the folders named, without a fuzzer: replay FOLDER... . What is wrong aborts. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "fuzz.h"

static char *joined(const char *folder, const char *name) {
    const size_t size = strlen(folder) + strlen(name) + 2;
    char *path = fuzz_memory(size);
    (void)snprintf(path, size, "%s/%s", folder, name);
    return path;
}

static uint8_t *read_file(const char *path, size_t *size) {
    enum { MOST = 1 << 20 };
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fuzz_fail("%s cannot be read", path);
    uint8_t *room = fuzz_memory(MOST);
    *size = fread(room, 1, MOST, file);
    (void)fclose(file);
    uint8_t *exact = fuzz_memory(*size); /* so that reading past the end is seen */
    memcpy(exact, room, *size);
    free(room);
    return exact;
}

static size_t replay_folder(const char *folder) {
    struct dirent **entries;
    size_t files = 0;
    const int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0)
        fuzz_fail("%s cannot be read", folder);
    for (int i = 0; i < count; ++i) {
        char *path = joined(folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            size_t size;
            uint8_t *bytes = read_file(path, &size);
            (void)printf("%s\n", path);
            (void)fflush(stdout); /* before it can crash */
            (void)LLVMFuzzerTestOneInput(bytes, size);
            free(bytes);
            ++files;
        }
        free(path);
        free(entries[i]);
    }
    free(entries);
    return files;
}

int main(int argc, char **argv) {
#ifdef FUZZ_LIMIT_MEMORY /* inputs ask for absurd sizes; sanitizers have limits of their own */
    const struct rlimit limit = {(rlim_t)4 << 30, (rlim_t)4 << 30};
    (void)setrlimit(RLIMIT_AS, &limit);
#endif
    size_t files = 0;
    for (int i = 1; i < argc; ++i)
        files += replay_folder(argv[i]);
    (void)printf("%zu inputs\n", files);
    return files > 0 ? 0 : 1;
}
