/* ONNX among the formats. */
#include "ir/formats/format_int.h"
#include "ir/formats/onnx/onnx_int.h"
#include "ir/formats/onnx/writer_impl.h"

/* A field of ONNX's ModelProto, of the wire type that it has there. */
static bool is_field(unsigned key) {
  unsigned field = key >> 3, wire = key & 7;
  bool number = field == 1 || field == 5, text = (field >= 2 && field <= 4) || (field >= 6 && field <= 8);
  return (wire == 0 && number) || (wire == 2 && (text || field == 14 || field == 20 || field == 25 || field == 26));
}

/* Varint at `*at`, behind which `*at` then stands. */
static bool varint(const unsigned char *bytes, size_t size, size_t *at, uint64_t *value) {
  *value = 0;
  for (unsigned shift = 0; *at < size && shift < 64; shift += 7) {
    unsigned char byte = bytes[(*at)++];
    *value |= (uint64_t)(byte & 127) << shift;
    if (byte < 128) return true;
  }
  return false;
}

/* Protobuf messages have no magic number. Exporters write a number first, which no text begins with; what could begin a
 * text is one when the fields after it are known ones too, or it is cut short. */
static bool tells(const char *file, size_t size) {
  const unsigned char *bytes = (const unsigned char *)file;
  if (size < 2 || !is_field(bytes[0])) return false;
  if (bytes[0] < ' ') return true;
  for (size_t at = 0, fields = 0; at < size && fields < 4; fields++) {
    uint64_t key, value;
    if (!varint(bytes, size, &at, &key) || key > 250 || !is_field((unsigned)key) || !varint(bytes, size, &at, &value))
      return false;
    if ((key & 7) == 2 && value > size - at) return fields > 0;
    if ((key & 7) == 2) at += (size_t)value;
  }
  return true;
}

static graft_module *load(gr_source *in) { return gr_onnx_load(in); }

const gr_format gr_format_onnx = {
    .extension = ".onnx", .tells = tells, .moves = true, .load = load, .print = gr_onnx_print, .save = gr_onnx_save};
