#include "layouts.h"

#include "needs.h"

const layout_t *layouts_two(const char *algorithm) {
    static const layout_t LONG = {"two", 2, {{"matrix", 2, {61, 37}}, {"vector", 1, {5003}}}};
    static const layout_t SHORT = {"two short ones", 2, {{"matrix", 2, {17, 13}}, {"vector", 1, {307}}}};
    return needs_short(algorithm) ? &SHORT : &LONG;
}

const layout_t *layouts_fallback(int i) {
    static const layout_t FALLBACKS[] = {
        {"one vector", 1, {{"vector", 1, {47}}}},
        {"one square", 1, {{"square", 2, {13, 13}}}},
        {"two factors", 2, {{"left", 2, {13, 2}}, {"right", 2, {9, 2}}}},
        {"a layer", 2, {{"weights", 2, {6, 4}}, {"bias", 1, {6}}}},
        {"two blocks", 1, {{"blocks", 2, {4, 4}}}},
    };
    return i < (int)(sizeof FALLBACKS / sizeof *FALLBACKS) ? &FALLBACKS[i] : NULL;
}
