/* Options of the whole handle, in the order of guard.c's table: the core reads them too. */
#ifndef ENGINE_HANDLE_OPTION_H
#define ENGINE_HANDLE_OPTION_H

enum handle_option { NONFINITE, ZERO_GRAD, SEED };
enum { NONFINITE_PROPAGATE, NONFINITE_SKIP, NONFINITE_ERROR };

#endif
