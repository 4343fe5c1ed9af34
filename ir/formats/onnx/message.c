/* Protobuf messages to the structs of the generated code, in one walk, which refuses what no writer of ONNX files
 * produces: reading recurses as deep as messages nest, and a few bytes of wire format can ask for hundreds in memory.
 * protobuf-c's own reader copies every byte of a file; here texts are copied, and bytes, the weights of a network, stay
 * where they are: they are moved down in the buffer to the next address that their elements may have, over the bytes
 * that were read before them. */
#include "ir/formats/onnx/onnx_impl.h"

#include <string.h>

#define MAX_DEPTH 64u
#define MAX_FIELDS 32u          /* of a type; the largest has 18 */
#define FREE_MEMORY (64u << 20) /* every message may unpack to this many bytes … */
#define MEMORY_PER_BYTE 40u     /* … and to this many for each of its own */
#define ALIGNMENT 8u
#define MOVED_FROM 1024u /* shorter ones are copied by whoever wants them aligned */

typedef struct reader {
  gr_arena *arena;
  gr_loc where;
  const uint8_t *start;
  uint8_t *kept; /* what lies before it is lent; NULL: nothing may be moved */
  uint64_t memory, limit;
  uint32_t depth;
} reader;

/* A message that is being read. */
typedef struct message {
  const ProtobufCMessageDescriptor *type;
  ProtobufCMessage *to;
  uint8_t *p, *end;
  uint64_t seen; /* singular fields, by their index in the type */
  bool seen_oneof;
  unsigned at;                 /* the last field's index, or where it would be */
  size_t room[MAX_FIELDS + 1]; /* of lists that have elements, by the same; the last: unknown fields */
} message;

/* A field whose wire form is sound. */
typedef struct field {
  const ProtobufCFieldDescriptor *row; /* NULL: unknown */
  uint32_t number;
  unsigned wire;
  uint64_t value; /* of a number */
  uint8_t *bytes; /* of what has a length; of an unknown field, all after the key */
  size_t size;
} field;

static bool bad(reader *r, const message *m, const char *what) {
  gr_error(r->arena->context, GRAFT_FORMAT, r->where, "byte %zu: %s in %s", (size_t)(m->p - r->start), what,
           m->type->short_name);
  return false;
}

static bool take(reader *r, uint64_t bytes) {
  r->memory += bytes;
  if (r->memory <= r->limit) return true;
  gr_error(r->arena->context, GRAFT_FORMAT, r->where, "the message would unpack to more than %llu MB",
           (unsigned long long)(r->limit >> 20));
  return false;
}

/* ---- the wire format ---- */

static size_t element_size(ProtobufCType type) { /* in the struct */
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

static unsigned wire_type(ProtobufCType type) {
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

static bool is_repeated(const ProtobufCFieldDescriptor *row) { return row->label == PROTOBUF_C_LABEL_REPEATED; }

/* Numbers of a list that follow each other without keys. */
static bool is_packed(const field *f) {
  return f->wire == 2 && f->row && is_repeated(f->row) && wire_type(f->row->type) != 2;
}

static bool varint(reader *r, message *m, uint64_t *value) {
  if (m->p < m->end && *m->p < 0x80) return *value = *m->p++, true; /* most of them */
  uint64_t v = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (m->p == m->end) return bad(r, m, "the message ends inside a number");
    const uint8_t byte = *m->p++;
    if (shift == 63 && byte > 1) return bad(r, m, "a number of more than 64 bits");
    v |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return *value = v, true;
  }
  return bad(r, m, "a number of more than 64 bits");
}

static uint64_t fixed(const uint8_t *p, size_t size) {
  uint64_t v = 0;
  for (size_t i = size; i-- > 0;) v = v << 8 | p[i];
  return v;
}

/* Whole numbers of at most 64 bits, one after the other, and how many. */
static bool are_numbers(const uint8_t *p, size_t size, size_t *count) {
  unsigned length = 0; /* of the number so far */
  size_t n = 0;
  for (size_t i = 0; i < size; i++) {
    if (++length == 10 && p[i] > 1) return false;
    if (p[i] < 0x80) length = 0, n++;
  }
  *count = n;
  return length == 0;
}

/* Are all of eight bytes ASCII, and none zero? */
static bool is_plain(const uint8_t *p) {
  const uint64_t ones = 0x0101010101010101u, tops = ones << 7;
  uint64_t v;
  memcpy(&v, p, sizeof v);
  return ((v | (v - ones)) & tops) == 0; /* a zero byte, if the others are plain, borrows into its top bit */
}

/* UTF-8 without NUL, as the names that we pass on as C strings, texts and JSON must be. */
static bool is_text(const uint8_t *p, size_t size) {
  for (size_t i = 0; i < size;) {
    if (size - i >= 8 && is_plain(p + i)) {
      i += 8;
      continue;
    }
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

/* Fields of a type are sorted by number, and nearly all files have them in that order. */
static const ProtobufCFieldDescriptor *row_of(message *m, uint32_t number) {
  const ProtobufCFieldDescriptor *rows = m->type->fields;
  const unsigned n = m->type->n_fields;
  if (m->at == n || rows[m->at].id > number) m->at = 0;
  while (m->at < n && rows[m->at].id < number) m->at++;
  return m->at < n && rows[m->at].id == number ? &rows[m->at] : NULL;
}

/* A repeated occurrence of a singular message would be merged, which nobody needs. */
static bool once(reader *r, message *m, const ProtobufCFieldDescriptor *row) {
  if (is_repeated(row)) return true;
  const bool oneof = (row->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
  const uint64_t bit = (uint64_t)1 << m->at;
  if (oneof ? m->seen_oneof : (m->seen & bit) != 0) {
    gr_error(r->arena->context, GRAFT_FORMAT, r->where, "byte %zu: field '%s' of %s twice", (size_t)(m->p - r->start),
             row->name, m->type->short_name);
    return false;
  }
  if (oneof)
    m->seen_oneof = true;
  else
    m->seen |= bit;
  return true;
}

static bool next_field(reader *r, message *m, field *f) {
  uint64_t key, size;
  if (!varint(r, m, &key)) return false;
  if (key >> 3 == 0 || key >> 32) return bad(r, m, "an impossible field number");
  *f = (field){.number = (uint32_t)(key >> 3), .wire = (unsigned)(key & 7), .bytes = m->p};
  f->row = row_of(m, f->number);
  if (f->row && f->wire != wire_type(f->row->type) && !is_packed(f)) return bad(r, m, "a field of the wrong type");
  if (f->row && !once(r, m, f->row)) return false;
  switch (f->wire) {
  case 0:
    if (!varint(r, m, &f->value)) return false;
    break;
  case 1:
  case 5:
    f->size = f->wire == 1 ? 8 : 4;
    if ((size_t)(m->end - m->p) < f->size) return bad(r, m, "the message ends inside a number");
    f->value = fixed(m->p, f->size);
    m->p += f->size;
    break;
  case 2:
    if (!varint(r, m, &size)) return false;
    if (size > (uint64_t)(m->end - m->p)) return bad(r, m, "a length beyond the end");
    if (f->row) f->bytes = m->p;
    f->size = (size_t)size;
    m->p += f->size;
    break;
  default: return bad(r, m, "an unknown kind of field");
  }
  if (!f->row) f->size = (size_t)(m->p - f->bytes);
  return true;
}

/* ---- into the structs ---- */

/* Room for `more` elements behind `count` of the list with that index; where they begin. */
static void *grow(reader *r, message *m, unsigned index, void *list, size_t count, size_t more, size_t each) {
  char *old;
  memcpy(&old, list, sizeof old);
  if (count && more <= m->room[index] - count) return old + count * each;
  const size_t least = count ? 2 * count : more == 1 ? 4 : 0, room = count + more > least ? count + more : least;
  if (!take(r, (uint64_t)room * each)) return NULL;
  char *to = gr_arena_alloc(r->arena, room * each);
  if (!to) return NULL;
  if (count) memcpy(to, old, count * each);
  m->room[index] = room;
  memcpy(list, &to, sizeof to);
  return to + count * each;
}

static void put_number(ProtobufCType type, uint64_t value, void *to) {
  if (type == PROTOBUF_C_TYPE_SINT32 || type == PROTOBUF_C_TYPE_SINT64) value = value >> 1 ^ (~(value & 1) + 1);
  if (type == PROTOBUF_C_TYPE_BOOL) value = value != 0;
  const uint32_t low = (uint32_t)value;
  if (element_size(type) == 8)
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

static bool put(reader *r, message *m, const field *f, void *to) {
  switch (f->row->type) {
  case PROTOBUF_C_TYPE_STRING: {
    if (!is_text(f->bytes, f->size)) return bad(r, m, "a string that is not UTF-8");
    const char *text = take(r, f->size + 16) ? gr_arena_copy(r->arena, (const char *)f->bytes, f->size) : NULL;
    memcpy(to, &text, sizeof text);
    return text != NULL;
  }
  case PROTOBUF_C_TYPE_BYTES:
    *(ProtobufCBinaryData *)to = (ProtobufCBinaryData){.len = f->size, .data = lend(r, f->bytes, f->size)};
    return true;
  case PROTOBUF_C_TYPE_MESSAGE: {
    if (r->depth + 1 == MAX_DEPTH) return bad(r, m, "more than 64 levels of messages");
    r->depth++;
    const void *inner = read_message(r, f->row->descriptor, f->bytes, f->bytes + f->size);
    r->depth--;
    memcpy(to, &inner, sizeof inner);
    return inner != NULL;
  }
  default: put_number(f->row->type, f->value, to); return true;
  }
}

static bool put_packed(reader *r, message *m, const field *f, void *list, size_t *count) {
  const ProtobufCType type = f->row->type;
  const size_t each = element_size(type);
  const bool of_one_size = wire_type(type) != 0;
  size_t n = f->size / each;
  if (of_one_size ? f->size % each != 0 : !are_numbers(f->bytes, f->size, &n))
    return bad(r, m, "a damaged list of numbers");
  if (n == 0) return true;
  char *to = grow(r, m, m->at, list, *count, n, each);
  if (!to) return false;
  *count += n;
  const uint8_t *p = f->bytes;
  for (size_t i = 0; i < n; i++, to += each) {
    uint64_t value = 0;
    if (of_one_size) {
      value = fixed(p, each);
      p += each;
    } else {
      for (unsigned shift = 0; shift == 0 || p[-1] >= 0x80; shift += 7) value |= (uint64_t)(*p++ & 0x7f) << shift;
    }
    put_number(type, value, to);
  }
  return true;
}

static bool put_unknown(reader *r, message *m, const field *f) {
  const size_t count = m->to->n_unknown_fields;
  ProtobufCMessageUnknownField *to =
      grow(r, m, MAX_FIELDS, &m->to->unknown_fields, count, 1, sizeof *m->to->unknown_fields);
  if (!to) return false;
  m->to->n_unknown_fields++;
  *to = (ProtobufCMessageUnknownField){
      .tag = f->number, .wire_type = (ProtobufCWireType)f->wire, .len = f->size, .data = f->bytes};
  if (r->kept) r->kept = f->bytes + f->size;
  return true;
}

static bool read_field(reader *r, message *m) {
  field f;
  if (!next_field(r, m, &f)) return false;
  if (!f.row) return put_unknown(r, m, &f);
  char *base = (char *)m->to, *to = base + f.row->offset, *quantifier = base + f.row->quantifier_offset;
  if (is_repeated(f.row)) {
    size_t *count = (size_t *)(void *)quantifier;
    if (is_packed(&f)) return put_packed(r, m, &f, to, count);
    to = grow(r, m, m->at, to, *count, 1, element_size(f.row->type));
    return to && put(r, m, &f, to) && ++*count;
  }
  if (f.row->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
    memcpy(quantifier, &f.row->id, sizeof f.row->id);
  else if (f.row->quantifier_offset)
    *(protobuf_c_boolean *)(void *)quantifier = 1;
  return put(r, m, &f, to);
}

static void *read_message(reader *r, const ProtobufCMessageDescriptor *type, uint8_t *p, uint8_t *end) {
  message m = {.type = type, .p = p, .end = end};
  if (type->n_fields > MAX_FIELDS) return bad(r, &m, "too many kinds of fields"), NULL;
  m.to = take(r, type->sizeof_message) ? gr_arena_alloc(r->arena, type->sizeof_message) : NULL;
  if (!m.to) return NULL;
  type->message_init(m.to);
  while (m.p < m.end)
    if (!read_field(r, &m)) return NULL;
  return m.to;
}

void *gr_message_read(gr_arena *arena, const ProtobufCMessageDescriptor *type, void *bytes, size_t size, bool move,
                      gr_loc where) {
  reader r = {.arena = arena, .where = where, .start = bytes, .kept = move ? bytes : NULL};
  r.limit = size > UINT64_MAX / 2 / MEMORY_PER_BYTE ? UINT64_MAX / 2 : (uint64_t)size * MEMORY_PER_BYTE + FREE_MEMORY;
  return read_message(&r, type, bytes, (uint8_t *)bytes + size);
}
