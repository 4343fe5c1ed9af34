#include "programs.h"
#include "ir/graph/base_int.h"
#include "passes/passes.h"
#include "patterns/patterns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A network with a bit of everything that rules and quantizers ask for. */
static const char network[] =
    "graft 1\n"
    "tensor %w: f32[2, 1, 1, 1] parameter = [0.5, -0.25]\n"
    "tensor %b: f32[2] parameter = [0.5, 1.0]\n"
    "tensor %bn.weight: f32[2] parameter = [1.0, 2.0]\n"
    "tensor %bn.running_mean: f32[2] buffer = [0.0, 1.0]\n"
    "tensor %bn.running_var: f32[2] buffer = [1.0, 4.0]\n"
    "tensor %fc: f32[2, 8] parameter = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]\n"
    "tensor %qw: i8[2, 2, 1, 1] constant = [1, 2, 3, -4]\n"
    "graph main(%x: f32[1, 1, 2, 2], %n: f32[?, 8]) {\n"
    "  %c = conv2d(%x, %w, %b)\n"
    "  %m = batch_norm(%c, %bn.weight, _, %bn.running_mean, %bn.running_var)\n"
    "  %r = relu(%m)\n"
    "  %q = quantize_per_tensor(%r, 0.5, 3: i32)\n"
    "  %d = dequantize_per_tensor(%q, 0.5, 3: i32)\n"
    "  %dw = dequantize_per_tensor(%qw, 0.25, 0: i32)\n"
    "  %e = conv2d(%d, %dw)\n"
    "  %a = add(%e, %d)\n"
    "  %s = cat(%a, %r) {dim: 1}\n"
    "  %p = max_pool2d(%s) {kernel_size: [1, 1]}\n"
    "  %f = flatten(%p) {start_dim: 1}\n"
    "  %v = linear(%n, %fc)\n"
    "  %k = mul(%v, 2.0)\n"
    "  %o = \"vendor.op\"(%k) {mode: \"fast\"}\n"
    "  return %f as \"f\", %o as \"o\"\n"
    "}\n";

static bool ran_out(const graft_context *c) {
  for (uint32_t i = 0; i < graft_diagnostic_count(c); i++) {
    const graft_status code = graft_diagnostic_get(c, i).code;
    if (code == GRAFT_NO_MEMORY || code == GRAFT_LIMIT) return true;
  }
  return false;
}

static void run(graft_context *c, const char *pipeline, const graft_pass_options *options, const char **wrong) {
  graft_module *m = graft_module_load_memory(c, network, sizeof network - 1, "network", NULL);
  if (!m) return;
  const graft_status status = graft_run_passes(m, pipeline, options);
  if (!ran_out(c) && (status == GRAFT_OK) == graft_context_has_errors(c))
    *wrong = "the status is not what the errors say";
  if (graft_module_verify(m) != GRAFT_OK && !ran_out(c)) *wrong = "the module does not pass the verifier";
  graft_module_destroy(m);
}

/* One text in eight goes the whole way, which reads the rules that ship; which ones does not change. */
static bool chosen(const void *bytes, size_t size) { return gr_hash_bytes(bytes, size) % 8 == 0; }

/* Every rule is tried at every node. */
static void explain(graft_context *c, const graft_rules *rules, const graft_quantizers *quantizers,
                    const char **wrong) {
  graft_module *m = graft_module_load_memory(c, network, sizeof network - 1, "network", NULL);
  graft_graph *g = m ? graft_module_get_graph(m, 0) : NULL;
  for (graft_node n = g ? graft_node_first(g) : GRAFT_NONE; n != GRAFT_NONE; n = graft_node_next(g, n)) {
    char name[64], *text = NULL;
    size_t size = 0;
    graft_node_name(g, n, name, sizeof name);
    const graft_status status = rules ? graft_rules_explain(rules, g, name, NULL, &text, &size)
                                      : graft_quantizers_explain(quantizers, 0, g, name, NULL, &text, &size);
    if (status == GRAFT_OK) graft_free(c, text, size);
  }
  if (m && graft_module_verify(m) != GRAFT_OK && !ran_out(c)) *wrong = "explaining has changed the module";
  graft_module_destroy(m);
  graft_diagnostics_clear(c);
}

/* The text with another name behind each line's `word`: those of the seeds are the names of what ships. The caller
 * frees. */
static char *renamed(const char *bytes, size_t size, const char *word, size_t *new_size) {
  static const char other[] = "fuzzed_";
  const size_t length = strlen(word), more = sizeof other - 1;
  char *text = malloc(size + (size / length + 1) * more + 1);
  *new_size = 0;
  for (size_t i = 0; text && i < size;) {
    if ((i == 0 || bytes[i - 1] == '\n') && size - i >= length && memcmp(bytes + i, word, length) == 0) {
      memcpy(text + *new_size, word, length);
      memcpy(text + *new_size + length, other, more);
      *new_size += length + more;
      i += length;
    } else {
      text[(*new_size)++] = bytes[i++];
    }
  }
  return text;
}

/* Quoted, as a pipeline has it; false: a name that it cannot have. */
static bool named(char *out, size_t size, const char *before, const char *name, const char *after) {
  const int n = snprintf(out, size, "%s\"%s\"%s", before, name, after);
  return n > 0 && (size_t)n < size && !strpbrk(name, "\"\\\n");
}

static bool attempt_rules(graft_context *c, const void *bytes, size_t size, const char **wrong) {
  graft_rules *rules = graft_rules_create(c, false);
  const bool good = rules && graft_rules_add(rules, bytes, size, "fuzz.pat") == GRAFT_OK;
  if (good && graft_rules_count(rules) == 0 && graft_context_has_errors(c)) *wrong = "taken, and an error";
  if (good) explain(c, rules, NULL, wrong);
  const graft_rules *const sets[] = {rules};
  const graft_pass_options options = {.size = sizeof options, .rules = sets, .rules_count = 1};
  char pipeline[512];
  for (uint32_t i = 0; good && chosen(bytes, size) && i < graft_rules_count(rules) && i < 8; i++) {
    if (named(pipeline, sizeof pipeline, "rewrite{rules=", graft_rules_name(rules, i), "},dce"))
      run(c, pipeline, &options, wrong);
    graft_diagnostics_clear(c);
  }
  graft_rules_destroy(rules);
  return good;
}

static bool attempt_quantizer(graft_context *c, const void *bytes, size_t size, const char **wrong) {
  graft_quantizers *quantizers = graft_quantizers_create(c, false);
  const bool good = quantizers && graft_quantizers_add(quantizers, bytes, size, "fuzz.qz") == GRAFT_OK;
  if (good && graft_quantizers_count(quantizers) != 1) *wrong = "a file holds one quantizer";
  if (good) explain(c, NULL, quantizers, wrong);
  const graft_quantizers *const sets[] = {quantizers};
  const graft_pass_options options = {.size = sizeof options, .quantizers = sets, .quantizers_count = 1};
  char pipeline[512];
  if (good && chosen(bytes, size) &&
      named(pipeline, sizeof pipeline, "prepare-qat{quantizer=", graft_quantizers_name(quantizers, 0),
            "},to-eval,convert,lower"))
    run(c, pipeline, &options, wrong);
  graft_quantizers_destroy(quantizers);
  return good;
}

/* What is checked and found good may fail on a module, but not the other way round. */
static bool attempt_pipeline(graft_context *c, const void *bytes, size_t size, const char **wrong) {
  char *text = malloc(size + 1);
  if (!text) return false;
  if (size) memcpy(text, bytes, size);
  text[size] = 0;
  const bool good = graft_check_pipeline(c, text, NULL) == GRAFT_OK;
  if (good == graft_context_has_errors(c)) *wrong = "the status is not what the errors say";
  if (good) run(c, text, NULL, wrong);
  free(text);
  return good;
}

bool attempt_program(attempt_kind kind, graft_context *c, const void *bytes, size_t size, const char **wrong) {
  if (kind == ATTEMPT_PIPELINE) return attempt_pipeline(c, bytes, size, wrong);
  size_t new_size;
  char *text = renamed(bytes, size, kind == ATTEMPT_RULES ? "rule " : "quantizer ", &new_size);
  char *exact = text ? realloc(text, new_size ? new_size : 1) : NULL; /* the sanitizer sees a step too far */
  const bool good = exact && (kind == ATTEMPT_RULES ? attempt_rules(c, exact, new_size, wrong)
                                                    : attempt_quantizer(c, exact, new_size, wrong));
  free(exact ? exact : text);
  return good;
}
