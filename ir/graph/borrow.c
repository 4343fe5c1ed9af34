/* Weights that stay where the embedder has them: buffers whose release is a call. */
#include "ir/edit.h"
#include "ir/graph/budget_int.h"
#include "ir/graph/graph_impl.h"

#include <string.h>

typedef struct borrowed {
  gr_buffer buffer; /* first: it is what others see */
  graft_release release;
  void *user;
} borrowed;

static void give_back(gr_buffer *b) {
  const borrowed *own = (const borrowed *)b;
  gr_release(own->release, own->user, b->data, b->size);
}

gr_buffer *gr_buffer_borrow(graft_context *c, const void *data, size_t size, graft_release release, void *user) {
  borrowed *b = gr_alloc(c, sizeof *b);
  if (!b) {
    gr_release(release, user, data, size);
    return NULL;
  }
  *b = (borrowed){.release = release, .user = user};
  b->buffer = (gr_buffer){.size = size, .refs = 1, .behind = sizeof *b - sizeof b->buffer, .release = give_back};
  memcpy(&b->buffer.data, &data, sizeof data); /* never written to: who writes copies what has a release first */
  return &b->buffer;
}

/* The bytes of a tensor of this type can be used where they are; false: with a diagnostic. */
static bool usable(graft_module *m, gr_loc where, const graft_type *type, const void *data, size_t *size) {
  const size_t element = graft_dtype_size(type->dtype);
  *size = (size_t)graft_type_elements(type) * element;
  if (*size && !data) return gr_error(m->context, GRAFT_INVALID_ARGUMENT, where, "a tensor needs data"), false;
  if (*size && (uintptr_t)data % element)
    return gr_error(m->context, GRAFT_INVALID_ARGUMENT, where,
                    "borrowed data of %s begin at a multiple of %zu bytes; these do not", graft_dtype_name(type->dtype),
                    element),
           false;
  return true;
}

static graft_tensor borrow(graft_module *m, const char *name, graft_tensor_kind kind, const graft_type *type,
                           const void *data, graft_release release, void *user) {
  gr_name given, unique;
  uint32_t id;
  size_t size = 0;
  if (!gr_tensor_begin(m, name, kind, type, &given, &unique, &id) ||
      !usable(m, (gr_loc){.node = name}, type, data, &size)) {
    gr_release(release, user, data, 0);
    return GRAFT_NONE;
  }
  gr_buffer *b = gr_buffer_borrow(m->context, data, size, release, user);
  return b ? gr_tensor_add(m, unique, kind, id, b, 0) : GRAFT_NONE;
}

graft_tensor graft_tensor_borrow(graft_module *m, const char *name, graft_tensor_kind kind, const graft_type *type,
                                 const void *data, graft_release release, void *user) {
  if (!GR_LIVE(m, MODULE)) return gr_release(release, user, data, 0), GRAFT_NONE;
  gr_edit edit = gr_edit_begin(m);
  graft_tensor t = borrow(m, name, kind, type, data, release, user);
  if (t != GRAFT_NONE) gr_given_to(m, 256 + 8 * (uint64_t)graft_type_elements(type));
  return gr_edit_end(m, edit, t == GRAFT_NONE ? GRAFT_TYPE : GRAFT_OK) ? GRAFT_NONE : t;
}

graft_status graft_tensor_set_data_borrowed(graft_module *m, graft_tensor tensor, const void *data,
                                            graft_release release, void *user) {
  if (!GR_LIVE(m, MODULE)) return gr_release(release, user, data, 0), GRAFT_INVALID_ARGUMENT;
  size_t size = 0;
  if (!gr_is_tensor(m, tensor)) {
    gr_release(release, user, data, 0);
    return gr_error(m->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(m), "no such tensor in the module");
  }
  const gr_loc where = {.file = gr_string_text(m, m->file), .module = m, .name = m->tensors.data[tensor].name};
  if (!usable(m, where, gr_tensor_type(m, tensor), data, &size)) {
    gr_release(release, user, data, 0);
    return GRAFT_INVALID_ARGUMENT;
  }
  gr_buffer *b = gr_buffer_borrow(m->context, data, size, release, user);
  if (!b) return GRAFT_NO_MEMORY;
  gr_edit edit = gr_edit_begin(m);
  gr_tensor_set_buffer(m, tensor, b, 0);
  return gr_edit_end(m, edit, gr_tensor_check_readers(m, tensor));
}
