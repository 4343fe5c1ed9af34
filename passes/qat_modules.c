/* QAT modules by name: the plain layer, its batch norm and relu are built, and the passes that prepare a network make
 * of them what trains with fake quantization. All of it is one edit: after a failure nothing was added. */
#include <math.h>
#include <string.h>

#include "passes/modules_impl.h"
#include "passes/passes.h"

typedef struct builder {
  graft_graph *g;
  graft_module *m;
  graft_context *c;
  const char *name;
  graft_qat_arguments qat;
  graft_qconfig qconfig;
  gr_arena text;
} builder;

/* ---- tensors ---- */

/* NAME.SUFFIX: the data, or the fill formula where there are none. GRAFT_NONE with a diagnostic. */
static graft_value tensor(builder *b, const char *suffix, graft_tensor_kind kind, const graft_type *type,
                          const void *data, double low, double high) {
  const char *name = gr_text(&b->text, "%s.%s", b->name, suffix);
  if (!name) return GRAFT_NONE;
  if (graft_tensor_find(b->m, name) != GRAFT_NONE)
    return gr_error(b->c, GRAFT_NAME, gr_named_loc(b->name), "there is a tensor '%s' already", name), GRAFT_NONE;
  const graft_tensor t =
      data ? graft_tensor_create(b->m, name, kind, type, data) : graft_tensor_fill(b->m, name, kind, type, low, high);
  return t == GRAFT_NONE ? GRAFT_NONE : gr_handle(b->g, t);
}

static graft_status update(const builder *b, graft_value handle, graft_value next) {
  return graft_update_add(b->g, gr_value_tensor(b->g, handle), next);
}

/* ---- the plain module ---- */

/* BatchNorm1d to 3d of NAME.bn, in training: (y, and the next statistics). */
static graft_value batch_norm(builder *b, graft_value x, int64_t channels) {
  static const int64_t zero = 0;
  const graft_qat_arguments *q = &b->qat;
  const graft_type type = graft_type_make(GRAFT_F32, 1, &channels), count = {.dtype = GRAFT_I64};
  const graft_value operands[] = {x,
                                  tensor(b, "bn.weight", GRAFT_PARAMETER, &type, q->gamma, 0, 1),
                                  tensor(b, "bn.bias", GRAFT_PARAMETER, &type, q->beta, 0, 0),
                                  tensor(b, "bn.running_mean", GRAFT_BUFFER, &type, q->running_mean, 0, 0),
                                  tensor(b, "bn.running_var", GRAFT_BUFFER, &type, q->running_var, 1, 1),
                                  tensor(b, "bn.num_batches_tracked", GRAFT_BUFFER, &count, &zero, 0, 0)};
  const graft_attr attrs[] = {{.name = "training", .kind = GRAFT_ATTR_BOOL, .as.b = true},
                              {.name = "eps", .kind = GRAFT_ATTR_FLOAT, .as.f = q->eps > 0 ? q->eps : 1e-5},
                              {.name = "momentum",
                               .kind = q->cumulative ? GRAFT_ATTR_NONE : GRAFT_ATTR_FLOAT,
                               .as.f = q->momentum == 0 ? 0.1 : q->momentum}};
  const char *name = gr_text(&b->text, "%s.bn", b->name);
  for (uint32_t i = 0; i < 6; i++)
    if (operands[i] == GRAFT_NONE) return GRAFT_NONE;
  if (!name) return GRAFT_NONE;
  const graft_node n = graft_node_create(b->g, &(graft_node_options){.size = sizeof(graft_node_options),
                                                                     .op = "batch_norm",
                                                                     .operands = operands,
                                                                     .operand_count = 6,
                                                                     .attrs = attrs,
                                                                     .attr_count = 3,
                                                                     .result_count = 4,
                                                                     .name = name,
                                                                     .source = name});
  if (n == GRAFT_NONE) return GRAFT_NONE;
  for (uint32_t i = 1; i < 4; i++)
    if (update(b, operands[2 + i], gr_result(b->g, n, i))) return GRAFT_NONE;
  return gr_result(b->g, n, 0);
}

static graft_value relu(builder *b, graft_value x) {
  const char *name = gr_text(&b->text, "%s.relu", b->name);
  if (!name) return GRAFT_NONE;
  const graft_node n = graft_node_create(b->g, &(graft_node_options){.size = sizeof(graft_node_options),
                                                                     .op = "relu",
                                                                     .operands = &x,
                                                                     .operand_count = 1,
                                                                     .name = name,
                                                                     .source = name});
  return n == GRAFT_NONE ? GRAFT_NONE : gr_result(b->g, n, 0);
}

/* ---- what trains ---- */

graft_status gr_qconfig_take(graft_context *c, const char *module, const graft_qconfig *given, graft_qconfig *q) {
  static const char *const forms[] = {"approximate", "stable", "auto"};
  const gr_loc where = gr_named_loc(module);
  *q = (graft_qconfig){.size = sizeof *q};
  graft_status s = given ? gr_take_options(c, q, sizeof *q, given) : GRAFT_OK;
  if (s) return s;
  if (!q->quantizer || !q->quantizer[0])
    return gr_error(c, GRAFT_INVALID_ARGUMENT, where,
                    "qconfig must be provided for QAT module: a quantizer, as \"fx\"");
  if (!q->form) q->form = forms[0];
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    if (strcmp(q->form, forms[i]) == 0) return GRAFT_OK;
  return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "there is no form '%s': approximate, stable or auto", q->form);
}

/* The file of the qconfig stands behind those of its options. */
static graft_status run(graft_module *m, const char *module, const char *pipeline, const graft_qconfig *q) {
  graft_context *c = m->context;
  graft_pass_options options = {.size = sizeof options};
  graft_status s = gr_take_options(c, &options, sizeof options, q->passes);
  const uint32_t count = options.quantizer_file_count;
  const char **files = q->quantizer_file && !s ? gr_alloc(c, ((size_t)count + 1) * sizeof *files) : NULL;
  if (s) return s;
  if (q->quantizer_file) {
    if (!files) return GRAFT_NO_MEMORY;
    for (uint32_t i = 0; i < count && options.quantizer_files; i++) files[i] = options.quantizer_files[i];
    files[count] = q->quantizer_file;
    if (!count || options.quantizer_files) options.quantizer_files = files, options.quantizer_file_count++;
  }
  s = graft_run_passes(m, pipeline, &options);
  if (files) gr_free(c, files, ((size_t)count + 1) * sizeof *files);
  if (s) gr_note(m->context, gr_named_loc(module), "while this module was built");
  return s;
}

graft_status gr_qat_prepare(graft_graph *g, gr_arena *arena, const char *module, graft_node layer,
                            const graft_qconfig *q) {
  graft_context *c = g->module->context;
  const char *options = q->quantizer_options ? q->quantizer_options : "";
  const bool plain = strcmp(q->form, "approximate") == 0; /* the pass's default */
  const graft_status checked = gr_options_check(c, arena, gr_named_loc(module), options);
  const char *quantizer = checked ? NULL : gr_text_quoted(arena, q->quantizer);
  if (!quantizer) return checked ? checked : GRAFT_NO_MEMORY;
  const char *annotate = gr_text(arena, "annotate{quantizer=%s,qat=true,name=\"%s\"%s%s}", quantizer, module,
                                 options[0] ? "," : "", options);
  const char *insert = gr_text(arena, "fuse-conv-bn-qat%s%s%s,insert-fake-quant{scope=\"%s\"}",
                               plain ? "" : "{form=", plain ? "" : q->form, plain ? "" : "}", module);
  if (!annotate || !insert) return GRAFT_NO_MEMORY;
  const graft_status s = run(g->module, module, annotate, q);
  if (s) return s;
  if (!gr_spec_of_use(g, gr_node_at(g, layer)->first_use + 1))
    return gr_error(c, GRAFT_RULE, gr_named_loc(module), "the quantizer '%s' leaves the weight of this %s in float",
                    q->quantizer, graft_node_get_op(g, layer));
  return run(g->module, module, insert, q);
}

graft_value gr_quantized_value(const graft_graph *g, graft_value y) {
  for (uint32_t u = gr_value_at(g, y)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
    const uint32_t user = gr_use_at(g, u)->user;
    const gr_op_info *op = gr_user_is_node(user) ? gr_info(g, user) : NULL;
    if (op && (op->families & GR_F_FAKE_QUANTIZE) && gr_is_marked(g, user, GR_MARK_INSERTED))
      return gr_result(g, user, 0);
  }
  return y;
}

/* PyTorch's constructor: the statistics are frozen where that is asked for, and in evaluation. */
static graft_status set_mode(builder *b) {
  if (!b->qat.batch_norm || !(b->qat.freeze_bn || b->qat.evaluation)) return GRAFT_OK;
  const char *freeze = gr_text(&b->text, "freeze-bn{name=\"%s\"}", b->name);
  return freeze ? run(b->m, b->name, freeze, &b->qconfig) : GRAFT_NO_MEMORY;
}

/* The layer with what follows it. */
static graft_value finish(builder *b, graft_value layer, int64_t channels) {
  graft_value y = layer;
  if (y != GRAFT_NONE && b->qat.batch_norm) y = batch_norm(b, y, channels);
  if (y != GRAFT_NONE && b->qat.relu) y = relu(b, y);
  if (y == GRAFT_NONE || gr_qat_prepare(b->g, &b->text, b->name, gr_value_node(b->g, layer), &b->qconfig) ||
      set_mode(b))
    return GRAFT_NONE;
  return gr_quantized_value(b->g, y);
}

/* ---- the builders ---- */

static graft_status check(builder *b, graft_value x, bool bias) {
  const graft_qat_arguments *q = &b->qat;
  const char *wrong = NULL;
  if (!gr_is_value(b->g, x))
    wrong = "the module's input is no value of the graph";
  else if (q->bias && !bias)
    wrong = "data are given for a bias that the module has not";
  else if (!q->batch_norm && (q->gamma || q->beta || q->running_mean || q->running_var))
    wrong = "data are given for a batch norm that the module has not";
  else if (!(q->eps >= 0) || !isfinite(q->eps) || !isfinite(q->momentum))
    wrong = "eps and momentum are finite, and eps is not below 0";
  else if (q->cumulative && q->momentum != 0)
    wrong = "a momentum and `cumulative`, which has none, are both given";
  return wrong ? gr_error(b->c, GRAFT_INVALID_ARGUMENT, gr_named_loc(b->name), "%s", wrong) : GRAFT_OK;
}

static graft_status begin(builder *b, graft_graph *g, const char *name, const graft_qat_arguments *qat) {
  *b = (builder){.g = g, .m = g->module, .c = g->module->context, .name = name, .qat = {.size = sizeof b->qat}};
  gr_arena_init(&b->text, b->c);
  graft_status s = gr_module_name_check(b->m, &b->text, name);
  if (!s) s = gr_take_options(b->c, &b->qat, sizeof b->qat, qat);
  return s ? s : gr_qconfig_take(b->c, name, b->qat.qconfig, &b->qconfig);
}

/* The weight and the bias of a layer; false with a diagnostic. */
static bool weights(builder *b, const graft_type *type, int64_t channels, bool has_bias, graft_value *weight,
                    graft_value *bias) {
  const double bound = 1 / sqrt((double)gr_fan_in(type));
  const graft_type of_bias = graft_type_make(GRAFT_F32, 1, &channels);
  *weight = tensor(b, "weight", GRAFT_PARAMETER, type, b->qat.weight, -bound, bound);
  *bias = has_bias ? tensor(b, "bias", GRAFT_PARAMETER, &of_bias, b->qat.bias, -bound, bound) : GRAFT_NONE;
  return *weight != GRAFT_NONE && (*bias != GRAFT_NONE || !has_bias);
}

/* Ends the edit: y, or GRAFT_NONE with all taken back. */
static graft_value end(builder *b, gr_edit edit, uint32_t errors, graft_value y) {
  const bool said = gr_error_count(b->c) > errors;
  graft_status s = gr_outcome(b->c, errors, y != GRAFT_NONE ? GRAFT_OK : said ? GRAFT_PASS : GRAFT_NO_MEMORY);
  s = gr_edit_end(b->m, edit, s);
  gr_arena_free(&b->text);
  return s ? GRAFT_NONE : y;
}

graft_value graft_build_qat_conv(graft_graph *g, const char *name, graft_value x, const graft_conv_arguments *given,
                                 const graft_qat_arguments *qat) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_NONE;
  builder b;
  gr_conv conv;
  graft_value y = GRAFT_NONE, weight, bias;
  const uint32_t errors = gr_error_count(g->module->context);
  gr_edit edit = gr_edit_begin(g->module);
  if (!begin(&b, g, name, qat) && !gr_conv_take(b.c, name, given, &conv) && !check(&b, x, conv.bias)) {
    const graft_type type = gr_conv_weight_type(&conv);
    if (weights(&b, &type, conv.out_channels, conv.bias, &weight, &bias))
      y = finish(&b, gr_conv_build(g, &conv, name, x, weight, bias), conv.out_channels);
  }
  return end(&b, edit, errors, y);
}

static graft_status take_linear(const builder *b, const graft_linear_arguments *given, graft_linear_arguments *a) {
  *a = (graft_linear_arguments){.size = sizeof *a};
  if (!given) return gr_error(b->c, GRAFT_INVALID_ARGUMENT, gr_named_loc(b->name), "a linear needs its arguments");
  graft_status s = gr_take_options(b->c, a, sizeof *a, given);
  if (s) return s;
  const graft_type weight = graft_type_make(GRAFT_F32, 2, (int64_t[]){a->out_features, a->in_features});
  if (a->in_features < 1 || a->out_features < 1 || graft_type_elements(&weight) < 0)
    return gr_error(b->c, GRAFT_INVALID_ARGUMENT, gr_named_loc(b->name),
                    "in_features and out_features must be positive, and not too large");
  return GRAFT_OK;
}

graft_value graft_build_qat_linear(graft_graph *g, const char *name, graft_value x, const graft_linear_arguments *given,
                                   const graft_qat_arguments *qat) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_NONE;
  builder b;
  graft_linear_arguments a;
  graft_value y = GRAFT_NONE, weight, bias;
  const uint32_t errors = gr_error_count(g->module->context);
  gr_edit edit = gr_edit_begin(g->module);
  if (!begin(&b, g, name, qat) && !take_linear(&b, given, &a) && !check(&b, x, a.bias)) {
    const int32_t rank = gr_type_of(g, x)->rank;
    const graft_type type = graft_type_make(GRAFT_F32, 2, (int64_t[]){a.out_features, a.in_features});
    if (b.qat.batch_norm && rank != 2) {
      gr_error(b.c, GRAFT_TYPE, gr_named_loc(name), "LinearBn1d reads (N, in_features), not rank %d", (int)rank);
    } else if (weights(&b, &type, a.out_features, a.bias, &weight, &bias)) {
      const graft_node n = graft_node_create(g, &(graft_node_options){.size = sizeof(graft_node_options),
                                                                      .op = "linear",
                                                                      .operands = (graft_value[]){x, weight, bias},
                                                                      .operand_count = 3,
                                                                      .name = name,
                                                                      .source = name});
      if (n != GRAFT_NONE) y = finish(&b, gr_result(g, n, 0), a.out_features);
    }
  }
  return end(&b, edit, errors, y);
}
