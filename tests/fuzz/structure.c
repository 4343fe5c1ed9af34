#include "structure.h"
#include "ir/formats/onnx/onnx.pb-c.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static random_source next;
static size_t below(size_t n) { return n ? (size_t)(next() % n) : 0; }

/* ---- ONNX: messages by their descriptors ---- */

/* All messages of a file live until it is packed again: a part may then be in two places. */
typedef struct pool {
  char *at;
  size_t left;
} pool;

static void *take(void *user, size_t size) {
  pool *p = user;
  size = (size + 15) & ~(size_t)15;
  if (size > p->left) return NULL;
  void *memory = p->at;
  p->at += size;
  p->left -= size;
  return memory;
}

static void leave(void *user, void *memory) {
  (void)user;
  (void)memory;
}

enum { MESSAGES = 4096, STRINGS = 4096 };
typedef struct collected {
  ProtobufCMessage *messages[MESSAGES];
  char *strings[STRINGS];
  size_t message_count, string_count;
} collected;

static void *member(ProtobufCMessage *m, unsigned offset) { return (char *)m + offset; }

static bool in_choice(const ProtobufCFieldDescriptor *f) { return f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF; }

/* Of a choice of fields only the one that was made is there. */
static size_t field_count(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f) {
  if (f->label == PROTOBUF_C_LABEL_REPEATED) return *(size_t *)member(m, f->quantifier_offset);
  return !in_choice(f) || *(uint32_t *)member(m, f->quantifier_offset) == f->id;
}

/* The elements of a field, repeated or single. */
static void *field_data(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f) {
  return f->label == PROTOBUF_C_LABEL_REPEATED ? *(void **)member(m, f->offset) : member(m, f->offset);
}

static void collect(collected *all, ProtobufCMessage *m) {
  if (all->message_count == MESSAGES) return;
  all->messages[all->message_count++] = m;
  for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
    void **elements = field_data(m, f);
    if (f->type != PROTOBUF_C_TYPE_MESSAGE && f->type != PROTOBUF_C_TYPE_STRING) continue;
    for (size_t k = 0; k < field_count(m, f); k++) {
      if (!elements[k] || elements[k] == f->default_value) continue;
      if (f->type == PROTOBUF_C_TYPE_MESSAGE)
        collect(all, elements[k]);
      else if (all->string_count < STRINGS)
        all->strings[all->string_count++] = elements[k];
    }
  }
}

static size_t element_size(ProtobufCType type) {
  switch (type) {
  case PROTOBUF_C_TYPE_INT64:
  case PROTOBUF_C_TYPE_UINT64:
  case PROTOBUF_C_TYPE_DOUBLE: return 8;
  case PROTOBUF_C_TYPE_STRING:
  case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
  case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
  default: return 4;
  }
}

static int64_t odd_integer(int64_t was) {
  static const int64_t extremes[] = {
      0, 1, -1, 2, 7, 8, INT32_MAX, INT32_MIN, (int64_t)1 << 32, (int64_t)1 << 62, INT64_MAX, INT64_MIN, -9, 16, 21};
  const uint64_t u = (uint64_t)was;
  switch (below(4)) {
  case 0: return (int64_t)(u + 1 + below(3));
  case 1: return (int64_t)(u - 1 - below(3));
  case 2: return (int64_t)below(40) - 4;
  default: return extremes[below(sizeof extremes / sizeof *extremes)];
  }
}

static double odd_number(double was) {
  const double extremes[] = {0, -0.0, NAN, INFINITY, -INFINITY, 1e38, -1e38, 1e-45, 1, 0.1, -was, 2 * was};
  return extremes[below(sizeof extremes / sizeof *extremes)];
}

static char *odd_string(const collected *all) {
  static char *const odd[] = {
      "",      "x",    "Conv", "Identity", "Shape",  "If",     "Loop",    "Reshape",    "ConstantOfShape",
      "Range", "Tile", "Pad",  "Resize",   "Gather", "Einsum", "ai.onnx", "SAME_UPPER", "../x"};
  if (all->string_count && below(4)) return all->strings[below(all->string_count)];
  return odd[below(sizeof odd / sizeof *odd)];
}

/* Another message of the type that the field of message number `in` wants; the one there where there is no other. What
 * is around a message was collected before it: one that comes later does not hold it, and nothing holds itself. */
static void *other_message(const collected *all, size_t in, const ProtobufCFieldDescriptor *f, void *was) {
  for (int i = 0; i < 64; i++) {
    const size_t k = in + 1 + below(all->message_count - in - 1);
    if (k < all->message_count && all->messages[k]->descriptor == f->descriptor) return all->messages[k];
  }
  return was;
}

static void change_element(const collected *all, size_t in, const ProtobufCFieldDescriptor *f, void *at) {
  switch (f->type) {
  case PROTOBUF_C_TYPE_FLOAT: *(float *)at = (float)odd_number((double)*(float *)at); return;
  case PROTOBUF_C_TYPE_DOUBLE: *(double *)at = odd_number(*(double *)at); return;
  case PROTOBUF_C_TYPE_BOOL: *(protobuf_c_boolean *)at = !*(protobuf_c_boolean *)at; return;
  case PROTOBUF_C_TYPE_STRING: *(char **)at = odd_string(all); return;
  case PROTOBUF_C_TYPE_MESSAGE: *(void **)at = other_message(all, in, f, *(void **)at); return;
  case PROTOBUF_C_TYPE_BYTES: {
    ProtobufCBinaryData *b = at;
    if (b->len && below(2))
      b->data[below(b->len)] = (uint8_t)next();
    else
      b->len = below(b->len + 1);
    return;
  }
  default:
    if (element_size(f->type) == 8)
      *(int64_t *)at = odd_integer(*(int64_t *)at);
    else
      *(int32_t *)at = (int32_t)odd_integer(*(int32_t *)at);
  }
}

/* Several elements: one goes, one comes twice, two change places. */
static void change_list(pool *p, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f) {
  size_t *count = member(m, f->quantifier_offset);
  char **elements = member(m, f->offset);
  const size_t each = element_size(f->type), i = below(*count), k = below(*count);
  char swap[sizeof(ProtobufCBinaryData)];
  switch (below(3)) {
  case 0:
    memmove(*elements + i * each, *elements + (i + 1) * each, (*count - i - 1) * each);
    --*count;
    return;
  case 1: {
    char *more = take(p, (*count + 1) * each);
    if (!more) return;
    memcpy(more, *elements, *count * each);
    memcpy(more + *count * each, *elements + i * each, each);
    *elements = more;
    ++*count;
    return;
  }
  default:
    memcpy(swap, *elements + i * each, each);
    memcpy(*elements + i * each, *elements + k * each, each);
    memcpy(*elements + k * each, swap, each);
  }
}

static void change_field(pool *p, const collected *all, size_t in, const ProtobufCFieldDescriptor *f) {
  ProtobufCMessage *m = all->messages[in];
  const size_t count = field_count(m, f);
  const bool pointer = f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_STRING;
  if (count == 0) return;
  if (f->label == PROTOBUF_C_LABEL_REPEATED && below(2)) {
    change_list(p, m, f);
    return;
  }
  char *at = (char *)field_data(m, f) + below(count) * element_size(f->type);
  if (f->label == PROTOBUF_C_LABEL_OPTIONAL && !in_choice(f) && below(4) == 0) { /* there or not there */
    if (pointer)
      *(void **)at = NULL;
    else
      *(protobuf_c_boolean *)member(m, f->quantifier_offset) ^= 1;
    return;
  }
  change_element(all, in, f, at);
}

unsigned char *damage_onnx(const unsigned char *bytes, size_t size, random_source random, size_t *new_size) {
  const size_t room = size * 64 + 65536;
  char *memory = malloc(room);
  collected *all = calloc(1, sizeof *all);
  pool p = {memory, room};
  ProtobufCAllocator allocator = {take, leave, &p};
  unsigned char *out = NULL;
  next = random;
  Onnx__ModelProto *model = memory && all ? onnx__model_proto__unpack(&allocator, size, bytes) : NULL;
  if (model) {
    collect(all, &model->base);
    for (int tries = 0; tries < 8; tries++) {
      const size_t in = below(all->message_count);
      ProtobufCMessage *m = all->messages[in];
      const ProtobufCFieldDescriptor *f = &m->descriptor->fields[below(m->descriptor->n_fields)];
      if (field_count(m, f) == 0) continue;
      change_field(&p, all, in, f);
      break;
    }
    /* What is in several places is written as often. */
    *new_size = 0;
    out = onnx__model_proto__get_packed_size(model) < room * 4 ? malloc(room * 4) : NULL;
    if (out) *new_size = onnx__model_proto__pack(model, out);
  }
  free(all);
  free(memory);
  return out;
}

/* ---- .gfb: the root table's vectors ---- */

static uint32_t word_at(const unsigned char *bytes, size_t at) {
  uint32_t w;
  memcpy(&w, bytes + at, sizeof w);
  return w;
}

enum { FIELDS = 64 };

/* Where the vectors that the root table has begin; as FlatBuffers lays them out: size, offset of the root, identifier.
 */
static size_t vectors(const unsigned char *bytes, size_t size, size_t *begin) {
  if (size < 16) return 0;
  const size_t root = 4 + (size_t)word_at(bytes, 4);
  if (root + 4 > size) return 0;
  const int64_t table = (int64_t)root - (int32_t)word_at(bytes, root);
  if (table < 0 || (size_t)table + 4 > size) return 0;
  size_t count = 0;
  const size_t entries = ((size_t)bytes[table] + 256u * bytes[table + 1]) / 2;
  for (size_t i = 2; i < entries && (size_t)table + 2 * i + 2 <= size && count < FIELDS; i++) {
    const size_t offset = (size_t)bytes[table + 2 * (int64_t)i] + 256u * bytes[table + 2 * (int64_t)i + 1];
    if (offset == 0 || root + offset + 4 > size) continue;
    const size_t at = root + offset, to = at + word_at(bytes, at);
    if (to > at && to + 8 <= size && word_at(bytes, to) > 0) begin[count++] = to;
  }
  return count;
}

void damage_gfb(unsigned char *bytes, size_t size, random_source random) {
  size_t begin[FIELDS];
  next = random;
  const size_t count = vectors(bytes, size, begin);
  if (count == 0) return;
  for (size_t n = 1 + below(3); n > 0; n--) {
    const size_t from = begin[below(count)];
    size_t end = size;
    for (size_t i = 0; i < count; i++)
      if (begin[i] > from && begin[i] < end) end = begin[i];
    const size_t words = end - from < 8 ? 0 : (end - from) / 4 - 1;  /* 0: damage before this made two overlap */
    const size_t at = from + (below(16) ? 4 + 4 * below(words) : 0); /* its length, at times */
    if (at + 4 > size) return;
    uint32_t w = word_at(bytes, at);
    switch (below(6)) {
    case 0: w = word_at(bytes, from + 4 * below(words + 1)); break;
    case 1: w += 1 + (uint32_t)below(2); break;
    case 2: w -= 1 + (uint32_t)below(2); break;
    case 3: w = (uint32_t)below(24); break;
    case 4: w = word_at(bytes, begin[below(count)]) - (uint32_t)below(2); break;
    default: w = below(2) ? UINT32_MAX : (uint32_t)1 << below(32);
    }
    memcpy(bytes + at, &w, sizeof w);
  }
}
