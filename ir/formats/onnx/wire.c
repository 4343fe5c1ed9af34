/* Bounds a protobuf message before it is read (message.c): reading recurses as deep as the message nests, and a few
 * bytes of wire format can ask for hundreds in memory. The walk is guided by the generated descriptors, keeps its own
 * stack and reads every byte at most once. What it refuses, no writer of ONNX files produces. */
#include "ir/formats/onnx/onnx_impl.h"

#include <string.h>

#define MAX_DEPTH 64
#define FREE_MEMORY (64u << 20) /* every message may unpack to this many bytes … */
#define MEMORY_PER_BYTE 40u     /* … and to this many for each of its own */

typedef struct frame {
  const ProtobufCMessageDescriptor *type;
  const uint8_t *end;
  uint64_t seen; /* singular fields, by their index in the descriptor */
  bool seen_oneof;
} frame;

typedef struct walk {
  graft_context *context;
  gr_loc where;
  const uint8_t *start, *p;
  frame stack[MAX_DEPTH];
  uint32_t depth; /* of the innermost frame */
  uint64_t memory, limit;
} walk;

static bool bad(walk *w, const char *what) {
  const ProtobufCMessageDescriptor *type = w->stack[w->depth].type;
  gr_error(w->context, GRAFT_FORMAT, w->where, "byte %zu: %s in %s", (size_t)(w->p - w->start), what, type->short_name);
  return false;
}

static bool varint(walk *w, uint64_t *value) {
  const uint8_t *end = w->stack[w->depth].end;
  uint64_t v = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (w->p == end) return bad(w, "the message ends inside a number");
    uint8_t byte = *w->p++;
    if (shift == 63 && byte > 1) return bad(w, "a number of more than 64 bits");
    v |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return *value = v, true;
  }
  return bad(w, "a number of more than 64 bits");
}

/* UTF-8 without NUL, as the names that we pass on as C strings, texts and JSON must be. */
static bool is_text(const uint8_t *p, size_t size) {
  for (size_t i = 0; i < size;) {
    uint8_t b = p[i++];
    if (b == 0) return false;
    if (b < 0x80) continue;
    unsigned more = b >= 0xf0 ? 3 : b >= 0xe0 ? 2 : 1;
    if (b < 0xc2 || b > 0xf4 || size - i < more) return false;
    uint8_t lo = b == 0xe0 ? 0xa0 : b == 0xf0 ? 0x90 : 0x80, hi = b == 0xed ? 0x9f : b == 0xf4 ? 0x8f : 0xbf;
    if (p[i] < lo || p[i] > hi) return false;
    for (unsigned k = 1; k < more; k++)
      if ((p[i + k] & 0xc0) != 0x80) return false;
    i += more;
  }
  return true;
}

size_t gr_wire_element_size(ProtobufCType type) {
  switch (type) {
  case PROTOBUF_C_TYPE_INT64:
  case PROTOBUF_C_TYPE_SINT64:
  case PROTOBUF_C_TYPE_UINT64:
  case PROTOBUF_C_TYPE_FIXED64:
  case PROTOBUF_C_TYPE_SFIXED64:
  case PROTOBUF_C_TYPE_DOUBLE: return 8;
  case PROTOBUF_C_TYPE_STRING:
  case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
  case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
  default: return 4;
  }
}

unsigned gr_wire_type(ProtobufCType type) {
  switch (type) {
  case PROTOBUF_C_TYPE_FIXED64:
  case PROTOBUF_C_TYPE_SFIXED64:
  case PROTOBUF_C_TYPE_DOUBLE: return 1;
  case PROTOBUF_C_TYPE_STRING:
  case PROTOBUF_C_TYPE_BYTES:
  case PROTOBUF_C_TYPE_MESSAGE: return 2;
  case PROTOBUF_C_TYPE_FIXED32:
  case PROTOBUF_C_TYPE_SFIXED32:
  case PROTOBUF_C_TYPE_FLOAT: return 5;
  default: return 0;
  }
}

static bool take(walk *w, uint64_t bytes) {
  w->memory += bytes;
  if (w->memory <= w->limit) return true;
  gr_error(w->context, GRAFT_FORMAT, w->where, "the message would unpack to more than %llu MB",
           (unsigned long long)(w->limit >> 20));
  return false;
}

/* Whole numbers of at most 64 bits, one after the other. */
static bool are_numbers(const uint8_t *p, size_t size) {
  unsigned length = 0; /* of the number so far */
  for (size_t i = 0; i < size; i++) {
    if (++length == 10 && p[i] > 1) return false;
    if (p[i] < 0x80) length = 0;
  }
  return length == 0;
}

/* A length-delimited field of `size` bytes at w->p. */
static bool delimited(walk *w, const ProtobufCFieldDescriptor *f, size_t size) {
  const uint8_t *p = w->p;
  if (!f) {
    w->p += size;
    return take(w, sizeof(ProtobufCMessageUnknownField) + size);
  }
  if (gr_wire_type(f->type) != 2) { /* packed numbers */
    size_t each = gr_wire_element_size(f->type), on_wire = gr_wire_type(f->type) == 0 ? 1 : each;
    if (f->label != PROTOBUF_C_LABEL_REPEATED || size % on_wire || (on_wire == 1 && !are_numbers(p, size)))
      return bad(w, "a damaged list of numbers");
    w->p += size;
    return take(w, (uint64_t)size / on_wire * each);
  }
  if (f->type != PROTOBUF_C_TYPE_MESSAGE) {
    if (f->type == PROTOBUF_C_TYPE_STRING && !is_text(p, size)) return bad(w, "a string that is not UTF-8");
    w->p += size;
    return take(w, size + 24);
  }
  const ProtobufCMessageDescriptor *type = f->descriptor;
  if (w->depth + 1 == MAX_DEPTH) return bad(w, "more than 64 levels of messages");
  w->stack[++w->depth] = (frame){.type = type, .end = p + size};
  return take(w, type->sizeof_message + 16);
}

/* A repeated occurrence of a singular message would be merged, which nobody needs. */
static bool once(walk *w, const ProtobufCFieldDescriptor *f) {
  frame *top = &w->stack[w->depth];
  if (f->label == PROTOBUF_C_LABEL_REPEATED) return true;
  bool oneof = (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
  size_t index = (size_t)(f - top->type->fields);
  uint64_t bit = (uint64_t)1 << (index & 63);
  if (oneof ? top->seen_oneof : (top->seen & bit) != 0) {
    gr_error(w->context, GRAFT_FORMAT, w->where, "byte %zu: field '%s' of %s twice", (size_t)(w->p - w->start), f->name,
             top->type->short_name);
    return false;
  }
  if (oneof)
    top->seen_oneof = true;
  else
    top->seen |= bit;
  return true;
}

static bool field(walk *w) {
  uint64_t key, value;
  const frame *top = &w->stack[w->depth];
  const ProtobufCMessageDescriptor *type = top->type;
  const uint8_t *end = top->end;
  if (!varint(w, &key)) return false;
  if (key >> 3 == 0 || key >> 32) return bad(w, "an impossible field number");
  unsigned wire = (unsigned)(key & 7);
  const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(type, (unsigned)(key >> 3));
  bool packed = f && wire == 2 && f->label == PROTOBUF_C_LABEL_REPEATED && gr_wire_type(f->type) != 2;
  if (f && wire != gr_wire_type(f->type) && !packed) return bad(w, "a field of the wrong type");
  if (f && !once(w, f)) return false;
  if (!take(w, f ? (f->label == PROTOBUF_C_LABEL_REPEATED && !packed ? 2 * gr_wire_element_size(f->type) : 0)
                 : sizeof(ProtobufCMessageUnknownField) + 16))
    return false;
  switch (wire) {
  case 0: return varint(w, &value);
  case 1:
  case 5: {
    size_t size = wire == 1 ? 8 : 4;
    if ((size_t)(end - w->p) < size) return bad(w, "the message ends inside a number");
    w->p += size;
    return true;
  }
  case 2:
    if (!varint(w, &value)) return false;
    if (value > (uint64_t)(end - w->p)) return bad(w, "a length beyond the end");
    return delimited(w, f, (size_t)value);
  default: return bad(w, "an unknown kind of field");
  }
}

graft_status gr_wire_check(graft_context *c, const ProtobufCMessageDescriptor *type, const void *bytes, size_t size,
                           gr_loc where) {
  walk w = {.context = c, .where = where, .start = bytes, .p = bytes};
  w.stack[0] = (frame){.type = type, .end = w.p + size};
  w.limit = size > UINT64_MAX / 2 / MEMORY_PER_BYTE ? UINT64_MAX / 2 : (uint64_t)size * MEMORY_PER_BYTE + FREE_MEMORY;
  for (;;) {
    while (w.p == w.stack[w.depth].end) {
      if (w.depth == 0) return GRAFT_OK;
      w.depth--;
    }
    if (!field(&w)) return GRAFT_FORMAT;
  }
}
