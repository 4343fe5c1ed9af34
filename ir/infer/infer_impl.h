/* What the shape rules share. A rule is one function per rule name of ops.def: it reads operand types and attributes,
 * writes the result types, and says which numbered constraint is broken.
 *
 * Constraints are written where they are checked: a comment "C3: ..." above the check is the sentence that the op's
 * documentation shows (tools/gen_ops.c reads it from here), the number in the call is the one the message begins with.
 * A helper that checks something for many rules takes the number.
 *
 * Unknown dtype, rank and extent contradict nothing. Arithmetic on extents goes through the builtins that tell
 * overflow: extents come from files. */
#ifndef GRAFT_INFER_IMPL_H
#define GRAFT_INFER_IMPL_H

#include "ir/ir_int.h"

#define GR_INFER_ERROR_SIZE 160

typedef struct gr_rule {
  gr_infer *in;
  const gr_op_info *op;
  const gr_attr *attrs; /* by slot; gr_attrs_set has checked kinds, list lengths, words and ranges */
} gr_rule;

// clang-format off
#define GR_RULES(X) \
  X(conv_backward) \
  X(conv) X(conv_transpose) X(linear) X(addmm) X(matmul) X(einsum) X(batch_norm) X(same) X(same_float) X(to_float) X(numeric) X(broadcast) X(pow) X(compare) X(number_pair) X(logical) X(integer_pair) X(float_test) X(prelu) X(where) \
  X(softmax) X(pool) X(adaptive_pool) X(reduce) X(reduce_number) X(reduce_float) X(arg) X(topk) X(cumsum) \
  X(layer_norm) X(group_norm) X(local_response_norm) X(normalize) X(loss) X(flatten) X(reshape) X(view) X(permute) X(transpose) X(squeeze) \
  X(unsqueeze) X(expand) X(repeat) X(resize) X(grid_sampler) X(affine_grid_generator) X(roi_align) X(non_max_suppression) X(unique) X(dft) X(stft) X(mel_weight_matrix) X(linalg_det) X(flip) X(roll) X(reverse_sequence) X(eye) X(im2col) X(col2im) X(pixel_shuffle) X(pixel_unshuffle) X(triangle) X(slice) X(split) X(cat) X(pad) X(index_select) X(gather) X(gather_nd) X(scatter) \
  X(scatter_nd) X(nonzero) X(arange) X(numel) X(shape) X(to) X(quantize) \
  X(dequantize) X(choose_qparams) X(observe) X(qparams) X(fake_quantize) X(bn_scale) X(bn_shift) X(channel) \
  X(quantized) X(quantized_cat) X(recurrent) X(attention) X(max_unpool) X(if) X(loop) \
  X(gradient) X(sum_to_size) X(sum_backward) X(backward) X(cat_backward) X(recurrent_backward) X(sgd) X(adam) X(clip_grad_norm) \
  X(batch_norm_backward) X(bn_scale_backward) X(max_pool_backward) X(avg_pool_backward) X(adaptive_avg_pool_backward) \
  X(loss_backward) X(softmax_backward) X(fake_quantize_backward) X(dropout) X(dropout_backward) X(pointwise_loss) X(pointwise_loss_backward)
// clang-format on
#define GR_RULE_DECLARATION(name) bool gr_rule_##name(const gr_rule *r);
GR_RULES(GR_RULE_DECLARATION)
#undef GR_RULE_DECLARATION

/* Writes "C3: ..." and gives false back. */
bool gr_infer_fail(const gr_rule *r, int constraint, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));

/* ---- operands, results, attributes ---- */

static inline const graft_type *gr_rule_operand(const gr_rule *r, uint32_t slot) {
  return slot < r->in->operand_count ? r->in->operands[slot] : NULL;
}
static inline const char *gr_rule_operand_name(const gr_rule *r, uint32_t slot) {
  const uint32_t declared = r->op->operand_count; /* the last one may be variadic */
  return r->op->operands[slot < declared ? slot : declared - 1].name;
}
static inline graft_type *gr_rule_result(const gr_rule *r) { return &r->in->results[0]; }
/* By slot (GR_ATTR); a word is the number of its enum. */
static inline int64_t gr_rule_int(const gr_rule *r, uint32_t slot) { return r->attrs[slot].as.i; }
static inline double gr_rule_float(const gr_rule *r, uint32_t slot) { return r->attrs[slot].as.f; }
static inline bool gr_rule_is_none(const gr_rule *r, uint32_t slot) { return r->attrs[slot].kind == GRAFT_ATTR_NONE; }
/* A list that cannot be none. */
static inline const int64_t *gr_rule_list(const gr_rule *r, uint32_t slot, uint32_t *count) {
  *count = r->attrs[slot].as.list.count;
  return r->in->module->attrs.ints.data + r->attrs[slot].as.list.offset;
}
/* NULL and 0 where none. */
static inline const int64_t *gr_rule_ints(const gr_rule *r, uint32_t slot, uint32_t *count) {
  return gr_attr_ints(r->in->module, r->in->attrs, slot, count);
}

/* ---- types ---- */

static inline void gr_type_set(graft_type *t, graft_dtype dtype, int32_t rank) {
  *t = (graft_type){.dtype = dtype, .rank = rank};
}
static inline bool gr_dtype_is_float(graft_dtype d) { return gr_is_float(d) || d == GRAFT_UNKNOWN; }
/* Takes over what `extent` knows; false when the two contradict. */
static inline bool gr_extent_merge(int64_t *into, int64_t extent) {
  if (extent < 0 || *into == extent) return true;
  if (*into >= 0) return false;
  *into = extent;
  return true;
}
/* Product of known extents >= 0; false past GR_MAX_ELEMENTS. */
static inline bool gr_extent_mul(int64_t *into, int64_t by) {
  return !__builtin_mul_overflow(*into, by, into) && *into <= GR_MAX_ELEMENTS;
}

/* The elements of an i64 operand, GR_UNKNOWN_INT where one is not known; NULL: none is known. */
static inline const int64_t *gr_rule_elements(const gr_rule *r, uint32_t slot, uint32_t *count) {
  const graft_type *t = gr_rule_operand(r, slot);
  const bool ask = t != NULL && t->dtype == GRAFT_I64 && r->in->constant != NULL;
  return ask ? r->in->constant(r->in->user, slot, count) : NULL;
}

/* The operand's elements are floats. */
bool gr_check_float(const gr_rule *r, int constraint, uint32_t slot);
/* The two operands have the same element type; an absent one has any. */
bool gr_check_same_dtype(const gr_rule *r, int constraint, uint32_t slot, uint32_t other);
bool gr_check_rank(const gr_rule *r, int constraint, uint32_t slot, int32_t rank);
/* The operand, if given, is a vector of `*n` entries (`what` of them); learns `*n` where it is unknown. */
bool gr_check_vector(const gr_rule *r, int constraint, uint32_t slot, int64_t *n, const char *what);
/* The operand is an i64 vector of at most 8 entries. */
bool gr_check_extents(const gr_rule *r, int constraint, uint32_t slot);
/* The operand is i64 or i32. */
bool gr_check_index(const gr_rule *r, int constraint, uint32_t slot);
/* -rank <= value < rank; `*axis` counts from the front. */
bool gr_check_axis(const gr_rule *r, int constraint, const char *name, int64_t value, int32_t rank, int32_t *axis);
/* The shape that both broadcast to; the dtype is not touched. `axis`: where they contradict, from the back. */
bool gr_type_broadcast(const graft_type *a, const graft_type *b, graft_type *out, int32_t *axis);

#endif
