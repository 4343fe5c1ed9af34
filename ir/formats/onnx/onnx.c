/* ONNX among the formats. */
#include "ir/formats/format_int.h"
#include "ir/formats/onnx/onnx_int.h"

/* Protobuf messages have no magic number: a field of ONNX's ModelProto, of the wire type that it has there. */
static bool tells(const char *bytes, size_t size) {
  if (size < 2) return false;
  unsigned first = (unsigned char)bytes[0], field = first >> 3, wire = first & 7;
  bool number = field == 1 || field == 5, text = (field >= 2 && field <= 4) || (field >= 6 && field <= 8);
  return (wire == 0 && number) || (wire == 2 && (text || field == 14 || field == 20));
}

static graft_module *load(gr_source *in) { return gr_onnx_load(in); }

const gr_format gr_format_onnx = {.extension = ".onnx", .tells = tells, .moves = true, .load = load};
