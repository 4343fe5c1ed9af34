/* rules: what rules and selection cost where it once was more than linear: selection by many names, a rule of eight
 * commutative lines, flattening nested cats, a file of many rules. Each at two sizes, so that growth shows. */
#include "bench.h"
#include "models.h"
#include "passes/passes.h"
#include "patterns/patterns.h"

#include <stdarg.h>

typedef struct text {
  char *data;
  size_t length, room;
} text;

__attribute__((format(printf, 2, 3))) static void put(text *t, const char *format, ...) {
  if (t->length + 512 > t->room) t->data = realloc(t->data, t->room = 2 * t->room + 4096);
  if (!t->data) exit(1);
  va_list args;
  va_start(args, format);
  t->length += (size_t)vsnprintf(t->data + t->length, 512, format, args);
  va_end(args);
}

static char rule_file[64];

static void write_rules(const text *t) {
  FILE *f = fopen(rule_file, "w");
  if (!f || fwrite(t->data, 1, t->length, f) != t->length || fclose(f) != 0) bench_fail(NULL, rule_file);
}

/* us a unit for `units` of work done by a pass on what `build` makes. */
static void measure(const char *name, graft_module *(*build)(graft_context *c, uint32_t n), uint32_t n,
                    const char *passes, const char *unit, bool rules, double *median) {
  samples s = {0};
  char what[80], per[32];
  const char *files[] = {rule_file};
  graft_pass_options options = {.size = sizeof options, .pattern_files = files, .pattern_file_count = rules};
  for (int i = 0; i <= BENCH_REPEATS; i++) { /* the first is not counted */
    graft_context *c = graft_context_create(NULL);
    graft_module *m = c ? build(c, n) : NULL;
    if (!m) bench_fail(c, name);
    double t = bench_now();
    if (graft_run_passes(m, passes, &options) != GRAFT_OK) bench_fail(c, name);
    if (i > 0) bench_add(&s, 1e3 * (bench_now() - t) / n);
    graft_module_destroy(m);
    graft_context_destroy(c);
  }
  snprintf(what, sizeof what, "%s, %u", name, n);
  snprintf(per, sizeof per, "us/%s", unit);
  bench_row(what, &s, per, "");
  *median = bench_quantile(&s, 0.5);
}

static void growth(double small, double large) {
  printf("%-44s%10.3g x\n", "  a unit at the larger size", large / small);
}

static graft_value op2(graft_graph *g, const char *op, graft_value a, graft_value b) {
  return graft_build(g, op, (graft_value[]){a, b}, 2, NULL, 0);
}

static graft_module *chain(graft_context *c, uint32_t names) { return graft_model_chain(c, 10 * names); }

/* skip-name with n names on 10 n nodes. */
static void selection(void) {
  double median[2];
  const uint32_t sizes[] = {1000, 10000};
  for (int i = 0; i < 2; i++) {
    text t = {0};
    put(&t, "annotate{quantizer=xnnpack,skip-name=\"");
    for (uint32_t k = 0; k < sizes[i]; k++) put(&t, "%sblock%u.conv", k ? "," : "", k);
    put(&t, "\"}");
    measure("annotate, n names on 10 n nodes", chain, sizes[i], t.data, "name", false, &median[i]);
    free(t.data);
  }
  growth(median[0], median[1]);
}

static graft_module *sums(graft_context *c, uint32_t n) {
  graft_module *m = graft_module_create(c);
  graft_graph *g = m ? graft_graph_create(m, "main") : NULL;
  if (!g) return NULL;
  graft_type t = graft_type_make(GRAFT_F32, 1, (int64_t[]){2});
  graft_value a = graft_input_add(g, "x", &t), b = graft_input_add(g, "z", &t);
  for (uint32_t i = 0; i < n; i++) {
    graft_value sum = op2(g, "add", a, b);
    a = b;
    b = sum;
  }
  graft_output_add(g, "y", b);
  return m;
}

static void commutative(void) {
  double median[2];
  text t = {0};
  put(&t, "# eight sums of sums: every order of every line fits but for the last condition\nrule eight\nmatch\n");
  for (int i = 1; i < 8; i++) put(&t, "  %%a%d = add(%%a%d, %%b%d)\n", i, i - 1, i);
  put(&t, "  %%y = add(%%a7, %%b8)\nwhere\n  rank(%%a0) == 7, no_spec(..)\nrewrite\n  %%y = relu(%%a0)");
  for (int i = 1; i <= 8; i++) put(&t, "  drop %%b%d", i);
  put(&t, "\n");
  write_rules(&t);
  free(t.data);
  measure("8 commutative lines, no match, n nodes", sums, 100, "rewrite{rules=eight}", "node", true, &median[0]);
  measure("8 commutative lines, no match, n nodes", sums, 400, "rewrite{rules=eight}", "node", true, &median[1]);
  growth(median[0], median[1]);
}

/* cat(cat(a), b): joining is associative. */
enum { LEFT, RIGHT, BALANCED, WIDE, AGAIN };
static int shape;

static graft_module *cats(graft_context *c, uint32_t n) {
  graft_module *m = graft_module_create(c);
  graft_graph *g = m ? graft_graph_create(m, "main") : NULL;
  graft_value *all = malloc((2 * (size_t)n + 1) * sizeof *all);
  if (!g || !all) return NULL;
  graft_type t = graft_type_make(GRAFT_F32, 1, (int64_t[]){2});
  graft_value leaf[] = {graft_input_add(g, "x", &t), graft_input_add(g, "z", &t)}, y = leaf[0];
  for (uint32_t i = 0; i < n && shape < BALANCED; i++)
    y = shape == LEFT ? op2(g, "cat", y, leaf[i % 2]) : op2(g, "cat", leaf[i % 2], y);
  uint32_t made = shape >= WIDE ? n : n + 1;
  for (uint32_t i = 0; i < made; i++) {
    bool again = shape == AGAIN && i > 1;
    all[i] = again ? all[i % 2] : shape >= WIDE ? op2(g, "cat", leaf[0], leaf[1]) : leaf[i % 2];
  }
  if (shape >= WIDE) y = graft_build(g, "cat", all, n, NULL, 0);
  for (uint32_t i = 0; shape == BALANCED && i < n; i++) y = all[made++] = op2(g, "cat", all[2 * i], all[2 * i + 1]);
  graft_output_add(g, "y", y);
  free(all);
  return m;
}

static void nested_cats(void) {
  static const char *const names[] = {"flattening n cats, nested to the left", "flattening n cats, nested to the right",
                                      "flattening n cats, a balanced tree", "flattening n cats that one cat joins",
                                      "flattening two cats, n times in turns"};
  double median[2];
  text t = {0};
  put(&t, "# cat(a, cat(b), c) : joining is associative\nrule bench_flatten_cat\nmatch\n"
          "  %%c = cat(..%%parts) {dim: $d}   one_use\n  %%y = cat(..%%a, %%c, ..%%b) {dim: $d}\nwhere no_spec(..)\n"
          "rewrite\n  %%y = cat(..%%a, ..%%parts, ..%%b) {dim: $d}\n");
  write_rules(&t);
  free(t.data);
  for (shape = LEFT; shape <= AGAIN; shape++) {
    measure(names[shape], cats, 1000, "rewrite{rules=bench_flatten_cat,fixed-point=true}", "cat", true, &median[0]);
    measure(names[shape], cats, 100000, "rewrite{rules=bench_flatten_cat,fixed-point=true}", "cat", true, &median[1]);
    growth(median[0], median[1]);
  }
}

static graft_module *one_node(graft_context *c, uint32_t n) {
  (void)n;
  return sums(c, 1);
}

static void many_rules(void) {
  double median[2];
  const uint32_t sizes[] = {475, 1900};
  for (int i = 0; i < 2; i++) {
    text t = {0};
    for (uint32_t k = 0; k < sizes[i]; k++)
      put(&t,
          "# relu(relu(x)) : rule %u of many\nrule r%u\nmatch\n  %%a = hardtanh(%%x) {min_val: 0.0, max_val: %u.0}   "
          "one_use\n"
          "  %%y = relu(%%a)\nwhere no_spec(..)\nrewrite\n  %%y = hardtanh(%%x) {min_val: 0.0, max_val: %u.0}\n\n",
          k, k, k + 1, k + 1);
    write_rules(&t);
    free(t.data);
    measure("a file of n rules, one of them run", one_node, sizes[i], "rewrite{rules=r7}", "rule", true, &median[i]);
  }
  growth(median[0], median[1]);
}

int main(void) {
  snprintf(rule_file, sizeof rule_file, "/tmp/graft-bench-%ld.pat", (long)getpid());
  bench_keep_memory_warm();
  selection();
  commutative();
  nested_cats();
  many_rules();
  unlink(rule_file);
  return 0;
}
