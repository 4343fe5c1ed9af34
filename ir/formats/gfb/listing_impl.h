/* The tensors of a file, in its order (listing.c). */
#ifndef GRAFT_LISTING_IMPL_H
#define GRAFT_LISTING_IMPL_H

#include "ir/ir_int.h"

typedef struct gr_gfb_listing {
  GR_VEC(graft_tensor) tensors; /* by the file's number; of equal literals, the one met first */
  GR_VEC(uint32_t) numbers;     /* of the literals' names, "scalar" and so on */
  uint32_t literals;            /* the file's number of the first literal */
  uint32_t *ids;                /* by tensor of the module; GRAFT_NONE: it is not in the file */
} gr_gfb_listing;

/* False: no memory, reported. To be freed in either case. */
bool gr_gfb_list(gr_gfb_listing *l, graft_module *m);
void gr_gfb_listing_free(gr_gfb_listing *l, graft_module *m);

#endif
