/* .safetensors, the file of named tensors that stands beside a text. */
#ifndef GRAFT_SAFETENSORS_INT_H
#define GRAFT_SAFETENSORS_INT_H

#include "ir/ir_int.h"

/* `visit` sees each tensor in the file's order; data borrowed from `file`, and aligned for its type only where the
 * file's header has a length that allows it (ours and the reference writer's do): check, or copy. */
typedef graft_status (*gr_safetensors_visit)(void *user, const char *name, const graft_type *type, const void *data,
                                             size_t size);
graft_status gr_safetensors_parse(graft_context *c, const gr_buffer *file, const char *path, gr_safetensors_visit visit,
                                  void *user);
/* What the tensors are called in the file: `prefix` stands there instead of the first `skip` bytes of each name. */
typedef struct gr_safetensors_keys {
  const char *prefix;
  size_t skip;
} gr_safetensors_keys;
/* Writes the given tensors of the module; `keys` NULL: under their names. */
graft_status gr_safetensors_write(graft_module *m, const char *path, const graft_tensor *tensors, uint32_t count,
                                  const gr_safetensors_keys *keys);

#endif
