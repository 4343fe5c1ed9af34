/* mutate COUNT FILE...: rule files with bytes changed, cut, doubled or swapped from a fixed seed. Each is refused with
 * a diagnostic or accepted and applied; nothing crashes (run under the sanitizers), and a context always ends clean. */
#include "../golden/list.h"
#include "patterns/patterns_int.h"
#include "runtime/runtime_int.h"

#include <stdint.h>

/* Something for every rule to bite on. */
static const char graph[] =
    "graft 1\n"
    "tensor %w: f32[2, 2, 1, 1] parameter = [1.0, 2.0, 3.0, 4.0]\n"
    "tensor %b: f32[2] parameter = [1.0, 2.0]\n"
    "tensor %m: f32[2] buffer = [0.5, 0.25]\n"
    "tensor %v: f32[2] buffer = [1.5, 1.25]\n"
    "tensor %lw: f32[3, 2] parameter = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]\n"
    "tensor %lb: f32[3] parameter = [1.0, 2.0, 3.0]\n"
    "tensor %size: i64[2] constant = [3, 2]\n"
    "graph main(%x: f32[3, 2, 1, 1]) {\n"
    "  spec 1 = spec\n"
    "  spec 2 = shared(%c[1])\n"
    "  %s = bn_scale(%b, %v): f32[2]\n"
    "  %t = channel(%s, %w): f32[2, 1, 1, 1]\n"
    "  %u = mul(%w, %t): f32[2, 2, 1, 1]\n"
    "  %q = quantize_per_tensor(%u, 0.1, 0: i32): i8[2, 2, 1, 1]\n"
    "  %d = dequantize_per_tensor(%q, 0.1, 0: i32): f32[2, 2, 1, 1]\n"
    "  %e = conv2d(%x, %d): f32[3, 2, 1, 1]\n"
    "  %f = channel(%s, %e) {axis: 1}: f32[1, 2, 1, 1]\n"
    "  %g = div(%e, %f): f32[3, 2, 1, 1]\n"
    "  %h, %h1, %h2 = batch_norm(%g, %b, %b, %m, %v) {training: true}: (f32[3, 2, 1, 1], f32[2], f32[2])\n"
    "  %c = conv2d(%h ~2, %w ~1, %b): f32[3, 2, 1, 1]\n"
    "  %n = batch_norm(%c, %b, _, %m, %v): f32[3, 2, 1, 1] ~1\n"
    "  %i = sigmoid(%n): f32[3, 2, 1, 1]\n"
    "  %j = mul(%i, %n): f32[3, 2, 1, 1]\n"
    "  %k = clamp(%j, 0.0, 6.0): f32[3, 2, 1, 1]\n"
    "  %l = reshape(%k, %size): f32[3, 2]\n"
    "  %o = transpose(%lw) {dim0: 0, dim1: 1}: f32[2, 3]\n"
    "  %p = addmm(%lb, %l, %o): f32[3, 3]\n"
    "  %fq = fake_quantize(%p, 0.1, 0: i32): f32[3, 3]\n"
    "  %sh = shape(%fq): i64[2]\n"
    "  return %fq, %sh\n"
    "  update %m = %h1\n"
    "  update %v = %h2\n"
    "}\n";

/* Rules that are accepted leave a valid graph, or say why they cannot. */
static bool apply_all(graft_context *context, const graft_rules *rules, bool fixed_point) {
  graft_module *m = graft_module_load_memory(context, graph, sizeof graph - 1, "graph", NULL);
  const char *names[64];
  uint32_t count = 0;
  for (; count < graft_rules_count(rules) && count < 64; count++) names[count] = graft_rules_name(rules, count);
  gr_rewrite_options options = {.pass = "mutate", .evaluate = gr_runtime_evaluate, .fixed_point = fixed_point};
  bool ok = m != NULL && !graft_context_has_errors(context);
  graft_status status = ok ? gr_rewrite(graft_module_get_graph(m, 0), rules, names, count, &options, NULL) : GRAFT_RULE;
  if (status != GRAFT_OK)
    ok = ok && graft_context_has_errors(context);
  else
    ok = graft_module_verify(m) == GRAFT_OK;
  if (!ok)
    for (uint32_t i = 0; i < graft_diagnostic_count(context) && i < 3; i++) {
      char text[1024];
      graft_diagnostic d = graft_diagnostic_get(context, i);
      graft_diagnostic_format(&d, text, sizeof text);
      printf("%s\n", text);
    }
  graft_module_destroy(m);
  return ok;
}

static uint64_t state = 1;

static uint32_t next(uint32_t below) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33) % (below ? below : 1);
}

static const char *const words[] = {"%a",   "%b?", "..%xs", "$a",    "..$r",  "@conv", "@q:w", "if",
                                    "else", "{",   "}",     "(",     ")",     "=",     "none", "drop",
                                    "edge", "->",  "9",     "const", "where", "match", "\n",   "one_use"};

static size_t mutate(char *out, const char *in, size_t size, size_t room) {
  memcpy(out, in, size);
  for (uint32_t n = 1 + next(4); n > 0 && size > 0; n--) {
    uint32_t at = next((uint32_t)size), length = next(20);
    const char *word = words[next(sizeof words / sizeof *words)];
    size_t w = strlen(word);
    if (at + length > size) length = (uint32_t)size - at;
    switch (next(5)) {
    case 0: out[at] = (char)next(256); break;
    case 1: size = at; break;
    case 2:
      memmove(out + at, out + at + length, size - at - length);
      size -= length;
      break;
    case 3:
      if (size + length > room) break;
      memmove(out + at + length, out + at, size - at);
      size += length;
      break;
    default:
      if (size + w > room) break;
      memmove(out + at + w, out + at, size - at);
      memcpy(out + at, word, w); /* NOLINT(bugprone-not-null-terminated-result): the text has a size */
      size += w;
    }
  }
  return size;
}

int main(int argc, char **argv) {
  int count = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0, silent = 0, accepted = 0, total = 0;
  for (int f = 2; f < argc; f++) {
    char *text = list_contents(argv[f]);
    if (!text) return 2;
    size_t size = strlen(text), room = 2 * size + 200;
    char *changed = malloc(room);
    for (int i = 0; changed && i < count; i++, total++) {
      size_t n = mutate(changed, text, size, room);
      graft_context *context = graft_context_create(NULL);
      graft_rules *rules = graft_rules_create(context, false);
      bool ok = graft_rules_add(rules, changed, n, "mutated") == GRAFT_OK;
      accepted += ok;
      if (!ok && graft_diagnostic_count(context) == 0) {
        silent++;
        printf("FAIL %s, mutation %d: refused without a word\n", argv[f], i);
      }
      if (ok && !apply_all(context, rules, i % 2)) {
        silent++;
        printf("FAIL %s, mutation %d: applied, and the graph is wrong:\n%.*s\n", argv[f], i, (int)n, changed);
      }
      graft_rules_destroy(rules);
      graft_context_destroy(context);
    }
    free(changed);
    free(text);
  }
  printf("%d files, %d accepted, %d wrong\n", total, accepted, silent);
  return silent != 0 || total == 0;
}
