/* The binary form among the formats. */
#include "ir/formats/format_int.h"
#include "ir/formats/gfb/gfb_int.h"

#include <string.h>

static bool tells(const char *bytes, size_t size) { return size >= 12 && memcmp(bytes + 8, "GRFT", 4) == 0; }

static graft_module *load(gr_source *in) { return gr_gfb_load(in->context, in->file, in->name, in->check_hashes); }

static graft_status print(graft_module *m, const graft_save_options *options, gr_sink *out) {
  (void)options;
  return gr_gfb_print(m, out);
}

static graft_status save(graft_module *m, const graft_save_options *options, const char *path) {
  (void)options;
  return gr_gfb_save(m, path);
}

const gr_format gr_format_gfb = {.extension = ".gfb", .tells = tells, .load = load, .print = print, .save = save};
