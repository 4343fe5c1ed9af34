/* LSTM, GRU and RNN. graft's ops have ONNX's layout, and one list of activations for both directions: where the two
 * directions have different ones, each becomes a node of its own. */
#include "ir/formats/onnx/handler_impl.h"

#include <ctype.h>
#include <string.h>

enum { MOST_GATES = 3, MOST_OPERANDS = 8, MOST_RESULTS = 3 };

/* ONNX's names, in lower case; what they take of activation_alpha and activation_beta, and what they have otherwise. */
static const struct {
  const char *name, *word;
  bool alpha, beta;
  double default_alpha, default_beta;
} known[] = {{"relu", "relu", false, false, 0, 0},
             {"tanh", "tanh", false, false, 0, 0},
             {"sigmoid", "sigmoid", false, false, 0, 0},
             {"affine", "affine", true, true, 1, 0},
             {"leakyrelu", "leaky_relu", true, false, 0.01, 0},
             {"thresholdedrelu", "threshold", true, false, 1, 0},
             {"scaledtanh", "scaled_tanh", true, true, 1, 1},
             {"hardsigmoid", "hardsigmoid", true, true, 0.2, 0.5},
             {"elu", "elu", true, false, 1, 0},
             {"softsign", "softsign", false, false, 0, 0},
             {"softplus", "softplus", false, false, 0, 0}};

typedef struct function {
  const char *word;
  double alpha, beta;
} function;

typedef struct recurrent {
  uint32_t functions, directions;
  function of[2][MOST_GATES]; /* by direction */
  const char *direction;
  bool batch_first;
  double clip;
} recurrent;

static const Onnx__AttributeProto *floats(const gr_onnx *in, const char *name) { return gr_onnx_attr(in, name); }

static double next_float(const Onnx__AttributeProto *a, size_t *at, double otherwise) {
  return a && *at < a->n_floats ? gr_onnx_decimal(a->floats[(*at)++]) : otherwise;
}

static bool same_name(const ProtobufCBinaryData *s, const char *name) {
  size_t i = 0;
  for (; i < s->len && name[i]; i++)
    if (tolower(s->data[i]) != name[i]) return false;
  return i == s->len && !name[i];
}

/* Functions f, g, h of each direction; alphas and betas are used up in their order by those that have some. */
static bool read_functions(gr_onnx *in, recurrent *r) {
  static const char *const usual[MOST_GATES] = {"sigmoid", "tanh", "tanh"};
  const Onnx__AttributeProto *names = gr_onnx_attr(in, "activations"), *alphas = floats(in, "activation_alpha"),
                             *betas = floats(in, "activation_beta");
  const size_t count = names ? names->n_strings : 0;
  size_t alpha = 0, beta = 0;
  if (count && count != (size_t)r->functions * r->directions)
    return gr_onnx_fail(in, GRAFT_TYPE, "%s: %zu activations, %u are wanted", in->row->name, count,
                        r->functions * r->directions),
           false;
  for (uint32_t i = 0; i < r->functions * r->directions; i++) {
    function *f = &r->of[i / r->functions][i % r->functions];
    size_t k = 0;
    const char *plain = r->functions == 1 ? "tanh" : usual[i % r->functions];
    while (k < sizeof known / sizeof *known &&
           !(count ? same_name(&names->strings[i], known[k].name) : strcmp(plain, known[k].name) == 0))
      k++;
    if (k == sizeof known / sizeof *known)
      return gr_onnx_fail(in, GRAFT_UNSUPPORTED, "%s: activation %u is none that is known", in->row->name, i), false;
    f->word = known[k].word;
    f->alpha = known[k].alpha ? next_float(alphas, &alpha, known[k].default_alpha) : 0;
    f->beta = known[k].beta ? next_float(betas, &beta, known[k].default_beta) : 0;
  }
  return true;
}

static bool read_attributes(gr_onnx *in, recurrent *r, graft_value weight_hh) {
  static const char *const words[] = {"forward", "reverse", "bidirectional"};
  const int64_t hidden = gr_onnx_attr_int(in, "hidden_size", -1), layout = gr_onnx_attr_int(in, "layout", 0);
  const graft_type *t = gr_onnx_value_type(in, weight_hh);
  r->functions = in->row->op == GR_OP_lstm ? 3 : in->row->op == GR_OP_gru ? 2 : 1;
  r->direction = gr_onnx_attr(in, "direction") ? NULL : words[0];
  for (size_t i = 0; i < 3; i++)
    if (gr_onnx_attr_is(in, "direction", words[i])) r->direction = words[i];
  if (!r->direction) return gr_onnx_fail(in, GRAFT_TYPE, "%s: unknown direction", in->row->name), false;
  r->directions = strcmp(r->direction, "bidirectional") == 0 ? 2 : 1;
  if (layout != 0 && layout != 1)
    return gr_onnx_fail(in, GRAFT_TYPE, "%s: layout is %lld", in->row->name, (long long)layout), false;
  r->batch_first = layout == 1;
  r->clip = gr_onnx_attr_float(in, "clip", 0);
  if (gr_onnx_attr(in, "clip") && !(r->clip > 0))
    return gr_onnx_fail(in, GRAFT_TYPE, "%s: clip must be greater than 0", in->row->name), false;
  if (hidden >= 0 && t->rank == 3 && t->dims[2] >= 0 && t->dims[2] != hidden)
    return gr_onnx_fail(in, GRAFT_TYPE, "%s: hidden_size is %lld, R has %lld columns", in->row->name, (long long)hidden,
                        (long long)t->dims[2]),
           false;
  return read_functions(in, r);
}

static void begin(gr_onnx *in, const recurrent *r, const char *direction, const function *f) {
  static const char *const names[MOST_GATES][3] = {{"activation_f", "alpha_f", "beta_f"},
                                                   {"activation_g", "alpha_g", "beta_g"},
                                                   {"activation_h", "alpha_h", "beta_h"}};
  gr_onnx_begin(in, in->row->op);
  gr_onnx_set_string(in, "direction", direction);
  gr_onnx_set_bool(in, "batch_first", r->batch_first);
  gr_onnx_set_float(in, "clip", r->clip);
  for (uint32_t i = 0; i < r->functions && i < MOST_GATES; i++) {
    gr_onnx_set_string(in, names[i][0], f[i].word);
    gr_onnx_set_float(in, names[i][1], f[i].alpha);
    gr_onnx_set_float(in, names[i][2], f[i].beta);
  }
  if (in->row->op == GR_OP_lstm) gr_onnx_set_bool(in, "input_forget", gr_onnx_attr_bool(in, "input_forget", false));
  if (in->row->op == GR_OP_gru)
    gr_onnx_set_bool(in, "linear_before_reset", gr_onnx_attr_bool(in, "linear_before_reset", false));
}

static uint32_t result_count(const gr_onnx *in) {
  uint32_t n = (uint32_t)in->node->n_output;
  while (n > 1 && !in->node->output[n - 1][0]) n--;
  return n;
}

/* A direction's part of an operand: an entry of axis `axis`, which stays. */
static graft_value part(gr_onnx *in, graft_value v, int64_t axis, int64_t entry) {
  if (v == GRAFT_NONE) return v;
  gr_onnx_begin(in, GR_OP_slice);
  gr_onnx_set_int(in, "dim", axis);
  gr_onnx_set_int(in, "start", entry);
  gr_onnx_set_int(in, "end", entry + 1);
  return gr_onnx_step(in, &v, 1);
}

/* Two nodes, and what they give joined along the axis of the directions. */
static bool each_direction(gr_onnx *in, const recurrent *r, const graft_value *operands) {
  const graft_graph *g = in->scope->graph;
  const uint32_t count = result_count(in);
  graft_value halves[MOST_RESULTS][2];
  for (int64_t d = 0; d < 2; d++) {
    graft_value own[MOST_OPERANDS];
    for (uint32_t i = 0; i < MOST_OPERANDS; i++) {
      const bool whole = i == GR_OPERAND(lstm, x) || i == GR_OPERAND(lstm, sequence_lens);
      const bool state = i == GR_OPERAND(lstm, h_0) || i == GR_OPERAND(lstm, c_0);
      own[i] = whole ? operands[i] : part(in, operands[i], state && r->batch_first ? 1 : 0, d);
    }
    begin(in, r, d == 0 ? "forward" : "reverse", r->of[d]);
    const graft_node n = gr_onnx_end(in, own, gr_op_get(in->row->op)->operand_count, NULL, count, 0, NULL);
    if (n == GRAFT_NONE) return false;
    for (uint32_t i = 0; i < count; i++) halves[i][d] = gr_result(g, n, i);
  }
  for (uint32_t i = 0; i < count; i++) {
    const char *output = in->node->output[i];
    gr_onnx_begin(in, GR_OP_cat);
    gr_onnx_set_int(in, "dim", i == 0 ? (r->batch_first ? 2 : 1) : r->batch_first ? 1 : 0);
    if (gr_onnx_end(in, halves[i], 2, &output, 1, 0, NULL) == GRAFT_NONE) return false;
  }
  return true;
}

/* What a weight is put together of, its gates in ONNX's order or both directions, is to be trained as a weight is: of
 * up to `most` values. */
static void find_parameters(gr_onnx *in, graft_value v, uint32_t *most) {
  const graft_graph *g = in->scope->graph;
  if (v == GRAFT_NONE || *most == 0) return;
  --*most;
  const graft_node n = gr_value_node(g, v);
  const uint32_t op = n == GRAFT_NONE ? GR_OP_COUNT : gr_node_at(g, n)->op;
  const bool part = op == GR_OP_slice || op == GR_OP_squeeze || op == GR_OP_unsqueeze;
  if (op != GR_OP_cat && !part) {
    gr_onnx_parameter(in, v);
    return;
  }
  for (uint32_t i = 0; i < (part ? 1 : gr_node_at(g, n)->operand_count); i++)
    find_parameters(in, gr_operand(g, n, i), most);
}

static bool same_functions(const recurrent *r) {
  for (uint32_t i = 0; i < r->functions; i++) {
    const function *a = &r->of[0][i], *b = &r->of[1][i];
    if (a->word != b->word || a->alpha != b->alpha || a->beta != b->beta) return false;
  }
  return true;
}

bool gr_onnx_recurrent(gr_onnx *in) {
  graft_value operands[MOST_OPERANDS];
  recurrent r = {0};
  for (uint32_t i = 0; i < MOST_OPERANDS; i++) operands[i] = gr_onnx_input(in, i);
  if (in->failed || !read_attributes(in, &r, operands[GR_OPERAND(lstm, weight_hh)])) return false;
  static const uint32_t weights[] = {GR_OPERAND(lstm, weight_ih), GR_OPERAND(lstm, weight_hh), GR_OPERAND(lstm, bias),
                                     GR_OPERAND(lstm, peephole)};
  for (uint32_t i = 0; i < sizeof weights / sizeof *weights; i++) {
    uint32_t most = 64;
    find_parameters(in, operands[weights[i]], &most);
  }
  if (r.directions == 2 && !same_functions(&r)) return each_direction(in, &r, operands);
  begin(in, &r, r.direction, r.of[0]);
  const graft_node n = gr_onnx_end(in, operands, gr_op_get(in->row->op)->operand_count,
                                   (const char *const *)in->node->output, result_count(in), 0, NULL);
  return n != GRAFT_NONE;
}
