/* graft_fuse_modules: the pass fuse-modules from C. */
#include <string.h>

#include "passes/modules_impl.h"
#include "passes/passes.h"

/* ,NAME="text", as a pipeline has it; NULL text: nothing. */
static const char *option(gr_arena *arena, const char *name, const char *text) {
  const char *quoted = text ? gr_text_quoted(arena, text) : NULL;
  if (!text) return "";
  return quoted ? gr_text(arena, ",%s=%s", name, quoted) : NULL;
}

graft_status graft_fuse_modules(graft_module *module, const char *modules, const graft_fuse_options *options) {
  if (!GR_LIVE(module, MODULE)) return GRAFT_INVALID_ARGUMENT;
  graft_context *c = graft_module_get_context(module);
  graft_fuse_options o = {.size = sizeof o};
  graft_status status = gr_take_options(c, &o, sizeof o, options);
  if (status) return status;
  if (!o.qat && (o.quantizer || o.quantizer_options || o.form))
    return gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0},
                    "a quantizer and a form are of modules that train: qat is not set");
  gr_arena arena;
  gr_arena_init(&arena, c);
  const char *named = option(&arena, "modules", modules), *quantizer = option(&arena, "quantizer", o.quantizer),
             *mapping = option(&arena, "mapping", o.mapping), *form = option(&arena, "form", o.form), *text = NULL;
  const char *more = o.quantizer_options ? o.quantizer_options : "";
  status = gr_options_check(c, &arena, (gr_loc){0}, more);
  if (!status && named && quantizer && mapping && form)
    text = gr_text(&arena, "fuse-modules{auto=%s,qat=%s%s%s%s%s%s%s}", modules ? "false" : "true",
                   o.qat ? "true" : "false", named, quantizer, mapping, form, more[0] ? "," : "", more);
  if (!status) status = text ? graft_run_passes(module, text, o.passes) : gr_no_memory(c);
  gr_arena_free(&arena);
  return status;
}
