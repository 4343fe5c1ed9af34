/* Saving: the tensors of the state, under their keys, as .safetensors. */
#include "ir/formats/safetensors_int.h"
#include "ir/formats/state/state_impl.h"

#include <string.h>

static bool is_of_pytorch(const char *path) {
  static const char *const extensions[] = {".pt", ".pth", ".bin", ".ckpt"};
  const char *dot = strrchr(path, '.');
  for (size_t i = 0; dot && i < sizeof extensions / sizeof *extensions; i++)
    if (strcmp(dot, extensions[i]) == 0) return true;
  return false;
}

/* Appends the tensors of the part that is saved; false: no memory. */
static bool choose(graft_module *m, const gr_state_scope *scope, const uint8_t *parts, graft_tensor *chosen,
                   uint32_t *count) {
  gr_sink name;
  gr_sink_init(&name, m->context);
  for (graft_tensor t = 0; t < m->tensors.len && !name.failed; t++) {
    if (parts[t] == GR_STATE_NONE) continue;
    gr_state_name(&name, m, t);
    if (!name.failed && gr_state_inside(scope, name.bytes.data)) chosen[(*count)++] = t;
  }
  const bool good = !name.failed;
  gr_sink_free(&name);
  return good;
}

static graft_status write(graft_module *m, const char *path, const gr_state_scope *scope) {
  const size_t size = ((size_t)m->tensors.len + 1) * sizeof(graft_tensor);
  const gr_safetensors_keys keys = {.prefix = scope->prefix,
                                    .skip = scope->module_length ? scope->module_length + 1 : 0};
  uint32_t count = 0;
  uint8_t *parts = gr_state_parts(m);
  graft_tensor *chosen = gr_alloc(m->context, size);
  graft_status status = parts && chosen && choose(m, scope, parts, chosen, &count)
                            ? gr_safetensors_write(m, path, chosen, count, &keys)
                            : GRAFT_NO_MEMORY;
  gr_free(m->context, parts, (size_t)m->tensors.len + 1);
  gr_free(m->context, chosen, size);
  return status;
}

static graft_status save(graft_module *m, const char *path, const graft_state_options *options) {
  graft_state_options o = {.size = sizeof o};
  if (!path) return gr_error(m->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(m), "no file is named to save to");
  const graft_status status = gr_take_options(m->context, &o, sizeof o, options);
  if (status) return status;
  if (is_of_pytorch(path))
    return gr_error(m->context, GRAFT_UNSUPPORTED, (gr_loc){.file = path}, "a state is written as .safetensors");
  const gr_state_scope scope = gr_state_scope_of(&o);
  const graft_status found = gr_state_check_scope(m, &scope, path);
  return found ? found : write(m, path, &scope);
}

graft_status graft_state_save(graft_module *m, const char *path, const graft_state_options *options) {
  if (!GR_LIVE(m, MODULE)) return GRAFT_INVALID_ARGUMENT;
  const uint32_t errors = gr_error_count(m->context);
  return gr_outcome(m->context, errors, save(m, path, options));
}
