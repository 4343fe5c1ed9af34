/* One tensor of a state file: may it go into one of the module, and how its elements get there (put.c). */
#ifndef GRAFT_STATE_ELEMENT_IMPL_H
#define GRAFT_STATE_ELEMENT_IMPL_H

#include "ir/formats/state/state_impl.h"

typedef enum gr_state_fit {
  GR_STATE_FITS,
  GR_STATE_IS_CAST, /* floats of another dtype */
  GR_STATE_WRONG    /* reported */
} gr_state_fit;
/* `quiet`: not reported; `constant`: it must have these very elements already. */
gr_state_fit gr_state_check(const gr_state *s, graft_module *m, const gr_state_entry *e, graft_tensor t, bool constant,
                            bool quiet);
/* The elements in C order; `to` has room for them. */
void gr_state_copy(const gr_state_entry *e, graft_dtype dtype, void *to);

#endif
