/* Type inference, table-driven: a row is an op, operand types and attributes, and the result types or the message. A
 * row whose message begins with a constraint's number is called after it (conv2d_c3); every constraint has one. */
#include "ir/ir_int.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPERANDS 12
#define MAX_RESULTS 8

typedef struct row {
  const char *name;
  const char *op;       /* "split/2": with two results, else with the required ones */
  const char *operands; /* "f32[1, 3] - i64[2]=3,4": one is absent, one constant */
  const graft_attr *attrs;
  uint32_t attr_count;
  const char *expected; /* types of all results, or the message */
} row;

#define A(...) (const graft_attr[]){__VA_ARGS__}, sizeof((const graft_attr[]){__VA_ARGS__}) / sizeof(graft_attr)
#define NO NULL, 0
#define I(n, v) \
  { .name = n, .kind = GRAFT_ATTR_INT, .as.i = (v) }
#define F(n, v) \
  { .name = n, .kind = GRAFT_ATTR_FLOAT, .as.f = (v) }
#define B(n, v) \
  { .name = n, .kind = GRAFT_ATTR_BOOL, .as.b = (v) }
#define S(n, v) \
  { .name = n, .kind = GRAFT_ATTR_STRING, .as.s = (v) }
#define D(n, v) \
  { .name = n, .kind = GRAFT_ATTR_DTYPE, .as.dtype = (v) }
#define FL(n, ...) \
  { \
    .name = n, .kind = GRAFT_ATTR_FLOATS, .count = sizeof((const double[]){__VA_ARGS__}) / sizeof(double), \
    .as.floats = (const double[]) { \
      __VA_ARGS__ \
    } \
  }
#define N(n) \
  { .name = n, .kind = GRAFT_ATTR_NONE }
#define L(n, ...) \
  { \
    .name = n, .kind = GRAFT_ATTR_INTS, .count = sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), \
    .as.ints = (const int64_t[]) { \
      __VA_ARGS__ \
    } \
  }
#define EMPTY(n) \
  { \
    .name = n, .kind = GRAFT_ATTR_INTS, .as.ints = (const int64_t[]) { 0 } \
  }
#define HUGE_EXTENT "281474976710656" /* 2^48 */
#define U8 I("quant_min", 0), I("quant_max", 255), D("dtype", GRAFT_U8)

static const row rows[] = {
    /* convolution */
    {"conv1d", "conv1d", "f32[2, 4, 10] f32[6, 2, 3] f32[6]", A(I("groups", 2), L("stride", 2), L("padding", 1)),
     "f32[2, 6, 5]"},
    {"conv2d", "conv2d", "f32[1, 3, 8, 8] f32[4, 3, 3, 3]", NO, "f32[1, 4, 6, 6]"},
    {"conv2d_dilated", "conv2d", "f32[1, 3, 9, 8] f32[4, 3, 3, 3] - ",
     A(L("dilation", 2, 3), L("padding", 1, 2), L("stride", 2, 1)), "f32[1, 4, 4, 6]"},
    {"conv2d_unknown_batch", "conv2d", "f32[?, 3, ?, 8] f32[4, 3, 3, 3]", NO, "f32[?, 4, ?, 6]"},
    {"conv2d_unknown_rank", "conv2d", "?[*] f32[4, 3, 3, 3]", NO, "f32[?, 4, ?, ?]"},
    {"conv3d", "conv3d", "f64[1, 2, 4, 5, 6] f64[3, 2, 1, 2, 3]", NO, "f64[1, 3, 4, 4, 4]"},
    {"conv2d_c1", "conv2d", "f32[3, 8, 8] f32[4, 3, 3, 3]", NO, "C1: x has rank 3, not 4"},
    {"conv2d_c1_weight", "conv2d", "f32[1, 3, 8, 8] f32[4, 3, 3]", NO, "C1: weight has rank 3, not 4"},
    {"conv2d_c2", "conv2d", "f32[1, 3, 8, 8] f64[4, 3, 3, 3]", NO, "C2: weight is f64, x is f32"},
    {"conv2d_c2_narrow", "conv2d", "i8[1, 3, 8, 8] i8[4, 3, 3, 3]", NO,
     "C2: x is i8, neither a float type nor an integer of 32 or 64 bits"},
    {"conv2d_integers", "conv2d", "i32[1, 3, 8, 8] i32[4, 3, 3, 3]", NO, "i32[1, 4, 6, 6]"},
    {"conv2d_c2_integers", "conv2d", "i32[1, 3, 8, 8] i64[4, 3, 3, 3]", NO, "C2: weight is i64, x is i32"},
    {"conv2d_c3", "conv2d", "f32[1, 3, 8, 8] f32[4, 4, 3, 3]", NO,
     "C3: weight has 4 input channels per group, x has 3"},
    {"conv2d_groups", "conv2d", "f32[1, 3, 8, 8] f32[4, 3, 3, 3]", A(I("groups", 0)),
     "groups of conv2d is 0, not from 1 to 2147483647"},
    {"conv2d_c4_in", "conv2d", "f32[1, 3, 8, 8] f32[4, 3, 3, 3]", A(I("groups", 2)),
     "C4: groups is 2, x has 3 channels"},
    {"conv2d_c4_out", "conv2d", "f32[1, 4, 8, 8] f32[3, 2, 3, 3]", A(I("groups", 2)),
     "C4: groups is 2, weight has 3 output channels"},
    {"conv2d_c5", "conv2d", "f32[1, 3, 8, 8] f32[4, 3, 3, 3] f32[3]", NO,
     "C5: bias has 3 entries, there are 4 output channels"},
    {"conv2d_c5_rank", "conv2d", "f32[1, 3, 8, 8] f32[4, 3, 3, 3] f32", NO, "C5: bias has rank 0, not 1"},
    {"conv2d_stride", "conv2d", "f32[1, 3, 8, 8] f32[4, 3, 3, 3]", A(L("stride", 1, 0)),
     "stride of conv2d is 0, not from 1 to 2147483647"},
    {"conv2d_padding_padding", "conv2d", "f32[1, 3, 8, 8] f32[4, 3, 3, 3]", A(L("padding", -1, 0)),
     "padding of conv2d is -1, not from 0 to 2147483647"},
    {"conv2d_c6", "conv2d", "f32[1, 3, 2, 8] f32[4, 3, 3, 3]", NO,
     "C6: kernel of 3 (dilation 1), input of 2 (padding 0)"},
    {"conv2d_padding_overflow", "conv2d", "f32[1, 3, 8, 8] f32[4, 3, 3, 3]", A(L("padding", INT64_MAX, 0)),
     "padding of conv2d is 9223372036854775807, not from 0 to 2147483647"},
    {"conv2d_huge", "conv2d", "f32[" HUGE_EXTENT ", 3, 8, 8] f32[4, 3, 3, 3]", NO,
     "A4: extents of result 0 multiply to more than 2^48"},
    {"conv2d_a1", "conv2d", "f32[1, 3, 8, 8]", NO, "A1: operand weight is missing"},
    {"conv2d_a2", "conv2d", "f32[1, 3, 8, 8] f32[4, 3, 3, 3] f32[4] f32[4]", NO, "A2: 4 operands, conv2d takes 3"},
    {"conv2d_a3", "conv2d/2", "f32[1, 3, 8, 8] f32[4, 3, 3, 3]", NO, "A3: 2 results, conv2d has at most 1"},
#define ONCE(n) L("stride", n), L("padding", 0), L("dilation", 1)
    {"conv_backward_input", "conv_backward_input", "f32[2, 6, 5] f32[6, 2, 3] f32[2, 4, 10]",
     A(I("groups", 2), L("stride", 2), L("padding", 1), L("dilation", 1)), "f32[2, 4, 10]"},
    {"conv_backward_input_unknown", "conv_backward_input", "f64[*] f64[*] f64[?, 4, 10]", A(ONCE(1)), "f64[?, 4, 10]"},
    {"conv_backward_weight", "conv_backward_weight", "f32[2, 6, 4] f32[2, 4, 10] f32[6, 4, 3]", A(ONCE(2)),
     "f32[6, 4, 3]"},
    {"conv_backward_c1", "conv_backward_input", "f32[2, 6, 4] f32[6, 4, 3, 1] f32[2, 4, 10]", A(ONCE(1)),
     "C1: weight has rank 4, not 3"},
    {"conv_backward_c1_lists", "conv_backward_weight", "f32[2, 6, 4, 1] f32[2, 4, 6, 1] f32[6, 4, 3, 1]", A(ONCE(1)),
     "C1: 2 axes, stride of 1, padding of 1, dilation of 1"},
    {"conv_backward_c1_axes", "conv_backward_weight", "f32[2, 6] f32[2, 4] f32[6, 4]", A(ONCE(1)),
     "C1: 0 axes, stride of 1, padding of 1, dilation of 1"},
    {"conv_backward_c2", "conv_backward_input", "f32[2, 6, 4] f64[6, 4, 3] f32[2, 4, 10]", A(ONCE(1)),
     "C2: weight is f64, dy is f32"},
    {"conv_backward_c2_integers", "conv_backward_weight", "i32[2, 6, 4] i32[2, 4, 10] i32[6, 4, 3]", A(ONCE(1)),
     "C2: dy is i32, not a float type"},
    {"conv_backward_c3_images", "conv_backward_input", "f32[2, 6, 4] f32[6, 4, 3] f32[1, 4, 10]", A(ONCE(1)),
     "C3: x has 1 images, dy 2"},
    {"conv_backward_c3_groups", "conv_backward_input", "f32[2, 6, 4] f32[6, 4, 3] f32[2, 3, 10]",
     A(ONCE(1), I("groups", 2)), "C3: groups is 2, x has 3 channels"},
    {"conv_backward_c3_out", "conv_backward_weight", "f32[2, 5, 4] f32[2, 4, 10] f32[6, 4, 3]", A(ONCE(1)),
     "C3: weight has 6 output channels, dy 5"},
    {"conv_backward_c3_in", "conv_backward_weight", "f32[2, 6, 4] f32[2, 4, 10] f32[6, 3, 3]", A(ONCE(1)),
     "C3: weight has 3 input channels per group, x has 4"},
    {"conv_backward_c4", "conv_backward_weight", "f32[2, 6, 5] f32[2, 4, 10] f32[6, 4, 3]", A(ONCE(2)),
     "C4: dy of 5, stride 2, kernel of 3 (dilation 1), x of 10 (padding 0)"},
    {"conv_backward_c4_kernel", "conv_backward_weight", "f32[2, 6, 5] f32[2, 4, 10] f32[6, 4, 0]", A(ONCE(2)),
     "C4: weight is empty"},
#undef ONCE
    {"conv_transpose1d", "conv_transpose1d", "f32[1, 4, 5] f32[4, 3, 3] f32[6]",
     A(I("groups", 2), L("stride", 2), L("output_padding", 1)), "f32[1, 6, 12]"},
    {"conv_transpose2d", "conv_transpose2d", "f32[1, 4, 5, 5] f32[4, 3, 3, 3]",
     A(L("padding", 1, 1), L("dilation", 2, 1)), "f32[1, 3, 7, 5]"},
    {"conv_transpose3d", "conv_transpose3d", "f32[?, 4, ?, 5, 5] f32[4, 3, 3, 3, 3]", NO, "f32[?, 3, ?, 7, 7]"},
    {"conv_transpose2d_c1", "conv_transpose2d", "f32[4, 5, 5] f32[4, 3, 3, 3]", NO, "C1: x has rank 3, not 4"},
    {"conv_transpose2d_c2", "conv_transpose2d", "f32[1, 4, 5, 5] f64[4, 3, 3, 3]", NO, "C2: weight is f64, x is f32"},
    {"conv_transpose2d_c3", "conv_transpose2d", "f32[1, 4, 5, 5] f32[3, 3, 3, 3]", NO,
     "C3: weight has 3 input channels, x has 4"},
    {"conv_transpose2d_c4", "conv_transpose2d", "f32[1, 4, 5, 5] f32[4, 3, 3, 3]", A(I("groups", 3)),
     "C4: groups is 3, x has 4 channels"},
    {"conv_transpose2d_c5", "conv_transpose2d", "f32[1, 4, 5, 5] f32[4, 3, 3, 3] f32[3]", A(I("groups", 2)),
     "C5: bias has 3 entries, there are 6 output channels"},
    {"conv_transpose2d_dilation", "conv_transpose2d", "f32[1, 4, 5, 5] f32[4, 3, 3, 3]", A(L("dilation", 0, 1)),
     "dilation of conv_transpose2d is 0, not from 1 to 2147483647"},
    {"conv_transpose2d_c6", "conv_transpose2d", "f32[1, 4, 5, 5] f32[4, 3, 3, 3]", A(L("output_padding", 1, 0)),
     "C6: output_padding is 1, stride 1 and dilation 1"},
    {"conv_transpose2d_c7", "conv_transpose2d", "f32[1, 4, 1, 5] f32[4, 3, 3, 3]", A(L("padding", 2, 0)),
     "C7: input of 1, stride 1, kernel of 3, padding 2"},
    {"conv_transpose2d_huge", "conv_transpose2d", "f32[1, 4, " HUGE_EXTENT ", 5] f32[4, 3, 3, 3]", A(L("stride", 4, 1)),
     "A4: extents of result 0 multiply to more than 2^48"},
/* integers */
#define QPARAMS " f32 i32 f32 i32 f32 i32"
    {"quantized_conv2d", "quantized.conv2d", "u8[2, 3, 8, 8] i8[4, 3, 3, 3] i32[4]" QPARAMS, A(L("stride", 2, 1)),
     "i8[2, 4, 3, 6]"},
    {"quantized_conv1d_relu", "quantized.conv1d_relu", "i16[2, 3, ?] i8[4, 3, 3] f32[4] f32 i32 f32[4] i32[4] f32 i32",
     A(U8), "u8[2, 4, ?]"},
    {"quantized_conv_transpose2d", "quantized.conv_transpose2d",
     "i8[1, 4, 5, 5] i8[4, 3, 3, 3] - f32 i32 f32[6] i32[6] f32 i32",
     A(I("groups", 2), L("output_padding", 1, 0), L("stride", 2, 1)), "i8[1, 6, 12, 7]"},
    {"quantized_linear_add", "quantized.linear_add", "i8[?, 5, 8] i8[4, 8] -" QPARAMS " u8[2, 5, 4] f32 i32", NO,
     "i8[2, 5, 4]"},
    {"quantized_unknown", "quantized.conv3d", "?[*] ?[*] ?[*] ?[*] ?[*] ?[*] ?[*] ?[*] ?[*]", NO, "i8[?, ?, ?, ?, ?]"},
    {"quantized_add", "quantized.add", "i8[2, 3] u8[3]" QPARAMS, NO, "i8[2, 3]"},
    {"quantized_matmul", "quantized.matmul", "i8[2, 3] u8[3, 7]" QPARAMS, NO, "i8[2, 7]"},
    {"quantized_mean", "quantized.mean", "i8[2, 3, 4] f32 i32 f32 i32", A(L("dim", 1)), "i8[2, 4]"},
    {"quantized_avg_pool2d", "quantized.avg_pool2d", "i8[2, 3, 4, 4] f32 i32 f32 i32", A(L("kernel_size", 2, 2)),
     "i8[2, 3, 3, 3]"},
    {"quantized_c1", "quantized.conv2d", "f32[2, 3, 8, 8] i8[4, 3, 3, 3] -" QPARAMS, NO,
     "C1: x is f32, not u8, i8 or i16"},
    {"quantized_c1_weight", "quantized.conv2d", "i8[2, 3, 8, 8] u8[4, 3, 3, 3] -" QPARAMS, NO,
     "C1: weight is u8, not i8"},
    {"quantized_c1_bias", "quantized.linear", "i8[2, 3] i8[4, 3] i8[4]" QPARAMS, NO, "C1: bias is i8, not i32 or f32"},
    {"quantized_c2", "quantized.linear", "i8[2, 3] i8[4, 3] - f64 i32 f32 i32 f32 i32", NO,
     "C2: x_scale is f64, not f32"},
    {"quantized_c2_zero_point", "quantized.linear", "i8[2, 3] i8[4, 3] - f32 i32 f32 i32 f32 i8", NO,
     "C2: y_zero_point is i8, not i32"},
    {"quantized_c3", "quantized.linear", "i8[2, 3] i8[4, 5] -" QPARAMS, NO,
     "C3: C3: weight has 5 input features, x has 3"},
    {"quantized_c4", "quantized.linear", "i8[2, 3] i8[4, 3] - f32[4] i32 f32 i32 f32 i32", NO,
     "C4: x_scale has rank 1, not 0"},
    {"quantized_c4_channels", "quantized.linear", "i8[2, 3] i8[4, 3] - f32 i32 f32[3] i32[3] f32 i32", NO,
     "C4: weight_scale has 3 entries, there are 4 output channels"},
    {"quantized_c4_mixed", "quantized.linear", "i8[2, 3] i8[4, 3] - f32 i32 f32[4] i32 f32 i32", NO,
     "C4: weight_scale has rank 1, weight_zero_point 0"},
    {"quantized_c5", "quantized.linear", "i8[2, 3] i8[4, 3] -" QPARAMS, A(I("quant_max", 128)),
     "C5: quant_min is -128 and quant_max 128, dtype is i8"},
    {"quantized_c5_dtype", "quantized.linear", "i8[2, 3] i8[4, 3] -" QPARAMS, A(D("dtype", GRAFT_I32)),
     "C5: dtype is i32, not u8, i8 or i16"},
    {"quantized_c6", "quantized.linear_add", "i8[2, 3] i8[4, 3] -" QPARAMS " i8[2, 1] f32 i32", NO,
     "C6: other has 1 entries along axis 1, the result 4"},
    {"quantized_cat", "quantized.cat", "f32[2] i32[2] f32 i32 i8[2, 3] i8[2, 4]", A(I("dim", 1)), "i8[2, 7]"},
    {"quantized_cat_c1", "quantized.cat", "f32[1] i32[1] f32 i32 f32[2, 3]", NO,
     "C1: operand 4 is f32, not u8, i8 or i16"},
    {"quantized_cat_c2", "quantized.cat", "f64[1] i32[1] f32 i32 i8[2, 3]", NO, "C2: scales is f64, not f32"},
    {"quantized_cat_c3", "quantized.cat", "f32[2] i32[2] f32 i32 i8[2, 3] i8[2, 4]", NO,
     "C3: C3: tensors[1] has 4 entries along axis 1, not 3"},
    {"quantized_cat_c4", "quantized.cat", "f32[1] i32[2] f32 i32 i8[2, 3] i8[2, 4]", A(I("dim", 1)),
     "C4: scales has 1 entries, there are 2 tensors"},
    {"quantized_cat_c5", "quantized.cat", "f32[1] i32[1] f32 i32 i8[2, 3]", A(I("quant_min", 5), I("quant_max", 4)),
     "C5: quant_min is 5 and quant_max 4, dtype is i8"},
#undef QPARAMS
    {"attention", "scaled_dot_product_attention", "f32[2, 4, 5, 8] f32[2, 4, 7, 8] f32[2, 4, 7, 3]", NO,
     "f32[2, 4, 5, 3]"},
    {"attention_broadcast", "scaled_dot_product_attention", "f32[?, 5, 8] f32[7, ?] f32[?, 1, 7, 3] f32[5, 1]", NO,
     "f32[?, ?, 5, 3]"},
    {"attention_grouped", "scaled_dot_product_attention", "f32[2, 4, 5, 8] f32[2, 2, 7, 8] f32[2, 1, 7, 3]",
     A(B("enable_gqa", true)), "f32[2, 4, 5, 3]"},
    {"attention_unknown_rank", "scaled_dot_product_attention", "f32[2, 8] ?[*] ?[4, 3]", NO, "f32[*]"},
    {"attention_c1", "scaled_dot_product_attention", "f32[2, 8] f32[8] f32[2, 8]", NO, "C1: key has rank 1"},
    {"attention_c2", "scaled_dot_product_attention", "f32[2, 8] f64[2, 8] f32[2, 8]", NO,
     "C2: key is f64, query is f32"},
    {"attention_c2_float", "scaled_dot_product_attention", "i8[2, 8] i8[2, 8] i8[2, 8]", NO,
     "C2: query is i8, not a float type"},
    {"attention_c3", "scaled_dot_product_attention", "f32[2, 8] f32[2, 7] f32[2, 8]", NO,
     "C3: query has 8 columns, key 7"},
    {"attention_c4", "scaled_dot_product_attention", "f32[2, 8] f32[3, 8] f32[2, 8]", NO,
     "C4: key has 3 rows, value 2"},
    {"attention_c5", "scaled_dot_product_attention", "f32[4, 2, 8] f32[2, 2, 8] f32[2, 8]", NO,
     "C5: key has 2 matrices along axis -3, those before it 4"},
    {"attention_c5_heads", "scaled_dot_product_attention", "f32[4, 2, 8] f32[3, 2, 8] f32[2, 8]",
     A(B("enable_gqa", true)), "C5: key has 3 heads, query 4"},
    {"attention_c6", "scaled_dot_product_attention", "f32[2, 8] f32[3, 8] f32[3, 8] i64[2, 3]", NO,
     "C6: attn_mask is i64, query f32"},
    {"attention_c6_batch", "scaled_dot_product_attention", "f32[4, 2, 8] f32[3, 8] f32[3, 8] f32[3, 1, 1]", NO,
     "C6: attn_mask has 3 matrices along axis -3, those before it 4"},
    {"attention_mask_of_more_axes", "scaled_dot_product_attention", "f32[2, 8] f32[3, 8] f32[3, 8] f32[7, 1, 1]", NO,
     "f32[7, 2, 8]"},
    {"attention_c6_extent", "scaled_dot_product_attention", "f32[2, 8] f32[3, 8] f32[3, 8] f32[2]", NO,
     "C6: attn_mask has 2 entries along axis -1, the scores have 3"},
    {"attention_c7", "scaled_dot_product_attention", "f32[2, 8] f32[3, 8] f32[3, 8] bool[2, 3]",
     A(B("is_causal", true)), "C7: is_causal beside attn_mask"},
    {"linear", "linear", "f32[2, 5, 3] f32[4, 3] f32[4]", NO, "f32[2, 5, 4]"},
    {"linear_vector", "linear", "f32[3] f32[4, 3]", NO, "f32[4]"},
    {"linear_c1", "linear", "f32 f32[4, 3]", NO, "C1: x has rank 0"},
    {"linear_c2", "linear", "f32[2, 3] f32[4, 3] f64[4]", NO, "C2: bias is f64, x is f32"},
    {"linear_c3", "linear", "f32[2, 5] f32[4, 3]", NO, "C3: weight has 3 input features, x has 5"},
    {"linear_c4", "linear", "f32[2, 3] f32[4, 3] f32[3]", NO, "C4: bias has 3 entries, there are 4 output features"},
    {"addmm", "addmm", "f32[4] f32[2, 3] f32[3, 4]", NO, "f32[2, 4]"},
    {"addmm_c1", "addmm", "f32[4] f32[2, 3] f32[5, 4]", NO, "C1: mat1 has 3 columns, mat2 5 rows"},
    {"addmm_c2", "addmm", "f32[4] f64[2, 3] f32[3, 4]", NO, "C2: mat1 is f64, input is f32"},
    {"addmm_c3", "addmm", "f32[3] f32[2, 3] f32[3, 4]", NO, "C3: input's axis -1 has 3 entries, the product's 4"},
    {"matmul", "matmul", "f32[5, 1, 2, 3] f32[7, 3, 4]", NO, "f32[5, 7, 2, 4]"},
    {"matmul_vectors", "matmul", "f32[3] f32[3]", NO, "f32[]"},
    {"matmul_matrix_vector", "matmul", "f32[2, 3] f32[3]", NO, "f32[2]"},
    {"matmul_c1", "matmul", "f32 f32[3]", NO, "C1: x has rank 0"},
    {"matmul_c2", "matmul", "f32[2, 3] i32[3]", NO, "C2: x is f32, other is i32"},
    {"matmul_c3", "matmul", "f32[2, 3] f32[4, 3]", NO, "C3: x has 3 columns, other 4 rows"},
    {"matmul_c4", "matmul", "f32[5, 2, 3] f32[7, 3, 4]", NO, "C4: x has 5, other 7 matrices along axis -3"},
    {"einsum", "einsum", "f32[2, 3, 1] f32[-1, 4]", A(S("equation", "bij,jk->kb")), "f32[4, 2]"},
    {"einsum_dots", "einsum", "f32[5, 1, 3] f32[7, 3]", A(S("equation", "...j,...j")), "f32[5, 7]"},
    {"einsum_unknown", "einsum", "f32 f32[7, 3]", A(S("equation", "...j,ij->i...")),
     "C4: operand 0 has rank 0, its term 1 letters and ..."},
    {"einsum_c1", "einsum", "f32[2] f32[2]", A(S("equation", "i,i-")), "C1: the equation has '-' without '>'"},
    {"einsum_c1_result", "einsum", "f32[2] f32[2]", A(S("equation", "i,i->k")), "C1: no operand has the result's 'k'"},
    {"einsum_c2", "einsum", "f32[2]", A(S("equation", "i,i->i")), "C2: the equation has 2 terms for 1 operands"},
    {"einsum_c3", "einsum", "f32[2] f64[2]", A(S("equation", "i,i->i")), "C3: operands is f32, operands is f64"},
    {"einsum_c4", "einsum", "f32[2] f32[3]", A(S("equation", "i,i->i")),
     "C4: operand 1 has 3 entries along axis 0, another one 2"},
    {"einsum_c5", "einsum", "f32[2, 2, 2, 2, 2, 2, 2, 2] f32[3]", A(S("equation", "...,z->...z")),
     "C5: the result has 9 axes"},

    /* recurrent layers */
    {"lstm", "lstm/3",
     "f32[7, 2, 3] f32[2, 20, 3] f32[2, 20, 5] f32[2, 40] i32[2] f32[2, 2, 5] f32[2, 2, 5] f32[2, 15]",
     A(S("direction", "bidirectional")), "f32[7, 2, 2, 5] f32[2, 2, 5] f32[2, 2, 5]"},
    {"gru_batch_first", "gru/2", "f32[?, 7, 3] f32[1, 15, 3] f32[*] - - f32[2, 1, ?]", A(B("batch_first", true)),
     "f32[2, 7, 1, 5] f32[2, 1, 5]"},
    {"rnn_unknown", "rnn/2", "f32[*] f32[*] f32[*]", NO, "f32[?, 1, ?, ?] f32[1, ?, ?]"},
    {"lstm_c1", "lstm", "f32[7, 2, 3] f64[1, 20, 3] f32[1, 20, 5]", NO, "C1: weight_ih is f64, x is f32"},
    {"lstm_c2", "lstm", "f32[7, 2] f32[1, 20, 3] f32[1, 20, 5]", NO, "C2: x has rank 2, not 3"},
    {"lstm_c3", "lstm", "f32[7, 2, 3] f32[1, 20, 3] f32[1, 15, 5]", NO,
     "C3: axis 1 of weight_hh has 15 entries, not 20"},
    {"lstm_c3_huge", "lstm", "f32[7, 2, 3] f32[1, 20, 3] f32[1, 15, " HUGE_EXTENT "]", NO,
     "C3: hidden is " HUGE_EXTENT},
    {"lstm_c3_directions", "lstm", "f32[7, 2, 3] f32[2, 20, 3] f32[2, 20, 5]", NO,
     "C3: axis 0 of weight_hh has 2 entries, not 1"},
    {"lstm_c4", "lstm", "f32[7, 2, 3] f32[1, 20, 3] f32[1, 20, 5] f32[1, 20]", NO,
     "C4: axis 1 of bias has 20 entries, not 40"},
    {"gru_c5", "gru", "f32[7, 2, 3] f32[1, 15, 3] f32[1, 15, 5] - f32[2]", NO, "C5: sequence_lens is f32"},
    {"gru_c5_batch", "gru", "f32[7, 2, 3] f32[1, 15, 3] f32[1, 15, 5] - i32[3]", NO,
     "C5: sequence_lens has 3 entries, there are 2 rows in the batch"},
    {"rnn_c6", "rnn", "f32[7, 2, 3] f32[1, 5, 3] f32[1, 5, 5] - - f32[2, 1, 5]", NO,
     "C6: axis 0 of h_0 has 2 entries, not 1"},
    {"lstm_backward", "lstm_backward/7",
     "f32[7, 2, 2, ?] f32[7, 2, 3] f32[2, 20, 3] f32[2, 20, 5] f32[2, 40] i32[2] f32[2, 2, 5] - - - f32[2, 2, 5]",
     A(S("direction", "bidirectional")),
     "f32[7, 2, 3] f32[2, 20, 3] f32[2, 20, 5] f32[2, 40] f32[2, 2, 5] f32[2, 2, 5] f32[2, 15]"},
    {"gru_backward_batch_first", "gru_backward/5", "- f64[2, 7, 3] f64[1, 15, 3] f64[*] - - - f64[2, 1, 5]",
     A(B("batch_first", true)), "f64[2, 7, 3] f64[1, 15, 3] f64[*] f64[1, 30] f64[2, 1, 5]"},
    {"rnn_backward_unknown", "rnn_backward/5", "f32[*] f32[*] f32[*] f32[*]", NO,
     "f32[*] f32[*] f32[*] f32[1, ?] f32[1, ?, ?]"},
    {"lstm_backward_c1", "lstm_backward", "f32[7, 2, 1, 5] f32[7, 2, 3] f32[1, 20, 3] f32[1, 15, 5]", NO,
     "C1: lstm says C3: axis 1 of weight_hh has 15 entries, not 20"},
    {"lstm_backward_c2", "lstm_backward", "f32[6, 2, 1, 5] f32[7, 2, 3] f32[1, 20, 3] f32[1, 20, 5]", NO,
     "C2: dy has another type than the result of lstm"},
    {"gru_backward_c2_state", "gru_backward", "- f32[7, 2, 3] f32[1, 15, 3] f32[1, 15, 5] - - - f64[1, 2, 5]", NO,
     "C2: dh_n has another type than the result of gru"},
    /* normalization, elementwise */
    {"batch_norm", "batch_norm", "f32[2, 3, 4] f32[3] f32[3] f32[3] f32[3]", NO, "f32[2, 3, 4]"},
    {"batch_norm_affineless", "batch_norm", "f32[2, ?] - - f32[3] f32[3]", NO, "f32[2, 3]"},
    {"batch_norm_training", "batch_norm/4", "f32[2, 3, 4] - - f32[3] f32[3] i64", A(B("training", true), N("momentum")),
     "f32[2, 3, 4] f32[3] f32[3] i64[]"},
    {"batch_norm_used", "batch_norm/6", "f32[2, 3, 4] - - f32[3] f32[3] i64", A(B("training", true)),
     "f32[2, 3, 4] f32[3] f32[3] i64[] f32[3] f32[3]"},
    {"batch_norm_used_alone", "batch_norm/6", "f16[2, 3, 4]", A(B("training", true)),
     "f16[2, 3, 4] f16[3] f16[3] i64[] f16[3] f16[3]"},
    {"batch_norm_used_mixed", "batch_norm/6", "f16[2, 3, 4] - - f32[3] f32[3]", NO,
     "f16[2, 3, 4] f32[3] f32[3] i64[] f32[3] f32[3]"},
    {"batch_norm_c1", "batch_norm", "f32[3] f32[3] f32[3] f32[3] f32[3]", NO, "C1: x has rank 1"},
    {"batch_norm_c2", "batch_norm", "f32[2, 3] f64[3] f32[3] f32[3] f32[3]", NO, "C2: weight is f64, x is f32"},
    {"batch_norm_c3", "batch_norm", "f32[2, 3] f32[3] f32[3] f32[4] f32[3]", NO,
     "C3: running_mean has 4 entries, there are 3 channels"},
    {"batch_norm_c4", "batch_norm", "f32[2, 3] - - f32[3] f32[3] f32", NO, "C4: num_batches_tracked is f32"},
    {"batch_norm_c5", "batch_norm", "f32[2, 3]", NO, "C5: running_mean is missing and training is false"},
    {"batch_norm_c6", "batch_norm/3", "f32[2, 3]", A(B("training", true)), "C6: result mean needs running_mean"},
    {"batch_norm_c6_count", "batch_norm/4", "f32[2, 3] - - f32[3] f32[3]", A(B("training", true)),
     "C6: result count needs num_batches_tracked"},
    {"batch_norm_eps", "batch_norm", "f32[2, 3] - - f32[3] f32[3]", A(F("eps", -1)),
     "eps of batch_norm is -1, not finite and at least 0"},
    {"batch_norm_momentum_momentum", "batch_norm", "f32[2, 3] - - f32[3] f32[3]", A(F("momentum", INFINITY)),
     "momentum of batch_norm is inf, not finite"},
    {"batch_norm_c7", "batch_norm", "f32[1, 3, 1, 1]", A(B("training", true)),
     "C7: x has one value per channel, of which there is no variance: it takes a larger batch, or its running "
     "statistics (freeze-bn)"},
    {"exp", "exp", "f64[2]", NO, "f64[2]"},
    {"exp_integer", "exp", "i64[2]", NO, "f32[2]"},
    {"exp_bool", "log", "bool[?]", NO, "f32[?]"},
    {"neg", "neg", "u8[2]", NO, "u8[2]"},
    {"neg_c1", "neg", "bool[2]", NO, "C1: x is bool"},
    {"pow", "pow", "i32[2, 1] i32[3]", NO, "i32[2, 3]"},
    {"pow_c1", "pow", "f32[2] i32[2]", NO, "C1: exponent is i32, x is f32"},
    {"pow_c1_bool", "pow", "bool[2] bool[2]", NO, "C1: x is bool"},
    {"pow_c2", "pow", "f32[2] f32[3]", NO, "C2: x has 2 entries along axis -1, exponent has 3"},
    {"eq", "eq", "bool[2, 1] bool[3]", NO, "bool[2, 3]"},
    {"lt_unknown", "lt", "?[*] f32[2]", NO, "bool[*]"},
    {"ge_c1", "ge", "f32[2] f64[2]", NO, "C1: other is f64, x is f32"},
    {"ne_c2", "ne", "f32[2] f32[3]", NO, "C2: x has 2 entries along axis -1, other has 3"},
    {"where", "where", "bool[2, 1, 1] i8[3] i8[4, 1]", NO, "i8[2, 4, 3]"},
    {"where_unknown", "where", "?[*] f32 f32", NO, "f32[*]"},
    {"where_c1", "where", "u8[2] f32 f32", NO, "C1: condition is u8"},
    {"where_c2", "where", "bool[2] f32 f64", NO, "C2: other is f64, x is f32"},
    {"where_c3", "where", "bool[2] f32[3] f32", NO, "C3: condition has 2 entries along axis -1, x and other have 3"},
    {"relu", "relu", "i8[2, ?]", NO, "i8[2, ?]"},
    {"clamp", "clamp", "f32[2, 3] f32 -", NO, "f32[2, 3]"},
    {"clamp_c1", "clamp", "f32[2, 3] - f64", NO, "C1: max is f64, x is f32"},
    {"clamp_c2", "clamp", "f32[2, 3] f32[2]", NO, "C2: min has 2 entries along axis -1, x has 3"},
    {"clamp_c2_empty", "clamp", "f32[2, 1] f32[0]", NO, "C2: min has 0 entries along axis -1, x has 1"},
    {"add", "add", "f32[2, 1, 4] f32[3, 1]", NO, "f32[2, 3, 4]"},
    {"add_unknown", "add", "f32[?, ?, 1] f32[3, 1, ?]", NO, "f32[3, ?, ?]"},
    {"add_unknown_rank", "add", "f32[*] f32[3]", NO, "f32[*]"},
    {"add_c1", "add", "f32[2] i32[2]", NO, "C1: other is i32, x is f32"},
    {"add_c2", "add", "f32[2, 3] f32[2]", NO, "C2: x has 3 entries along axis -1, other has 2"},
    {"sigmoid", "sigmoid", "f64[2]", NO, "f64[2]"},
    {"sigmoid_c1", "sigmoid", "i32[2]", NO, "C1: x is i32, not a float type"},
    {"dropout_p", "dropout", "f32[2]", A(F("p", 1.5)), "p of dropout is 1.5, not at least 0 and at most 1"},
    {"gelu_approximate", "gelu", "f32[2]", A(S("approximate", "erf")),
     "approximate of gelu is 'erf', not one of none, tanh"},
    {"softmax", "softmax", "f32[2, 3]", A(I("dim", -1)), "f32[2, 3]"},
    {"softmax_c1", "softmax", "i64[2, 3]", A(I("dim", 0)), "C1: x is i64, not a float type"},
    {"softmax_c2", "softmax", "f32[2, 3]", A(I("dim", 2)), "C2: dim is 2, of 2 axes"},
    {"to", "to", "f32[2]", A(D("dtype", GRAFT_I64)), "i64[2]"},
    {"to_c1", "to", "f32[2]", A(D("dtype", GRAFT_UNKNOWN)), "C1: dtype is unknown"},
    /* pooling */
    {"max_pool2d", "max_pool2d/2", "f32[1, 3, 9, 8]", A(L("kernel_size", 3, 3), L("stride", 2, 2), L("padding", 1, 1)),
     "f32[1, 3, 5, 4] i64[1, 3, 5, 4]"},
    {"max_pool1d_dilated", "max_pool1d", "u8[1, 3, 9]", A(L("kernel_size", 3), L("stride", 2), L("dilation", 2)),
     "u8[1, 3, 3]"},
    {"avg_pool2d_ceil", "avg_pool2d", "f32[1, 3, 6, 7]",
     A(L("kernel_size", 3, 3), L("stride", 2, 2), B("ceil_mode", true)), "f32[1, 3, 3, 3]"},
    {"max_pool1d_ceil_window_in_padding", "max_pool1d", "f32[1, 1, 3]",
     A(L("kernel_size", 2), L("stride", 3), L("padding", 1), B("ceil_mode", true)), "f32[1, 1, 2]"},
    {"max_pool1d_ceil_last_window_starts_inside", "max_pool1d", "f32[1, 1, 2]",
     A(L("kernel_size", 1), L("stride", 4), B("ceil_mode", true)), "f32[1, 1, 1]"},
    {"max_pool1d_ceil_larger_than_input", "max_pool1d", "f32[1, 1, 2]",
     A(L("kernel_size", 3), L("stride", 2), B("ceil_mode", true)), "f32[1, 1, 1]"},
    {"avg_pool3d", "avg_pool3d", "f32[?, 3, 4, ?, 4]", A(L("kernel_size", 2, 2, 4)), "f32[?, 3, 3, ?, 1]"},
    {"max_pool2d_c1", "max_pool2d", "f32[3, 9, 8]", A(L("kernel_size", 3, 3)), "C1: x has rank 3, not 4"},
    {"avg_pool2d_c2", "avg_pool2d", "i8[1, 3, 9, 8]", A(L("kernel_size", 3, 3)), "C2: x is i8, not a float type"},
    {"max_pool2d_c2", "max_pool2d", "bool[1, 3, 9, 8]", A(L("kernel_size", 3, 3)), "C2: x is bool"},
    {"max_pool2d_kernel_size", "max_pool2d", "f32[1, 3, 9, 8]", A(L("kernel_size", 0, 3)),
     "kernel_size of max_pool2d is 0, not from 1 to 2147483647"},
    {"max_pool2d_c3", "max_pool2d", "f32[1, 3, 9, 8]", A(L("kernel_size", 3, 3), L("padding", 2, 0)),
     "C3: padding is 2, kernel_size 3, dilation 1"},
    {"max_pool2d_c4", "max_pool2d", "f32[1, 3, 2, 8]", A(L("kernel_size", 3, 3)),
     "C4: kernel_size 3 (dilation 1), input of 2 (padding 0)"},
    {"max_pool2d_c4_empty", "max_pool2d", "f32[1, 3, 0, 8]", A(L("kernel_size", 1, 1)),
     "C4: kernel_size 1 (dilation 1), input of 0 (padding 0)"},
    {"adaptive_avg_pool2d", "adaptive_avg_pool2d", "f32[?, 3, 9, 8]", A(L("output_size", 1, 2)), "f32[?, 3, 1, 2]"},
    {"adaptive_avg_pool2d_c1", "adaptive_avg_pool2d", "f32[3, 9, 8]", A(L("output_size", 1, 2)),
     "C1: x has rank 3, not 4"},
    {"adaptive_avg_pool2d_c2", "adaptive_avg_pool2d", "i8[1, 3, 9, 8]", A(L("output_size", 1, 2)),
     "C2: x is i8, not a float type"},
    {"adaptive_avg_pool2d_output_size", "adaptive_avg_pool2d", "f32[1, 3, 9, 8]", A(L("output_size", 0, 2)),
     "output_size of adaptive_avg_pool2d is 0, not from 1 to 2147483647"},
    {"adaptive_avg_pool2d_c3", "adaptive_avg_pool2d", "f32[1, 3, 9, 0]", A(L("output_size", 1, 2)),
     "C3: x is empty along axis 3"},
    {"avg_pool1d_dilated", "avg_pool1d", "f32[1, 3, 9]", A(L("kernel_size", 3), L("stride", 2), L("dilation", 2)),
     "f32[1, 3, 3]"},
    {"adaptive_max_pool2d", "adaptive_max_pool2d/2", "i8[?, 3, 9, 8]", A(L("output_size", 1, 2)),
     "i8[?, 3, 1, 2] i64[?, 3, 1, 2]"},
    {"lp_pool2d", "lp_pool2d", "f32[1, 3, 6, 7]", A(L("kernel_size", 3, 3), L("stride", 2, 2), B("ceil_mode", true)),
     "f32[1, 3, 3, 3]"},
    {"lp_pool1d_c2", "lp_pool1d", "i32[1, 3, 9]", A(L("kernel_size", 3)), "C2: x is i32, not a float type"},
    {"lp_pool1d_norm_type", "lp_pool1d", "f32[1, 3, 9]", A(L("kernel_size", 3), F("norm_type", 0)),
     "norm_type of lp_pool1d is 0, not finite and positive"},
    {"max_unpool2d", "max_unpool2d", "f32[?, 3, 2, 2] i64[4, 3, 2, 2]", A(L("output_size", 4, 5)), "f32[4, 3, 4, 5]"},
    {"max_unpool2d_unknown_rank", "max_unpool2d", "f32[*] i64[*]", A(L("output_size", 4, 5)), "f32[?, ?, 4, 5]"},
    {"max_unpool2d_c1", "max_unpool2d", "f32[3, 2, 2] i64[3, 2, 2]", A(L("output_size", 4, 5)),
     "C1: x has rank 3, not 4"},
    {"max_unpool2d_c2", "max_unpool2d", "f32[1, 3, 2, 2] i32[1, 3, 2, 2]", A(L("output_size", 4, 5)),
     "C2: indices is i32, not i64"},
    {"max_unpool2d_c3", "max_unpool2d", "f32[1, 3, 2, 2] i64[1, 3, 2, 1]", A(L("output_size", 4, 5)),
     "C3: indices has 1 entries along axis 3, x has 2"},
    {"max_unpool2d_c3_rank", "max_unpool2d", "f32[1, 3, 2, 2] i64[1, 3, 2]", A(L("output_size", 4, 5)),
     "C3: indices has rank 3, not 4"},
    {"mean_all", "mean", "f32[2, 3]", NO, "f32[]"},
    {"mean", "mean", "f32[2, 3, 4]", A(L("dim", -1, 0)), "f32[3]"},
    {"mean_keepdim", "mean", "f32[2, 3, 4]", A(L("dim", -1, -2), B("keepdim", true)), "f32[2, 1, 1]"},
    {"mean_c1", "mean", "bool[2, 3]", NO, "C1: x is bool"},
    {"mean_c2", "mean", "f32[2, 3]", A(L("dim", 0, -2)), "C2: axis 0 is given twice"},
    /* reductions, searches, losses */
    {"sum_to_size", "sum_to_size", "f32[4, 2, 3] i64[2, 1]", NO, "f32[2, 1]"},
    {"sum_to_size_unknown", "sum_to_size", "f32[*] f32[?, 3]", NO, "f32[?, 3]"},
    {"sum_to_size_c1", "sum_to_size", "bool[2] f32[1]", NO, "C1: x is bool"},
    {"sum_to_size_c2", "sum_to_size", "f32[2] f32[1, 2]", NO, "C2: like has 2 axes, x has 1"},
    {"sum_to_size_c2_extent", "sum_to_size", "f32[2, 3] f32[2]", NO, "C2: like has 2 entries along axis 0, x has 3"},
    {"sum_backward", "sum_backward", "f64[2, 4] f32[2, 3, 4]", A(L("dim", 1)), "f64[2, 3, 4]"},
    {"sum_backward_keepdim", "sum_backward", "f32[2, 1, ?] f32[2, 3, 4]", A(L("dim", -2), B("keepdim", true)),
     "f32[2, 3, 4]"},
    {"sum_backward_c1", "sum_backward", "f32[2] f32[2, 3]", A(L("dim", 2)), "C1: dim is 2, of 2 axes"},
    {"sum_backward_c2", "sum_backward", "f32[3] f32[2, 3]", A(L("dim", 1)),
     "C2: dy has other extents than the sum of like"},
    {"sgd", "sgd", "f32[2, 3] f32[2, 3] f32 i64", NO, "f32[2, 3]"},
    {"sgd_momentum", "sgd/2", "f64[2] f64[?] f32 i64 f32 f64[2]", A(F("momentum", 0.9), B("nesterov", true)),
     "f64[2] f64[2]"},
    {"sgd_c1", "sgd", "i32[2] i32[2] f32 i64", NO, "C1: weight is i32, not a float type"},
    {"sgd_c2", "sgd", "f32[2] f32[2] f64 i64", NO, "C2: lr and clip are f32, step is i64, all of rank 0"},
    {"sgd_c3", "sgd", "f32[2] f32[3] f32 i64", NO, "C3: grad has another type than weight"},
    {"sgd_c4", "sgd", "f32[2] f32[2] f32 i64", A(F("momentum", 0.9)),
     "C4: momentum needs a buffer, and its next value"},
    {"sgd_c4_buffer", "sgd/2", "f32[2] f32[2] f32 i64 - f32[2]", NO, "C4: a buffer without momentum"},
    {"sgd_c5", "sgd", "f32[2] f32[2] f32 i64", A(B("nesterov", true)),
     "C5: nesterov needs a momentum and no dampening"},
    {"adam", "adam/3", "f32[2] f32[2] f32 i64 - f32[2] f32[2]", NO, "f32[2] f32[2] f32[2]"},
    {"adam_c1", "adam/3", "i32[2] i32[2] f32 i64 - i32[2] i32[2]", NO, "C1: weight is i32, not a float type"},
    {"adam_c2", "adamw/3", "f32[2] f32[2] f32 i32 - f32[2] f32[2]", NO,
     "C2: lr and clip are f32, step is i64, all of rank 0"},
    {"adam_c3", "adam/3", "f32[2] f32[2] f32 i64 - f32[3] f32[2]", NO, "C3: exp_avg has another type than weight"},
    {"adam_c4", "adam/3", "f32[2] f32[2] f32 i64 - f32[2] f32[2]", A(B("amsgrad", true)),
     "C4: amsgrad needs max_exp_avg_sq, and its next value"},
    {"clip_grad_norm", "clip_grad_norm", "f32[2] f64[3, 4]", NO, "f32[]"},
    {"clip_grad_norm_c1", "clip_grad_norm", "i32[2]", NO, "C1: grads is i32, not a float type"},
    {"batch_norm_backward", "batch_norm_backward/3", "f32[2, 3, ?] f32[?, 3, 5] f32[3] f32[3] f32[3]", NO,
     "f32[?, 3, 5] f32[3] f32[3]"},
    {"batch_norm_backward_no_dy", "batch_norm_backward", "- f64[2, 3] - f64[3] f64[3] - f64[3]", NO, "f64[2, 3]"},
    {"batch_norm_backward_c1", "batch_norm_backward", "f32[3] f32[3] - f32[3] f32[3]", NO, "C1: x has rank 1"},
    {"batch_norm_backward_c1_shape", "batch_norm_backward", "f32[2, 3] f32[3, 3] - f32[3] f32[3]", NO,
     "C1: dy and x have different shapes"},
    {"batch_norm_backward_c2", "batch_norm_backward", "f32[2, 3] f64[2, 3] - f64[3] f64[3]", NO,
     "C2: dy is f32, x is f64"},
    {"batch_norm_backward_c3", "batch_norm_backward", "f32[2, 3] f32[2, 3] - f32[2] f32[3]", NO,
     "C3: batch_mean has 2 entries, there are 3 channels"},
    {"bn_scale_backward", "bn_scale_backward/2", "f32[3] f32[?] f32[?]", NO, "f32[3] f32[3]"},
    {"bn_scale_backward_c1", "bn_scale_backward", "f64[3] - f32[3]", NO, "C1: dy is f64, running_var is f32"},
    {"bn_scale_backward_c2", "bn_scale_backward", "f32[3] - f32[2]", NO,
     "C2: running_var has 2 entries, there are 3 channels"},
    {"max_pool_backward", "max_pool_backward", "f64[2, 3, ?] i64[2, 3, 4] f32[2, 3, 9]", NO, "f64[2, 3, 9]"},
    {"max_pool_backward_c1", "max_pool_backward", "i32[2, 3, 4] i64[2, 3, 4] f32[2, 3, 9]", NO,
     "C1: dy is i32, not a float type"},
    {"max_pool_backward_c2", "max_pool_backward", "f32[2, 3, 4] i32[2, 3, 4] f32[2, 3, 9]", NO, "C2: indices is i32"},
    {"max_pool_backward_c2_shape", "max_pool_backward", "f32[2, 3, 4] i64[2, 3, 5] f32[2, 3, 9]", NO,
     "C2: indices and dy have different shapes"},
    {"max_pool_backward_c3", "max_pool_backward", "f32[2, 3, 4] i64[2, 3, 4] f32[2, 4, 9]", NO,
     "C3: dy has 3 entries along axis 1, like has 4"},
    {"avg_pool_backward", "avg_pool_backward", "f32[2, 3, 2] f32[2, 3, 5]",
     A(L("kernel_size", 2), L("stride", 2), L("padding", 0), L("dilation", 1)), "f32[2, 3, 5]"},
    {"avg_pool_backward_c1", "avg_pool_backward", "f32[2, 3, 2] f32[2, 3, 5]",
     A(L("kernel_size", 2), L("stride", 2, 2), L("padding", 0), L("dilation", 1)), "C1: they have 1, 2, 1 and 1"},
    {"avg_pool_backward_c2", "avg_pool_backward", "f32[2, 3] f32[2, 3, 5]",
     A(L("kernel_size", 2), L("stride", 2), L("padding", 0), L("dilation", 1)), "C2: dy has rank 2, not 3"},
    {"avg_pool_backward_c3", "avg_pool_backward", "f32[2, 3, 3] f32[2, 3, 5]",
     A(L("kernel_size", 2), L("stride", 2), L("padding", 0), L("dilation", 1)),
     "C3: dy has 3 entries along axis 2, the pool 2"},
    {"adaptive_avg_pool_backward", "adaptive_avg_pool_backward", "f32[2, 3, 2] f32[2, ?, 5]", NO, "f32[2, ?, 5]"},
    {"adaptive_avg_pool_backward_c1", "adaptive_avg_pool_backward", "i32[2, 3, 2] f32[2, 3, 5]", NO,
     "C1: dy is i32, not a float type"},
    {"adaptive_avg_pool_backward_c2", "adaptive_avg_pool_backward", "f32[2, 3] f32[2, 3]", NO, "C2: dy has rank 2"},
    {"nll_loss_backward", "nll_loss_backward", "f32[] f32[2, 3] i64[2] f32[3]", NO, "f32[2, 3]"},
    {"nll_loss_backward_c1", "nll_loss_backward", "f64[] f32[2, 3] i64[2]", NO, "C1: dy is f64, like is f32"},
    {"nll_loss_backward_c2", "nll_loss_backward", "f32[] f32[2, 3] i8[2]", NO, "C2: target is i8"},
    {"nll_loss_backward_c3", "nll_loss_backward", "f32[] f32[2, 3] i64[3]", NO,
     "C3: target has 3 entries along axis 0, like has 2"},
    {"nll_loss_backward_c4", "nll_loss_backward", "f32[] f32[2, 3] i64[2] f32[2]", NO,
     "C4: weight has 2 entries, there are 3 classes"},
    {"nll_loss_backward_c5", "nll_loss_backward", "f32[2] f32[2, 3] i64[2]", NO,
     "C5: dy has another shape than the loss"},
    {"cross_entropy_loss_backward", "cross_entropy_loss_backward", "f64[2] f64[2, 3] i64[2]", A(S("reduction", "none")),
     "f64[2, 3]"},
    {"cross_entropy_loss_backward_c5", "cross_entropy_loss_backward", "- f32[2, 3] i64[2] - f32[3, 3]", NO,
     "C5: dlog_prob has another shape than log_prob"},
    {"softmax_backward", "softmax_backward", "f32[2, ?] f32[2, 3]", A(I("dim", 1)), "f32[2, 3]"},
    {"softmax_backward_c1", "softmax_backward", "f32[2, 3] f64[2, 3]", A(I("dim", 1)), "C1: dy is f32, y is f64"},
    {"log_softmax_backward_c1", "log_softmax_backward", "f32[2, 4] f32[2, 3]", A(I("dim", 1)),
     "C1: dy and y have different shapes"},
    {"softmax_backward_c2", "softmax_backward", "f32[2] f32[2]", A(I("dim", 1)), "C2: dim is 1, of 1 axes"},
    {"dropout_mask", "dropout/2", "f32[2, 3]", NO, "f32[2, 3] bool[2, 3]"},
    {"dropout_c1", "dropout", "i32[2]", NO, "C1: x is i32, not a float type"},
    {"dropout_backward", "dropout_backward", "f32[2] bool[2]", NO, "f32[2]"},
    {"dropout_backward_c1", "dropout_backward", "i32[2] bool[2]", NO, "C1: dy is i32, not a float type"},
    {"dropout_backward_c2", "dropout_backward", "f32[2] f32[2]", NO, "C2: mask is f32"},
    {"fake_quantize_backward", "fake_quantize_backward", "f32[2, 3] f32[2, 3] f32[3] i32[3]", A(I("axis", 1)),
     "f32[2, 3]"},
    {"fake_quantize_backward_c1", "fake_quantize_backward", "f32[2] f32[3] f32[] i32[]", NO,
     "C1: dy has another shape than x"},
    {"fake_quantize_backward_c2", "fake_quantize_backward", "f32[2] f32[2] f32[] i32[]",
     A(I("quant_min", 3), I("quant_max", 3)), "C2: quant_min is 3 and quant_max 3, dtype is i8"},
    {"fake_quantize_backward_c3", "fake_quantize_backward", "f32[2] f32[2] f32[] i8[]", NO, "C3: zero_point is i8"},
    {"fake_quantize_backward_c3_float", "fake_quantize_backward", "f32[2] f32[2] f32[] f32[]", NO,
     "C3: zero_point is f32"},
    {"fake_quantize_backward_c4", "fake_quantize_backward", "f32[2] f32[2] f32[2] i32[2]", NO,
     "C4: scale has rank 1, not 0"},
    {"fake_quantize_backward_c5", "fake_quantize_backward", "f32[2] f32[2] f32[2] i32[2]", A(I("axis", 1)),
     "C5: axis is 1, of 1 axes"},
    {"mse_loss", "mse_loss", "f32[2, 3] f32[2, 3]", NO, "f32[]"},
    {"l1_loss_none", "l1_loss", "f64[2, 3] f64[2, ?]", A(S("reduction", "none")), "f64[2, 3]"},
    {"mse_loss_c1", "mse_loss", "f32[2] f64[2]", NO, "C1: target is f64, x is f32"},
    {"mse_loss_c2", "mse_loss", "f32[2] f32[3]", NO, "C2: target and x have different shapes"},
    {"bce_c2", "binary_cross_entropy_with_logits", "f32[2] f32[2] f32[3]", NO, "C2: weight does not broadcast to x"},
    {"mse_loss_backward", "mse_loss_backward", "f32[] f32[2] f32[2]", NO, "f32[2]"},
    {"mse_loss_backward_c1", "mse_loss_backward", "f64[] f32[2] f32[2]", NO, "C1: dy is f64, x is f32"},
    {"l1_loss_backward_c2", "l1_loss_backward", "f32[] f32[2] f32[3]", NO, "C2: target and x have different shapes"},
    {"bce_backward_c3", "binary_cross_entropy_with_logits_backward", "f32[2] f32[2] f32[2]", NO,
     "C3: dy has rank 1, not 0"},
    {"fake_quantize_learnable_backward", "fake_quantize_learnable_backward/3", "f32[2, 3] f32[2, 3] f32[3] f32[3]",
     A(I("axis", 1)), "f32[2, 3] f32[3] f32[3]"},
    {"fake_quantize_learnable_backward_c6", "fake_quantize_learnable_backward/3", "f32[2] f32[2] f32[] f32[]",
     A(I("quant_max", -1), B("use_grad_scaling", true)), "C6: use_grad_scaling needs a quant_max above 0, it is -1"},
    /* what flows back through moves and windows */
    {"slice_backward", "slice_backward", "f64[2, 4] f32[3, 4]", A(I("start", 1)), "f64[3, 4]"},
    {"slice_backward_operand", "slice_backward", "f32[2, 4] f32[3, 4] i64[1]=1", NO, "f32[3, 4]"},
    {"slice_backward_unknown", "slice_backward", "f32[*] f32[3, ?]", A(I("start", 1)), "f32[3, ?]"},
    {"resize_backward", "resize_backward", "f32[1, 1, 4] f32[1, 1, 2] i64[3]=1,1,4", NO, "f32[1, 1, 2]"},
    {"backward_c1", "slice_backward", "i32[2, 4] f32[3, 4]", A(I("start", 1)), "C1: dy is i32, not a float type"},
    {"backward_c2", "slice_backward", "f32[2] f32[2]", A(I("dim", 1)),
     "C2: slice takes no like like that: C3: dim is 1, of 1 axes"},
    {"backward_c3", "slice_backward", "f32[2, 4] f32[2, 4]", A(I("start", 1)),
     "C3: dy has other extents than the result of slice"},
    {"cat_backward", "cat_backward/2", "f64[5, 2] f32[2, 2] f32[3, 2]", NO, "f64[2, 2] f64[3, 2]"},
    {"cat_backward_c1", "cat_backward/1", "f32[5, 2] f32[2, 2] f32[3, 2]", NO, "C1: there are 2 tensors and 1 results"},
    {"cat_backward_c2", "cat_backward/1", "f32[5] f32[5]", A(I("dim", 1)), "C2: dim is 1, of 1 axes"},
    {"cat_backward_c3", "cat_backward/2", "f32[5, 2] f32[2, 2] f32[2, 2]", NO,
     "C3: the tensors have 4 entries along axis 0, dy has 5"},
    {"cat_backward_c3_extent", "cat_backward/1", "f32[5, 2] f32[5, 3]", NO,
     "C3: tensors[0] has other extents than dy apart from axis 0"},
    {"sum_unknown_rank", "sum", "f32[*]", A(L("dim", 0)), "f32[*]"},
    {"sum_all_of_unknown_rank", "sum", "i32[*]", NO, "i32[]"},
    {"sum_unknown_extent", "sum", "f32[?, 3, ?]", A(L("dim", -2), B("keepdim", true)), "f32[?, 1, ?]"},
    {"sum_scalar", "sum", "f32", A(L("dim", -1)), "f32[]"},
    {"prod_c2", "prod", "f32[2, 3]", A(L("dim", 2)), "C2: dim is 2, of 2 axes"},
    {"amax", "amax", "bool[2, 3]", A(L("dim", 1)), "bool[2]"},
    {"amin_c1", "amin", "f32[2, 3]", A(L("dim", -3)), "C1: dim is -3, of 2 axes"},
    {"logsumexp_c2", "logsumexp", "f32[2]", A(L("dim", 1)), "C2: dim is 1, of 1 axes"},
    {"logsumexp_c1", "logsumexp", "i32[2]", NO, "C1: x is i32, not a float type"},
    {"linalg_vector_norm", "linalg_vector_norm", "f64[2, 3]", A(L("dim", 0), F("ord", INFINITY)), "f64[3]"},
    {"argmax", "argmax", "f32[2, ?, 4]", A(I("dim", 1), B("keepdim", true)), "i64[2, 1, 4]"},
    {"argmax_all", "argmax", "f32[*]", NO, "i64[]"},
    {"argmin_unknown_rank", "argmin", "f32[*]", A(I("dim", 1)), "i64[*]"},
    {"argmin_c1", "argmin", "f32[2]", A(I("dim", 1)), "C1: dim is 1, of 1 axes"},
    {"argmin_c2", "argmin", "f32[2, 0]", A(I("dim", 1)), "C2: x is empty along axis 1"},
    {"argmin_empty_elsewhere", "argmin", "f32[2, 0]", A(I("dim", 0)), "i64[0]"},
    {"topk", "topk/2", "f32[2, 5]", A(I("k", 3)), "f32[2, 3] i64[2, 3]"},
    {"topk_constant", "topk/2", "f32[2, 5] i64[1]=3", A(I("dim", 0)), "C4: k is 3, x has 2 along axis 0"},
    {"topk_operand", "topk/2", "f32[2, 5] i64[1]", NO, "f32[2, ?] i64[2, ?]"},
    {"topk_unknown_rank", "topk/2", "f32[*]", A(I("k", 3)), "f32[*] i64[*]"},
    {"topk_c1", "topk/2", "f32[2, 5]", NO, "C1: k is not given"},
    {"topk_c1_both", "topk/2", "f32[2, 5] i64", A(I("k", 3)), "C1: k and count are both given"},
    {"topk_c2", "topk/2", "f32[2, 5] i32[1]", NO, "C2: count is i32"},
    {"topk_c2_elements", "topk/2", "f32[2, 5] i64[2]", NO, "C2: count has 2 elements"},
    {"topk_c3", "topk/2", "f32[2, 5]", A(I("k", 3), I("dim", 2)), "C3: dim is 2, of 2 axes"},
    {"topk_c4", "topk/2", "f32[2, 5]", A(I("k", 6)), "C4: k is 6, x has 5 along axis 1"},
    {"topk_k", "topk/2", "f32[2, 5]", A(I("k", -1)), "k of topk is -1, not from 0 to 9223372036854775807"},
    {"cumsum", "cumsum", "i64[2, ?]", A(I("dim", 1)), "i64[2, ?]"},
    {"cumsum_c1", "cumsum", "bool[2]", A(I("dim", 0)), "C1: x is bool"},
    {"cumsum_c2", "cumsum", "f32[2]", A(I("dim", -2)), "C2: dim is -2, of 1 axes"},
    {"nll_loss", "nll_loss", "f32[2, 3, ?] i64[?, 5]", A(S("reduction", "none")), "f32[2, 5]"},
    {"nll_loss_mean", "nll_loss", "f32[2, 3] i32[2] f32[3]", NO, "f32[]"},
    {"nll_loss_c1", "nll_loss", "f32[2, 3] i64[2] f64[3]", NO, "C1: weight is f64, x is f32"},
    {"nll_loss_c2", "nll_loss", "f32[2, 3] f32[2]", NO, "C2: target is f32"},
    {"nll_loss_c3", "nll_loss", "f32[2, 3, 4] i64[2]", NO, "C3: target has rank 1, x 3"},
    {"nll_loss_c3_extent", "nll_loss", "f32[2, 3] i64[3]", NO, "C3: target has 3 entries along axis 0, x has 2"},
    {"nll_loss_c4", "nll_loss", "f32[2, 3] i64[2] f32[2]", NO, "C4: weight has 2 entries, there are 3 classes"},
    {"cross_entropy_loss", "cross_entropy_loss/2", "f32[2, 3] i64[2]", NO, "f32[] f32[2, 3]"},
    /* norms without state */
    {"layer_norm", "layer_norm/3", "f32[?, 3, ?] f32[3, 4]", A(L("normalized_shape", 3, -1)),
     "f32[?, 3, 4] f32[?, 1, 1] f32[?, 1, 1]"},
    {"layer_norm_unknown_rank", "layer_norm", "f32[*] f32[4]", A(L("normalized_shape", 4)), "f32[*]"},
    {"layer_norm_c1", "layer_norm", "f32[2, 3] f64[3]", A(L("normalized_shape", 3)), "C1: weight is f64, x is f32"},
    {"layer_norm_c2", "layer_norm", "f32[3]", A(L("normalized_shape", 3, 3)),
     "C2: normalized_shape has 2 entries, x has rank 1"},
    {"layer_norm_c3", "layer_norm", "f32[2, 3]", A(L("normalized_shape", 4)),
     "C3: entry 0 of normalized_shape is 4, x has 3 entries along axis 1"},
    {"rms_norm_c4", "rms_norm", "f32[2, 3] f32[2]", A(L("normalized_shape", 3)),
     "C4: weight has 2 entries along axis -1, x has 3"},
    {"group_norm", "group_norm", "f32[2, ?, 5] f32[4] f32[4]", A(I("num_groups", 2)), "f32[2, 4, 5]"},
    {"group_norm_c1", "group_norm", "i32[2, 4, 5]", A(I("num_groups", 2)), "C1: x is i32, not a float type"},
    {"group_norm_c2", "group_norm", "f32[4]", A(I("num_groups", 2)), "C2: x has rank 1"},
    {"group_norm_c3", "group_norm", "f32[2, 4, 5] f32[3]", A(I("num_groups", 2)),
     "C3: weight has 3 entries, there are 4 channels"},
    {"group_norm_c4", "group_norm", "f32[2, 4, 5]", A(I("num_groups", 3)), "C4: 4 channels in 3 groups"},
    {"group_norm_num_groups", "group_norm", "f32[2, 4, 5]", A(I("num_groups", 0)),
     "num_groups of group_norm is 0, not from 1 to 2147483647"},
    {"instance_norm", "instance_norm", "f64[2, 4, ?] - f64[4]", NO, "f64[2, 4, ?]"},
    {"local_response_norm", "local_response_norm", "f32[2, ?]", A(I("size", 5)), "f32[2, ?]"},
    {"local_response_norm_c1", "local_response_norm", "i8[2, 3]", A(I("size", 5)), "C1: x is i8, not a float type"},
    {"local_response_norm_c2", "local_response_norm", "f32[2]", A(I("size", 5)), "C2: x has rank 1"},
    {"normalize", "normalize", "f32[2, ?]", NO, "f32[2, ?]"},
    {"normalize_c1", "normalize", "u8[2, 3]", NO, "C1: x is u8, not a float type"},
    {"normalize_c2", "normalize", "f32[2]", NO, "C2: dim is 1, of 1 axes"},
    /* shapes */
    {"flatten", "flatten", "f32[2, 3, 4, 5]", A(I("start_dim", 1), I("end_dim", 2)), "f32[2, 12, 5]"},
    {"flatten_scalar", "flatten", "f32", NO, "f32[1]"},
    {"flatten_unknown", "flatten", "f32[?, 3, 4]", A(I("start_dim", 1)), "f32[?, 12]"},
    {"flatten_c1", "flatten", "f32[2, 3, 4]", A(I("start_dim", 2), I("end_dim", 1)),
     "C1: start_dim is axis 2, end_dim axis 1"},
    {"flatten_c2", "flatten", "f32[" HUGE_EXTENT ", 4, " HUGE_EXTENT "]", NO, "C2: axes 0 to 2 are too large"},
    {"view", "view", "f32[2, 3, 4]", A(L("size", 4, -1)), "f32[4, 6]"},
    {"view_unknown", "view", "f32[?, 3, 4]", A(L("size", -1, 12)), "f32[?, 12]"},
    {"view_scalar", "view", "f32[1]", A(EMPTY("size")), "f32[]"},
    {"view_c1", "view", "f32[2, 3]", A(L("size", -1, -1)), "C1: extents 0 and 1 of the shape are -1"},
    {"view_c1_zero", "view", "f32[2, 0]", A(L("size", -1, 0)), "C1: extent 0 of the shape can be anything"},
    {"view_c2", "view", "f32[2, 3]", A(L("size", 4)), "C2: x has 6 elements, the shape 4"},
    {"view_c2_multiple", "view", "f32[2, 3]", A(L("size", 4, -1)), "C2: x has 6 elements, the shape a multiple of 4"},
    {"view_c2_huge", "view", "f32[2, 3]", A(L("size", (int64_t)1 << 48, 4)),
     "C2: the shape has more than 2^48 elements"},
    {"reshape", "reshape", "f32[2, 3, 4]", A(L("shape", 0, -1)), "f32[2, 12]"},
    {"reshape_unknown_copied", "reshape", "f32[?, 3, 4]", A(L("shape", 0, -1)), "f32[?, 12]"},
    {"reshape_allowzero", "reshape", "f32[0, 3]", A(L("shape", 3, 0), B("allowzero", true)), "f32[3, 0]"},
    {"reshape_constant", "reshape", "f32[2, 3, 4] i64[2]=0,-1", NO, "f32[2, 12]"},
    {"reshape_operand", "reshape", "f32[2, 3, 4] i64[2]", NO, "f32[?, ?]"},
    {"reshape_operand_unknown", "reshape", "f32[2, 3, 4] ?[*]", NO, "f32[*]"},
    {"reshape_c1", "reshape", "f32[2, 3]", NO, "C1: neither shape nor size is given"},
    {"reshape_c2", "reshape", "f32[2, 3] i32[2]", NO, "C2: size is i32"},
    {"reshape_c2_long", "reshape", "f32[2, 3] i64[9]", NO, "C2: size has 9 entries"},
    {"reshape_c3", "reshape", "f32[6]", A(L("shape", 6, 0)), "C3: extent 1 of the shape is 0, x has rank 1"},
    {"reshape_c4", "reshape", "f32[6] i64[1]=5", NO, "C4: x has 6 elements, the shape 5"},
    {"permute", "permute", "f32[2, 3, 4]", A(L("dims", 2, 0, -2)), "f32[4, 2, 3]"},
    {"permute_c1", "permute", "f32[2, 3, 4]", A(L("dims", 1, 0)), "C1: dims has 2 entries, x has rank 3"},
    {"permute_c2", "permute", "f32[2, 3, 4]", A(L("dims", 1, 0, 1)), "C2: dims has axis 1 twice"},
    {"transpose", "transpose", "f32[2, 3, 4]", A(I("dim0", 0), I("dim1", -1)), "f32[4, 3, 2]"},
    {"transpose_c1", "transpose", "f32[2, 3, 4]", A(I("dim0", 0), I("dim1", 3)), "C1: dim1 is 3, of 3 axes"},
    {"squeeze", "squeeze", "f32[1, 3, 1]", NO, "f32[3]"},
    {"squeeze_dim", "squeeze", "f32[1, 3, 1]", A(L("dim", 0, 1)), "f32[3, 1]"},
    {"squeeze_unknown", "squeeze", "f32[1, ?]", NO, "f32[*]"},
    {"squeeze_c1", "squeeze", "f32[1, 3]", A(L("dim", 0, -2)), "C1: axis 0 is given twice"},
    {"unsqueeze", "unsqueeze", "f32[2, 3]", A(I("dim", -1)), "f32[2, 3, 1]"},
    {"unsqueeze_c1", "unsqueeze", "f32[1, 1, 1, 1, 1, 1, 1, 1]", A(I("dim", 0)), "C1: x has rank 8"},
    {"unsqueeze_c2", "unsqueeze", "f32[2, 3]", A(I("dim", 3)), "C2: dim is 3, of 3 axes"},
    {"expand", "expand", "f32[3, 1]", A(L("size", 2, -1, 4)), "f32[2, 3, 4]"},
    {"expand_by_operand", "expand", "f32[3, 1] i64[3]=2,1,4", NO, "f32[2, 3, 4]"},
    {"expand_by_data", "expand", "f32[3, 1] i64[3]", NO, "f32[?, 3, ?]"},
    {"expand_by_anything", "expand", "f32[3, 1] i64[?]", NO, "f32[*]"},
    {"expand_c1", "expand", "f32[3, 1] f32[2]", NO, "C1: shape is f32"},
    {"expand_c1_neither", "expand", "f32[3, 1]", NO, "C1: neither size nor shape is given"},
    {"expand_c2", "expand", "f32[3, 1] i64[2]=3,-2", NO, "C2: entry 1 of shape is -2"},
    {"expand_c3", "expand", "f32[3, 1]", A(L("size", 3)), "C3: size has 1 extents, x has rank 2"},
    {"expand_c3_new_axis", "expand", "f32[3]", A(L("size", -1, 3)), "C3: extent 0 of size is -1"},
    {"expand_c4", "expand", "f32[3]", A(L("size", 4)), "C4: x has 3 entries along axis 0, size 4"},
    {"repeat", "repeat", "f32[2, 3]", A(L("repeats", 4, 1, 2)), "f32[4, 2, 6]"},
    {"repeat_by_operand", "repeat", "f32[2, ?] i64[2]=0,2", NO, "f32[0, ?]"},
    {"repeat_by_data", "repeat", "f32[2, 3] i64[2]", NO, "f32[?, ?]"},
    {"repeat_c1", "repeat", "f32[2] f32[1]", NO, "C1: times is f32"},
    {"repeat_c1_both", "repeat", "f32[2] i64[1]=1", A(L("repeats", 1)), "C1: repeats and times are both given"},
    {"repeat_c2", "repeat", "f32[2, 3]", A(L("repeats", 1)), "C2: there are 1 repeats, x has rank 2"},
    {"repeat_c3", "repeat", "f32[2]", A(L("repeats", -1)), "C3: repeat 0 is -1"},
    {"slice", "slice", "f32[10, 3]", A(I("start", 1), I("end", -1), I("step", 3)), "f32[3, 3]"},
    {"slice_clamped", "slice", "f32[10]", A(I("start", -100), I("end", 100)), "f32[10]"},
    {"slice_empty", "slice", "f32[10]", A(I("start", 7), I("end", 3)), "f32[0]"},
    {"slice_backwards", "slice", "f32[10]", A(I("start", -1), I("end", INT64_MIN), I("step", -4)), "f32[3]"},
    {"slice_far", "slice", "f32[10]", A(I("start", INT64_MAX), I("end", INT64_MIN), I("step", INT64_MIN)), "f32[1]"},
    {"slice_c1", "slice", "f32[10]", A(I("step", 0)), "C1: step is 0"},
    {"slice_by_operands", "slice", "f32[10] i64[1]=2 i64[]=8 i64[1]=3", NO, "f32[2]"},
    {"slice_by_data", "slice", "f32[10, 3] i64", NO, "f32[?, 3]"},
    {"slice_c2", "slice", "f32[10] f32", NO, "C2: start is f32 of rank 0"},
    {"slice_c3", "slice", "f32[10]", A(I("dim", 1)), "C3: dim is 1, of 1 axes"},
    {"split", "split/2", "f32[2, 5]", A(L("split_sizes", 2, 3), I("dim", 1)), "f32[2, 2] f32[2, 3]"},
    {"split_c1", "split/1", "f32[2, 5]", A(L("split_sizes", 2, 3), I("dim", 1)),
     "C1: split_sizes has 2 entries, there are 1 results"},
    {"split_c2", "split/1", "f32[2, 5]", A(L("split_sizes", 5), I("dim", 2)), "C2: dim is 2, of 2 axes"},
    {"split_c3", "split/2", "f32[2, 5]", A(L("split_sizes", 2, 2), I("dim", 1)),
     "C3: split_sizes add up to 4, x has 5 entries along axis 1"},
    {"split_c3_overflow", "split/2", "f32[2, 5]", A(L("split_sizes", INT64_MAX, INT64_MAX), I("dim", 1)),
     "C3: entry 1 of split_sizes is 9223372036854775807"},
    {"cat", "cat", "f32[2, 3] f32[2, 4] f32[2, 1]", A(I("dim", -1)), "f32[2, 8]"},
    {"cat_unknown", "cat", "f32[?, 3] f32[2, ?] f32[*]", A(I("dim", 1)), "f32[2, ?]"},
    {"cat_c1", "cat", "f32[2, 3] f64[2, 4]", A(I("dim", 1)), "C1: tensors[1] is f64, those before it are f32"},
    {"cat_c2", "cat", "f32[2, 3] f32[2, 4]", A(I("dim", 2)), "C2: dim is 2, of 2 axes"},
    {"cat_c3", "cat", "f32[2, 3] f32[3, 4]", A(I("dim", 1)), "C3: tensors[1] has 3 entries along axis 0, not 2"},
    {"cat_c3_rank", "cat", "f32[2, 3] f32[3]", A(I("dim", 1)), "C3: tensors[1] has rank 1, not 2"},
    {"cat_c4", "cat", "f32[" HUGE_EXTENT "] f32[" HUGE_EXTENT "]", NO, "C4: tensors[1] is too large along axis 0"},
    {"pad", "pad", "f32[1, 3, 4]", A(L("pad", 1, 2, 0, -1)), "f32[1, 2, 7]"},
    {"pad_fill", "pad", "f32[4] f32", A(L("pad", 1, 2)), "f32[7]"},
    {"pad_mode", "pad", "f32[4]", A(L("pad", 1, 2), S("mode", "edge")),
     "mode of pad is 'edge', not one of constant, reflect, replicate, circular"},
    {"pad_circular", "pad", "f32[?, 4]", A(L("pad", 9, -2, 1, 1), S("mode", "circular")), "f32[?, 11]"},
    {"grid_sampler", "grid_sampler", "f32[?, 3, 4, 5] f64[2, 6, ?, 2]", NO, "f32[2, 3, 6, ?]"},
    {"grid_sampler_nearest", "grid_sampler", "u8[1, 3, 4, 5, 6] f32[*]", A(S("interpolation_mode", "nearest")),
     "u8[1, 3, ?, ?, ?]"},
    {"grid_sampler_unknown", "grid_sampler", "f32[*] f32[1, 6, 1]", NO, "f32[1, ?, 6]"},
    {"grid_sampler_c1", "grid_sampler", "u8[1, 3, 4, 5] f32[1, 6, 7, 2]", NO, "C1: x is u8, not a float type"},
    {"grid_sampler_c1_grid", "grid_sampler", "f32[1, 3, 4, 5] i64[1, 6, 7, 2]", NO,
     "C1: grid is i64, not a float type"},
    {"grid_sampler_c2", "grid_sampler", "f32[1, 3, 4, 5] f32[1, 6, 2]", NO, "C2: x has rank 4, grid 3"},
    {"grid_sampler_c2_rank", "grid_sampler", "f32[1, 3] f32[*]", NO, "C2: x has rank 2, grid -1"},
    {"grid_sampler_c3", "grid_sampler", "f32[1, 3, 4, 5] f32[2, 6, 7, 2]", NO,
     "C3: x has 1 entries along axis 0, grid 2"},
    {"grid_sampler_c3_places", "grid_sampler", "f32[1, 3, 4, 5] f32[1, 6, 7, 3]", NO,
     "C3: grid has 3 entries along its last axis"},
    {"pad_pads", "pad", "f32[?, 4] - i64[4]", NO, "f32[?, ?]"},
    {"pad_pads_of_the_last_axis", "pad", "f32[3, 4] - i64[2]", NO, "f32[3, ?]"},
    {"pad_pads_known", "pad", "f32[3, 4] - i64[4]=1,2,-1,0", NO, "f32[2, 7]"},
    {"pad_pads_c1", "pad", "f32[4] - i64[3]", NO, "C1: pads has 3 entries, x has rank 1"},
    {"pad_pads_c5", "pad", "f32[4] - i64[2]", A(L("pad", 1, 2)), "C5: pad and pads are both given"},
    {"pad_pads_c5_none", "pad", "f32[4]", NO, "C5: neither pad nor pads is given"},
    {"pad_pads_c5_dtype", "pad", "f32[4] - f32[2]", NO, "C5: pads is f32"},
    {"pad_c1", "pad", "f32[4]", A(L("pad", 1)), "C1: pad has 1 entries, x has rank 1"},
    {"pad_c2", "pad", "f32[4] f64", A(L("pad", 1, 2)), "C2: fill is f64, x is f32"},
    {"pad_c2_count", "pad", "f32[4] f32[2]", A(L("pad", 1, 2)), "C2: fill has 2 elements"},
    {"pad_fill_of_an_axis", "pad", "f32[4] f32[1]", A(L("pad", 1, 2)), "f32[7]"},
    {"pad_c3", "pad", "f32[4]", A(L("pad", 4, 0), S("mode", "reflect")), "C3: pad is (4, 0) along axis 0 of 4"},
    {"pad_c3_huge", "pad", "f32[0]", A(L("pad", INT64_MAX, INT64_MAX), S("mode", "replicate")),
     "C3: pad is (9223372036854775807, 9223372036854775807) along axis 0 of 0"},
    {"pad_c4", "pad", "f32[4]", A(L("pad", -3, -2)), "C4: pad is (-3, -2) along axis 0 of 4"},
    {"index_select", "index_select", "f32[2, 3, 4] i64[5, 6]", A(I("dim", 1)), "f32[2, 5, 6, 4]"},
    {"index_select_scalar", "index_select", "f32[2, 3] i64", NO, "f32[3]"},
    {"index_select_c1", "index_select", "f32[2, 3] f32", NO, "C1: index is f32"},
    {"index_select_c2", "index_select", "f32[2, 3] i64", A(I("dim", 2)), "C2: dim is 2, of 2 axes"},
    {"maximum", "maximum", "f32[2, 1] f32[3]", NO, "f32[2, 3]"},
    {"maximum_c1", "maximum", "f32[2] f64[2]", NO, "C1: other is f64, x is f32"},
    {"maximum_c1_bool", "maximum", "bool[2] bool[2]", NO, "C1: x is bool"},
    {"maximum_c2", "maximum", "f32[2] f32[3]", NO, "C2: x has 2 entries along axis -1, other has 3"},
    {"logical_and", "logical_and", "bool[2] bool[1]", NO, "bool[2]"},
    {"logical_not", "logical_not", "bool[2]", NO, "bool[2]"},
    {"logical_and_c1", "logical_and", "bool[2] i64[2]", NO, "C1: other is i64, not bool"},
    {"logical_and_c2", "logical_and", "bool[2] bool[3]", NO, "C2: x has 2 entries along axis -1, other has 3"},
    {"bitwise_or", "bitwise_or", "u8[2] u8[1]", NO, "u8[2]"},
    {"bitwise_not_c1", "bitwise_not", "f32[2]", NO, "C1: x is f32, not an integer type"},
    {"bitwise_or_c1", "bitwise_or", "u8[2] i8[2]", NO, "C1: other is i8, x is u8"},
    {"bitwise_or_c2", "bitwise_or", "u8[2] u8[3]", NO, "C2: x has 2 entries along axis -1, other has 3"},
    {"isinf", "isinf", "f64[2]", NO, "bool[2]"},
    {"isnan_c1", "isnan", "i32[2]", NO, "C1: x is i32, not a float type"},
    {"prelu", "prelu", "f32[1, 3, ?] f32[3, 1]", NO, "f32[1, 3, ?]"},
    {"prelu_c1", "prelu", "f32[2] f64[2]", NO, "C1: weight is f64, x is f32"},
    {"prelu_c2", "prelu", "f32[1, 3] f32[2, 1]", NO, "C2: weight has 2 entries along axis -2, x has 1"},
    {"prelu_c2_rank", "prelu", "f32[3] f32[1, 3]", NO, "C2: weight has rank 2, x has 1"},
    {"prelu_c2_empty", "prelu", "f32[1] f32[0]", NO, "C2: weight has 0 entries along axis -1, x has 1"},
    {"hardmax", "hardmax", "f32[2, 3]", A(I("dim", 1)), "f32[2, 3]"},
    {"resize", "resize", "f32[1, ?, 4]", A(FL("scales", 1, 1, 1.6)), "f32[1, ?, 6]"},
    {"resize_sizes", "resize", "u8[1, 4] i64[2]=1,7", NO, "u8[1, 7]"},
    {"resize_data", "resize", "f32[1, 4] - f32[2]", NO, "f32[?, ?]"},
    {"resize_c1", "resize", "f32[4]", NO, "C1: neither sizes, scales nor factors are given"},
    {"resize_c2", "resize", "f32[1, 4]", A(FL("scales", 2)), "C2: x has rank 2, 1 scales and 1 extents are given"},
    {"resize_c3", "resize", "f32[4]", A(FL("scales", 0)), "C3: scale 0 is 0"},
    {"resize_c4", "resize", "f32[4]", A(FL("scales", 2), FL("roi", 0, 1)), "C4: roi has 2 entries, x has rank 1"},
    {"resize_c5", "resize", "i32[4]", A(FL("scales", 2), S("mode", "linear")), "C5: x is i32, not a float type"},
    {"resize_c5_size", "resize", "f32[4] i64[1]=-2", NO, "C5: extent 0 is -2"},
    {"pixel_shuffle", "pixel_shuffle", "f32[?, 8, 3, 2]", A(I("upscale_factor", 2)), "f32[?, 2, 6, 4]"},
    {"pixel_shuffle_c1", "pixel_shuffle", "f32[8, 3, 2]", A(I("upscale_factor", 2)), "C1: x has rank 3, not 4"},
    {"pixel_shuffle_c2", "pixel_shuffle", "f32[1, 6, 3, 2]", A(I("upscale_factor", 2)),
     "C2: 6 channels, upscale_factor is 2"},
    {"pixel_unshuffle", "pixel_unshuffle", "f32[?, 2, 6, 4]", A(I("downscale_factor", 2)), "f32[?, 8, 3, 2]"},
    {"pixel_unshuffle_c1", "pixel_unshuffle", "f32[8]", A(I("downscale_factor", 2)), "C1: x has rank 1, not 4"},
    {"pixel_unshuffle_c2", "pixel_unshuffle", "f32[1, 6, 3, 2]", A(I("downscale_factor", 2)),
     "C2: x has 3 entries along axis 2, downscale_factor is 2"},
    {"flip", "flip", "f32[?, 3]", A(L("dims", 0, -1)), "f32[?, 3]"},
    {"flip_c1", "flip", "f32[2, 3]", A(L("dims", 1, -1)), "C1: dims has axis 1 twice"},
    {"flip_c1_axis", "flip", "f32[2, 3]", A(L("dims", 2)), "C1: dims is 2, of 2 axes"},
    {"roll", "roll", "f32[2, ?]", A(L("shifts", 1, 2), L("dims", 0, 0)), "f32[2, ?]"},
    {"roll_c1", "roll", "f32[2, 3]", A(L("shifts", 1, 2)), "C1: there are 2 shifts and 0 dims"},
    {"roll_c2", "roll", "f32[2, 3]", A(L("shifts", 1), L("dims", 2)), "C2: dims is 2, of 2 axes"},
    {"reverse_sequence", "reverse_sequence", "f32[2, ?, 4] i64[3]", NO, "f32[2, 3, 4]"},
    {"reverse_sequence_c1", "reverse_sequence", "f32[2, 3] f32[3]", NO, "C1: lengths is f32"},
    {"reverse_sequence_c1_count", "reverse_sequence", "f32[2, 3] i64[2]", NO,
     "C1: lengths has 2 entries, x has 3 along axis 1"},
    {"reverse_sequence_c2", "reverse_sequence", "f32[2, 3] i64[3]", A(I("time_dim", -1)), "C2: both are axis 1"},
    {"eye", "eye", "f32[2, ?]", A(D("dtype", GRAFT_I8)), "i8[2, ?]"},
    {"eye_c1", "eye", "f32[2]", A(D("dtype", GRAFT_I8)), "C1: like has rank 1, not 2"},
    {"im2col", "im2col", "f32[?, 3, 5, 6]",
     A(L("kernel_size", 2, 3), L("dilation", 1, 2), L("padding", 0, 1), L("stride", 1, 2)), "f32[?, 18, 8]"},
    {"im2col_unknown", "im2col", "f32[1, 3, ?]",
     A(L("kernel_size", 2), L("dilation", 1), L("padding", 0), L("stride", 1)), "f32[1, 6, ?]"},
    {"im2col_c1", "im2col", "f32[1, 3, 5]",
     A(L("kernel_size", 2, 3), L("dilation", 1, 2), L("padding", 0, 1), L("stride", 1, 2)),
     "C1: 1 axes, kernel_size of 2, dilation of 2, padding of 2, stride of 2"},
    {"im2col_c1_rank", "im2col", "f32[3, 5]", A(L("kernel_size", 2), L("dilation", 1), L("padding", 0), L("stride", 1)),
     "C1: x has rank 2"},
    {"im2col_c2", "im2col", "f32[1, 3, 5]", A(L("kernel_size", 3), L("dilation", 3), L("padding", 0), L("stride", 1)),
     "C2: kernel of 3 (dilation 3), image of 5 (padding 0)"},
    {"im2col_c2_rows", "im2col", "f32[1, " HUGE_EXTENT ", 5]",
     A(L("kernel_size", 2), L("dilation", 1), L("padding", 0), L("stride", 1)), "C2: there are too many rows"},
    {"col2im", "col2im", "f32[?, 18, 8]",
     A(L("output_size", 5, 6), L("kernel_size", 2, 3), L("dilation", 1, 2), L("padding", 0, 1), L("stride", 1, 2)),
     "f32[?, 3, 5, 6]"},
    {"col2im_c1", "col2im", "f32[18, 8]",
     A(L("output_size", 5), L("kernel_size", 2), L("dilation", 1), L("padding", 0), L("stride", 1)),
     "C1: x has rank 2, not 3"},
    {"col2im_c2", "col2im", "f32[1, 18, 8]",
     A(L("output_size", 5, 5), L("kernel_size", 2), L("dilation", 1), L("padding", 0), L("stride", 1)),
     "C2: 2 axes, kernel_size of 1, dilation of 1, padding of 1, stride of 1"},
    {"col2im_c3", "col2im", "f32[1, 18, 8]",
     A(L("output_size", 1), L("kernel_size", 2), L("dilation", 1), L("padding", 0), L("stride", 1)),
     "C3: kernel of 2 (dilation 1), image of 1 (padding 0)"},
    {"col2im_c4", "col2im", "f32[1, 5, 4]",
     A(L("output_size", 5), L("kernel_size", 2), L("dilation", 1), L("padding", 0), L("stride", 1)),
     "C4: x has 5 rows, the kernel 2 places"},
    {"col2im_c4_blocks", "col2im", "f32[1, 6, 5]",
     A(L("output_size", 5), L("kernel_size", 2), L("dilation", 1), L("padding", 0), L("stride", 1)),
     "C4: x has 5 columns, the image 4 blocks"},
    {"affine_grid_generator", "affine_grid_generator", "f32[?, 2, 3] i64[4]=2,1,5,6", NO, "f32[2, 5, 6, 2]"},
    {"affine_grid_generator_data", "affine_grid_generator", "f32[2, 3, 4] i64[?]", NO, "f32[2, ?, ?, ?, 3]"},
    {"affine_grid_generator_c1", "affine_grid_generator", "i32[2, 2, 3] i64[4]", NO,
     "C1: theta is i32, not a float type"},
    {"affine_grid_generator_c2", "affine_grid_generator", "f32[2, 2, 3] i64[3]", NO, "C2: size has 3 entries"},
    {"affine_grid_generator_c3", "affine_grid_generator", "f32[2, 2, 3] i64[5]", NO,
     "C3: theta is 2 by 3, size has 5 entries"},
    {"affine_grid_generator_c3_extent", "affine_grid_generator", "f32[2, 2, 3] i64[4]=2,1,-5,6", NO,
     "C3: extent 2 is -5"},
    {"unique", "unique/4", "f32[2, ?]", NO, "f32[?] i64[?] i64[?] i64[?]"},
    {"unique_dim", "unique/3", "f32[2, 3]", A(I("dim", -1)), "f32[2, ?] i64[?] i64[3]"},
    {"unique_c1", "unique", "f32[2]", A(I("dim", 1)), "C1: dim is 1, of 1 axes"},
    {"non_max_suppression", "non_max_suppression", "f32[1, ?, 4] f32[1, 2, 3] i64 f32[1]", NO, "i64[?, 3]"},
    {"non_max_suppression_c1", "non_max_suppression", "f32[1, 3, 4] f64[1, 2, 3]", NO, "C1: scores is f64"},
    {"non_max_suppression_c1_box", "non_max_suppression", "f32[1, 3, 5] f32[1, 2, 3]", NO, "C1: a box has 5 numbers"},
    {"non_max_suppression_c1_count", "non_max_suppression", "f32[1, 3, 4] f32[1, 2, 4]", NO,
     "C1: 1 times 3 boxes, 1 times 4 scores"},
    {"non_max_suppression_c2", "non_max_suppression", "f32[1, 3, 4] f32[1, 2, 3] f32", NO,
     "C2: max_output_boxes_per_class is f32 of rank 0"},
    {"roi_align", "roi_align", "f32[1, ?, 4, 5] f32[?, 5]", A(I("pooled_height", 2), I("pooled_width", 3)),
     "f32[?, ?, 2, 3]"},
    {"roi_align_c1", "roi_align", "f32[4, 5] f32[?, 5]", A(I("pooled_height", 2), I("pooled_width", 3)),
     "C1: x has rank 2, not 4"},
    {"roi_align_c2", "roi_align", "f32[1, 3, 4, 5] f64[1, 5]", A(I("pooled_height", 2), I("pooled_width", 3)),
     "C2: rois is f64, x is f32"},
    {"roi_align_c2_count", "roi_align", "f32[1, 3, 4, 5] f32[1, 4]", A(I("pooled_height", 2), I("pooled_width", 3)),
     "C2: a roi has 4 numbers"},
    {"dft", "dft", "f32[?, 5, 1]", A(I("dim", 1), B("onesided", true)), "f32[?, 3, 2]"},
    {"dft_length", "dft", "f64[1, 5, 2] i64[1]=8", NO, "f64[1, 8, 2]"},
    {"dft_data", "dft", "f32[1, 5, 2] i64", NO, "f32[1, ?, 2]"},
    {"dft_c1", "dft", "i32[2, 2]", NO, "C1: x is i32, not a float type"},
    {"dft_c1_parts", "dft", "f32[2, 3]", NO, "C1: x has rank 2 and 3 entries along its last axis"},
    {"dft_c2", "dft", "f32[2, 2] f32", NO, "C2: length is f32 of rank 0"},
    {"dft_c2_value", "dft", "f32[2, 2] i64[1]=0", NO, "C2: length is 0"},
    {"dft_c3", "dft", "f32[2, 2]", A(I("dim", -1)), "C3: dim is axis 1 of rank 2, of 2"},
    {"dft_c4", "dft", "f32[2, 2]", A(B("onesided", true)), "C4: x has 2 entries along axis 0, of 2 numbers"},
    {"dft_inverse_onesided", "dft", "f32[3, 2]", A(B("onesided", true), B("inverse", true)), "f32[4, 1]"},
    {"dft_inverse_onesided_length", "dft", "f32[3, ?] i64[1]=5", A(B("onesided", true), B("inverse", true)),
     "f32[5, 1]"},
    {"dft_c4_one", "dft", "f32[1, 2]", A(B("onesided", true), B("inverse", true)),
     "C4: x has 1 entries along axis 0, of 2 numbers"},
    {"stft", "stft", "f32[?, 10, 1] f32[4]", A(I("n_fft", 4), I("hop_length", 3)), "f32[?, 3, 3, 2]"},
    {"stft_complex", "stft", "f32[1, ?, 2]", A(I("n_fft", 4), I("hop_length", 3), B("onesided", false)),
     "f32[1, ?, 4, 2]"},
    {"stft_c1", "stft", "f32[10, 1]", A(I("n_fft", 4), I("hop_length", 3)), "C1: x has rank 2, not 3"},
    {"stft_c2", "stft", "f32[1, 10, 1] f32[5]", A(I("n_fft", 4), I("hop_length", 3)),
     "C2: window has 5 entries, there are 4 in a frame"},
    {"stft_c3", "stft", "f32[1, 3, 1]", A(I("n_fft", 4), I("hop_length", 3)), "C3: 3 samples, n_fft is 4"},
    {"mel_weight_matrix", "mel_weight_matrix", "i64[1]=8 i64[1]=256 i32 f32 f32", NO, "f32[129, 8]"},
    {"mel_weight_matrix_c1", "mel_weight_matrix", "i64 f32 i32 f32 f32", NO, "C1: dft_length is f32 of rank 0"},
    {"mel_weight_matrix_c2", "mel_weight_matrix", "i64 i64 i32 f32 f32", A(D("dtype", GRAFT_I8)), "C2: dtype is i8"},
    {"mel_weight_matrix_c3", "mel_weight_matrix", "i64[1]=-1 i64 i32 f32 f32", NO, "C3: num_mel_bins is -1"},
    {"linalg_det", "linalg_det", "f32[?, 3, ?]", NO, "f32[?]"},
    {"linalg_det_c1", "linalg_det", "i32[2, 2]", NO, "C1: x is i32, not a float type"},
    {"linalg_det_c2", "linalg_det", "f32[2, 3]", NO, "C2: x is 2 by 3"},
    {"triu", "triu", "f32[2, 3] i64[]", NO, "f32[2, 3]"},
    {"triu_c1", "triu", "f32[3]", NO, "C1: x has rank 1"},
    {"triu_c2", "triu", "f32[2, 3] f32", NO, "C2: offset is f32 of rank 0"},
    {"gather", "gather", "f32[2, 3] i64[2, 5]", A(I("dim", 1)), "f32[2, 5]"},
    {"gather_unknown_index", "gather", "f32[2, 3] i64[*]", NO, "f32[?, ?]"},
    {"gather_c1", "gather", "f32[2] f32[2]", NO, "C1: index is f32"},
    {"gather_c2", "gather", "f32[2] i64[2]", A(I("dim", -2)), "C2: dim is -2, of 1 axes"},
    {"gather_c3", "gather", "f32[2, 3] i64[3, 3]", A(I("dim", 1)), "C3: index has 3 entries along axis 0, x 2"},
    {"gather_c3_rank", "gather", "f32[2, 3] i64[3]", NO, "C3: x has rank 2, index 1"},
    {"gather_nd", "gather_nd", "f32[2, 3, 4] i64[5, 2]", NO, "f32[5, 4]"},
    {"gather_nd_batch", "gather_nd", "f32[2, 3, 4] i64[2, 1]", A(I("batch_dims", 1)), "f32[2, 4]"},
    {"gather_nd_c1", "gather_nd", "f32[2] f32[1, 1]", NO, "C1: index is f32"},
    {"gather_nd_c2", "gather_nd", "f32[2, 3] i64[3, 1]", A(I("batch_dims", 1)),
     "C2: x has 2 entries along axis 0, index 3"},
    {"gather_nd_c3", "gather_nd", "f32[2] i64[1, 2]", NO, "C3: index has 2 entries along its last axis, x has rank 1"},
    {"gather_nd_c4", "gather_nd", "f32[1, 1, 1, 1, 1] i64[1, 1, 1, 1, 1, 1, 1, 1]", NO, "C4: x has rank 5, index 8"},
    {"scatter", "scatter", "f32[2, 3] i64[1, 2] f32[1, 2]", A(I("dim", 1)), "f32[2, 3]"},
    {"scatter_c1", "scatter", "f32[2] i64[1] f64[1]", NO, "C1: src is f64, x is f32"},
    {"scatter_c2", "scatter", "f32[2] i64[1] f32[1]", A(I("dim", 1)), "C2: dim is 1, of 1 axes"},
    {"scatter_c3", "scatter", "f32[2, 3] i64[2, 4] f32[2, 4]", NO, "C3: index has 4 entries along axis 1, x 3"},
    {"scatter_c4", "scatter", "f32[3] i64[2] f32[1]", NO, "C4: index has 2 entries along axis 0, src 1"},
    {"scatter_nd", "scatter_nd", "f32[4, 3] i64[2, 1] f32[2, 3]", NO, "f32[4, 3]"},
    {"scatter_nd_c1", "scatter_nd", "f32[2] f32[1, 1] f32[1]", NO, "C1: index is f32"},
    {"scatter_nd_c2", "scatter_nd", "f32[2] i64 f32[1]", NO, "C2: index has rank 0"},
    {"scatter_nd_c3", "scatter_nd", "f32[1, 1, 1, 1, 1] i64[1, 1, 1, 1, 1, 1, 1, 1] f32", NO,
     "C3: x has rank 5, index 8"},
    {"scatter_nd_c4", "scatter_nd", "f32[4, 3] i64[2, 1] f32[2, 2]", NO, "C4: src has 2 entries along axis 1, not 3"},
    {"nonzero", "nonzero", "f32[2, 3]", NO, "i64[?, 2]"},
    {"arange", "arange", "i64[]=2 i64[]=9 i64[]=3", NO, "i64[3]"},
    {"arange_by_data", "arange", "f32 f32 f32", NO, "f32[?]"},
    {"arange_c1", "arange", "f32[2] f32 f32", NO, "C1: start has 2 elements"},
    {"arange_c2", "arange", "i64[]=0 i64[]=9 i64[]=0", NO, "C2: 0 to 9 by 0"},
    {"numel", "numel", "f32[2, ?]", NO, "i64[]"},
    {"index_select_c3", "index_select", "f32[1, 1, 1, 1, 1] i64[1, 1, 1, 1, 1]", NO, "C3: x has rank 5, index 5"},
    {"shape", "shape", "f32[2, ?, 4]", A(I("start", 1)), "i64[2]"},
    {"shape_negative", "shape", "f32[2, ?, 4]", A(I("start", -5), I("end", -1)), "i64[2]"},
    /* quantization */
    {"quantize_per_tensor", "quantize_per_tensor", "f32[2, 3] f32 i32", NO, "i8[2, 3]"},
    {"quantize_per_channel", "quantize_per_channel", "f32[2, 3] f32[3] i32[3]", A(U8, I("axis", -1)), "u8[2, 3]"},
    {"quantize_per_channel_groups", "quantize_per_channel", "f32[4, 3, 3] f32[6] i32[6]",
     A(I("axis", 1), I("groups", 2)), "i8[4, 3, 3]"},
    {"quantize_per_tensor_c1", "quantize_per_tensor", "i8[2, 3] f32 i32", NO, "C1: x is i8, not a float type"},
    {"quantize_per_tensor_c2", "quantize_per_tensor", "f32[2] f32 i32", A(I("quant_max", 255)),
     "C2: quant_min is -128 and quant_max 255, dtype is i8"},
    {"quantize_per_tensor_c2_order", "quantize_per_tensor", "f32[2] f32 i32", A(I("quant_max", -128)),
     "C2: quant_min is -128 and quant_max -128, dtype is i8"},
    {"quantize_per_tensor_c2_dtype", "quantize_per_tensor", "f32[2] f32 i32", A(D("dtype", GRAFT_F32)),
     "C2: dtype is f32"},
    {"quantize_per_tensor_c3", "quantize_per_tensor", "f32[2] f64 i32", NO, "C3: scale is f64"},
    {"quantize_per_tensor_c3_zero_point", "quantize_per_tensor", "f32[2] f32 i64", NO, "C3: zero_point is i64"},
    {"quantize_per_tensor_c4", "quantize_per_tensor", "f32[2] f32[1] i32", NO, "C4: scale has rank 1, not 0"},
    {"quantize_per_channel_c4", "quantize_per_channel", "f32[2, 3] f32[3] i32[3]", NO,
     "C4: scale has 3 entries, there are 2 channels"},
    {"quantize_per_channel_c4_groups", "quantize_per_channel", "f32[4, 3, 3] f32[3] i32[3]",
     A(I("axis", 1), I("groups", 2)), "C4: scale has 3 entries, there are 6 channels"},
    {"quantize_per_channel_c5", "quantize_per_channel", "f32[2, 3] f32[3] i32[3]", A(I("axis", 2)),
     "C5: axis is 2, of 2 axes"},
    {"quantize_per_channel_c5_groups", "quantize_per_channel", "f32[3, 3] f32[6] i32[6]",
     A(I("axis", 1), I("groups", 2)), "C5: groups is 2, x has 3 entries along axis 0"},
    {"dequantize_per_tensor", "dequantize_per_tensor", "i8[2, 3] f32 i32", NO, "f32[2, 3]"},
    {"dequantize_per_tensor_c1", "dequantize_per_tensor", "u8[2, 3] f32 i32", NO, "C1: x is u8, dtype is i8"},
    {"dequantize_per_tensor_c2", "dequantize_per_tensor", "i8[2, 3] f32 i32", A(I("quant_min", 127)),
     "C2: quant_min is 127 and quant_max 127, dtype is i8"},
    {"dequantize_per_tensor_c3", "dequantize_per_tensor", "i8[2, 3] f32 i8", NO, "C3: zero_point is i8"},
    {"dequantize_per_channel_c4", "dequantize_per_channel", "i8[2, 3] f32[2] i32[3]", NO,
     "C4: zero_point has 3 entries, there are 2 channels"},
    {"dequantize_per_channel_c5", "dequantize_per_channel", "i8[2, 3] f32[2] i32[2]", A(I("axis", 2)),
     "C5: axis is 2, of 2 axes"},
    {"dequantize_per_channel_groups", "dequantize_per_channel", "i8[2, 3] f32[2] i32[2]", A(I("groups", 0)),
     "groups of dequantize_per_channel is 0, not from 1 to 2147483647"},
    {"fake_quantize", "fake_quantize", "f32[2, 3] f32 i32", NO, "f32[2, 3]"},
    {"fake_quantize_axis", "fake_quantize", "f32[2, 3] f32[2] i32[2]", A(I("axis", 0)), "f32[2, 3]"},
    {"fake_quantize_c1", "fake_quantize", "i8[2, 3] f32 i32", NO, "C1: x is i8, not a float type"},
    {"fake_quantize_c2", "fake_quantize", "f32[2, 3] f32 i32", A(D("dtype", GRAFT_U8)),
     "C2: quant_min is -128 and quant_max 127, dtype is u8"},
    {"fake_quantize_learned", "fake_quantize", "f32[2, 3] f32 f32", NO, "f32[2, 3]"},
    {"fake_quantize_c3", "fake_quantize", "f32[2, 3] f32 f64", NO, "C3: zero_point is f64"},
    {"fake_quantize_c4", "fake_quantize", "f32[2, 3] f32[2] i32[2]", NO, "C4: scale has rank 1, not 0"},
    {"fake_quantize_c5", "fake_quantize", "f32[2, 3] f32[2] i32[2]", A(I("axis", -3)), "C5: axis is -3, of 2 axes"},
    {"fake_quantize_c6", "fake_quantize", "f32[2, 3] f32 f32",
     A(I("quant_min", -15), I("quant_max", 0), B("use_grad_scaling", true)),
     "C6: use_grad_scaling needs a quant_max above 0, it is 0"},
    {"choose_qparams", "choose_qparams", "f32[2, 3]", NO, "f32[] i32[]"},
    {"choose_qparams_c1", "choose_qparams", "i8[2, 3]", NO, "C1: x is i8, not a float type"},
    {"choose_qparams_c2", "choose_qparams", "f32[2, 3]", A(D("dtype", GRAFT_I64)), "C2: dtype is i64"},
    {"choose_qparams_scheme", "choose_qparams", "f32[2, 3]", A(S("scheme", "affine")),
     "scheme of choose_qparams is 'affine', not one of per_tensor_affine, per_tensor_symmetric, per_channel_affine, "
     "per_channel_symmetric"},
    {"observe", "observe", "f32[2, 3] f32[2]", NO, "f32[2]"},
    {"observe_axis", "observe", "f32[2, 3] f32[2, ?]", A(I("axis", 1)), "f32[2, 3]"},
    {"observe_groups", "observe", "f32[4, 3, 3] f32[2, 6]", A(I("axis", 1), I("groups", 2)), "f32[2, 6]"},
    {"observe_histogram", "observe", "f32[2, 3] f32[2050]", A(S("observer", "histogram")), "f32[2050]"},
    {"observe_c1", "observe", "i8[2, 3] f32[2]", NO, "C1: x is i8, not a float type"},
    {"observe_observer", "observe", "f32[2, 3] f32[2]", A(S("observer", "maximum")),
     "observer of observe is 'maximum', not one of min_max, moving_average_min_max, histogram, placeholder"},
    {"observe_averaging_constant", "observe", "f32[2, 3] f32[2]", A(F("averaging_constant", 0)),
     "averaging_constant of observe is 0, not more than 0 and at most 1"},
    {"observe_c2", "observe", "f32[2, 3] f64[2]", NO, "C2: state is f64"},
    {"observe_c3", "observe", "f32[2, 3] f32[3]", NO, "C3: state has 3 rows, not 2"},
    {"observe_c3_channels", "observe", "f32[2, 3] f32[2, 2]", A(I("axis", 1)), "C3: state has 2 channels, x has 3"},
    {"observe_c4", "observe", "f32[2, 3] f32[2, 3]", A(I("axis", 2)), "C4: axis is 2, of 2 axes"},
    {"qparams", "qparams", "f32[2]", NO, "f32[] i32[]"},
    {"qparams_channels", "qparams", "f32[2, 5]", NO, "f32[5] i32[5]"},
    {"qparams_histogram", "qparams", "f32[2050]", NO, "f32[] i32[]"},
    {"qparams_c1", "qparams", "f64[2]", NO, "C1: state is f64"},
    {"qparams_c2", "qparams", "f32[2]", A(I("quant_min", -129)),
     "C2: quant_min is -129 and quant_max 127, dtype is i8"},
    {"qparams_formula", "qparams", "f32[2]", A(S("formula", "torch")),
     "formula of qparams is 'torch', not one of observer, kernel, power_of_two"},
    {"qparams_c3", "qparams", "f32[3, 2]", NO, "C3: state has 3 rows"},
    /* graft's own */
    {"bn_scale", "bn_scale", "- f32[3]", NO, "f32[3]"},
    {"bn_scale_c1", "bn_scale", "f64[3] f32[3]", NO, "C1: weight is f64, running_var is f32"},
    {"bn_scale_c2", "bn_scale", "f32[4] f32[3]", NO, "C2: weight has 4 entries, there are 3 channels"},
    {"bn_scale_eps", "bn_scale", "f32[3] f32[3]", A(F("eps", NAN)),
     "eps of bn_scale is nan, not finite and at least 0"},
    {"bn_shift", "bn_shift", "- f32[3] - f32[3]", NO, "f32[3]"},
    {"bn_shift_c1", "bn_shift", "- f32[3] - f64[3]", NO, "C1: scale is f64, running_mean is f32"},
    {"bn_shift_c2", "bn_shift", "- f32[3] f32[4] f32[3]", NO, "C2: bias has 4 entries, there are 3 channels"},
    {"channel", "channel", "f32[4] f32[4, 3, 3, 3]", NO, "f32[4, 1, 1, 1]"},
    {"channel_groups", "channel", "f32[6] f32[4, 3, 3, 3]", A(I("axis", 1), I("groups", 2)), "f32[4, 3, 1, 1]"},
    {"channel_c1", "channel", "f32[4, 1] f32[4, 3, 3, 3]", NO, "C1: x has rank 2, not 1"},
    {"channel_c2", "channel", "f32[4] f32[4, 3, 3, 3]", A(I("groups", 2)), "C2: groups is 2 along axis 0"},
    {"channel_c3", "channel", "f32[4] f32[4, 3]", A(I("axis", 2)), "C3: axis is 2, of 2 axes"},
    {"channel_c4", "channel", "f32[3] f32[4, 3]", NO, "C4: x has 3 entries, like has 4 along axis 0 and groups is 1"},
};

static graft_type parse_type(const char **p) {
  graft_type t = {.dtype = GRAFT_UNKNOWN};
  size_t n = strcspn(*p, "[ ");
  for (int d = 0; d < GRAFT_DTYPE_COUNT; ++d)
    if (strlen(graft_dtype_name((graft_dtype)d)) == n && strncmp(*p, graft_dtype_name((graft_dtype)d), n) == 0)
      t.dtype = (graft_dtype)d;
  *p += n;
  if (**p != '[') return t;
  if ((*p)[1] == '*') return t.rank = -1, *p += 3, t;
  for (++*p; **p != ']'; *p += strspn(*p, ", ")) {
    char *end = (char *)*p + 1;
    t.dims[t.rank++] = **p == '?' ? -1 : (int64_t)strtoll(*p, &end, 10);
    *p = end;
  }
  ++*p;
  return t;
}

static uint32_t op_of(const row *w) { return gr_op_find(w->op, strcspn(w->op, "/")); }

typedef struct constants {
  int64_t ints[MAX_OPERANDS][GRAFT_MAX_RANK];
  uint32_t counts[MAX_OPERANDS];
} constants;

static const int64_t *constant(void *user, uint32_t operand, uint32_t *count) {
  const constants *c = user;
  *count = c->counts[operand];
  return *count > 0 ? c->ints[operand] : NULL;
}

static void infer(graft_module *m, const row *w, char *text, size_t size) {
  const uint32_t op = op_of(w);
  ck_assert_msg(op < GR_OP_COUNT, "%s: no op %s", w->name, w->op);
  gr_attr_builder b;
  gr_attrs_begin(&b, gr_op_get(op));
  bool good = true;
  for (uint32_t i = 0; i < w->attr_count && good; ++i)
    good = gr_attrs_set(m, &b, gr_op_get(op), &w->attrs[i], (gr_loc){0}) == GRAFT_OK;
  graft_type types[MAX_OPERANDS], results[MAX_RESULTS];
  const graft_type *operands[MAX_OPERANDS];
  char error[160] = "";
  gr_infer in = {.module = m, .op = op, .operands = operands, .results = results, .error = error, .constant = constant};
  constants c = {0};
  in.user = &c;
  in.attrs = good ? gr_attrs_intern(m, &b, gr_op_get(op), (gr_loc){0}) : GRAFT_NONE;
  if (in.attrs == GRAFT_NONE) { /* an attribute's word or range */
    snprintf(text, size, "%s", graft_diagnostic_get(m->context, 0).message);
    return;
  }
  for (const char *p = w->operands; *p != '\0'; p += strspn(p, " ")) {
    operands[in.operand_count] = *p == '-' ? NULL : &types[in.operand_count];
    if (*p == '-') {
      ++p;
    } else {
      types[in.operand_count] = parse_type(&p);
      while (*p == '=' || *p == ',') {
        char *end;
        c.ints[in.operand_count][c.counts[in.operand_count]++] = strtoll(p + 1, &end, 10);
        p = end;
      }
    }
    ++in.operand_count;
  }
  in.result_count = strchr(w->op, '/') != NULL ? (uint32_t)strtol(strchr(w->op, '/') + 1, NULL, 10)
                                               : gr_op_required_results(gr_op_get(op));
  if (!gr_infer_types(&in)) {
    snprintf(text, size, "%s", error);
    return;
  }
  size_t n = 0;
  for (uint32_t i = 0; i < in.result_count; ++i) {
    if (i > 0) text[n++] = ' ';
    n += gr_type_format(&results[i], text + n, size - n);
  }
}

START_TEST(infers) {
  graft_context *c = graft_context_create(NULL);
  graft_module *m = graft_module_create(c);
  char text[512] = "";
  infer(m, &rows[_i], text, sizeof text);
  ck_assert_msg(strcmp(text, rows[_i].expected) == 0, "%s: expected %s, got %s", rows[_i].name, rows[_i].expected,
                text);
  graft_module_destroy(m);
  graft_context_destroy(c);
}
END_TEST

/* Rule names of ops, and whether each constraint of each rule has a row. */
static const char *const rule_of[] = {
#define OP(id, name, families, axis, flags, operands, attrs, results, rule, doc) #rule,
#include "ir/ops.def"
#undef OP
};

static bool has_row(const char *rule, int number) {
  char prefix[8];
  if (strcmp(rule, "if") == 0 || strcmp(rule, "loop") == 0) return true; /* test_control.c: they need graphs */
  snprintf(prefix, sizeof prefix, "C%d:", number);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i)
    if (strcmp(rule_of[op_of(&rows[i])], rule) == 0 && strncmp(rows[i].expected, prefix, strlen(prefix)) == 0)
      return true;
  return false;
}

START_TEST(every_constraint_has_a_row) {
#define CONSTRAINT(rule, number) ck_assert_msg(has_row(#rule, number), "no row breaks C%d of " #rule, number);
#include "ir/constraints.def"
#undef CONSTRAINT
}
END_TEST

static uint64_t below(uint64_t *seed, uint64_t n) {
  *seed = gr_mix(*seed + 0x9e3779b97f4a7c15u);
  return *seed % n;
}

/* The nearest number that the row allows. */
static int64_t within(const gr_attr_decl *d, int64_t n) {
  if (d->least >= d->greatest) return n;
  return n < d->least ? d->least : n > d->greatest ? d->greatest : n;
}

/* Unknown types break nothing, hostile ones are errors or types, never undefined. */
START_TEST(every_op_takes_anything) {
  graft_context *c = graft_context_create(NULL);
  graft_module *m = graft_module_create(c);
  static const int64_t extents[] = {
      -1, 0, 1, 2, 3, INT64_MAX, (int64_t)1 << 62, ((int64_t)1 << 62) - 1, (int64_t)1 << 32};
  static const char *const texts[] = {"", "ij,jk", "i...,ij->...j", "ii->i", "a-", "abcdefghi"};
  static const int64_t numbers[] = {0, 1, -1, 2, 3, 8, INT64_MAX, INT64_MIN, (int64_t)1 << 62, -((int64_t)1 << 40)};
  uint64_t seed = 1;
  for (int round = 0; round < 200000; ++round) {
    const uint32_t op = (uint32_t)below(&seed, GR_OP_COUNT);
    const gr_op_info *info = gr_op_get(op);
    gr_attr_builder b;
    gr_attrs_begin(&b, info);
    int64_t lists[GR_MAX_ATTRS][10];
    for (uint32_t i = 0; i < info->attr_count; ++i) {
      const gr_attr_decl *d = &info->attrs[i];
      graft_attr a = {.name = d->name, .kind = d->kind};
      if (!d->required && below(&seed, 2) == 0) continue;
      switch (d->kind) {
      case GRAFT_ATTR_BOOL: a.as.b = below(&seed, 2) != 0; break;
      case GRAFT_ATTR_INT: a.as.i = within(d, numbers[below(&seed, 10)]); break;
      case GRAFT_ATTR_FLOAT: a.as.f = d->low < d->high ? d->high : (double)numbers[below(&seed, 10)]; break;
      case GRAFT_ATTR_STRING:
        a.as.s = d->choice == GR_NO_CHOICE ? texts[below(&seed, 6)]
                                           : gr_choice_words(d->choice)[below(&seed, 2) != 0 ? d->i : 0];
        break;
      case GRAFT_ATTR_DTYPE: a.as.dtype = (graft_dtype)below(&seed, GRAFT_DTYPE_COUNT); break;
      default:
        a.count = d->count < 0 ? (uint32_t)below(&seed, 10) : (uint32_t)d->count;
        for (uint32_t k = 0; k < a.count; ++k) lists[i][k] = within(d, numbers[below(&seed, 10)]);
        a.as.ints = lists[i];
      }
      ck_assert(gr_attrs_set(m, &b, info, &a, (gr_loc){0}) == GRAFT_OK);
    }
    graft_type types[GR_MAX_OPERANDS], results[10];
    const graft_type *operands[GR_MAX_OPERANDS];
    char error[160];
    gr_infer in = {.module = m,
                   .op = op,
                   .operands = operands,
                   .results = results,
                   .error = error,
                   .result_count = (uint32_t)below(&seed, 5)};
    in.attrs = gr_attrs_intern(m, &b, info, (gr_loc){0});
    in.operand_count = (uint32_t)below(&seed, (uint64_t)info->operand_count + 1);
    for (uint32_t i = 0; i < in.operand_count; ++i) {
      types[i] = (graft_type){.dtype = below(&seed, 4) == 0 ? (graft_dtype)below(&seed, GRAFT_DTYPE_COUNT) : GRAFT_F32,
                              .rank = (int32_t)below(&seed, 10) - 1};
      for (int32_t d = 0; d < types[i].rank; ++d) types[i].dims[d] = extents[below(&seed, 13) % 9];
      operands[i] = below(&seed, 8) == 0 ? NULL : &types[i];
    }
    if (!gr_infer_types(&in)) continue;
    for (uint32_t i = 0; i < in.result_count; ++i) {
      ck_assert(results[i].rank >= -1 && results[i].rank <= GRAFT_MAX_RANK);
      for (int32_t d = 0; d < results[i].rank; ++d)
        ck_assert(results[i].dims[d] >= -1 && results[i].dims[d] <= GR_MAX_ELEMENTS);
    }
  }
  graft_module_destroy(m);
  graft_context_destroy(c);
}
END_TEST

int main(void) {
  Suite *s = suite_create("infer");
  TCase *t = tcase_create("rules");
  tcase_set_timeout(t, 60);
  tcase_add_loop_test(t, infers, 0, (int)(sizeof rows / sizeof *rows));
  tcase_add_test(t, every_constraint_has_a_row);
  tcase_add_test(t, every_op_takes_anything);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_set_fork_status(r, CK_NOFORK);
  srunner_run_all(r, CK_ENV);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
