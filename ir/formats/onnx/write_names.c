/* Names of the file, which are unique in all of it, and the memory that everything is made in. */
#include "ir/formats/onnx/writer_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void *gr_out_alloc(gr_out *w, size_t size) {
  void *p = gr_arena_alloc(&w->arena, size ? size : 1);
  if (p)
    memset(p, 0, size);
  else
    w->failed = true;
  return p;
}

char *gr_out_text(gr_out *w, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  const int n = vsnprintf(NULL, 0, format, args);
  char *p = n < 0 ? NULL : gr_arena_alloc(&w->arena, (size_t)n + 1);
  if (p)
    (void)vsnprintf(p, (size_t)n + 1, format, again);
  else
    w->failed = true;
  va_end(again);
  va_end(args);
  return p;
}

/* ---- names ---- */

/* Index in w->names; GRAFT_NONE: free, and `*key` is where it would go. */
static uint32_t find_name(const gr_out *w, const char *text, uint64_t *key) {
  uint32_t id;
  *key = gr_hash_bytes(text, strlen(text));
  while ((id = gr_map_get(&w->name_ids, *key)) != GRAFT_NONE && strcmp(w->names.data[id].text, text) != 0) ++*key;
  return id;
}

uint32_t gr_out_find_name(const gr_out *w, const char *text) {
  uint64_t key;
  return find_name(w, text, &key);
}

bool gr_out_check_text(gr_out *w, const char *text) {
  if (!text || gr_utf8_valid(text, strlen(text))) return true;
  gr_error(w->context, GRAFT_UNSUPPORTED, gr_module_loc(w->module),
           "'%s' is not UTF-8, which ONNX's texts are: give it another name, or write .gfb", text);
  return gr_out_failed(w);
}

const char *gr_out_claim(gr_out *w, const char *wanted) {
  uint64_t key;
  if (!gr_out_check_text(w, wanted)) return NULL;
  const uint32_t id = wanted ? find_name(w, wanted, &key) : 0;
  if (w->failed || !wanted) return gr_out_failed(w), NULL;
  const char *text = wanted;
  if (id != GRAFT_NONE) do {
      text = gr_out_text(w, "%s_%u", wanted, (unsigned)++w->names.data[id].next);
    } while (text && find_name(w, text, &key) != GRAFT_NONE);
  if (!text || !gr_map_put(w->context, &w->name_ids, key, w->names.len)) return gr_out_failed(w), NULL;
  GR_OUT_PUSH(w, w->names, ((gr_out_name){.text = text}));
  return w->failed ? NULL : text;
}

char *gr_out_own_name(gr_out *w, gr_name name) {
  const size_t n = gr_name_format(w->module, name, NULL, 0);
  char *text = gr_out_alloc(w, n + 1);
  if (text) gr_name_format(w->module, name, text, n + 1);
  return text;
}
