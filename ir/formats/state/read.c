/* State files: .safetensors. */
#include "ir/formats/safetensors_int.h"
#include "ir/formats/state/state_impl.h"

#include <string.h>

void gr_state_pack(gr_state_entry *e) {
  int64_t stride = graft_type_elements(&e->type) > 0; /* of no elements the extents may be any */
  for (int32_t axis = e->type.rank; axis-- > 0;) {
    e->strides[axis] = stride;
    if (stride) stride *= e->type.dims[axis];
  }
}

bool gr_state_is_packed(const gr_state_entry *e) {
  int64_t stride = 1;
  for (int32_t axis = graft_type_elements(&e->type) > 1 ? e->type.rank : 0; axis-- > 0;) {
    if (e->type.dims[axis] != 1 && e->strides[axis] != stride) return false;
    stride *= e->type.dims[axis];
  }
  return true;
}

static graft_status visit(void *user, const char *name, const graft_type *type, const void *data, size_t size) {
  gr_state *s = user;
  gr_state_entry e = {.key = gr_arena_copy(&s->texts, name, strlen(name)), .type = *type, .data = size ? data : NULL};
  gr_state_pack(&e);
  return e.key && gr_vec_push(s->context, &s->entries, e) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

graft_status gr_state_read(gr_state *s, graft_context *c, gr_buffer *file, const char *path) {
  *s = (gr_state){.context = c, .path = path, .file = file};
  gr_arena_init(&s->texts, c);
  return gr_safetensors_parse(c, file, path, visit, s);
}

void gr_state_free(gr_state *s) {
  gr_arena_free(&s->texts);
  gr_vec_free(s->context, &s->entries);
}
