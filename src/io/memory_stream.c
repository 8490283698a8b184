#include <string.h>

#include "io/stream.h"

static optim_status write_memory(sink_t *sink, const void *bytes, size_t count) {
    memory_sink_t *memory = (memory_sink_t *)sink;
    if (memory->at != NULL && memory->used + count <= memory->room && count > 0)
        memcpy(memory->at + memory->used, bytes, count);
    memory->used += count; /* of memory that exists: no overflow */
    return OPTIM_OK;
}

memory_sink_t memory_sink(void *at, size_t room) {
    return (memory_sink_t){{at == NULL, write_memory}, at, 0, room};
}

static optim_status read_memory(source_t *source, size_t offset, void *to, size_t count) {
    const memory_source_t *memory = (const memory_source_t *)source;
    if (count > 0)
        memcpy(to, memory->at + offset, count);
    return OPTIM_OK;
}

memory_source_t memory_source(const void *at, size_t size) {
    return (memory_source_t){{"the serialized state", size, read_memory, NULL}, at};
}
