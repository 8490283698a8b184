/* Names of what is compiled once per instruction-set level. */
#ifndef KERNELS_LEVEL_H
#define KERNELS_LEVEL_H

#ifdef KERNELS_LEVEL
#define LEVEL_PASTE(name, level) name##_##level
#define LEVEL_EXPAND(name, level) LEVEL_PASTE(name, level)
#define AT_LEVEL(name) LEVEL_EXPAND(name, KERNELS_LEVEL)
#endif

#endif
