/* State files: .safetensors, and what torch.save writes. */
#include "ir/formats/safetensors_int.h"
#include "ir/formats/state/read_impl.h"
#include "ir/formats/state/zip_impl.h"

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

/* Before version 1.6 PyTorch wrote several pickles one behind another, which begin with a number that no other file
 * does, and before 0.1.10 a tar. */
static bool is_legacy(const gr_buffer *file) {
  static const char magic[] = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
  const char *bytes = file->data;
  return (file->size > 14 && bytes[0] == '\x80' && memcmp(bytes + 2, magic, sizeof magic - 1) == 0) ||
         (file->size > 262 && memcmp(bytes + 257, "ustar", 5) == 0);
}

graft_status gr_state_read(gr_state *s, graft_context *c, gr_buffer *file, const char *path, const char *dict) {
  *s = (gr_state){.context = c, .path = path, .file = file};
  gr_arena_init(&s->texts, c);
  const bool begins = file->size > 8 && ((const char *)file->data)[8] == '{';
  if (!begins && gr_zip_tells(file)) return gr_state_read_checkpoint(s, dict);
  if (!begins && is_legacy(file))
    return gr_error(c, GRAFT_UNSUPPORTED, gr_state_loc(s),
                    "torch.save wrote it as PyTorch did before version 1.6; load it there and save it anew");
  if (!begins && file->size > 8)
    return gr_error(c, GRAFT_FORMAT, gr_state_loc(s), "neither a .safetensors file nor one of torch.save");
  if (dict[0])
    return gr_error(c, GRAFT_NAME, gr_state_loc(s), "a .safetensors file has no dict '%.200s', it is one", dict);
  return gr_safetensors_parse(c, file, path, visit, s);
}

void gr_state_free(gr_state *s) {
  gr_arena_free(&s->texts);
  gr_vec_free(s->context, &s->entries);
  gr_texts_free(s->context, &s->modules);
  gr_vec_free(s->context, &s->versions);
}

int64_t gr_state_version(const gr_state *s, const char *key) {
  const char *dot = strrchr(key, '.');
  const uint32_t at = gr_texts_find(&s->modules, (gr_text){key, dot ? (size_t)(dot - key) : 0});
  return at == GRAFT_NONE ? 0 : s->versions.data[at];
}
