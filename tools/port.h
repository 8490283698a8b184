/* What gradopt port knows of other libraries. */
#ifndef TOOLS_PORT_H
#define TOOLS_PORT_H

#include <stddef.h>

/*
 * A class or function of another library, and what it is here.
 *
 * `base`: "METHOD", "METHOD KEY=VALUE,..." or, of what stands beside a method in a chain, " KEY=VALUE,..."; then
 * "; WRAPPER" where it is one. `arguments`, in the order in which they are taken without names, are separated by
 * spaces:
 *
 *     lr                    its value is the option lr
 *     b1>beta1              of another name
 *     betas>beta1=%0,beta2=%1   of its parts; %: all of it. A part that is None leaves its option out
 *     eps?eps=1e-7          what is said where the argument is not given: another default than here
 *     eps_root>eps=%!eps    only where the argument eps is given as 0
 *     foreach-              changes no number: it is ignored
 *     capturable!           has no counterpart: anything but False, None and 0 is refused
 *     weight_decouple!True  likewise: anything but this
 */
typedef struct port {
    const char *call, *base, *arguments;
} port_t;

extern const port_t PORTS[];
extern const size_t PORT_COUNT;

#endif
