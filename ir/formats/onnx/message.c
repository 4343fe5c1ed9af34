/* Protobuf messages to the structs of the generated code, for files that gr_wire_check has accepted. protobuf-c's own
 * reader copies every byte of a file; here texts are copied, and bytes, the weights of a network, stay where they are:
 * they are moved down in the buffer to the next address that their elements may have, over the bytes that were read
 * before them. */
#include "ir/formats/onnx/onnx_impl.h"

#include <string.h>

#define ALIGNMENT 8u
#define MOVED_FROM 1024u /* shorter ones are copied by whoever wants them aligned */

typedef struct reader {
  gr_arena *arena;
  uint8_t *kept; /* what lies before it is lent; NULL: nothing may be moved */
} reader;

/* One field of a message. */
typedef struct field {
  const ProtobufCFieldDescriptor *row; /* NULL: unknown */
  uint32_t number;
  ProtobufCWireType wire;
  uint64_t value; /* of a number */
  uint8_t *bytes; /* of what has a length; of an unknown field, all after the key */
  size_t size;
} field;

static uint64_t varint(uint8_t **p) {
  uint64_t v = 0;
  for (unsigned shift = 0;; shift += 7) {
    const uint8_t byte = *(*p)++;
    v |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return v;
  }
}

static uint64_t fixed(const uint8_t *p, size_t size) {
  uint64_t v = 0;
  for (size_t i = size; i-- > 0;) v = v << 8 | p[i];
  return v;
}

static uint8_t *next_field(const ProtobufCMessageDescriptor *type, uint8_t *p, field *f) {
  const uint64_t key = varint(&p);
  *f = (field){.number = (uint32_t)(key >> 3), .wire = (ProtobufCWireType)(key & 7), .bytes = p};
  f->row = protobuf_c_message_descriptor_get_field(type, f->number);
  uint8_t *const begin = p;
  switch (f->wire) {
  case PROTOBUF_C_WIRE_TYPE_VARINT: f->value = varint(&p); break;
  case PROTOBUF_C_WIRE_TYPE_64BIT: f->value = fixed(p, 8), p += 8; break;
  case PROTOBUF_C_WIRE_TYPE_32BIT: f->value = fixed(p, 4), p += 4; break;
  default:
    f->size = (size_t)varint(&p);
    f->bytes = p;
    p += f->size;
    break;
  }
  if (!f->row) {
    f->bytes = begin;
    f->size = (size_t)(p - begin);
  }
  return p;
}

static bool is_packed(const field *f) {
  const ProtobufCType t = f->row->type;
  return f->wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED && t != PROTOBUF_C_TYPE_STRING && t != PROTOBUF_C_TYPE_BYTES &&
         t != PROTOBUF_C_TYPE_MESSAGE;
}

/* Bytes of a packed number; 0: a varint. */
static size_t packed_size(ProtobufCType type) {
  const unsigned wire = gr_wire_type(type);
  return wire == 1 ? 8 : wire == 5 ? 4 : 0;
}

static size_t elements(const field *f) {
  if (!is_packed(f)) return 1;
  const size_t each = packed_size(f->row->type);
  if (each) return f->size / each;
  size_t n = 0;
  for (size_t i = 0; i < f->size; i++) n += f->bytes[i] < 0x80;
  return n;
}

static void put_number(ProtobufCType type, uint64_t value, void *to) {
  if (type == PROTOBUF_C_TYPE_SINT32 || type == PROTOBUF_C_TYPE_SINT64) value = value >> 1 ^ (~(value & 1) + 1);
  if (type == PROTOBUF_C_TYPE_BOOL) value = value != 0;
  const uint32_t low = (uint32_t)value;
  if (gr_wire_element_size(type) == 8)
    memcpy(to, &value, sizeof value);
  else
    memcpy(to, &low, sizeof low);
}

/* Where bytes of the file are lent: not over what was lent before. */
static uint8_t *lend(reader *r, uint8_t *bytes, size_t size) {
  uint8_t *to = bytes - (uintptr_t)bytes % ALIGNMENT;
  if (!r->kept) return bytes;
  if (size < MOVED_FROM || to < r->kept) to = bytes;
  if (to != bytes) memmove(to, bytes, size);
  r->kept = to + size;
  return to;
}

static void *read_message(reader *r, const ProtobufCMessageDescriptor *type, uint8_t *p, uint8_t *end);

static bool put(reader *r, const field *f, void *to) {
  switch (f->row->type) {
  case PROTOBUF_C_TYPE_STRING: {
    const char *text = gr_arena_copy(r->arena, (const char *)f->bytes, f->size);
    memcpy(to, &text, sizeof text);
    return text != NULL;
  }
  case PROTOBUF_C_TYPE_BYTES:
    *(ProtobufCBinaryData *)to = (ProtobufCBinaryData){.len = f->size, .data = lend(r, f->bytes, f->size)};
    return true;
  case PROTOBUF_C_TYPE_MESSAGE: {
    const void *message = read_message(r, f->row->descriptor, f->bytes, f->bytes + f->size);
    memcpy(to, &message, sizeof message);
    return message != NULL;
  }
  default: put_number(f->row->type, f->value, to); return true;
  }
}

static void put_packed(const field *f, char *to) {
  const size_t each = packed_size(f->row->type), size = gr_wire_element_size(f->row->type);
  uint8_t *p = f->bytes;
  for (uint8_t *end = p + f->size; p < end; to += size) {
    const uint64_t value = each ? fixed(p, each) : varint(&p);
    p += each;
    put_number(f->row->type, value, to);
  }
}

/* Room for the lists: their members count what was met, and then begin again. */
static bool make_lists(reader *r, ProtobufCMessage *m, uint8_t *p, uint8_t *end) {
  const ProtobufCMessageDescriptor *type = m->descriptor;
  char *base = (char *)m;
  field f;
  while (p < end) {
    p = next_field(type, p, &f);
    if (!f.row)
      m->n_unknown_fields++;
    else if (f.row->label == PROTOBUF_C_LABEL_REPEATED)
      *(size_t *)(void *)(base + f.row->quantifier_offset) += elements(&f);
  }
  for (unsigned i = 0; i < type->n_fields; i++) {
    const ProtobufCFieldDescriptor *row = &type->fields[i];
    if (row->label != PROTOBUF_C_LABEL_REPEATED) continue;
    size_t *count = (size_t *)(void *)(base + row->quantifier_offset);
    if (*count == 0) continue;
    const void *list = gr_arena_alloc(r->arena, *count * gr_wire_element_size(row->type));
    if (!list) return false;
    memcpy(base + row->offset, &list, sizeof list);
    *count = 0;
  }
  if (!m->n_unknown_fields) return true;
  m->unknown_fields = gr_arena_alloc(r->arena, m->n_unknown_fields * sizeof *m->unknown_fields);
  m->n_unknown_fields = 0;
  return m->unknown_fields != NULL;
}

static bool read_field(reader *r, ProtobufCMessage *m, const field *f) {
  char *base = (char *)m;
  if (!f->row) {
    m->unknown_fields[m->n_unknown_fields++] =
        (ProtobufCMessageUnknownField){.tag = f->number, .wire_type = f->wire, .len = f->size, .data = f->bytes};
    if (r->kept) r->kept = f->bytes + f->size;
    return true;
  }
  char *to = base + f->row->offset, *quantifier = base + f->row->quantifier_offset;
  if (f->row->label == PROTOBUF_C_LABEL_REPEATED) {
    char *list;
    memcpy(&list, to, sizeof list);
    size_t *count = (size_t *)(void *)quantifier;
    to = list + *count * gr_wire_element_size(f->row->type);
    *count += elements(f);
    if (is_packed(f)) return put_packed(f, to), true;
  } else if (f->row->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
    memcpy(quantifier, &f->row->id, sizeof f->row->id);
  } else if (f->row->quantifier_offset) {
    *(protobuf_c_boolean *)(void *)quantifier = 1;
  }
  return put(r, f, to);
}

static void *read_message(reader *r, const ProtobufCMessageDescriptor *type, uint8_t *p, uint8_t *end) {
  ProtobufCMessage *m = gr_arena_alloc(r->arena, type->sizeof_message);
  if (!m) return NULL;
  type->message_init(m);
  bool good = make_lists(r, m, p, end);
  while (good && p < end) {
    field f;
    p = next_field(type, p, &f);
    good = read_field(r, m, &f);
  }
  return good ? m : NULL;
}

void *gr_message_read(gr_arena *arena, const ProtobufCMessageDescriptor *type, void *bytes, size_t size, bool move) {
  reader r = {.arena = arena, .kept = move ? bytes : NULL};
  return read_message(&r, type, bytes, (uint8_t *)bytes + size);
}
