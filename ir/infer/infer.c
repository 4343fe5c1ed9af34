/* Type inference: one table of rules by op, the checks that all ops share, and what the rules have in common. */
#include "ir/infer/infer_impl.h"

#include <stdarg.h>
#include <stdio.h>

static bool (*const rules[GR_OP_COUNT])(const gr_rule *) = {
#define OP(id, name, families, axis, flags, operands, attrs, results, rule, doc) gr_rule_##rule,
#include "ir/ops.def"
#undef OP
};

static bool fail_v(const gr_infer *in, char label, int number, const char *format, va_list args) {
  if (in->error == NULL) return false;
  int n = snprintf(in->error, GR_INFER_ERROR_SIZE, "%c%d: ", label, number);
  (void)vsnprintf(in->error + n, (size_t)(GR_INFER_ERROR_SIZE - n), format, args);
  return false;
}

bool gr_infer_fail(const gr_rule *r, int constraint, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fail_v(r->in, 'C', constraint, format, args);
  va_end(args);
  return false;
}

/* A constraint on every op: labelled A, not C. */
static bool fail_any(const gr_infer *in, int number, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));
static bool fail_any(const gr_infer *in, int number, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fail_v(in, 'A', number, format, args);
  va_end(args);
  return false;
}

bool gr_check_arity(const gr_op_info *op, uint32_t operand_count, bool (*given)(const void *, uint32_t),
                    const void *user, uint32_t result_count, char *error) {
  const gr_infer in = {.error = error};
  const uint32_t declared = op->operand_count;
  const bool variadic = declared > 0 && op->operands[declared - 1].variadic;
  /* A1: every operand that is not optional is given. */
  for (uint32_t i = 0; i < declared; ++i) {
    if (i < operand_count && given(user, i)) continue;
    if (!op->operands[i].optional) return fail_any(&in, 1, "operand %s is missing", op->operands[i].name);
  }
  /* A2: there are no more operands than declared, and none of a variadic operand is absent, but for `gradient`, which
   * has one for each result. */
  if (operand_count > declared && !variadic)
    return fail_any(&in, 2, "%u operands, %s takes %u", operand_count, op->name, declared);
  for (uint32_t i = declared; i < operand_count && !(op->families & GR_F_PASSING); ++i)
    if (!given(user, i)) return fail_any(&in, 2, "operand %u of %s is missing", i, op->operands[declared - 1].name);
  /* A3: the results are the required ones and any of the optional ones. */
  const uint32_t required = gr_op_required_results(op);
  const bool open = op->result_count > 0 && op->results[op->result_count - 1].variadic;
  if (result_count < required)
    return fail_any(&in, 3, "%u results, %s has at least %u", result_count, op->name, required);
  if (result_count > op->result_count && !open)
    return fail_any(&in, 3, "%u results, %s has at most %u", result_count, op->name, op->result_count);
  return true;
}

static bool has_type(const void *user, uint32_t operand) { return ((const gr_infer *)user)->operands[operand] != NULL; }

/* A4: extents of a result other than 0 multiply to at most 2^48. */
static bool check_size(const gr_infer *in) {
  for (uint32_t i = 0; i < in->result_count; ++i)
    if (!gr_type_fits(&in->results[i])) return fail_any(in, 4, "extents of result %u multiply to more than 2^48", i);
  return true;
}

bool gr_infer_types(gr_infer *in) {
  if (in->op >= GR_OP_COUNT) { /* opaque: nothing is known */
    for (uint32_t i = 0; i < in->result_count; ++i) gr_type_set(&in->results[i], GRAFT_UNKNOWN, -1);
    return true;
  }
  gr_rule r = {.in = in, .op = gr_op_get(in->op)};
  if (!gr_check_arity(r.op, in->operand_count, has_type, in, in->result_count, in->error)) return false;
  uint32_t count;
  r.attrs = gr_attrs_get(in->module, in->attrs, &count);
  return rules[in->op](&r) && check_size(in);
}

bool gr_check_float(const gr_rule *r, int constraint, uint32_t slot) {
  const graft_type *t = gr_rule_operand(r, slot);
  if (t == NULL || gr_dtype_is_float(t->dtype)) return true;
  return gr_infer_fail(r, constraint, "%s is %s, not a float type", gr_rule_operand_name(r, slot),
                       graft_dtype_name(t->dtype));
}

bool gr_check_same_dtype(const gr_rule *r, int constraint, uint32_t slot, uint32_t other) {
  const graft_type *a = gr_rule_operand(r, slot), *b = gr_rule_operand(r, other);
  if (a == NULL || b == NULL || a->dtype == b->dtype || a->dtype == GRAFT_UNKNOWN || b->dtype == GRAFT_UNKNOWN)
    return true;
  return gr_infer_fail(r, constraint, "%s is %s, %s is %s", gr_rule_operand_name(r, slot), graft_dtype_name(a->dtype),
                       gr_rule_operand_name(r, other), graft_dtype_name(b->dtype));
}

bool gr_check_rank(const gr_rule *r, int constraint, uint32_t slot, int32_t rank) {
  const graft_type *t = gr_rule_operand(r, slot);
  if (t == NULL || t->rank < 0 || t->rank == rank) return true;
  return gr_infer_fail(r, constraint, "%s has rank %d, not %d", gr_rule_operand_name(r, slot), t->rank, rank);
}

bool gr_check_vector(const gr_rule *r, int constraint, uint32_t slot, int64_t *n, const char *what) {
  const graft_type *t = gr_rule_operand(r, slot);
  if (t == NULL || t->rank < 0) return true;
  if (t->rank != 1) return gr_check_rank(r, constraint, slot, 1);
  if (gr_extent_merge(n, t->dims[0])) return true;
  return gr_infer_fail(r, constraint, "%s has %jd entries, there are %jd %s", gr_rule_operand_name(r, slot), t->dims[0],
                       *n, what);
}

bool gr_check_extents(const gr_rule *r, int constraint, uint32_t slot) {
  const graft_type *t = gr_rule_operand(r, slot);
  if (t->dtype != GRAFT_I64 && t->dtype != GRAFT_UNKNOWN)
    return gr_infer_fail(r, constraint, "%s is %s", gr_rule_operand_name(r, slot), graft_dtype_name(t->dtype));
  if (!gr_check_rank(r, constraint, slot, 1)) return false;
  if (t->rank == 1 && t->dims[0] > GRAFT_MAX_RANK)
    return gr_infer_fail(r, constraint, "%s has %jd entries", gr_rule_operand_name(r, slot), t->dims[0]);
  return true;
}

bool gr_check_index(const gr_rule *r, int constraint, uint32_t slot) {
  const graft_dtype d = gr_rule_operand(r, slot)->dtype;
  if (d == GRAFT_I64 || d == GRAFT_I32 || d == GRAFT_UNKNOWN) return true;
  return gr_infer_fail(r, constraint, "%s is %s", gr_rule_operand_name(r, slot), graft_dtype_name(d));
}

bool gr_check_axis(const gr_rule *r, int constraint, const char *name, int64_t value, int32_t rank, int32_t *axis) {
  if (value < -rank || value >= rank) return gr_infer_fail(r, constraint, "%s is %jd, of %d axes", name, value, rank);
  *axis = (int32_t)(value < 0 ? value + rank : value);
  return true;
}

bool gr_type_broadcast(const graft_type *a, const graft_type *b, graft_type *out, int32_t *axis) {
  if (a->rank < 0 || b->rank < 0) {
    out->rank = -1;
    return true;
  }
  graft_type t = {.dtype = out->dtype, .rank = a->rank > b->rank ? a->rank : b->rank};
  for (int32_t i = 1; i <= t.rank; ++i) {
    const int64_t n = i <= a->rank ? a->dims[a->rank - i] : 1, m = i <= b->rank ? b->dims[b->rank - i] : 1;
    if (n == m || m == 1)
      t.dims[t.rank - i] = n;
    else if (n == 1 || n < 0)
      t.dims[t.rank - i] = m; /* an unknown extent can only be 1 or m */
    else if (m < 0)
      t.dims[t.rank - i] = n;
    else
      return *axis = -i, false;
  }
  *out = t;
  return true;
}
