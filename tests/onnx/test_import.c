/* ONNX import beyond ONNX's node tests: what PyTorch's exporters write, names and kinds, opaque nodes and nested
 * graphs, models that are wrong. */
#include "ir/formats/onnx/onnx_impl.h"

#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static graft_attr attr(const char *node, const char *name) {
  graft_graph *graph = graft_module_get_graph(m, 0);
  graft_attr a = {.kind = GRAFT_ATTR_NONE};
  graft_value v = graft_value_find(graph, node);
  ck_assert_uint_ne(v, GRAFT_NONE);
  ck_assert(graft_node_attr(graph, graft_value_node(graph, v), name, &a));
  return a;
}

static void check_ints(graft_attr a, uint32_t count, const int64_t *want) {
  ck_assert_int_eq(a.kind, GRAFT_ATTR_INTS);
  ck_assert_uint_eq(a.count, count);
  for (uint32_t i = 0; i < count; i++) ck_assert_int_eq(a.as.ints[i], want[i]);
}

static graft_tensor_kind kind(const char *name) {
  graft_tensor t = graft_tensor_find(m, name);
  ck_assert_msg(t != GRAFT_NONE, "no tensor %s", name);
  return graft_tensor_get_kind(m, t);
}

static void conv_model(size_t pad_count, const int64_t *pads) {
  add_input(g, "x", 1, 4, INTS(1, 3, 5, 5));
  add_zeros(g, "conv.weight", 1, 4, 4, INTS(4, 3, 3, 3));
  Onnx__NodeProto *n = add_node(g, "Conv", "/conv/Conv", NAMES("x", "conv.weight"), NAMES("y"));
  if (pad_count) add_ints(n, "pads", pad_count, pads);
  add_untyped_output(g, "y");
}

/* ---- decimals ---- */

START_TEST(decimals) {
  ck_assert_double_eq(gr_onnx_decimal(9.99999975e-06f), 1e-05);
  ck_assert_double_eq(gr_onnx_decimal(0.001f), 0.001);
  ck_assert_double_eq(gr_onnx_decimal(1e-12f), 1e-12);
  ck_assert_double_eq(gr_onnx_decimal(0.0f), 0.0);
  ck_assert_double_eq(gr_onnx_decimal(-2.5f), -2.5);
  ck_assert_double_eq(gr_onnx_decimal(16777216.0f), 16777216.0);
  ck_assert_double_eq(gr_onnx_decimal(3e38f), (double)3e38f);
  ck_assert_double_eq(gr_onnx_decimal(1e-40f), (double)1e-40f);
  ck_assert_double_eq(gr_onnx_one_minus(0.9f), 0.1);
  ck_assert_double_eq(gr_onnx_one_minus(0.99f), 0.01);
  ck_assert_double_eq(gr_onnx_one_minus(0.97f), 0.03);
  ck_assert_double_eq(gr_onnx_one_minus(0.999f), 0.001);
  ck_assert_double_eq(gr_onnx_one_minus(1.0f), 0.0);
  ck_assert_double_eq(gr_onnx_one_minus(0.0f), 1.0);
  for (uint32_t bits = 0x33000000; bits < 0x4b000000; bits += 0x1357) { /* every decimal reads back */
    float f;
    memcpy(&f, &bits, sizeof f);
    ck_assert_float_eq((float)gr_onnx_decimal(f), f);
  }
}
END_TEST

/* Rows are found by bisection. */
START_TEST(rows_are_sorted) {
  static const char *const names[] = {
#define ONNX(name, ...) #name,
#include "ir/formats/onnx/import.def"
#undef ONNX
  };
  static const char *const foreign[] = {
#define FOREIGN(name, kind) #name,
#include "ir/formats/onnx/foreign.def"
#undef FOREIGN
  };
  for (size_t i = 1; i < sizeof names / sizeof *names; i++) ck_assert_str_lt(names[i - 1], names[i]);
  for (size_t i = 1; i < sizeof foreign / sizeof *foreign; i++) ck_assert_str_lt(foreign[i - 1], foreign[i]);
}
END_TEST

/* What a row of import.def maps is an attribute of the row of ops.def, of its kind and in its range; each of its words
 * is one of graft's, and the default is one of them. */
START_TEST(rows_map_to_attributes) {
  char message[GR_ATTR_MESSAGE_SIZE];
  for (uint32_t i = 0; i < gr_onnx_op_count; i++) {
    const gr_onnx_op *op = &gr_onnx_ops[i];
    const gr_op_info *own = gr_op_get(op->op);
    for (const gr_onnx_attr_row *a = op->attrs; a->name; a++) {
      if (!a->is) continue;
      ck_assert_msg(own != NULL, "%s maps %s but names no op", op->name, a->name);
      const int slot = gr_op_attr_slot(own, a->is, strlen(a->is));
      ck_assert_msg(slot >= 0, "%s has no attribute %s", own->name, a->is);
      const gr_attr_decl *d = &own->attrs[slot];
      ck_assert_msg(d->kind == a->kind, "%s: %s is of another kind", op->name, a->name);
      ck_assert_msg((d->choice != GR_NO_CHOICE) == (a->words != NULL), "%s: %s", op->name, a->name);
      graft_attr value = {.name = a->is, .kind = a->kind, .as.i = a->i};
      if (a->kind == GRAFT_ATTR_FLOAT) value.as.f = a->f;
      if (a->kind == GRAFT_ATTR_BOOL) value.as.b = a->i != 0;
      if (a->words) {
        const char *rest = a->words;
        gr_onnx_word w;
        while (gr_onnx_next_word(&rest, &w))
          ck_assert_msg(gr_onnx_own_word(a, d->choice, w.theirs, w.length) >= 0, "%s: %.*s is no word of %s", op->name,
                        (int)w.own_length, w.own, own->name);
        ck_assert_msg(!a->word || gr_onnx_own_word(a, d->choice, a->word, strlen(a->word)) >= 0, "%s: %s", op->name,
                      a->word);
      } else if (!a->no_default) {
        ck_assert_msg(gr_attr_check(own, (uint32_t)slot, &value, message, sizeof message), "%s: %s", op->name, message);
      }
    }
  }
}
END_TEST

START_TEST(mapped_attributes) {
  add_input(g, "x", 1, 1, INTS(4));
  add_string(add_node(g, "Gelu", "/g", NAMES("x"), NAMES("y")), "approximate", "tanh");
  add_node(g, "Gelu", "/h", NAMES("y"), NAMES("z"));
  add_int(add_node(g, "Cast", "/c", NAMES("z"), NAMES("w")), "to", 11);
  add_untyped_output(g, "w");
  proto->opset_import[0]->version = 20;
  load();
  ck_assert_str_eq(attr("y", "approximate").as.s, "tanh");
  ck_assert_str_eq(attr("z", "approximate").as.s, "none");
  ck_assert_int_eq(attr("w", "dtype").as.dtype, GRAFT_F64);
}
END_TEST

/* ---- batch norm ---- */

START_TEST(batch_norm_eval) {
  bn_model(false);
  load();
  ck_assert_str_eq(node_text("y"), "batch_norm(x, bn.weight, bn.bias, bn.running_mean, bn.running_var)");
  ck_assert(!attr("y", "training").as.b);
  ck_assert_double_eq(attr("y", "eps").as.f, 0.001);
  ck_assert_double_eq(attr("y", "momentum").as.f, 0.03);
  ck_assert_int_eq(kind("bn.weight"), GRAFT_PARAMETER);
  ck_assert_int_eq(kind("bn.bias"), GRAFT_PARAMETER);
  ck_assert_int_eq(kind("bn.running_mean"), GRAFT_BUFFER);
  ck_assert_int_eq(kind("bn.running_var"), GRAFT_BUFFER);
}
END_TEST

START_TEST(batch_norm_training) {
  bn_model(true);
  load();
  ck_assert(attr("y", "training").as.b);
  ck_assert(attr("y", "unbiased").as.b); /* PyTorch names the statistics, nobody reads them */
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_uint_eq(graft_value_use_count(graph, graft_value_find(graph, "bn_mean")), 1);
  ck_assert_uint_eq(graft_value_use_count(graph, graft_value_find(graph, "bn_var")), 1);
  ck_assert_uint_eq(graft_output_count(graph), 1);
}
END_TEST

START_TEST(batch_norm_training_statistics_read) {
  bn_model(true);
  add_untyped_output(g, "bn_var");
  load();
  ck_assert(!attr("y", "unbiased").as.b);
}
END_TEST

/* A BN module that is called twice: the second call sees the first one's statistics. */
START_TEST(batch_norm_twice) {
  bn_model(true);
  Onnx__NodeProto *n =
      add_node(g, "BatchNormalization", "/bn_1",
               NAMES("y", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"), NAMES("z", "m2", "v2"));
  add_int(n, "training_mode", 1);
  add_untyped_output(g, "z");
  load();
  ck_assert_str_eq(node_text("z"), "batch_norm(y, bn.weight, bn.bias, bn_mean, bn_var)");
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_uint_eq(graft_value_use_count(graph, graft_value_find(graph, "m2")), 1);
}
END_TEST

/* Another module whose mean is the same initializer has a mean of its own. */
START_TEST(batch_norm_of_merged_initializers) {
  bn_model(true);
  add_zeros(g, "other", 1, 4, 1, INTS(3));
  Onnx__NodeProto *n =
      add_node(g, "BatchNormalization", "/bn_1", NAMES("y", "bn.weight", "other", "bn.running_mean", "bn.running_var"),
               NAMES("z", "m2", "v2"));
  add_int(n, "training_mode", 1);
  add_untyped_output(g, "z");
  load();
  ck_assert_str_eq(node_text("z"), "batch_norm(y, bn.weight, other, bn.running_mean_1, bn.running_var_1)");
}
END_TEST

/* In evaluation each batch norm has its own statistics, since to-train will update them. */
START_TEST(batch_norm_merged_in_evaluation) {
  bn_model(false);
  add_node(g, "BatchNormalization", "/bn_1", NAMES("y", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"),
           NAMES("z"));
  add_untyped_output(g, "z");
  load();
  ck_assert_str_eq(node_text("z"), "batch_norm(y, bn.weight, bn.bias, bn.running_mean_1, bn.running_var_1)");
}
END_TEST

/* One initializer in all roles: state gets tensors of its own, which alone are updated; the others are parameters. */
START_TEST(batch_norm_one_initializer_for_all) {
  add_input(g, "x", 1, 4, INTS(2, 3, 4, 4));
  add_zeros(g, "a", 1, 4, 1, INTS(3));
  add_int(add_node(g, "BatchNormalization", "/bn", NAMES("x", "a", "a", "a", "a"), NAMES("y", "m", "v")),
          "training_mode", 1);
  add_untyped_output(g, "y");
  load();
  ck_assert_str_eq(node_text("y"), "batch_norm(x, a, a, a_2, a_1)");
  ck_assert_int_eq(kind("a"), GRAFT_PARAMETER);
  ck_assert_int_eq(kind("a_1"), GRAFT_BUFFER);
  ck_assert_int_eq(kind("a_2"), GRAFT_BUFFER);
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_uint_eq(graft_value_use_count(graph, graft_value_find(graph, "v")), 1);
}
END_TEST

/* What reads an initializer as anything but state has it as the file says, however often it was updated as state. */
START_TEST(batch_norms_leave_other_readers_alone) {
  add_input(g, "x", 1, 4, INTS(2, 3, 4, 4));
  add_zeros(g, "a", 1, 4, 1, INTS(3));
  add_zeros(g, "b", 1, 4, 1, INTS(3));
  add_int(add_node(g, "BatchNormalization", "/bn", NAMES("x", "a", "b", "b", "a"), NAMES("y", "m", "v")),
          "training_mode", 1);
  add_int(add_node(g, "BatchNormalization", "/bn_1", NAMES("y", "a", "b", "b", "a"), NAMES("z", "m2", "v2")),
          "training_mode", 1);
  add_node(g, "Identity", "/i", NAMES("b"), NAMES("w"));
  add_untyped_output(g, "z");
  add_untyped_output(g, "w");
  load();
  ck_assert_str_eq(node_text("y"), "batch_norm(x, a, b, b_1, a_1)");
  ck_assert_str_eq(node_text("z"), "batch_norm(y, a, b, m, v)");
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_uint_eq(graft_value_use_count(graph, graft_value_find(graph, "m")), 1);  /* by the second call … */
  ck_assert_uint_eq(graft_value_use_count(graph, graft_value_find(graph, "m2")), 1); /* … whose statistics stay */
  ck_assert_uint_eq(graft_value_tensor(graph, graft_output_get(graph, 1)), graft_tensor_find(m, "b"));
  ck_assert_int_eq(kind("a"), GRAFT_PARAMETER);
  ck_assert_int_eq(kind("b"), GRAFT_PARAMETER);
  ck_assert_int_eq(kind("b_1"), GRAFT_BUFFER);
}
END_TEST

/* ---- convolutions ---- */

START_TEST(conv_symmetric) {
  conv_model(4, INTS(1, 2, 1, 2));
  load();
  ck_assert_str_eq(node_text("y"), "conv2d(x, conv.weight)");
  check_ints(attr("y", "padding"), 2, INTS(1, 2));
  ck_assert_int_eq(kind("conv.weight"), GRAFT_PARAMETER);
}
END_TEST

START_TEST(conv_asymmetric_pads_become_a_pad) {
  conv_model(4, INTS(0, 1, 2, 3));
  load();
  ck_assert_str_eq(node_text("y"), "conv2d(pad, conv.weight)");
  check_ints(attr("pad", "pad"), 4, INTS(1, 3, 0, 2));
  check_ints(attr("y", "padding"), 2, INTS(0, 0));
}
END_TEST

static void same_conv(const char *mode, int64_t extent) {
  add_input(g, "x", 1, 3, INTS(1, 3, extent));
  add_zeros(g, "w", 1, 4, 3, INTS(4, 3, 4));
  Onnx__NodeProto *n = add_node(g, "Conv", "/conv", NAMES("x", "w"), NAMES("y"));
  add_string(n, "auto_pad", mode);
  add_ints(n, "strides", 1, INTS(2));
  add_untyped_output(g, "y");
}

START_TEST(conv_same_upper) {
  same_conv("SAME_UPPER", 7); /* 4 windows reach over 10 */
  load();
  check_ints(attr("pad", "pad"), 2, INTS(1, 2));
}
END_TEST

START_TEST(conv_same_lower) {
  same_conv("SAME_LOWER", 7);
  load();
  check_ints(attr("pad", "pad"), 2, INTS(2, 1));
}
END_TEST

START_TEST(conv_same_even) {
  same_conv("SAME_UPPER", 8); /* 4 windows reach over 10 */
  load();
  ck_assert_str_eq(node_text("y"), "conv1d(x, w)");
  check_ints(attr("y", "padding"), 1, INTS(1));
}
END_TEST

START_TEST(conv_valid) {
  same_conv("VALID", 7);
  load();
  check_ints(attr("y", "padding"), 1, INTS(0));
}
END_TEST

START_TEST(conv_same_of_unknown_extent) {
  same_conv("SAME_UPPER", -1);
  load(); /* the pads are computed when it runs (test_forms.c) */
  ck_assert_str_eq(node_text("y"), "conv1d(pad, w)");
  check_ints(attr("y", "padding"), 1, INTS(0));
}
END_TEST

START_TEST(conv_weight_contradicts) {
  add_input(g, "x", 1, 4, INTS(1, 5, 8, 8));
  add_zeros(g, "w", 1, 4, 4, INTS(4, 3, 3, 3));
  add_node(g, "Conv", "/conv", NAMES("x", "w"), NAMES("y"));
  add_untyped_output(g, "y");
  load_fails("/conv", "channels");
}
END_TEST

START_TEST(conv_kernel_shape_contradicts) {
  add_input(g, "x", 1, 4, INTS(1, 3, 8, 8));
  add_zeros(g, "w", 1, 4, 4, INTS(4, 3, 3, 3));
  add_ints(add_node(g, "Conv", "/conv", NAMES("x", "w"), NAMES("y")), "kernel_shape", 2, INTS(3, 5));
  add_untyped_output(g, "y");
  load_fails("/conv", "kernel_shape");
}
END_TEST

START_TEST(conv_transpose_uneven_pads_are_cut_off) {
  add_input(g, "x", 1, 3, INTS(1, 3, 4));
  add_zeros(g, "w", 1, 4, 3, INTS(3, 2, 3));
  Onnx__NodeProto *n = add_node(g, "ConvTranspose", "/up", NAMES("x", "w"), NAMES("y"));
  add_ints(n, "strides", 1, INTS(2));
  add_ints(n, "pads", 2, INTS(2, 1)); /* (4-1)*2+3 = 9, less 3 */
  add_untyped_output(g, "y");
  load();
  ck_assert_str_eq(node_text("y"), "slice(conv_transpose1d)");
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_int_eq(graft_value_get_type(graph, graft_value_find(graph, "y")).dims[2], 6);
}
END_TEST

START_TEST(conv_transpose_of_pytorch) {
  add_input(g, "x", 1, 3, INTS(1, 3, 4));
  add_zeros(g, "w", 1, 4, 3, INTS(3, 2, 3));
  Onnx__NodeProto *n = add_node(g, "ConvTranspose", "/up", NAMES("x", "w"), NAMES("y"));
  add_ints(n, "strides", 1, INTS(2));
  add_ints(n, "pads", 2, INTS(1, 1));
  add_ints(n, "output_padding", 1, INTS(1));
  add_untyped_output(g, "y");
  load();
  ck_assert_str_eq(node_text("y"), "conv_transpose1d(x, w)");
  check_ints(attr("y", "output_padding"), 1, INTS(1));
  check_ints(attr("y", "padding"), 1, INTS(1));
}
END_TEST

/* ---- the ops that PyTorch's own export has ---- */

START_TEST(linear_of_three_axes) {
  add_input(g, "x", 1, 3, INTS(2, 7, 16));
  add_zeros(g, "a.weight", 1, 4, 2, INTS(24, 16));
  add_zeros(g, "a.bias", 1, 4, 1, INTS(24));
  add_ints(add_node(g, "Transpose", "/a/Transpose", NAMES("a.weight"), NAMES("wt")), "perm", 2, INTS(1, 0));
  add_node(g, "MatMul", "/a/MatMul", NAMES("x", "wt"), NAMES("xw"));
  add_node(g, "Add", "/a/Add", NAMES("a.bias", "xw"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  ck_assert_str_eq(node_text("wt"), "transpose(a.weight)");
  ck_assert_str_eq(node_text("y"), "add(a.bias, xw)");
  ck_assert_int_eq(kind("a.weight"), GRAFT_PARAMETER);
  ck_assert_int_eq(kind("a.bias"), GRAFT_PARAMETER);
}
END_TEST

START_TEST(gemm_of_linear) {
  add_input(g, "x", 1, 2, INTS(2, 16));
  add_zeros(g, "fc.weight", 1, 4, 2, INTS(24, 16));
  add_zeros(g, "fc.bias", 1, 4, 1, INTS(24));
  add_int(add_node(g, "Gemm", "/fc/Gemm", NAMES("x", "fc.weight", "fc.bias"), NAMES("y")), "transB", 1);
  add_untyped_output(g, "y");
  load();
  ck_assert_str_eq(node_text("y"), "addmm(fc.bias, x, transpose)");
  ck_assert_str_eq(node_text("transpose"), "transpose(fc.weight)");
  ck_assert_int_eq(kind("fc.weight"), GRAFT_PARAMETER);
  ck_assert_int_eq(kind("fc.bias"), GRAFT_PARAMETER);
}
END_TEST

/* As PyTorch exports a GRU's gates, in another order, where it does not fold constants. */
START_TEST(recurrent_weights_of_parts) {
  add_input(g, "x", 1, 3, INTS(7, 1, 2));
  add_zeros(g, "w", 1, 4, 2, INTS(9, 2));
  add_zeros(g, "r", 1, 4, 3, INTS(1, 9, 3));
  add_zeros(g, "b", 1, 4, 2, INTS(1, 18));
  add_i64(g, "0", 1, INTS(0));
  add_i64(g, "3", 1, INTS(3));
  add_i64(g, "9", 1, INTS(9));
  add_node(g, "Slice", "/first", NAMES("w", "0", "3"), NAMES("first"));
  add_node(g, "Slice", "/rest", NAMES("w", "3", "9"), NAMES("rest"));
  add_int(add_node(g, "Concat", "/all", NAMES("rest", "first"), NAMES("all")), "axis", 0);
  add_node(g, "Unsqueeze", "/one", NAMES("all", "0"), NAMES("one"));
  add_int(add_node(g, "GRU", "/gru", NAMES("x", "one", "r", "b"), NAMES("y")), "hidden_size", 3);
  add_untyped_output(g, "y");
  load();
  ck_assert_int_eq(kind("w"), GRAFT_PARAMETER);
  ck_assert_int_eq(kind("r"), GRAFT_PARAMETER);
  ck_assert_int_eq(kind("b"), GRAFT_PARAMETER);
}
END_TEST

/* As PyTorch exports an interpolation, where it does not fold constants. */
START_TEST(resize_factors_of_parts) {
  add_input(g, "x", 1, 4, INTS(2, 3, 4, 5));
  add_f32(g, "ones", 1, INTS(2), (float[]){1, 1});
  add_f32(g, "twos", 1, INTS(2), (float[]){2, 3});
  add_int(add_node(g, "Concat", "/c", NAMES("ones", "twos"), NAMES("factors")), "axis", 0);
  add_node(g, "Resize", "/r", NAMES("x", "", "factors"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  ck_assert_str_eq(node_text("y"), "resize(x)");
  const graft_attr scales = attr("y", "scales");
  ck_assert_uint_eq(scales.count, 4);
  ck_assert_double_eq(scales.as.floats[3], 3);
  graft_graph *graph = graft_module_get_graph(m, 0);
  const graft_type type = graft_value_get_type(graph, graft_value_find(graph, "y"));
  ck_assert_int_eq(type.dims[2], 8);
  ck_assert_int_eq(type.dims[3], 15);
  ck_assert_uint_eq(graft_tensor_find(m, "twos"), GRAFT_NONE); /* nor is the Concat left */
}
END_TEST

START_TEST(reshape_copies_known_extents) {
  add_input(g, "x", 1, 3, INTS(2, 3, 4));
  add_i64(g, "shape", 2, INTS(0, -1));
  add_node(g, "Reshape", "/r", NAMES("x", "shape"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  ck_assert_str_eq(node_text("y"), "view(x)");
  check_ints(attr("y", "size"), 2, INTS(2, -1));
  ck_assert_uint_eq(graft_tensor_find(m, "shape"), GRAFT_NONE); /* an attribute now, no tensor any more */
}
END_TEST

/* Tensors that became attributes leave no hole in any format. */
START_TEST(module_without_consumed_tensors_is_written) {
  add_input(g, "x", 1, 3, INTS(2, 3, 4));
  add_i64(g, "shape", 2, INTS(0, -1));
  add_zeros(g, "w", 1, 4, 1, INTS(12));
  add_node(g, "Reshape", "/r", NAMES("x", "shape"), NAMES("flat"));
  add_node(g, "Add", "/a", NAMES("flat", "w"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  static const graft_format formats[] = {GRAFT_FORMAT_TEXT, GRAFT_FORMAT_BINARY};
  for (size_t i = 0; i < 2; i++) {
    char *bytes;
    size_t size;
    ck_assert_int_eq(graft_module_print(m, formats[i], &bytes, &size), GRAFT_OK);
    graft_module *again = graft_module_load_memory(c, bytes, size, "again", NULL);
    ck_assert(again != NULL);
    ck_assert_uint_eq(graft_module_hash(again), graft_module_hash(m));
    graft_module_destroy(again);
    graft_free(c, bytes, size);
  }
}
END_TEST

START_TEST(reshape_copies_unknown_extents) {
  add_input(g, "x", 1, 3, INTS(-1, 3, 4));
  add_i64(g, "shape", 2, INTS(0, -1));
  add_node(g, "Reshape", "/r", NAMES("x", "shape"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  ck_assert_str_eq(node_text("y"), "reshape(x)");
}
END_TEST

START_TEST(transposes) {
  add_input(g, "x", 1, 3, INTS(2, 3, 4));
  add_ints(add_node(g, "Transpose", "/a", NAMES("x"), NAMES("a")), "perm", 3, INTS(0, 2, 1));
  add_ints(add_node(g, "Transpose", "/b", NAMES("x"), NAMES("b")), "perm", 3, INTS(1, 2, 0));
  add_node(g, "Transpose", "/c", NAMES("x"), NAMES("c"));
  for (size_t i = 0; i < 3; i++) add_untyped_output(g, NAMES("a", "b", "c")[i]);
  load();
  ck_assert_str_eq(node_text("a"), "transpose(x)");
  ck_assert_str_eq(node_text("b"), "permute(x)");
  ck_assert_str_eq(node_text("c"), "transpose(x)");
}
END_TEST

/* x -> AveragePool /p -> y, with windows of 3 x 2 that tile the input. */
static Onnx__NodeProto *pool_model(const char *producer) {
  if (producer) proto->producer_name = strdup(producer);
  add_input(g, "x", 1, 4, INTS(1, 3, 6, 8));
  Onnx__NodeProto *n = add_node(g, "AveragePool", "/p", NAMES("x"), NAMES("y"));
  add_ints(n, "kernel_shape", 2, INTS(3, 2));
  add_ints(n, "strides", 2, INTS(3, 2));
  add_untyped_output(g, "y");
  return n;
}

START_TEST(adaptive_avg_pool_of_pytorch) {
  pool_model("pytorch");
  load();
  ck_assert_str_eq(node_text("y"), "adaptive_avg_pool2d(x)");
  check_ints(attr("y", "output_size"), 2, INTS(2, 4));
}
END_TEST

START_TEST(avg_pool_of_pytorch) {
  add_ints(pool_model("pytorch"), "pads", 4, INTS(0, 0, 0, 0));
  load();
  ck_assert_str_eq(node_text("y"), "avg_pool2d(x)");
}
END_TEST

START_TEST(avg_pool_of_others) {
  pool_model(NULL);
  load();
  ck_assert_str_eq(node_text("y"), "avg_pool2d(x)");
}
END_TEST

/* F.pad(x, (1, 2, 0, 3)) of a training export: the list is filled up, turned round and cut in two by nodes. */
static void pad_model(int64_t rows) {
  Onnx__TensorProto *zero = new_tensor(NULL, 7, 1, INTS(1));
  zero->has_raw_data = 1;
  zero->raw_data.len = 8;
  zero->raw_data.data = calloc(8, 1);
  add_input(g, "x", 1, 4, INTS(1, 3, 6, 8));
  add_i64(g, "pad", 4, INTS(1, 2, 0, 3));
  add_i64(g, "zero", 1, INTS(0));
  add_i64(g, "two", 1, INTS(2));
  add_i64(g, "rank", 1, INTS(4));
  add_i64(g, "pairs", 2, INTS(rows, 2));
  add_i64(g, "minus_one", 1, INTS(-1));
  add_i64(g, "low", 1, INTS(INT64_MIN + 1));
  add_int(add_node(g, "Shape", "/s", NAMES("pad"), NAMES("s")), "start", 0);
  add_node(g, "Gather", "/g", NAMES("s", "zero"), NAMES("length"));
  add_node(g, "Mul", "/m", NAMES("rank", "two"), NAMES("all"));
  add_node(g, "Sub", "/d", NAMES("all", "length"), NAMES("more"));
  Onnx__AttributeProto *a = add_attr(add_node(g, "ConstantOfShape", "/f", NAMES("more"), NAMES("zeros")), "value",
                                     ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR);
  a->t = zero;
  add_int(add_node(g, "Concat", "/c", NAMES("pad", "zeros"), NAMES("list")), "axis", 0);
  add_node(g, "Reshape", "/r", NAMES("list", "pairs"), NAMES("table"));
  add_node(g, "Slice", "/b", NAMES("table", "minus_one", "low", "zero", "minus_one"), NAMES("back"));
  add_ints(add_node(g, "Transpose", "/t", NAMES("back"), NAMES("turned")), "perm", 2, INTS(1, 0));
  add_node(g, "Reshape", "/q", NAMES("turned", "minus_one"), NAMES("flat"));
  add_int(add_node(g, "Cast", "/i", NAMES("flat"), NAMES("pads")), "to", 7);
  add_node(g, "Pad", "/p", NAMES("x", "pads"), NAMES("y"));
  add_untyped_output(g, "y");
}

START_TEST(computed_pads_of_pytorch) {
  pad_model(-1);
  load();
  ck_assert_str_eq(node_text("y"), "pad(x)");
  check_ints(attr("y", "pad"), 4, INTS(1, 2, 0, 3));
}
END_TEST

START_TEST(computed_pads_that_do_not_fit) {
  pad_model(3);
  load_fails("/r", "");
}
END_TEST

START_TEST(hardsigmoid_of_pytorch) {
  add_input(g, "x", 1, 1, INTS(4));
  add_float(add_node(g, "HardSigmoid", "/h", NAMES("x"), NAMES("y")), "alpha", 1.0f / 6.0f);
  add_untyped_output(g, "y");
  load();
  ck_assert_double_eq(attr("y", "alpha").as.f, 1.0 / 6.0);
}
END_TEST

/* ---- names ---- */

START_TEST(names_survive_in_any_order) {
  add_input(g, "x_2", 1, 1, INTS(3));
  add_input(g, "x_1", 1, 1, INTS(3));
  add_zeros(g, "w_9", 1, 4, 1, INTS(3));
  add_zeros(g, "w_3", 1, 4, 1, INTS(3));
  add_zeros(g, "pad", 1, 4, 1, INTS(3));
  add_node(g, "Add", "/a", NAMES("x_2", "w_9"), NAMES("add_5"));
  add_node(g, "Add", "/b", NAMES("x_1", "w_3"), NAMES("add_4"));
  add_node(g, "Add", "/c", NAMES("add_5", "add_4"), NAMES("add"));
  add_node(g, "Add", "/d", NAMES("add", "pad"), NAMES("out"));
  add_untyped_output(g, "out");
  load();
  ck_assert_str_eq(node_text("add_5"), "add(x_2, w_9)");
  ck_assert_str_eq(node_text("add_4"), "add(x_1, w_3)");
  ck_assert_str_eq(node_text("add"), "add(add_5, add_4)");
  ck_assert_str_eq(node_text("out"), "add(add, pad)");
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_str_eq(graft_output_name(graph, 0), "out");
}
END_TEST

START_TEST(identity_is_another_name) {
  add_input(g, "x", 1, 1, INTS(3));
  add_node(g, "Identity", "/i", NAMES("x"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_uint_eq(graft_node_count(graph), 0);
  ck_assert_uint_eq(graft_output_get(graph, 0), graft_input_get(graph, 0));
  ck_assert_str_eq(graft_output_name(graph, 0), "y");
}
END_TEST

START_TEST(defined_twice) {
  add_input(g, "x", 1, 1, INTS(3));
  add_node(g, "Relu", "/a", NAMES("x"), NAMES("y"));
  add_node(g, "Relu", "/b", NAMES("x"), NAMES("y"));
  add_untyped_output(g, "y");
  load_fails("/b", "'y' is defined twice");
}
END_TEST

START_TEST(initializer_twice) {
  add_zeros(g, "w", 1, 4, 1, INTS(3));
  add_zeros(g, "w", 1, 4, 1, INTS(3));
  load_fails("", "'w' is defined twice");
}
END_TEST

START_TEST(cycle) {
  add_input(g, "x", 1, 1, INTS(3));
  add_node(g, "Add", "/a", NAMES("x", "b"), NAMES("a"));
  add_node(g, "Relu", "/b", NAMES("a"), NAMES("b"));
  add_untyped_output(g, "a");
  load_fails("/b", "the nodes form a cycle");
}
END_TEST

START_TEST(missing_initializer) {
  add_input(g, "x", 1, 4, INTS(1, 3, 8, 8));
  add_node(g, "Conv", "/conv", NAMES("x", "conv.weight"), NAMES("y"));
  add_untyped_output(g, "y");
  load_fails("/conv", "'conv.weight' is not an input");
}
END_TEST

START_TEST(missing_output) {
  add_input(g, "x", 1, 1, INTS(3));
  add_untyped_output(g, "y");
  load_fails("", "'y' is not an input");
}
END_TEST

START_TEST(output_of_another_rank) {
  add_input(g, "x", 1, 1, INTS(3));
  add_node(g, "Relu", "/a", NAMES("x"), NAMES("y"));
  add_output(g, "y", 1, 2, INTS(1, 3));
  load_fails("", "declared with rank 2");
}
END_TEST

START_TEST(unnamed_node_is_called_by_its_output) {
  add_input(g, "x", 1, 1, INTS(3));
  add_node(g, "Conv", NULL, NAMES("x", "w"), NAMES("y"));
  add_untyped_output(g, "y");
  load_fails("y", "'w' is not an input");
}
END_TEST

/* ---- what the table does not know ---- */

START_TEST(unknown_op_is_kept) {
  add_input(g, "x", 1, 2, INTS(2, 3));
  Onnx__NodeProto *n = add_node(g, "Frob", "/f", NAMES("x", "", "x"), NAMES("y", "z"));
  free(n->domain);
  n->domain = strdup("acme");
  add_int(n, "depth", 3);
  add_float(n, "rate", 0.1f);
  add_string(n, "mode", "fast");
  Onnx__AttributeProto *a = add_attr(n, "value", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR);
  a->t = new_tensor("", 7, 1, INTS(2));
  a->t->int64_data = calloc(2, sizeof(int64_t));
  a->t->n_int64_data = 2;
  add_output(g, "y", 1, 2, INTS(2, 3));
  add_untyped_output(g, "z");
  load();
  ck_assert_str_eq(node_text("y"), "acme.Frob(x, _, x)");
  ck_assert_int_eq(attr("y", "depth").as.i, 3);
  ck_assert_double_eq(attr("y", "rate").as.f, 0.1);
  ck_assert_str_eq(attr("y", "mode").as.s, "fast");
  check_ints(attr("y", "value"), 2, INTS(0, 0));
  ck_assert_int_eq(attr("y", "value.dtype").as.dtype, GRAFT_I64);
  check_ints(attr("y", "value.shape"), 1, INTS(2));
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_int_eq(graft_value_get_type(graph, graft_value_find(graph, "y")).rank, 2);
  ck_assert_int_eq(graft_value_get_type(graph, graft_value_find(graph, "z")).dtype, GRAFT_UNKNOWN);
}
END_TEST

START_TEST(unknown_op_of_the_default_domain) {
  add_input(g, "x", 1, 2, INTS(2, 3));
  add_node(g, "StringNormalizer", "/e", NAMES("x"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  ck_assert_str_eq(node_text("y"), "onnx.StringNormalizer(x)");
}
END_TEST

/* The first warning; "" where there is none. */
static const char *warning(void) {
  for (uint32_t i = 0; i < graft_diagnostic_count(c); i++) {
    graft_diagnostic d = graft_diagnostic_get(c, i);
    if (d.severity == GRAFT_WARNING) return d.message;
  }
  return "";
}

START_TEST(what_will_not_run_is_said_once) {
  add_input(g, "x", 1, 2, INTS(2, 2));
  add_node(g, "Zeta", "/a", NAMES("x"), NAMES("a"));
  in_domain(add_node(g, "Frob", "/b", NAMES("a"), NAMES("b")), "acme");
  Onnx__NodeProto *n = add_node(g, "Branches", "/c", NAMES("b"), NAMES("d"));
  add_graph(n, "body", branch("StringNormalizer", "b", "b", "t"));
  add_node(g, "Relu", "/d", NAMES("d"), NAMES("e"));
  add_node(g, "StringNormalizer", "/e", NAMES("e"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  ck_assert_uint_eq(graft_diagnostic_count(c), 1);
  ck_assert_str_eq(warning(), "will not run: Branches, StringNormalizer x2, Zeta, acme.Frob");
}
END_TEST

START_TEST(what_runs_is_not_warned_of) {
  bn_model(false);
  load();
  ck_assert_str_eq(warning(), "");
}
END_TEST

START_TEST(graphs_among_attributes) {
  add_input(g, "cond", 9, 0, NULL);
  add_input(g, "x", 1, 1, INTS(3));
  add_zeros(g, "w", 1, 4, 1, INTS(3));
  add_node(g, "Relu", "/r", NAMES("x"), NAMES("h"));
  Onnx__NodeProto *n = add_node(g, "If", "/if", NAMES("cond"), NAMES("y"));
  add_graph(n, "then_branch", branch("Add", "h", "w", "t"));
  add_graph(n, "else_branch", branch("Mul", "x", "w", "t")); /* the same name in a sibling */
  add_output(g, "y", 1, 1, INTS(3));
  load();
  ck_assert_str_eq(node_text("y"), "if(cond, h, x)");
  ck_assert_uint_eq(graft_module_graph_count(m), 3);
  ck_assert_int_eq(attr("y", "then_branch").as.graph, 1);
  ck_assert_int_eq(attr("y", "else_branch").as.graph, 2);
  for (uint32_t i = 1; i < 3; i++) {
    graft_graph *inner = graft_module_get_graph(m, i);
    ck_assert_uint_eq(graft_input_count(inner), 2); /* what the node's graphs capture, in one order */
    ck_assert_uint_eq(graft_node_count(inner), 1);
    ck_assert_str_eq(graft_output_name(inner, 0), "t");
  }
}
END_TEST

/* The condition follows from a shape: one branch is left, and reads what is around it and its own. */
START_TEST(branch_of_a_known_condition) {
  add_input(g, "x", 1, 1, INTS(3));
  add_i64(g, "three", 1, INTS(3));
  add_node(g, "Relu", "/r", NAMES("x"), NAMES("h"));
  add_node(g, "Shape", "/shape", NAMES("x"), NAMES("s"));
  add_node(g, "Equal", "/equal", NAMES("s", "three"), NAMES("cond"));
  Onnx__GraphProto *taken = graph_new("taken");
  add_node(taken, "Neg", "/neg", NAMES("h"), NAMES("n"));
  Onnx__NodeProto *inner = add_node(taken, "If", "/inner", NAMES("cond"), NAMES("t"));
  add_graph(inner, "then_branch", branch("Add", "n", "x", "u"));
  add_graph(inner, "else_branch", branch("Mul", "n", "x", "u"));
  add_untyped_output(taken, "t");
  Onnx__NodeProto *n = add_node(g, "If", "/if", NAMES("cond"), NAMES("y"));
  add_graph(n, "then_branch", taken);
  add_graph(n, "else_branch", branch("Mul", "h", "x", "t"));
  add_node(g, "Exp", "/exp", NAMES("y"), NAMES("z"));
  add_output(g, "z", 1, 1, INTS(3));
  load();
  ck_assert_uint_eq(graft_module_graph_count(m), 1);
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_uint_eq(graft_node_count(graph), 4); /* relu, neg, add, exp */
  ck_assert_str_eq(node_text("z"), "exp(u)");
}
END_TEST

START_TEST(graphs_two_levels_deep) {
  add_input(g, "cond", 9, 0, NULL);
  add_input(g, "x", 1, 1, INTS(3));
  add_node(g, "Relu", "/r", NAMES("x"), NAMES("h"));
  Onnx__GraphProto *middle = graph_new("middle");
  Onnx__NodeProto *inner = add_node(middle, "If", "/inner_if", NAMES("cond"), NAMES("z"));
  add_graph(inner, "then_branch", branch("Add", "h", "x", "t"));
  add_untyped_output(middle, "z");
  add_graph(add_node(g, "If", "/if", NAMES("cond"), NAMES("y")), "then_branch", middle);
  add_untyped_output(g, "y");
  load();
  ck_assert_str_eq(node_text("y"), "onnx.If(cond, cond, h, x)"); /* the middle graph reads the condition too */
  graft_graph *between = graft_module_get_graph(m, 1), *innermost = graft_module_get_graph(m, 2);
  ck_assert_uint_eq(graft_input_count(between), 3);
  ck_assert_uint_eq(graft_node_operand_count(between, graft_node_first(between)), 3);
  ck_assert_uint_eq(graft_input_count(innermost), 2);
}
END_TEST

START_TEST(initializer_that_is_an_input_too) {
  add_input(g, "x", 1, 1, INTS(3));
  add_input(g, "w", 1, 1, INTS(3));
  add_zeros(g, "w", 1, 4, 1, INTS(3));
  add_node(g, "Add", "/a", NAMES("x", "w"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  ck_assert_uint_eq(graft_input_count(graft_module_get_graph(m, 0)), 1);
  ck_assert_int_eq(kind("w"), GRAFT_CONSTANT);
}
END_TEST

START_TEST(nested_graph_reads_what_comes_later) {
  add_input(g, "cond", 9, 0, NULL);
  Onnx__NodeProto *n = add_node(g, "If", "/if", NAMES("cond"), NAMES("y"));
  add_graph(n, "then_branch", branch("Add", "later", "later", "t"));
  add_int(add_node(g, "Cast", "/c", NAMES("cond"), NAMES("later")), "to", 1);
  add_untyped_output(g, "y");
  load();
  ck_assert_str_eq(node_text("y"), "onnx.If(cond, later)");
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_str_eq(graft_node_get_op(graph, graft_node_first(graph)), "to");
}
END_TEST

/* A graph that defines a name itself does not wait for the outer one's. */
START_TEST(nested_graph_reads_its_own) {
  add_input(g, "cond", 9, 0, NULL);
  Onnx__NodeProto *n = add_node(g, "If", "/if", NAMES("cond"), NAMES("y"));
  Onnx__GraphProto *b = graph_new("branch");
  add_node(b, "Not", "/own", NAMES("cond"), NAMES("own"));
  add_node(b, "Not", "/inner", NAMES("own"), NAMES("t"));
  add_untyped_output(b, "t");
  add_graph(n, "then_branch", b);
  add_node(g, "Relu", "/r", NAMES("y"), NAMES("own"));
  add_untyped_output(g, "own");
  load();
  ck_assert_str_eq(node_text("own"), "relu(y)");
}
END_TEST

START_TEST(nested_graph_reads_its_own_node) {
  add_input(g, "cond", 9, 0, NULL);
  add_graph(add_node(g, "If", "/if", NAMES("cond"), NAMES("y")), "then_branch", branch("Add", "y", "y", "t"));
  add_untyped_output(g, "y");
  load_fails("/if", "cycle");
}
END_TEST

START_TEST(nodes_in_opposite_order) {
  add_input(g, "x", 1, 1, INTS(3));
  static char names[200][16];
  for (int i = 0; i < 200; i++) snprintf(names[i], sizeof names[i], "v%d", i);
  for (int i = 198; i >= 0; i--) add_node(g, "Relu", names[i + 1], NAMES(i ? names[i] : "x"), NAMES(names[i + 1]));
  add_untyped_output(g, names[199]);
  load();
  ck_assert_str_eq(node_text("v1"), "relu(x)");
  ck_assert_str_eq(node_text("v199"), "relu(v198)");
}
END_TEST

/* ---- operands that must be constant, attributes that must be right ---- */

START_TEST(slice_by_computed_starts) {
  add_input(g, "x", 1, 1, INTS(3));
  add_input(g, "starts", 7, 1, INTS(1));
  add_i64(g, "ends", 1, INTS(2));
  add_node(g, "Slice", "/s", NAMES("x", "starts", "ends"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_str_eq(graft_node_get_op(graph, graft_value_node(graph, graft_output_get(graph, 0))), "slice");
}
END_TEST

START_TEST(unknown_attribute) {
  add_input(g, "x", 1, 1, INTS(3));
  add_int(add_node(g, "Relu", "/r", NAMES("x"), NAMES("y")), "slope", 1);
  add_untyped_output(g, "y");
  load_fails("/r", "no attribute 'slope'");
}
END_TEST

START_TEST(attribute_of_wrong_kind) {
  add_input(g, "x", 1, 2, INTS(3, 3));
  add_float(add_node(g, "Softmax", "/s", NAMES("x"), NAMES("y")), "axis", 1);
  add_untyped_output(g, "y");
  load_fails("/s", "wrong kind");
}
END_TEST

START_TEST(halves_are_read) {
  add_input(g, "x", 10, 1, INTS(3));
  add_zeros(g, "w", 10, 2, 1, INTS(3));
  add_node(g, "Add", "/a", NAMES("x", "w"), NAMES("y"));
  add_untyped_output(g, "y");
  load();
  graft_graph *graph = graft_module_get_graph(m, 0);
  ck_assert_int_eq(graft_value_get_type(graph, graft_output_get(graph, 0)).dtype, GRAFT_F16);
}
END_TEST

START_TEST(complex_numbers_stay) {
  add_zeros(g, "w", 14, 8, 1, INTS(3));
  will_not_run("Constant (initializer 'w' is of dtype COMPLEX64, which graft does not have)");
}
END_TEST

START_TEST(opset_out_of_range) {
  proto->opset_import[0]->version = 0;
  load_fails("", "opset 0");
}
END_TEST

static void relu_of_opset(const char *op, int64_t opset) {
  proto->opset_import[0]->version = opset;
  add_input(g, "x", 1, 2, INTS(3, 3));
  add_node(g, op, "/n", NAMES("x"), NAMES("y"));
  add_untyped_output(g, "y");
}

START_TEST(op_of_a_later_meaning) {
  relu_of_opset("Relu", 1000);
  load_fails("/n", "opset 1000 is not known");
}
END_TEST

START_TEST(op_that_did_not_change) {
  relu_of_opset("Relu", 7);
  for (int64_t opset = 7; opset <= 25; opset++) {
    proto->opset_import[0]->version = opset;
    graft_module_destroy(m);
    load();
    ck_assert_str_eq(node_text("y"), "relu(x)");
  }
}
END_TEST

START_TEST(unknown_op_of_any_opset) {
  relu_of_opset("Foreign", 1000);
  load();
  ck_assert_str_eq(node_text("y"), "onnx.Foreign(x)");
}
END_TEST

START_TEST(op_of_an_older_meaning) {
  relu_of_opset("HardSwish", 13);
  load_fails("/n", "from opset 14 on");
}
END_TEST

START_TEST(raw_data_of_wrong_length) {
  Onnx__TensorProto *t = add_zeros(g, "w", 1, 4, 1, INTS(3));
  t->dims[0] = 4;
  load_fails("", "initializer 'w' needs 16 bytes, it has 12");
}
END_TEST

START_TEST(huge_dims) {
  Onnx__TensorProto *t = add_zeros(g, "w", 1, 4, 2, INTS(1, 1));
  t->dims[0] = t->dims[1] = INT64_MAX / 2;
  load_fails("", "too many elements");
}
END_TEST

START_TEST(negative_dims) {
  Onnx__TensorProto *t = add_zeros(g, "w", 1, 4, 1, INTS(3));
  t->dims[0] = -3;
  load_fails("", "extent -3");
}
END_TEST

int main(void) {
  Suite *s = suite_create("onnx-import");
  TCase *model = tcase_create("model");
  tcase_add_checked_fixture(model, setup, teardown);
  ADD(model, decimals, rows_are_sorted, rows_map_to_attributes, mapped_attributes, batch_norm_eval, batch_norm_training,
      batch_norm_training_statistics_read, batch_norm_twice, batch_norm_one_initializer_for_all,
      batch_norms_leave_other_readers_alone, batch_norm_of_merged_initializers, batch_norm_merged_in_evaluation,
      conv_symmetric, conv_asymmetric_pads_become_a_pad, conv_same_upper, conv_same_lower, conv_same_even, conv_valid,
      conv_same_of_unknown_extent, conv_weight_contradicts, conv_kernel_shape_contradicts,
      conv_transpose_uneven_pads_are_cut_off, conv_transpose_of_pytorch, linear_of_three_axes, gemm_of_linear,
      recurrent_weights_of_parts, resize_factors_of_parts, reshape_copies_known_extents,
      module_without_consumed_tensors_is_written, reshape_copies_unknown_extents, transposes,
      adaptive_avg_pool_of_pytorch, avg_pool_of_pytorch, avg_pool_of_others, computed_pads_of_pytorch,
      computed_pads_that_do_not_fit, hardsigmoid_of_pytorch, names_survive_in_any_order, identity_is_another_name,
      defined_twice, initializer_twice, cycle, missing_initializer, missing_output, output_of_another_rank,
      unnamed_node_is_called_by_its_output, unknown_op_is_kept, unknown_op_of_the_default_domain,
      what_will_not_run_is_said_once, what_runs_is_not_warned_of, graphs_among_attributes, branch_of_a_known_condition,
      graphs_two_levels_deep, initializer_that_is_an_input_too, nested_graph_reads_what_comes_later,
      nested_graph_reads_its_own, nested_graph_reads_its_own_node, nodes_in_opposite_order, slice_by_computed_starts,
      unknown_attribute, attribute_of_wrong_kind, halves_are_read, complex_numbers_stay, opset_out_of_range,
      op_of_a_later_meaning, op_that_did_not_change, unknown_op_of_any_opset, op_of_an_older_meaning,
      raw_data_of_wrong_length, huge_dims, negative_dims);
  suite_add_tcase(s, model);
  return run_suite(s);
}
