/* The two kinds of state file, each with a reader of its own (read.c chooses). */
#ifndef GRAFT_STATE_READ_IMPL_H
#define GRAFT_STATE_READ_IMPL_H

#include "ir/formats/state/state_impl.h"

/* A zip of torch.save; `dict`: the one of its dicts that is meant, "": the only one. */
graft_status gr_state_read_checkpoint(gr_state *s, const char *dict);

#endif
