/* The op table and look-ups in it. */
#include "ir/ir_int.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
#define FAMILY(id, name, doc) F_##id = GR_F_##id,
#include "ir/families.def"
#undef FAMILY
  F_COMMUTES = GR_F_COMMUTES,
  F_RANDOM = GR_F_RANDOM,
  F_PASSING = GR_F_PASSING,
  F_EXTENTS = GR_F_EXTENTS
};
#define NO_AXIS (-1)
#define ANY_COUNT (-1)

/* A list sets the array and its length. */
#define COUNTED(field, type, ...) \
  .field##s = {__VA_ARGS__}, .field##_count = sizeof((type[]){__VA_ARGS__}) / sizeof(type)
#define OPERANDS(...) COUNTED(operand, gr_operand_decl, __VA_ARGS__)
#define ATTRS(...) COUNTED(attr, gr_attr_decl, __VA_ARGS__)
#define RESULTS(...) COUNTED(result, gr_result_decl, __VA_ARGS__)
#define NO_OPERANDS .operand_count = 0
#define NO_ATTRS .attr_count = 0
#define NO_RESULTS .result_count = 0
#define X(n) \
  { .name = #n, .role = GR_DATA }
#define OPT_X(n) \
  { .name = #n, .role = GR_DATA, .optional = true }
#define W(n) \
  { .name = #n, .role = GR_WEIGHT }
#define OPT_W(n) \
  { .name = #n, .role = GR_WEIGHT, .optional = true }
#define S(n) \
  { .name = #n, .role = GR_STATISTICS }
#define OPT_S(n) \
  { .name = #n, .role = GR_STATISTICS, .optional = true }
#define Q(n) \
  { .name = #n, .role = GR_QPARAM }
#define SCALE(n) \
  { .name = #n, .role = GR_QPARAM, .positive = true }
#define L(n) \
  { .name = #n, .role = GR_LIKE }
#define M(n) \
  { .name = #n, .role = GR_MEASURE }
#define OPT_M(n) \
  { .name = #n, .role = GR_MEASURE, .optional = true }
#define VARIADIC(n) \
  { .name = #n, .role = GR_DATA, .variadic = true }
#define OPT_VARIADIC(n) \
  { .name = #n, .role = GR_DATA, .variadic = true, .optional = true }
#define R(n) \
  { .name = #n }
#define OPT_R(n) \
  { .name = #n, .optional = true }
#define SAVED_R(n) \
  { .name = #n, .optional = true, .saved = true }
#define R_IN(n, l, h) \
  { .name = #n, .low = (l), .high = (h) }
#define VARIADIC_R(n) \
  { .name = #n, .variadic = true }
#define BOOL(n, d) \
  { .name = #n, .kind = GRAFT_ATTR_BOOL, .i = (d) }
#define OWN_BOOL(n, d) \
  { .name = #n, .kind = GRAFT_ATTR_BOOL, .i = (d), .own = true }
#define INT(n, d) \
  { .name = #n, .kind = GRAFT_ATTR_INT, .i = (d) }
#define INT_IN(n, d, l, g) \
  { .name = #n, .kind = GRAFT_ATTR_INT, .i = (d), .least = (l), .greatest = (g) }
#define REQ_INT_IN(n, l, g) \
  { .name = #n, .kind = GRAFT_ATTR_INT, .required = true, .least = (l), .greatest = (g) }
#define OPT_INT(n) \
  { .name = #n, .kind = GRAFT_ATTR_INT, .none_allowed = true, .default_none = true }
#define OPT_INT_IN(n, l, g) \
  { .name = #n, .kind = GRAFT_ATTR_INT, .none_allowed = true, .default_none = true, .least = (l), .greatest = (g) }
#define FLOAT(n, d) \
  { .name = #n, .kind = GRAFT_ATTR_FLOAT, .f = (d) }
#define FLOAT_IN(n, d, l, h) \
  { .name = #n, .kind = GRAFT_ATTR_FLOAT, .f = (d), .low = (l), .high = (h) }
#define FLOAT_NONE(n, d, l, h) \
  { .name = #n, .kind = GRAFT_ATTR_FLOAT, .f = (d), .none_allowed = true, .low = (l), .high = (h) }
#define OPT_FLOAT(n) \
  { .name = #n, .kind = GRAFT_ATTR_FLOAT, .none_allowed = true, .default_none = true }
#define REQ_FLOAT_IN(n, l, h) \
  { .name = #n, .kind = GRAFT_ATTR_FLOAT, .required = true, .low = (l), .high = (h) }
#define CHOICE(n, type, d) \
  { .name = #n, .kind = GRAFT_ATTR_STRING, .choice = GR_CHOICE_##type, .i = GR_##type##_##d }
#define REQ_STRING(n) \
  { .name = #n, .kind = GRAFT_ATTR_STRING, .required = true }
#define DTYPE(n, d) \
  { .name = #n, .kind = GRAFT_ATTR_DTYPE, .i = (d) }
#define REQ_DTYPE(n) \
  { .name = #n, .kind = GRAFT_ATTR_DTYPE, .required = true }
#define REQ_GRAPH(n) \
  { .name = #n, .kind = GRAFT_ATTR_GRAPH, .required = true }
#define INTS_IN(n, c, d, l, g) \
  { .name = #n, .kind = GRAFT_ATTR_INTS, .count = (c), .i = (d), .least = (l), .greatest = (g) }
#define REQ_INTS(n, c) \
  { .name = #n, .kind = GRAFT_ATTR_INTS, .count = (c), .required = true }
#define REQ_INTS_IN(n, c, l, g) \
  { .name = #n, .kind = GRAFT_ATTR_INTS, .count = (c), .required = true, .least = (l), .greatest = (g) }
#define OPT_FLOATS(n) \
  { .name = #n, .kind = GRAFT_ATTR_FLOATS, .count = ANY_COUNT, .none_allowed = true, .default_none = true }
#define OPT_INTS(n) \
  { .name = #n, .kind = GRAFT_ATTR_INTS, .count = ANY_COUNT, .none_allowed = true, .default_none = true }

static const gr_op_info table[] = {
#define OP(op_id, text_name, family, axis, flags, operand_list, attr_list, result_list, rule, text) \
  [GR_OP_##op_id] = {.name = text_name, \
                     .id = #op_id, \
                     .families = (family) | (flags), \
                     .weight_axis = (axis), \
                     operand_list, \
                     attr_list, \
                     result_list, \
                     .doc = text},
#include "ir/ops.def"
#undef OP
};

static const gr_op_info specs[] = {
#define SPEC(spec_id, attr_list, text) \
  [GR_SPEC_##spec_id] = {.name = #spec_id, .id = #spec_id, .weight_axis = NO_AXIS, attr_list, .doc = text},
#include "ir/specs.def"
#undef SPEC
};

const gr_family gr_families[GR_FAMILY_COUNT] = {
#define FAMILY(id, text_name, text) {text_name, text, GR_F_##id},
#include "ir/families.def"
#undef FAMILY
};

#define WORD(type, word) #word,
#define CHOICES(type, words) static const char *const type##_words[] = {words NULL};
#include "ir/words.def"
#undef CHOICES
#undef WORD
static const char *const no_words[] = {NULL};
static const char *const *const choices[GR_CHOICE_COUNT] = {
    no_words,
#define CHOICES(type, words) type##_words,
#include "ir/words.def"
#undef CHOICES
};

const char *const *gr_choice_words(gr_choice choice) { return choices[choice]; }

int gr_choice_find(gr_choice choice, const char *word) {
  for (int i = 0; choices[choice][i]; i++)
    if (strcmp(choices[choice][i], word) == 0) return i;
  return -1;
}

/* Lengths of the names: few names have the one that is looked for. */
static const uint8_t name_lengths[] = {
#define OP(id, name, ...) sizeof name - 1,
#include "ir/ops.def"
#undef OP
};

static bool is(const char *name, const char *text, size_t length) {
  return strncmp(name, text, length) == 0 && name[length] == '\0';
}

const gr_op_info *gr_op_get(uint32_t op) { return op < GR_OP_COUNT ? &table[op] : NULL; }

const gr_op_info *gr_spec_info(uint32_t kind) { return kind < GR_SPEC_KIND_COUNT ? &specs[kind] : NULL; }

uint32_t gr_spec_kind_find(const char *name, size_t length) {
  uint32_t i = 0;
  while (i < GR_SPEC_KIND_COUNT && !is(specs[i].name, name, length)) i++;
  return i;
}

uint32_t gr_op_find(const char *name, size_t length) {
  for (uint32_t i = 0; i < GR_OP_COUNT; i++)
    if (name_lengths[i] == length && memcmp(table[i].name, name, length) == 0) return i;
  return GR_OP_COUNT;
}

uint32_t gr_op_forward(uint32_t op) {
  static const char ending[] = "_backward";
  const size_t length = name_lengths[op], end = sizeof ending - 1;
  if (length <= end || memcmp(table[op].name + length - end, ending, end) != 0) return GR_OP_COUNT;
  return gr_op_find(table[op].name, length - end);
}

uint32_t gr_family_find(const char *name, size_t length) {
  for (size_t i = 0; i < GR_FAMILY_COUNT; i++)
    if (is(gr_families[i].name, name, length)) return gr_families[i].mask;
  return 0;
}

uint32_t gr_op_required_results(const gr_op_info *op) {
  uint32_t n = 0;
  while (n < op->result_count && !op->results[n].optional && !op->results[n].variadic) n++;
  return n;
}

#define SLOT(list, count) \
  for (int i = 0; i < (int)(count); i++) \
    if (is((list)[i].name, name, length)) return i; \
  return -1

int gr_op_attr_slot(const gr_op_info *op, const char *name, size_t length) { SLOT(op->attrs, op->attr_count); }
int gr_op_operand_slot(const gr_op_info *op, const char *name, size_t length) { SLOT(op->operands, op->operand_count); }

uint32_t graft_op_count(void) { return GR_OP_COUNT; }
const char *graft_op_name(uint32_t index) { return index < GR_OP_COUNT ? table[index].name : ""; }
const char *graft_op_doc(uint32_t index) { return index < GR_OP_COUNT ? table[index].doc : ""; }

static const struct {
  const char *name, *phrase;
} kinds[] = {
#define KIND(id, text_name, text_phrase) [GRAFT_ATTR_##id] = {text_name, text_phrase},
    GR_KINDS(KIND)
#undef KIND
};

const char *gr_kind_name(graft_attr_kind kind) { return kinds[kind].name; }
const char *gr_kind_phrase(graft_attr_kind kind) { return kinds[kind].phrase; }

/* snprintf that goes on where the last one stopped and keeps counting past the end. */
typedef struct out {
  char *buffer;
  size_t size, length;
} out;

__attribute__((format(printf, 2, 3))) static void put(out *o, const char *format, ...) {
  va_list args;
  va_start(args, format);
  bool room = o->length < o->size;
  int n = vsnprintf(room ? o->buffer + o->length : NULL, room ? o->size - o->length : 0, format, args);
  va_end(args);
  if (n > 0) o->length += (size_t)n;
}

static void put_default(out *o, const gr_attr_decl *a) {
  if (a->default_none) {
    put(o, " = none");
    return;
  }
  switch (a->kind) {
  case GRAFT_ATTR_BOOL: put(o, " = %s", a->i ? "true" : "false"); break;
  case GRAFT_ATTR_INT: put(o, " = %" PRId64, a->i); break;
  case GRAFT_ATTR_FLOAT: put(o, " = %.9g", a->f); break;
  case GRAFT_ATTR_STRING: put(o, " = \"%s\"", gr_choice_words(a->choice)[a->i]); break;
  case GRAFT_ATTR_DTYPE: put(o, " = %s", graft_dtype_name((graft_dtype)a->i)); break;
  default:
    put(o, " = [");
    for (int i = 0; i < a->count; i++) put(o, i ? ", %" PRId64 : "%" PRId64, a->i);
    put(o, "]");
  }
}

void gr_choice_list(gr_choice choice, char *buffer, size_t size) {
  out o = {buffer, size, 0};
  if (size) buffer[0] = '\0';
  for (int i = 0; choices[choice][i]; i++) put(&o, "%s%s", i ? ", " : "", choices[choice][i]);
}

size_t graft_op_signature(uint32_t index, char *buffer, size_t size) {
  if (size) buffer[0] = '\0';
  return index < GR_OP_COUNT ? gr_signature(&table[index], buffer, size) : 0;
}

size_t gr_signature(const gr_op_info *op, char *buffer, size_t size) {
  out o = {buffer, size, 0};
  put(&o, "%s(", op->name);
  for (int i = 0; i < op->operand_count; i++)
    put(&o, "%s%s%s", i ? ", " : "", op->operands[i].name,
        op->operands[i].variadic   ? "..."
        : op->operands[i].optional ? "?"
                                   : "");
  put(&o, ")");
  for (int i = 0; i < op->attr_count; i++) {
    const gr_attr_decl *a = &op->attrs[i];
    put(&o, "%s%s: %s%s", i ? ", " : " {", a->name, gr_kind_name(a->kind), a->none_allowed ? "?" : "");
    if (!a->required) put_default(&o, a);
  }
  if (op->attr_count) put(&o, "}");
  for (int i = 0; i < op->result_count; i++)
    put(&o, "%s%s%s", i ? ", " : " -> ", op->results[i].name,
        op->results[i].optional   ? "?"
        : op->results[i].variadic ? "..."
                                  : "");
  return o.length;
}
