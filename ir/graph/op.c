/* The op table and look-ups in it. */
#include "ir/ir_int.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define F_CONV GR_F_CONV
#define F_CONV_TRANSPOSE GR_F_CONV_TRANSPOSE
#define F_LINEAR GR_F_LINEAR
#define F_Q GR_F_Q
#define F_DQ GR_F_DQ
#define F_POOL GR_F_POOL
#define F_VIEW GR_F_VIEW
#define F_OBSERVE GR_F_OBSERVE
#define F_QPARAMS GR_F_QPARAMS
#define F_FAKE_QUANTIZE GR_F_FAKE_QUANTIZE
#define F_SPEC GR_F_SPEC
#define F_ELEMENTWISE GR_F_ELEMENTWISE
#define F_COMMUTES GR_F_COMMUTES
#define F_RANDOM GR_F_RANDOM
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
  { .name = n, .role = GR_DATA }
#define OPT_X(n) \
  { .name = n, .role = GR_DATA, .optional = true }
#define W(n) \
  { .name = n, .role = GR_WEIGHT }
#define OPT_W(n) \
  { .name = n, .role = GR_WEIGHT, .optional = true }
#define S(n) \
  { .name = n, .role = GR_STATISTICS }
#define OPT_S(n) \
  { .name = n, .role = GR_STATISTICS, .optional = true }
#define Q(n) \
  { .name = n, .role = GR_QPARAM }
#define L(n) \
  { .name = n, .role = GR_LIKE }
#define VARIADIC(n) \
  { .name = n, .role = GR_DATA, .variadic = true }
#define R(n) \
  { .name = n }
#define OPT_R(n) \
  { .name = n, .optional = true }
#define VARIADIC_R(n) \
  { .name = n, .variadic = true }
#define BOOL(n, d) \
  { .name = n, .kind = GRAFT_ATTR_BOOL, .i = (d) }
#define INT(n, d) \
  { .name = n, .kind = GRAFT_ATTR_INT, .i = (d) }
#define FLOAT(n, d) \
  { .name = n, .kind = GRAFT_ATTR_FLOAT, .f = (d) }
#define FLOAT_NONE(n, d) \
  { .name = n, .kind = GRAFT_ATTR_FLOAT, .f = (d), .none_allowed = true }
#define STR(n, d) \
  { .name = n, .kind = GRAFT_ATTR_STRING, .s = (d) }
#define DTYPE(n, d) \
  { .name = n, .kind = GRAFT_ATTR_DTYPE, .i = (d) }
#define INTS(n, c, d) \
  { .name = n, .kind = GRAFT_ATTR_INTS, .count = (c), .i = (d) }
#define REQ_INT(n) \
  { .name = n, .kind = GRAFT_ATTR_INT, .required = true }
#define REQ_FLOAT(n) \
  { .name = n, .kind = GRAFT_ATTR_FLOAT, .required = true }
#define REQ_DTYPE(n) \
  { .name = n, .kind = GRAFT_ATTR_DTYPE, .required = true }
#define REQ_INTS(n, c) \
  { .name = n, .kind = GRAFT_ATTR_INTS, .count = (c), .required = true }
#define OPT_INT(n) \
  { .name = n, .kind = GRAFT_ATTR_INT, .none_allowed = true, .default_none = true }
#define OPT_INTS(n) \
  { .name = n, .kind = GRAFT_ATTR_INTS, .count = ANY_COUNT, .none_allowed = true, .default_none = true }

static const gr_op_info table[] = {
#define OP(id, family, axis, flags, operand_list, attr_list, result_list, rule, text) \
  [GR_OP_##id] = {.name = #id, \
                  .families = (family) | (flags), \
                  .weight_axis = (axis), \
                  operand_list, \
                  attr_list, \
                  result_list, \
                  .doc = text},
#include "ir/ops.def"
#undef OP
};

static const struct {
  const char *name;
  uint32_t family;
} families[] = {
    {"conv", GR_F_CONV},
    {"conv_transpose", GR_F_CONV_TRANSPOSE},
    {"linear", GR_F_LINEAR},
    {"q", GR_F_Q},
    {"dq", GR_F_DQ},
    {"pool", GR_F_POOL},
    {"view", GR_F_VIEW},
    {"elementwise", GR_F_ELEMENTWISE},
    {"observe", GR_F_OBSERVE},
    {"qparams", GR_F_QPARAMS},
    {"fake_quantize", GR_F_FAKE_QUANTIZE},
};

/* Lengths of the names: few names have the one that is looked for. */
static const uint8_t name_lengths[] = {
#define OP(id, ...) sizeof #id - 1,
#include "ir/ops.def"
#undef OP
};

static bool is(const char *name, const char *text, size_t length) {
  return strncmp(name, text, length) == 0 && name[length] == '\0';
}

const gr_op_info *gr_op_get(uint32_t op) { return op < GR_OP_COUNT ? &table[op] : NULL; }

uint32_t gr_op_find(const char *name, size_t length) {
  for (uint32_t i = 0; i < GR_OP_COUNT; i++)
    if (name_lengths[i] == length && memcmp(table[i].name, name, length) == 0) return i;
  return GR_OP_COUNT;
}

uint32_t gr_family_find(const char *name, size_t length) {
  for (size_t i = 0; i < sizeof families / sizeof *families; i++)
    if (is(families[i].name, name, length)) return families[i].family;
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
  case GRAFT_ATTR_STRING: put(o, " = \"%s\"", a->s); break;
  case GRAFT_ATTR_DTYPE: put(o, " = %s", graft_dtype_name((graft_dtype)a->i)); break;
  default:
    put(o, " = [");
    for (int i = 0; i < a->count; i++) put(o, i ? ", %" PRId64 : "%" PRId64, a->i);
    put(o, "]");
  }
}

size_t graft_op_signature(uint32_t index, char *buffer, size_t size) {
  static const char *const kinds[] = {"none", "bool", "int", "float", "string", "dtype", "ints", "floats", "graph"};
  out o = {buffer, size, 0};
  if (size) buffer[0] = '\0';
  if (index >= GR_OP_COUNT) return 0;
  const gr_op_info *op = &table[index];
  put(&o, "%s(", op->name);
  for (int i = 0; i < op->operand_count; i++)
    put(&o, "%s%s%s", i ? ", " : "", op->operands[i].name,
        op->operands[i].optional   ? "?"
        : op->operands[i].variadic ? "..."
                                   : "");
  put(&o, ")");
  for (int i = 0; i < op->attr_count; i++) {
    const gr_attr_decl *a = &op->attrs[i];
    put(&o, "%s%s: %s%s", i ? ", " : " {", a->name, kinds[a->kind], a->none_allowed ? "?" : "");
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
