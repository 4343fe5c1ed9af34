/* The binary form among the formats. */
#include "ir/formats/format_int.h"
#include "ir/formats/gfb/gfb_int.h"

#include <string.h>

static bool tells(const char *bytes, size_t size) { return size >= 12 && memcmp(bytes + 8, "GRFT", 4) == 0; }

static graft_module *load(gr_source *in) { return gr_gfb_load(in->context, in->file, in->name, in->check_hashes); }

const gr_format gr_format_gfb = {
    .extension = ".gfb", .tells = tells, .load = load, .print = gr_gfb_print, .save = gr_gfb_save};
